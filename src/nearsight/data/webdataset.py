"""Sets in tar files as WebDataset has them: images stay where they are, and are read from their place in the file."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nearsight.data.listed_table import label_column
from nearsight.data.placed_images import IMAGE
from nearsight.data.split_names import keyed, split_in, unnumbered
from nearsight.data.table import MISSING, Table
from nearsight.data.tar_members import UNENDED
from nearsight.data.tar_samples import JSON, LABEL, MEND, MOST_SAID, SKIPPED, TEXT, tar_samples
from nearsight.data.tree import Folder, read_tree
from nearsight.errors import InputError
from nearsight.numbers import agreeing, counted
from nearsight.read import parse_json, read_text

if TYPE_CHECKING:
    import pyarrow as pa

TAR = ".tar"
_CLASS_NAMES = "classnames.txt"
_MOST_FIELDS = 100
_NUMBER = re.compile(r"-?\d{1,18}")


def read_webdataset(
    shards: Sequence[Path], place: Path, *, labelled: bool = True
) -> tuple[dict[str, Table], list[str]]:
    """Read tar files as tables by split, with notes; `place` is the file or directory that was given.

    Members whose names are equal up to the first point belong together: an image (`0001.jpg`), its label
    (`0001.cls`, a number or a word), a JSON object about it (`0001.json`) and a text (`0001.txt`). A field of the
    JSON may be the label, and so may texts that repeat. A tar's split is in its name (`train-0000.tar`), or in that
    of a directory above it; others are `train`. Numbered classes have the names that a field of the JSON gives them,
    or else those in the lines of `classnames.txt` in the directory. Raises `InputError` for damaged tars, and if
    there is no image or, in a `labelled` set, no label.
    """
    splits: dict[str, list[Path]] = {}
    for shard in sorted(shards):
        splits.setdefault(_split(shard, place), []).append(shard)
    keys, notes = keyed(list(splits), list(splits))
    file = (place if place.is_dir() else place.parent) / _CLASS_NAMES
    named = tuple(read_text(file, MEND, largest=MOST_SAID).splitlines()) if file.is_file() else None
    tables = {keys[split]: _read(own, named) for split, own in splits.items()}
    if not any(map(len, tables.values())):
        raise InputError(f"{place} holds no image; expected members such as 0001.jpg and 0001.cls")
    if labelled and all(table.labels is None for table in tables.values()):
        raise InputError(
            f"the images in {place} have no label; add members such as 0001.cls or 0001.json, or unpack an archive "
            "of directories, and give what it makes"
        )
    return tables, notes


def tars_below(path: Path) -> list[Path]:
    """Return the tar files that make up a place: the file itself, or those of a directory that holds no images."""
    if path.is_file():
        return [path] if path.suffix.casefold() == TAR else []
    root = read_tree(path) if path.is_dir() and any(chain(path.glob("*.tar"), path.glob("*/*.tar"))) else None
    return [] if root is None or root.count else tars_in(root)


def tars_in(root: Folder) -> list[Path]:
    """Return the tar files of a directory, at any depth."""
    names = ((folder.path, name) for folder in root.walk() for name in folder.others)
    return [place / name for place, name in names if Path(name).suffix.casefold() == TAR]


def _split(shard: Path, place: Path) -> str:
    """Return what names the split of a tar: its own name without a number, or that of the nearest directory."""
    directories = shard.relative_to(place).parts[:-1] if shard != place else ()
    names = (unnumbered(shard.stem), *reversed(directories))
    return next((name for name in names if split_in(name) is not None), "train")


def _read(shards: Sequence[Path], named: tuple[str, ...] | None) -> Table:
    rows = tar_samples(shards)
    found = rows.with_format("arrow")[:]
    is_image = found[SKIPPED].is_null()
    notes = _told_skipped(shards, found[SKIPPED].drop_null().to_pylist())
    found = found.filter(is_image)
    rows = rows.select(np.flatnonzero(is_image.to_numpy())).select_columns([IMAGE])
    fields = _fields(found, notes)
    labels = _labels(found, fields)
    if labels.source:
        notes.append(f"labels: {labels.source}")
    columns = {name: values for name, values in fields.items() if name != labels.field}
    if not labels.of_text and TEXT not in columns and found[TEXT].null_count < len(found):
        columns[TEXT] = found[TEXT]
    numbered = isinstance(labels.values, np.ndarray)
    return Table(rows, labels.values, named if numbered else None, _table(columns), tuple(notes))


def _told_skipped(shards: Sequence[Path], skipped: Sequence[str]) -> list[str]:
    """Say what was left out of each tar, and which tars may be cut short."""
    kinds: Counter[str] = Counter()
    for each in skipped:
        kinds.update(json.loads(each))
    unended = [shard.name for shard, each in zip(shards, skipped, strict=True) if UNENDED in json.loads(each)]
    kinds.pop(UNENDED, None)
    notes = []
    if kinds:
        notes.append(f"skipped: {', '.join(f'{count:,} {kind}' for kind, count in sorted(kinds.items()))}")
    if unended:
        notes.append(
            f"{len(unended):,} of {counted(len(shards), 'tar file')} {agreeing(len(unended), 'ends', 'end')} "
            "without a mark and may be cut short, such as "
            f"{unended[0]}"
        )
    return notes


def _fields(found: "pa.Table", notes: list[str]) -> dict[str, "pa.Array"]:
    """Return the fields of JSON that hold text or numbers, and that at least half of the images have.

    What cannot be read says nothing; a note counts it.
    """
    import pyarrow.compute as pc

    images = pc.struct_field(found[IMAGE], "path").to_pylist()
    values: dict[str, list[Any]] = {}
    faults: list[str] = []
    for row, (text, image) in enumerate(zip(found[JSON].to_pylist(), images, strict=True)):
        try:
            said = {} if text is None else parse_json(text, f"the JSON of {image}", MEND)
        except InputError as error:
            faults.append(str(error).removesuffix(f"; {MEND}"))
            continue
        for name, value in said.items() if isinstance(said, dict) else ():
            if isinstance(value, str | int | float) and (name in values or len(values) < _MOST_FIELDS):
                values.setdefault(name, [None] * len(images))[row] = value
    if faults:
        notes.append(f"the JSON of {counted(len(faults), 'image')} is left out: {faults[0]}")
    return {name: _column(each) for name, each in values.items() if 2 * each.count(None) <= len(images)}


def _column(values: list[Any]) -> "pa.Array":
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())


@dataclass(frozen=True, eq=False)
class _Labels:
    """The label of each image, numbers or words, and where they are from: a `field` of JSON, texts, or members.

    Without labels all is empty.
    """

    values: NDArray[np.int64] | list[str | None] | None = None
    source: str = ""
    field: str | None = None
    of_text: bool = False


def _labels(found: "pa.Table", fields: Mapping[str, "pa.Array"]) -> _Labels:
    name = label_column([*fields])
    by_field = None if name is None else _numbers_or_words(fields[name].to_pylist())
    given = found[LABEL].to_pylist()
    if any(label is not None for label in given):
        labels = _numbers_or_words(given)
        if isinstance(labels, np.ndarray) and isinstance(by_field, list) and _names(labels, by_field):
            return _Labels(by_field, f"the names that the field '{name}' of JSON gives the numbers", name)
        return _Labels(labels, "members of their own, such as .cls")
    if by_field is not None:
        return _Labels(by_field, f"the field '{name}' of JSON", name)
    texts = found[TEXT].to_pylist()
    if len({*texts} - {None}) < len(texts) - texts.count(None):
        return _Labels(_numbers_or_words(texts), "members of text, such as .txt", of_text=True)
    return _Labels()


def _numbers_or_words(values: Sequence[Any]) -> NDArray[np.int64] | list[str | None]:
    words = [None if value is None else str(value).strip() for value in values]
    if all(word is None or _NUMBER.fullmatch(word) for word in words):
        return np.array([MISSING if word is None else int(word) for word in words], dtype=np.int64)
    return [word or None for word in words]


def _names(numbers: NDArray[np.int64], words: Sequence[str | None]) -> bool:
    """Whether each number goes with one word, and each word with one number."""
    pairs = {*zip(numbers.tolist(), words, strict=True)}
    return None not in {word for _, word in pairs} and len(pairs) == len({n for n, _ in pairs}) == len(
        {w for _, w in pairs}
    )


def _table(columns: Mapping[str, Any]) -> "pa.Table | None":
    import pyarrow as pa

    return pa.table(dict(columns)) if columns else None
