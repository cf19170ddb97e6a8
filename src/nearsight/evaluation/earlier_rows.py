"""Whether a model still predicts what earlier rows of a table say, for what the file itself cannot tell."""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearsight.errors import InputError
from nearsight.evaluation.parted_table import first_rows
from nearsight.evaluation.rows_kept import Row
from nearsight.settings.prediction_words import CLASS, DIGEST, FAULT, MARGIN, PATH, PROBABILITY

if TYPE_CHECKING:
    import pyarrow as pa

# So many of the earlier rows are compared, of the first so many in the file.
_COMPARED, _READ = 3, 64
# Other devices and other batches round differently.
_ROUNDING = 0.005


def check_earlier_rows(
    file: Path, numbers: Mapping[Row, int], predict: Callable[[Sequence[int]], "pa.Table"]
) -> None:
    """Raise `InputError` if a few earlier rows of a file are not what the same images are predicted as now.

    CSV does not say of which weights, preprocessing or classes its rows are. `numbers` are those of the images that
    have a row, and `predict` returns the rows of those with some numbers. Images that are no longer given, that were
    replaced, or that cannot be read any more are not compared.
    """
    rows = [row for row in first_rows(file, _READ).to_pylist() if row[FAULT] is None]
    by_image: dict[int, dict[str, Any]] = {}
    for row in rows:
        number = numbers.get((row[PATH], row.get(DIGEST)))
        # An image that is given twice has two rows.
        if number is not None:
            by_image.setdefault(number, row)
    compared = dict(islice(by_image.items(), _COMPARED))
    if not compared:
        return
    found = predict([*compared]).to_pylist()
    for before, now in zip(compared.values(), found, strict=True):
        if now[FAULT] is None and not _alike(before, now):
            raise InputError(
                f"{file} says {_said(before)} of {before[PATH]}, which is predicted as {_said(now)} now: the model, "
                "how images are read or this image has changed; give what it was made with, or another `out`"
            )


def _alike(before: dict[str, Any], now: dict[str, Any]) -> bool:
    close: bool = abs(before[PROBABILITY] - now[PROBABILITY]) <= _ROUNDING
    same: bool = before[CLASS] == now[CLASS] or before[MARGIN] <= _ROUNDING
    return close and same


def _said(row: dict[str, Any]) -> str:
    return f"{row[CLASS]} ({100 * row[PROBABILITY]:.1f} %)"
