"""What is found of the rows of a table, once: kept in the cache of sets, wherever the table lies."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearsight.data.bars import can_redraw
from nearsight.progress import SILENT, progress_here

if TYPE_CHECKING:
    from datasets import Dataset, Features


def kept_of(
    rows: "Dataset", find: Callable[..., Any], features: "Features", batch_size: int, **options: Any
) -> "Dataset":
    """Return what a function finds of batches of a table, which `datasets` keeps; nothing is found twice.

    `find` is a frozen dataclass, as its fields are part of the key, and `options` are those of `Dataset.map`, of
    which `desc` says what is done. Where `datasets` draws no bar, the channel of the verb is told how many rows are
    done. A set that `save_to_disk` wrote belongs to the user, and may be open to reading alone: nothing is written
    beside it.
    """
    from datasets.fingerprint import Hasher

    told = SILENT if can_redraw() else progress_here()
    key, done = Hasher.hash((rows._fingerprint, find)), 0

    def counted(batch: dict[str, list[Any]], *more: Any) -> Any:
        nonlocal done
        found = find(batch, *more)
        done += len(next(iter(batch.values())))
        told.count(options["desc"], done, len(rows))
        return found

    return rows.map(
        counted,
        batched=True,
        batch_size=batch_size,
        remove_columns=rows.column_names,
        features=features,
        cache_file_name=_place(rows, key),
        # The function that counts is another one each time.
        new_fingerprint=key,
        **options,
    )


def _place(rows: "Dataset", key: str) -> str | None:
    """Return the file for a table that lies outside the cache; None where `datasets` keeps it in there anyway."""
    from datasets import config

    cache = Path(config.HF_DATASETS_CACHE).resolve()
    if not rows.cache_files or Path(rows.cache_files[0]["filename"]).resolve().is_relative_to(cache):
        return None
    directory = cache / "nearsight-saved"
    directory.mkdir(parents=True, exist_ok=True)
    return str(directory / f"{key}.arrow")
