"""Stamps of files, which change with their content, so that nothing that was cached of them outlives it."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from nearsight.data.placed_images import is_placed

if TYPE_CHECKING:
    from datasets import Dataset

Stamp = tuple[int, int, int, int]
_TOGETHER = 1000


def stamp_of(file: str | Path) -> Stamp:
    """Return the size of a file, when its content and its entry were changed, in nanoseconds, and its inode number.

    >>> stamp_of("no such file")
    (0, 0, 0, 0)

    Zeros stand for a missing file. A program may set back the time of the content, but not the other one.
    """
    try:
        status = Path(file).stat()
    except (OSError, ValueError):
        return 0, 0, 0, 0
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def stamp_of_sources(rows: "Dataset") -> str:
    """Return one stamp of all files that make up a table: its own, and the images and masks that it refers to.

    >>> from datasets import Dataset
    >>> stamp_of_sources(Dataset.from_dict({"label": [0, 1]}))
    'e4a6a0577479b2b4'

    A cell with the bytes of its image refers to no file. Each file is looked up, and none is read.
    """
    found = hashlib.blake2b(digest_size=8)
    for own in rows.cache_files:
        found.update(json.dumps(stamp_of(own["filename"])).encode())
    for path in referred_files(rows):
        found.update(json.dumps([path, stamp_of(path)]).encode())
    return found.hexdigest()


def referred_files(rows: "Dataset") -> list[str]:
    """Return the paths of all files that hold the images of a table, without decoding; empty for bytes.

    A file that holds many of them, their `shard`, is returned once.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from datasets import Image

    columns = [name for name, kind in rows.features.items() if isinstance(kind, Image) and not kind.decode]
    in_others = [name for name, kind in rows.features.items() if is_placed(kind)]
    paths = sorted({path for name in in_others for path in _shards(rows, name)})
    if not columns:
        return paths
    for batch in rows.select_columns(columns).with_format("arrow").iter(batch_size=_TOGETHER):
        for name in columns:
            cells = batch[name]
            content = pc.struct_field(cells, "bytes")
            if content.null_count:
                beside = pc.struct_field(cells, "path").filter(pc.is_null(content))
                paths += [path for path in beside.cast(pa.string()).to_pylist() if path]
    return paths


def _shards(rows: "Dataset", name: str) -> list[str]:
    """Return the files in which those of a column lie, each once."""
    import pyarrow.compute as pc

    cells = rows.select_columns([name]).with_format("arrow")[:][name]
    found: list[str] = pc.unique(pc.struct_field(cells, "shard")).drop_null().to_pylist()
    return found
