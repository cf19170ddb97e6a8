"""Reading a Parquet file, or a directory of them, in the Hugging Face image layout."""

import json
import re
from dataclasses import replace
from glob import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from nearsight.data.class_names import distinct, listed
from nearsight.data.faults import one_line
from nearsight.data.shards import joined
from nearsight.data.split_names import keyed, split_in, usual_split
from nearsight.data.table import Table, as_table
from nearsight.errors import InputError

if TYPE_CHECKING:
    from datasets import Features
    from pyarrow.parquet import FileMetaData

_SHARD = re.compile(r"[-_.]?\d+(-of-\d+)?(-[0-9a-f]{8,})?$")


def parquet_files(path: Path) -> list[Path]:
    """List the Parquet files of a directory and of two levels of directories in it, in order of name.

    Hidden directories are not looked into, and `metadata.parquet` is of an image folder.
    """
    found = [file for pattern in ("*", "*/*", "*/*/*") for file in path.glob(f"{pattern}.parquet")]
    return sorted(
        file
        for file in found
        if file.name != "metadata.parquet"
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )


def read_parquet(path: Path) -> tuple[dict[str, Table], list[str]]:
    """Read a Parquet file or directory, each split's shards together, as tables by split, and notes.

    A directory's files name their split, with or without a shard number (`train.parquet`,
    `data/test-00000-of-00002.parquet`), or lie in a directory that does (`train/0000.parquet`), which may be in that
    of the only configuration, as in the hub's converted branch (`default/train/0000.parquet`). A file given by itself
    is `train` unless its name is that of another usual split. Class names come from the features in the file's
    metadata or its `class_names`. Raises `InputError` when there is no such file, one is not Parquet, or there are
    several configurations.
    """
    if path.is_file():
        return {usual_split(_stem(path)) or "train": _read([path])}, []
    files = parquet_files(path)
    homes = {file: _home(file, path) for file in files}
    configurations = {configuration for _, configuration in homes.values()}
    if len(configurations) > 1:
        listing = ", ".join(sorted(name or "files of none" for name in configurations))
        raise InputError(
            f"{path} holds {len(configurations)} configurations ({listing}); give the directory of one, such as "
            f"{path / max(configurations)}"
        )
    (configuration,) = configurations
    notes = [f"the configuration {configuration}, the only one"] if configuration else []
    shards: dict[str, list[Path]] = {}
    for file, (split, _) in homes.items():
        shards.setdefault(split, []).append(file)
    sure = [split for split in shards if (name := split_in(split)) is not None and not name.rest]
    keys, told = keyed(list(shards), sure)
    return {keys[split]: _read(own) for split, own in shards.items()}, told + notes


def _home(file: Path, path: Path) -> tuple[str, str]:
    """The split of a file, by its name or its directory's, and its configuration, a directory above that."""
    *directories, _ = file.relative_to(path).parts
    split = _stem(file)
    if directories and (not split or (split_in(split) is None and split_in(directories[-1]) is not None)):
        split = directories.pop()
    split = "train" if split in ("", "data") else split
    return split, "" if directories in ([], ["data"]) else directories[0]


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

    features, notes = _features_of_equal_names(files[0])
    try:
        rows = load_dataset(
            "parquet",
            # `datasets` takes the names for patterns.
            data_files=[escape(str(file)) for file in files],
            split="train",
            features=features,
            # Otherwise a file of any size is read into memory whole.
            fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False),
        )
    except DatasetGenerationError as fault:
        raise InputError(f"cannot read {where} as one table: {one_line(fault.__cause__ or fault)}") from fault
    table = as_table(rows, where, class_names)
    return replace(table, notes=(*table.notes, *notes)) if notes else table


def _features_of_equal_names(file: Path) -> tuple["Features | None", list[str]]:
    """The features of a file whose class names are not distinct, made so; `datasets` refuses these."""
    import pyarrow.parquet as pq
    from datasets import Features

    schema = pq.read_schema(file)
    metadata = schema.metadata or {}
    written = json.loads(metadata.get(b"huggingface", b"{}"))
    notes = []
    for name, kind in ((written.get("info") or {}).get("features") or {}).items():
        names = kind.get("names") if isinstance(kind, dict) else None
        if isinstance(names, list) and len(set(names)) < len(names):
            kind["names"] = list(distinct(list(map(str, names))))
            equal = sorted({own for own in names if names.count(own) > 1})
            notes.append(f"'{name}' names several classes alike, which get a number: {listed(equal)}")
    if not notes:
        return None, []
    told = {**metadata, b"huggingface": json.dumps(written).encode()}
    return Features.from_arrow_schema(schema.with_metadata(told)), notes


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
