"""Any number of images to be predicted: files, folders of any depth, tables and what a program holds."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from PIL import Image
from torch import Tensor

from nearsight.data.bars import can_redraw, without_bars
from nearsight.data.cells import cells
from nearsight.data.conversion import to_pixels
from nearsight.data.decode import allowed_pixels, decode_image
from nearsight.data.decode_memory import decode_memory
from nearsight.data.encoded import check_path
from nearsight.data.hub import read_hub
from nearsight.data.identity import digest_of, digest_of_pixels
from nearsight.data.image_set import ImageSet, ImageSets, image_file, image_paths
from nearsight.data.large_image import LargeImage, large_image, measured
from nearsight.data.parquet import parquet_files, read_parquet
from nearsight.data.pictures import Pictures, named_pictures
from nearsight.data.table import MISSING, Table
from nearsight.data.tree import read_tree, told_left
from nearsight.data.values import measuring, values_from
from nearsight.data.webdataset import read_webdataset, tars_below
from nearsight.errors import InputError
from nearsight.progress import SILENT, Progress
from nearsight.settings import Reading

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

_HUB = "hf:"
_PARQUET = ".parquet"
LABEL, SPLIT = "label", "split"


class _Part(Protocol):
    """Some of the images: their paths, and each image decoded on request."""

    @property
    def paths(self) -> Sequence[str]:
        """The path of each image, or what names it."""

    def image(self, i: int) -> Tensor | LargeImage:
        """Return image i, uint8 (3, H, W); raises `InputError` for one that is damaged."""

    def digest(self, i: int) -> str:
        """Return the digest of the content of image i, empty if its file cannot be read."""


@dataclass(frozen=True, eq=False)
class _Files:
    paths: Sequence[str]
    reading: Reading

    def image(self, i: int) -> Tensor | LargeImage:
        return _decoded(self.paths[i], self.paths[i], self.reading)

    def digest(self, i: int) -> str:
        return digest_of(self.paths[i])


@dataclass(frozen=True, eq=False)
class _Rows:
    rows: "Dataset"
    paths: Sequence[str]
    reading: Reading

    def image(self, i: int) -> Tensor | LargeImage:
        return _decoded(image_file(self.rows[i]["image"]), self.paths[i], self.reading)

    def digest(self, i: int) -> str:
        return digest_of(image_file(self.rows[i]["image"]))


@dataclass(frozen=True, eq=False)
class _Held:
    held: Sequence[Any]
    paths: Sequence[str]
    reading: Reading

    def image(self, i: int) -> Tensor:
        with allowed_pixels(self.reading.max_pixels), values_from(self.reading.value_range):
            return to_pixels(self.held[i], self.paths[i])

    def digest(self, i: int) -> str:
        return digest_of_pixels(self.image(i))


@dataclass(frozen=True, eq=False)
class _OfSet:
    images: ImageSet
    paths: Sequence[str]

    def image(self, i: int) -> Tensor | LargeImage:
        return self.images.looked_at(i)

    def digest(self, i: int) -> str:
        # A set that is held as pixels has the digests of the files that it was read from.
        file, known = self.images.file(i), self.images.known_identity
        if file is not None:
            return digest_of(file)
        if known is not None:
            return str(known.digests[i])
        pixels = self.image(i)
        return digest_of_pixels(pixels) if isinstance(pixels, Tensor) else ""


@dataclass(frozen=True, eq=False)
class Unlabelled:
    """Images one after another, decoded on request, with what else a table says about them.

    >>> two = unlabelled([np.zeros((4, 5, 3), np.uint8), np.zeros((6, 5, 3), np.uint8)])
    >>> len(two), two.path(1), two.image(1).shape
    (2, 'image-1', torch.Size([3, 6, 5]))

    `columns` is a table with one row per image, None if nothing else is known; a label is one of its columns.
    `value_range` is the range in which images are read, if one was given.
    """

    parts: tuple[_Part, ...]
    columns: "pa.Table | None"
    notes: tuple[str, ...] = ()
    value_range: tuple[float, float] | None = None

    def __len__(self) -> int:
        return sum(len(part.paths) for part in self.parts)

    def path(self, i: int) -> str:
        """Return the path of image i, or what names it."""
        part, place = self._place(i)
        return part.paths[place]

    def image(self, i: int) -> Tensor | LargeImage:
        """Return image i, uint8 (3, H, W); raises `InputError` for one that is damaged.

        One that memory should not hold is returned to be read part by part.
        """
        part, place = self._place(i)
        return part.image(place)

    def digest(self, i: int) -> str:
        """Return the digest of the content of image i, empty if it cannot be read.

        >>> one, same, other = (np.full((4, 5, 3), grey, np.uint8) for grey in (0, 0, 9))
        >>> found = unlabelled([one, same, other])
        >>> found.digest(0) == found.digest(1), found.digest(0) == found.digest(2)
        (True, False)
        """
        part, place = self._place(i)
        try:
            return part.digest(place)
        except InputError:
            return ""

    def paths(self) -> list[str]:
        """Return the path of every image, or what names it."""
        return [path for part in self.parts for path in part.paths]

    def _place(self, i: int) -> tuple[_Part, int]:
        for part in self.parts:
            if i < len(part.paths):
                return part, i
            i -= len(part.paths)
        raise IndexError(i)


def unlabelled(
    images: Pictures | ImageSet | ImageSets | Sequence[Any],
    *,
    reading: Reading | None = None,
    progress: Progress = SILENT,
) -> Unlabelled:
    """Find the given images, without decoding any.

    >>> from io import BytesIO
    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp())
    >>> (place / "monday").mkdir()
    >>> Image.new("RGB", (8, 8)).save(place / "monday" / "1.png")
    >>> _ = (place / "notes.txt").write_text("taken at noon")
    >>> found = unlabelled(place)
    >>> [Path(found.path(i)).name for i in range(len(found))], found.notes[0].split(":")[0]
    (['1.png'], 'not images, and skipped')

    `images` is one or several of files, folders of any depth, patterns such as `photos/*.jpg`, Parquet files or
    folders of them, `hf:OWNER/NAME[@REVISION]`, image sets, and what `to_pixels` takes. A file that is given
    twice counts once. In a folder, hidden files and those that are not images are left out, with a note. Labels
    and other columns of tables are kept. `reading` says how images are read; those that cannot be read are found
    when they are requested. Raises `InputError` for a place that does not exist or that holds no image.
    """
    reading = reading or Reading()
    # A setting that cannot be understood is not a fault of the images, which would all be told as damaged.
    decode_memory()
    notes: list[str] = []
    parts: list[_Part] = []
    tables: list[pa.Table | None] = []
    known: set[str] = set()
    held: list[Any] = []

    def add(part: _Part, table: "pa.Table | None" = None) -> None:
        if len(part.paths):
            parts.append(part)
            tables.append(table)

    def add_held() -> None:
        if held:
            named = named_pictures(list(held))
            add(_Held([image for _, image in named], [name for name, _ in named], reading))
            held.clear()

    for place in _several(images):
        if isinstance(place, str | Path):
            add_held()
            check_path(place)
            with nullcontext() if progress is not SILENT and can_redraw() else without_bars():
                found = _tables(place)
            if found is None:
                files = [file for file in _files(place, notes) if file not in known]
                known.update(files)
                add(_Files(files, reading))
                continue
            for split, table in found.items():
                notes += table.notes
                part = _Rows(table.rows.select_columns(["image"]), image_paths(table.rows, split), reading)
                add(part, _kept(table, split if len(found) > 1 else None))
        elif isinstance(place, ImageSet):
            add_held()
            add(
                _OfSet(place, place.paths()),
                _with_labels(place.columns, _labels(place.labels, place.classes)),
            )
        else:
            held.append(place)
    add_held()
    if not parts:
        raise InputError(
            "no image was found; give files, folders of images, Parquet, tar files or hf:OWNER/NAME"
        )
    for note in notes:
        progress.say(note)
    return Unlabelled(tuple(parts), _together(parts, tables), tuple(notes), reading.value_range)


def _several(images: Any) -> Sequence[Any]:
    if isinstance(images, ImageSets):
        return list(images.values())
    one = isinstance(images, str | Path | ImageSet | Image.Image) or getattr(images, "ndim", None) in (
        0,
        2,
        3,
    )
    return [images] if one or not hasattr(images, "__len__") else list(images)


def _tables(place: str | Path) -> dict[str, Table] | None:
    """Return the tables for which a place stands, None if it stands for files."""
    if str(place).startswith(_HUB):
        repository, _, revision = str(place).removeprefix(_HUB).partition("@")
        return read_hub(repository, revision or None)
    path = Path(place).expanduser()
    if (path.is_file() and path.suffix == _PARQUET) or (path.is_dir() and parquet_files(path)):
        return read_parquet(path)[0]
    if tars := tars_below(path):
        return read_webdataset(tars, path, labelled=False)[0]
    return None


def _files(place: str | Path, notes: list[str]) -> list[str]:
    path = Path(place).expanduser()
    if path.is_dir():
        tree = read_tree(path)
        kept = tree.files()
        notes += told_left(tree, list(tree.walk()))
        if not kept:
            raise InputError(f"the folder {place} holds no image; give another, or the files themselves")
        return kept
    if path.exists():
        return [str(path)]
    if has_magic(str(place)):
        matches = sorted(map(str, Path(path.anchor).glob(str(path.relative_to(path.anchor)))))
        files = [
            file for match in matches for file in (_files(match, notes) if Path(match).is_dir() else [match])
        ]
        if files:
            return files
        raise InputError(f"no file matches {place}; give a pattern such as 'photos/**/*.jpg'")
    raise InputError(
        f"there is no file or folder {place}; give an image, a folder of images, Parquet, a tar file or hf:OWNER/NAME"
    )


def _decoded(file: bytes | str, name: str, reading: Reading) -> Tensor | LargeImage:
    with allowed_pixels(reading.max_pixels):
        if reading.value_range is not None:
            with values_from(reading.value_range):
                large = large_image(file) if isinstance(file, str) else None
                return decode_image(file, name) if large is None else large
        pixels: Tensor | LargeImage | None = large_image(file) if isinstance(file, str) else None
        if isinstance(pixels, LargeImage):
            found = [measured(pixels)] if pixels.depth is not None else []
        else:
            with measuring() as found:
                pixels = decode_image(file, name)
    deep = next((image for image in found if image.depth is not None), None)
    if deep is not None:
        raise ValueRangeNeededError(
            f"{name} has {deep.depth} values, from {deep.low:g} to {deep.high:g}; say what becomes black and white, "
            "as in training, such as `value_range=(0, 4095)`"
        )
    return pixels


class ValueRangeNeededError(InputError):
    """What becomes black and white must be given before any image of more than 8 bits can be read."""


def _kept(table: Table, split: str | None) -> "pa.Table | None":
    labels = table.labels
    named = _labels(labels, table.classes) if isinstance(labels, np.ndarray) else labels
    kept = _with_labels(table.columns, named)
    if split is None:
        return kept
    return _beside(kept, SPLIT, [split] * len(table))


def _labels(labels: Any, classes: Sequence[str] | None) -> list[str | None]:
    names = dict(enumerate(classes or ()))
    return [None if number == MISSING else names.get(number, str(number)) for number in labels.tolist()]


def _with_labels(table: "pa.Table | None", labels: Sequence[str | None] | None) -> "pa.Table | None":
    if labels is None or not any(label is not None for label in labels):
        return table
    return _beside(table, LABEL, labels)


def _beside(table: "pa.Table | None", name: str, values: Sequence[str | None]) -> "pa.Table":
    import pyarrow as pa

    column = pa.array(values, pa.string())
    if table is None:
        return pa.table({name: column})
    while name in table.column_names:
        name = f"{name} (2)"
    return table.append_column(name, column)


def _together(parts: Sequence[_Part], tables: Sequence["pa.Table | None"]) -> "pa.Table | None":
    import pyarrow as pa

    if all(table is None for table in tables):
        return None
    whole = [
        pa.table({"": pa.nulls(len(part.paths))}) if table is None else table
        for part, table in zip(parts, tables, strict=True)
    ]
    names = {name for table in whole for name in table.column_names}
    different = [
        name
        for name in names
        if len({table.schema.field(name).type for table in whole if name in table.column_names}) > 1
    ]
    joined = pa.concat_tables([_as_text(table, different) for table in whole], promote_options="default")
    return joined.drop_columns([""]) if "" in joined.column_names else joined


def _as_text(table: "pa.Table", names: Sequence[str]) -> "pa.Table":
    import pyarrow as pa

    for name in names:
        if name in table.column_names:
            text = pa.array(
                [None if value is None else str(value) for value in cells(table[name])], pa.string()
            )
            table = table.set_column(table.column_names.index(name), name, text)
    return table
