"""Reading a Parquet file, or a directory of them, in the Hugging Face image layout."""

import json
import re
from glob import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from nearsight.data.faults import one_line
from nearsight.data.shards import joined
from nearsight.data.split_names import usual_split
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
    where = str(files[0]) if len(files) == 1 else f"{files[0].parent} ({len(files)} files)"
    headers = {file: _header(file) for file in files}
    filled = [file for file, header in headers.items() if header.num_rows]
    if not filled:
        raise InputError(f"{where} has no rows; write or download it again")
    # What numbers its classes alike is one table to `datasets`, which takes the names from the first file.
    alike = [(key, list(group)) for key, group in groupby(filled, lambda file: _numbering(headers[file]))]
    if len(alike) == 1:
        return _read_alike(filled, where, _class_names(headers[filled[0]]))
    tables = {
        _span(group): _read_alike(group, _span(group), _class_names(headers[group[0]])) for _, group in alike
    }
    return joined(tables, where)


def _read_alike(files: list[Path], where: str, class_names: tuple[str, ...] | None) -> Table:
    import pyarrow.dataset as ds
    from datasets import load_dataset
    from datasets.exceptions import DatasetGenerationError

    try:
        rows = load_dataset(
            "parquet",
            # `datasets` takes the names for patterns.
            data_files=[escape(str(file)) for file in files],
            split="train",
            # Otherwise a file of any size is read into memory whole.
            fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False),
        )
    except DatasetGenerationError as fault:
        raise InputError(f"cannot read {where} as one table: {one_line(fault.__cause__ or fault)}") from fault
    return as_table(rows, where, class_names)


def _span(files: list[Path]) -> str:
    return files[0].name if len(files) == 1 else f"{files[0].name} to {files[-1].name}"


def _numbering(header: "FileMetaData") -> str:
    """Return what differs between files whose numbers stand for other classes."""
    written = json.loads((header.metadata or {}).get(b"huggingface", b"{}"))
    features = (written.get("info") or {}).get("features") or {}
    named = {name: kind for name, kind in features.items() if isinstance(kind, dict) and "names" in kind}
    return json.dumps([named, _class_names(header)], sort_keys=True)


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
