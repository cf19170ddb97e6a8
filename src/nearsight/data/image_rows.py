"""Image files as rows of a `datasets.Dataset`."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nearsight.data.stamps import stamp_of

if TYPE_CHECKING:
    from datasets import Dataset


def image_rows(files: Sequence[str]) -> "Dataset":
    """Return a row for each file, with a column `image`; a missing file is noticed when it is read."""
    from datasets import Dataset, Features, Image

    # Sizes and times are part of the cache's key, so that a changed file is read again.
    return Dataset.from_generator(
        _rows,
        features=Features(image=Image(decode=False)),
        gen_kwargs={"files": list(files), "stamps": ([stamp_of(file) for file in files],)},
    )


def _rows(files: list[str], stamps: object) -> Iterator[dict[str, Any]]:
    del stamps
    for file in files:
        yield {"image": {"bytes": None, "path": file}}
