"""The order of tile sizes that the measurements predict, compared with the order that a comparison measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import factorial
from pathlib import Path

import numpy as np

from nearsight.errors import InputError
from nearsight.study import Comparison

# An order whose odds by chance are below one in twenty is usually called significant.
ODDS = 0.05
_ALL_ORDERS = 7


@dataclass(frozen=True)
class SizeAccuracy:
    """The measured accuracy of a tile size, with its interval; `arm` is its arm, `tile` is None for whole images."""

    arm: str
    tile: int | None
    value: float
    low: float
    high: float
    protocol: str | None = None
    stride: int | None = None


@dataclass(frozen=True)
class Predicted:
    """One way to predict: a number for each tile size, the order it gives, best first, and how well that fits.

    `correlation` is Spearman's between number and accuracy, signed so that 1 is a perfect prediction; `p` is the
    share of all orders of the tile sizes that would fit at least as well, or as badly.
    """

    by: str
    values: tuple[float | None, ...]
    order: tuple[int | None, ...]
    correlation: float | None
    p: float | None
    reason: str | None = None


@dataclass(frozen=True)
class SideBySide:
    """Measured accuracies, tile size by tile size, their order, best first, and the predicted orders.

    `caveat` says what this many tile sizes can show.
    """

    data: str
    budget: str
    measured: tuple[SizeAccuracy, ...]
    order: tuple[int | None, ...]
    predicted: tuple[Predicted, ...]
    caveat: str


def read_accuracies(directory: str | Path) -> tuple[Comparison, tuple[SizeAccuracy, ...]]:
    """Return the comparison in a directory, and the accuracy of each tile size under its arm's own protocol.

    If several arms have one size, the first is used, which has the least augmentation: none for whole images in
    the paper. Raises `InputError` if there is no comparison, or one that cannot be read.
    """
    found = Comparison.load(directory)
    rows = []
    first = {arm.tile: arm.name for arm in reversed(found.arms)}
    for arm in found.arms:
        if arm.name != first[arm.tile]:
            continue
        accuracy = arm.accuracy(arm.headline)
        if accuracy is None or accuracy.interval.value is None:
            raise InputError(
                f"{directory}: the arm {arm.name} has no accuracy under {arm.headline}; run `nearsight compare` again"
            )
        value, low, high = accuracy.interval.numbers
        rows.append(SizeAccuracy(arm.name, arm.tile, value, low, high, arm.headline, arm.stride))
    return found, tuple(rows)


def side_by_side(
    directory: str | Path, predictors: Mapping[str, tuple[int, Mapping[int | None, float | None]]]
) -> SideBySide:
    """Return the predicted orders of tile sizes beside the measured one, over the sizes that both have.

    `predictors` maps each measure to 1 (more is better) or −1 (less is better) and its value for each tile size.
    Raises `InputError` if fewer than two sizes are in both.
    """
    told, accuracies = read_accuracies(directory)
    sizes = next(iter(predictors.values()))[1].keys()
    both = [row for row in accuracies if row.tile in sizes]
    if len(both) < 2:
        there = [row.tile for row in accuracies]
        names = ", ".join("full" if tile is None else str(tile) for tile in there)
        raise InputError(
            f"{directory} compares {names}, of which fewer than two are asked for; give `tiles={there}`"
        )
    both.sort(key=lambda row: np.inf if row.tile is None else row.tile)
    tiles, right = [row.tile for row in both], [row.value for row in both]
    return SideBySide(
        data=told.data,
        budget=told.budget,
        measured=tuple(both),
        order=_order(tiles, right),
        predicted=tuple(
            _predicted(by, sign, [values[tile] for tile in tiles], tiles, right)
            for by, (sign, values) in predictors.items()
        ),
        caveat=caveat(len(both)),
    )


def rank_correlation(
    predicted: Sequence[float], measured: Sequence[float]
) -> tuple[float | None, float | None]:
    """Return Spearman's rank correlation, and the share of all orders that correlate at least as strongly.

    >>> rank_correlation([1, 2, 3], [10, 30, 70])
    (1.0, 0.3333333333333333)

    Both are None if either has no two different values. The share is two-sided: exact over all orders up to 7
    values, from the t distribution above.
    """
    from scipy.stats import rankdata, spearmanr

    if len(set(predicted)) < 2 or len(set(measured)) < 2:
        return None, None
    if len(predicted) > _ALL_ORDERS:
        found = spearmanr(predicted, measured)
        return float(found.statistic), float(found.pvalue)
    ours, theirs = (ranks - ranks.mean() for ranks in (rankdata(predicted), rankdata(measured)))
    scale = float(np.sqrt((ours @ ours) * (theirs @ theirs)))
    correlation = round(float(ours @ theirs) / scale, 12)
    orders = np.array(list(permutations(theirs)))
    as_strong = np.abs(orders @ ours / scale) >= abs(correlation) - 1e-9
    return correlation, float(as_strong.mean())


def caveat(sizes: int) -> str:
    """Say what the rank correlation of this many tile sizes can show.

    >>> caveat(2)
    'with 2 tile sizes the rank correlation means nothing: 1 in 2 random orders is as good as a perfect one'
    """
    orders = factorial(sizes)
    if 2 / orders <= ODDS:
        return f"{sizes} tile sizes of one set: p counts orders, and says nothing of other sets"
    return (
        f"with {sizes} tile sizes the rank correlation means nothing: 1 in {orders} random orders is as good as "
        "a perfect one"
    )


def _predicted(
    by: str, sign: int, values: list[float | None], tiles: list[int | None], right: list[float]
) -> Predicted:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return Predicted(by, tuple(values), (), None, None, "not measured at every tile size")
    better = [sign * value for value in known]
    correlation, p = rank_correlation(better, right)
    reason = "all tile sizes are equal by it" if correlation is None else None
    return Predicted(by, tuple(values), _order(tiles, better), correlation, p, reason)


def _order(tiles: Sequence[int | None], better: Sequence[float]) -> tuple[int | None, ...]:
    return tuple(tiles[place] for place in np.argsort(-np.asarray(better), kind="stable"))
