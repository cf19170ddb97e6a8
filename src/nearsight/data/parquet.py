"""Reading a Parquet file, or a directory of them, in the Hugging Face image layout."""

import hashlib
from dataclasses import replace
from glob import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from nearsight.data.bars import without_logs
from nearsight.data.encoded import is_regular
from nearsight.data.faults import one_line
from nearsight.data.files_beside import with_files_beside
from nearsight.data.parquet_places import image_places
from nearsight.data.parquet_schema import ParquetSchema, parquet_schema, read_header
from nearsight.data.shards import joined
from nearsight.data.split_names import keyed, split_in, unnumbered, usual_split
from nearsight.data.stamps import stamp_of
from nearsight.data.table import Table, as_table, image_column
from nearsight.errors import InputError

if TYPE_CHECKING:
    from datasets import Dataset

# Rows that are read at a time.
_TOGETHER = 256
# From so many bytes on, a copy of a set is told.
_LARGE = 2**30


def parquet_files(path: Path) -> list[Path]:
    """List the Parquet files of a directory and of two levels of directories in it, in order of name.

    Hidden directories are not searched, and `metadata.parquet` belongs to an image folder.
    """
    found = [file for pattern in ("*", "*/*", "*/*/*") for file in path.glob(f"{pattern}.parquet")]
    return sorted(
        file
        for file in found
        if file.name != "metadata.parquet"
        and is_regular(file)
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )


def read_parquet(path: Path) -> tuple[dict[str, Table], list[str]]:
    """Read a Parquet file or directory, each split's shards together, as tables by split, with notes.

    A directory's files name their split, with or without a shard number (`train.parquet`,
    `data/test-00000-of-00002.parquet`), or are in a directory that does (`train/0000.parquet`), which may be in
    that of the only configuration, as in the hub's converted branch (`default/train/0000.parquet`). A file given
    by itself is `train` unless its name is that of another usual split. Class names come from the features in the
    file's metadata or its `class_names`. Raises `InputError` if there is no such file, one is not Parquet, or
    there are several configurations.
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
    return unnumbered(file.stem)


def _read(files: list[Path]) -> Table:
    where = str(files[0]) if len(files) == 1 else f"{files[0].parent} ({len(files)} files)"
    headers = {file: read_header(file) for file in files}
    filled = [file for file, header in headers.items() if header.num_rows]
    if not filled:
        raise InputError(f"{where} has no rows; write or download it again")
    schemas = _without_left_out({file: parquet_schema(headers[file], file) for file in filled})
    notes = dict.fromkeys(note for schema in schemas.values() for note in schema.notes)
    # Files that number their classes alike are one table to `datasets`, which takes the names from the first
    # file.
    alike = [(key, list(group)) for key, group in groupby(filled, lambda file: schemas[file].numbering)]
    if len(alike) == 1:
        table = _read_alike(filled, where, schemas[filled[0]])
    else:
        tables = {_span(group): _read_alike(group, _span(group), schemas[group[0]]) for _, group in alike}
        table = joined(tables, where)
    return replace(table, notes=(*table.notes, *notes))


def _without_left_out(schemas: dict[Path, ParquetSchema]) -> dict[Path, ParquetSchema]:
    """Leave out of all files what cannot be read in one of them."""
    from datasets import Features

    left_out = {name for schema in schemas.values() for name in schema.left_out}
    return {
        file: replace(
            schema, features=Features({k: kind for k, kind in schema.features.items() if k not in left_out})
        )
        for file, schema in schemas.items()
    }


def _read_alike(files: list[Path], where: str, schema: ParquetSchema) -> Table:
    from datasets import concatenate_datasets

    image = image_column(schema.features)
    try:
        with without_logs():
            placed = None if image is None else image_places(files, image)
            names = [name for name in schema.features if placed is None or name != image]
            parts = [_copied(files, schema, names)] if names else []
            rows = concatenate_datasets([*parts, *([] if placed is None else [placed])], axis=1)
    except MemoryError:
        raise
    # It raises what Arrow, its own casts or the disk do.
    except Exception as fault:
        raise InputError(f"cannot read {where} as one table: {one_line(fault.__cause__ or fault)}") from fault
    table = as_table(rows, where, schema.class_names)
    table, told = with_files_beside(table, files[0].parent)
    copied = _told_copied(files) if placed is None else []
    return replace(table, notes=(*table.notes, *told, *copied))


def _told_copied(files: list[Path]) -> list[str]:
    """Say that a large set was copied, and how it would not be."""
    size = sum(file.stat().st_size for file in files)
    if size < _LARGE:
        return []
    return [
        f"the images are compressed in the files, or listed in a dictionary, so `datasets` made a copy of about "
        f"{size / 2**30:,.1f} GiB in its cache; written without (compression='none', use_dictionary=False), they "
        "are read in place"
    ]


def _copied(files: list[Path], schema: ParquetSchema, names: list[str]) -> "Dataset":
    """Return some columns of Parquet files, of which `datasets` makes a copy in the cache of sets."""
    import pyarrow.dataset as ds
    from datasets import Features, load_dataset

    return load_dataset(
        "parquet",
        # It keeps what it has read until a file's time changes, which a program may set back.
        name=_stamp(files),
        # `datasets` takes the names for patterns.
        data_files=[escape(str(file)) for file in files],
        split="train",
        features=Features({name: schema.features[name] for name in names}),
        columns=names,
        # Otherwise the rows that were written together are held in memory together, and a file is read
        # completely.
        batch_size=_TOGETHER,
        fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False),
    )


def _stamp(files: list[Path]) -> str:
    stamps = repr([stamp_of(file) for file in files])
    return hashlib.blake2b(stamps.encode(), digest_size=8).hexdigest()


def _span(files: list[Path]) -> str:
    return files[0].name if len(files) == 1 else f"{files[0].name} to {files[-1].name}"
