"""Reading a Parquet file, or a directory of them, in the Hugging Face image layout."""

import json
import re
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from nearsight.data.faults import one_line
from nearsight.data.splits import usual_split
from nearsight.data.table import Table, as_table
from nearsight.errors import InputError

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData

_SHARD = re.compile(r"[-_.]?\d+(-of-\d+)?(-[0-9a-f]{8,})?$")


def parquet_files(path: Path) -> list[Path]:
    """List the Parquet files of a directory and of the directories in it, in order of name."""
    return sorted([*path.glob("*.parquet"), *path.glob("*/*.parquet")])


def read_parquet(path: Path) -> dict[str, Table]:
    """Read a Parquet file or directory, each split's shards together, as tables by split.

    A directory's files name their split, with or without a shard number (`train.parquet`,
    `data/test-00000-of-00002.parquet`), or lie in a directory that does (`train/0000.parquet`). A file given
    by itself is `train` unless its name is that of another usual split. Class names come from the features in
    the file's metadata or its `class_names`. Raises `InputError` when there is no such file or one is not
    Parquet.
    """
    if path.is_file():
        return {usual_split(_stem(path)) or "train": _read([path])}
    shards: dict[str, list[Path]] = {}
    for file in parquet_files(path):
        split = _stem(file) or ("train" if file.parent in (path, path / "data") else file.parent.name)
        shards.setdefault(split, []).append(file)
    return {split: _read(files) for split, files in shards.items()}


def _stem(file: Path) -> str:
    return _SHARD.sub("", file.stem)


def _read(files: list[Path]) -> Table:
    import pyarrow.dataset as ds
    from datasets import load_dataset
    from datasets.exceptions import DatasetGenerationError

    where = str(files[0]) if len(files) == 1 else f"{files[0].parent} ({len(files)} files)"
    headers = [_header(file) for file in files]
    filled = [file for file, header in zip(files, headers, strict=True) if header.num_rows]
    if not filled:
        raise InputError(f"{where} has no rows; write or download it again")
    try:
        rows = load_dataset(
            "parquet",
            # `datasets` takes the names for patterns.
            data_files=[escape(str(file)) for file in filled],
            split="train",
            # Otherwise a file of any size is read into memory whole.
            fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False),
        )
    except DatasetGenerationError as fault:
        raise InputError(f"cannot read {where} as one table: {one_line(fault.__cause__ or fault)}") from fault
    return as_table(rows, where, _class_names(headers[0]))


def _header(file: Path) -> "FileMetaData":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_metadata(file)
    except pa.ArrowInvalid as fault:
        raise InputError(
            f"{file} is not a whole Parquet file: {one_line(fault)}; write or download it again"
        ) from None


def _class_names(header: "FileMetaData") -> tuple[str, ...] | None:
    names = json.loads((header.metadata or {}).get(b"class_names", b"null"))
    return None if names is None else tuple(str(name) for name in names)
