"""What is found of the rows of a table, once: kept in the cache of sets, wherever the table lies."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import Dataset, Features


def kept_of(
    rows: "Dataset", find: Callable[..., Any], features: "Features", batch_size: int, **options: Any
) -> "Dataset":
    """Return what a function finds of batches of a table, which `datasets` keeps; nothing is found twice.

    `find` is a frozen dataclass, as its fields are part of the key, and `options` are those of `Dataset.map`. A set
    that `save_to_disk` wrote belongs to the user, and may be open to reading alone: nothing is written beside it.
    """
    return rows.map(
        find,
        batched=True,
        batch_size=batch_size,
        remove_columns=rows.column_names,
        features=features,
        cache_file_name=_place(rows, find),
        **options,
    )


def _place(rows: "Dataset", find: Callable[..., Any]) -> str | None:
    """Return the file for a table that lies outside the cache; None where `datasets` keeps it in there anyway."""
    from datasets import config
    from datasets.fingerprint import Hasher

    cache = Path(config.HF_DATASETS_CACHE).resolve()
    if not rows.cache_files or Path(rows.cache_files[0]["filename"]).resolve().is_relative_to(cache):
        return None
    directory = cache / "nearsight-saved"
    directory.mkdir(parents=True, exist_ok=True)
    return str(directory / f"{Hasher.hash((rows._fingerprint, find))}.arrow")
