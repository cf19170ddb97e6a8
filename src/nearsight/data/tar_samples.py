"""The samples in tar files of WebDataset: for each image where it is, and what other members say about it."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from nearsight.data.placed_images import IMAGE, placed_images
from nearsight.data.stamps import stamp_of
from nearsight.data.tar_members import TarMember, tar_members
from nearsight.data.tree import IMAGE_SUFFIXES
from nearsight.errors import InputError
from nearsight.read import decoded, open_file, unreadable

if TYPE_CHECKING:
    from datasets import Dataset

LABEL, JSON, TEXT = "label", "json", "text"
# What is left out of a tar, as JSON, in the last row of each; these rows have no image.
SKIPPED = "skipped"
WITHOUT_IMAGE = "without an image"
MEND = "write or download it again"
# What is said about an image is small.
MOST_SAID = 2**20
# A member's name up to the first point, which the members of a sample share, and the ending that says what it is.
_NAME = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]*)", re.DOTALL)
_ENDINGS = {
    **dict.fromkeys((suffix[1:] for suffix in IMAGE_SUFFIXES), IMAGE),
    **dict.fromkeys(("cls", "class", "label"), LABEL),
    **dict.fromkeys(("json", "jsn"), JSON),
    **dict.fromkeys(("txt", "text"), TEXT),
}


def tar_samples(shards: Sequence[Path]) -> "Dataset":
    """Return a row for each sample with an image, and one for each tar, with what was left out of it.

    In the column `image` are a name, `path`, and the place: `size` bytes from `offset` on in the file `shard`. The
    rows are kept in the cache of sets until a tar changes. Raises `InputError`, naming the tar, if it is damaged, and
    for two members of one kind in a sample.
    """
    from datasets import Dataset, Features, Value

    said = dict.fromkeys((LABEL, JSON, TEXT, SKIPPED), Value("string"))
    features = Features({IMAGE: placed_images()[IMAGE], **said})
    # Sizes and times are part of the cache's key, so that a changed file is read again.
    stamps = ([stamp_of(shard) for shard in shards],)
    try:
        return Dataset.from_generator(
            _rows, features=features, gen_kwargs={"shards": [*map(str, shards)], "stamps": stamps}
        )
    # It wraps what the rows raise.
    except Exception as fault:
        if isinstance(fault.__cause__, InputError):
            raise fault.__cause__ from None
        raise


def _rows(shards: list[str], stamps: object) -> Iterator[dict[str, Any]]:
    del stamps
    for shard in shards:
        path = Path(shard)
        with open_file(path, MEND) as file:
            samples, skipped = _read(path, file)
        for sample in samples:
            if IMAGE in sample:
                yield {**dict.fromkeys((LABEL, JSON, TEXT, SKIPPED)), **sample}
            else:
                skipped[WITHOUT_IMAGE] += 1
        yield {**dict.fromkeys((IMAGE, LABEL, JSON, TEXT)), SKIPPED: json.dumps(skipped)}


def _read(shard: Path, file: BinaryIO) -> tuple[list[dict[str, Any]], Counter[str]]:
    samples: dict[str, dict[str, Any]] = {}
    skipped: Counter[str] = Counter()
    for member in tar_members(shard, file):
        named = _NAME.fullmatch(member.name)
        kind = _ENDINGS.get(named[2].casefold()) if named else None
        if member.kind or named is None:
            skipped[member.kind or "hidden or without ending"] += 1
            continue
        if kind is None or (kind != IMAGE and member.size > MOST_SAID):
            skipped[f".{named[2]}"] += 1
            continue
        sample = samples.setdefault(named[1], {})
        if kind in sample:
            raise unreadable(shard, f"it has two members {named[1]} of the kind {kind}", MEND)
        sample[kind] = _place(shard, member) if kind == IMAGE else _said(shard, file, member, kind)
    return [*samples.values()], skipped


def _place(shard: Path, member: TarMember) -> dict[str, Any]:
    name = f"{shard}/{member.name}"
    return {"bytes": None, "path": name, "shard": str(shard), "offset": member.offset, "size": member.size}


def _said(shard: Path, file: BinaryIO, member: TarMember, kind: str) -> str:
    file.seek(member.offset)
    content = file.read(member.size)
    # Only a label must be right.
    return (
        decoded(content, f"{shard}/{member.name}", MEND)
        if kind == LABEL
        else content.decode(errors="replace")
    )
