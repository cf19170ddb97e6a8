"""Sets as `datasets` writes them: `save_to_disk`, and Arrow files."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from nearsight.data.encoded import is_regular
from nearsight.data.faults import one_line
from nearsight.data.split_names import keyed, split_in
from nearsight.data.table import Table, as_table
from nearsight.errors import InputError

if TYPE_CHECKING:
    from datasets import Dataset

_DICTIONARY, _INFO, _STATE = "dataset_dict.json", "dataset_info.json", "state.json"
_SHARD = re.compile(r"[-_.]?\d+-of-\d+$")


def is_saved(path: Path) -> bool:
    """Whether a directory is one that `save_to_disk` wrote, or an Arrow file or a directory of them."""
    if path.is_file():
        return path.suffix == ".arrow"
    return (
        (path / _DICTIONARY).is_file()
        or (path / _STATE).is_file()
        or any(map(is_regular, path.glob("*.arrow")))
    )


def read_saved(path: Path) -> tuple[dict[str, Table], list[str]]:
    """Read what `save_to_disk` wrote, a set or its splits, or Arrow files, whose names end in their split.

    Raises `InputError` if they cannot be read.
    """
    try:
        found, notes = _read(path)
    except MemoryError:
        raise
    # `datasets` raises what Arrow, JSON or its own features raise.
    except Exception as fault:
        raise InputError(f"cannot read {path}: {one_line(fault)}; save it again, or as Parquet") from fault
    return {split: as_table(rows, f"{path} {split}") for split, rows in found.items()}, notes


def _read(path: Path) -> tuple[dict[str, "Dataset"], list[str]]:
    from datasets import Dataset, DatasetDict, concatenate_datasets, load_from_disk

    if path.is_dir() and ((path / _DICTIONARY).is_file() or (path / _STATE).is_file()):
        saved = load_from_disk(str(path))
        kind = "a set that save_to_disk wrote"
        if isinstance(saved, DatasetDict):
            keys, told = keyed(list(map(str, saved)), list(map(str, saved)))
            return {keys[str(split)]: rows for split, rows in saved.items()}, [*told, kind]
        return {str(saved.split or "train"): saved}, [kind]
    files = [path] if path.is_file() else sorted(filter(is_regular, path.glob("*.arrow")))
    shards: dict[str, list[Dataset]] = {}
    for file in files:
        if file.name.startswith(("cache-", "tmp")):
            continue
        stem = _SHARD.sub("", file.stem)
        name = split_in(stem.rpartition("-")[2]) or split_in(stem)
        shards.setdefault("train" if name is None else name.split, []).append(Dataset.from_file(str(file)))
    return {split: concatenate_datasets(rows) for split, rows in shards.items()}, ["Arrow files"]
