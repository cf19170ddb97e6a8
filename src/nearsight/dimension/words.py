"""What was measured, in sentences."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TypeVar

from nearsight.dimension.order import SideBySide
from nearsight.dimension.result import Dimension, TileDimension, tile_name
from nearsight.dimension.several_tiles import Place
from nearsight.dimension.spaces import Space
from nearsight.numbers import counted
from nearsight.statistics import Estimate
from nearsight.statistics.writing import number, points, three_digits, with_interval

_Item = TypeVar("_Item")
# Where tiles are compared, after a number.
_PLACES: Mapping[Place, str] = {
    "raw": "",
    "normalised": " without brightness and contrast",
    "embedding": " in the embedding",
}


def sentences(found: Dimension) -> tuple[str, ...]:
    """Return the findings about a set's tiles, from the smallest to the largest, with intervals and chance."""
    told = [
        f"{found.data}: {counted(found.training_images, 'training image')}, "
        f"{counted(found.classes, 'class', 'classes')}.",
        _dimensions(found.tiles),
        _examples(found),
        _effective(found),
        _distances(found.tiles),
        _slopes(found.tiles),
        _labels(found),
        _bounds(found.tiles),
    ]
    if found.comparison is not None:
        told.append(_orders(found.comparison))
    return tuple(sentence for sentence in told if sentence)


def number_range(values: Sequence[float]) -> str:
    """Write the ends of several values.

    >>> number_range([27.81, 25.27])
    '25.3 to 27.8'
    """
    return f"{min(values):.3g} to {max(values):.3g}"


def _dimensions(rows: Sequence[TileDimension]) -> str:
    estimates = [row.dimension("levina-bickel") for row in rows]
    known = _ends(
        [row for row, found in zip(rows, estimates, strict=True) if found.estimate.value is not None]
    )
    if not known:
        return f"The intrinsic dimension could not be measured: {estimates[0].estimate.reason}."
    told = []
    for row in known:
        likely, twice = row.dimension("levina-bickel"), row.dimension("two-nn")
        worth = (
            f" (random samples of which it says as much have {number_range(likely.matching)})"
            if likely.matching
            else ""
        )
        told.append(
            f"of {row.input_dimension:,} at {_size(row)}, {with_interval(likely.estimate, three_digits)} by "
            f"Levina–Bickel{worth} and {with_interval(twice.estimate, three_digits)} by TwoNN"
        )
    return f"Tiles fill few of their dimensions: {'; '.join(told)}."


def _examples(found: Dimension) -> str:
    rows = [(row, row.examples["raw"].most_tiles) for row in found.tiles if "raw" in row.examples]
    told = [
        f"at {_size(row)}, {most.tiles} tiles from each of {most.images:,.0f} images {_worth(row)}"
        for row, most in _ends([(row, most) for row, most in rows if most is not None])
    ]
    return f"What several tiles of an image are worth: {'; '.join(told)}." if told else ""


def _worth(row: TileDimension) -> str:
    """Return what the most tiles of an image are worth, in each place, as the end of a clause."""
    known = [(place, most) for place, found in row.examples.items() if (most := found.most_tiles)]
    distances = _times((place, most.by_distance) for place, most in known)
    labels = _times((place, most.by_label) for place, most in known)
    if not distances:
        return f"cannot be weighed by distance: {known[0][1].by_distance.reason}"
    named = f", and the nearest has the right label as often as with {labels}" if labels else ""
    return f"cover as well as one tile from each of {distances}{named}"


def _times(found: Iterable[tuple[Place, Estimate]]) -> str:
    """Write how many times the images, in each place in which that is known; nothing if it is not."""
    return ", or ".join(
        f"{with_interval(estimate, three_digits)} times the images{_PLACES[place]}"
        for place, estimate in found
        if estimate.value is not None
    )


def _effective(found: Dimension) -> str:
    rows = [row for row in found.tiles if row.tile is not None and row.effective["raw"].value is not None]
    told = [
        f"at {_size(row)}, the mean of its {row.tiles / found.training_images:,.0f} tiles varies as much as that of "
        f"{_an_image(row, 'raw', found)} independent ones "
        f"({_an_image(row, 'normalised', found)} without brightness and contrast)"
        for row in _ends(rows)
    ]
    return f"The tiles of one image resemble each other: {'; '.join(told)}." if told else ""


def _an_image(row: TileDimension, space: Space, found: Dimension) -> str:
    measured = row.effective[space]
    value, low, high = (
        None if known is None else known / found.training_images
        for known in (measured.value, measured.low, measured.high)
    )
    return with_interval(replace(measured, value=value, low=low, high=high), three_digits)


def _distances(rows: Sequence[TileDimension]) -> str:
    known = _ends([row for row in rows if row.coverage["raw"].relative.value is not None])
    if not known:
        return f"Distances between tiles tell nothing: {rows[0].coverage['raw'].relative.reason}."
    told = " and ".join(
        f"{with_interval(row.coverage['raw'].relative, three_digits)} of that distance at {_size(row)} "
        f"({with_interval(row.coverage['normalised'].relative, three_digits)} without brightness and contrast)"
        for row in known
    )
    return f"The nearest training tile is closer than a random one: at {told}."


def _slopes(rows: Sequence[TileDimension]) -> str:
    told = []
    for row in rows:
        slope = row.coverage["raw"].slope
        dimension = row.dimension("levina-bickel").estimate.value
        if slope.value is not None and dimension is not None:
            told.append(
                f"{with_interval(slope, partial(number, decimals=3))} at {_size(row)}, "
                f"where −1/dimension is {number(-1 / dimension, 3)}"
            )
    return (
        f"With more training images this distance falls with their number to the power of {'; '.join(_ends(told))}."
        if told
        else ""
    )


def _labels(found: Dimension) -> str:
    tiles = [(row, row.coverage[space].tile_agreement) for row in found.tiles for space in row.coverage]
    images = [
        (row, space, row.coverage[space].image_agreement) for row in found.tiles for space in row.coverage
    ]
    known = [(row, measured) for row, measured in tiles if measured.value is not None]
    if not known:
        return f"Labels tell nothing: {tiles[0][1].reason}."
    low, high = (pick(known, key=lambda pair: pair[1].value or 0.0) for pick in (min, max))
    best, space, vote = max(images, key=lambda triple: triple[2].value or 0.0)
    return (
        f"The nearest training tile has the right label for {with_interval(low[1])} % of single tiles at "
        f"{_size(low[0])} to {with_interval(high[1])} % at {_size(high[0])} (chance "
        f"{points(found.chance)} %). The vote over an image's tiles is right for {with_interval(vote)} % of images "
        f"at best, at {_size(best)}{_PLACES[space]}: any classifier should do better."
    )


def _bounds(rows: Sequence[TileDimension]) -> str:
    vacuous = [row for row in rows if row.bound.vacuous]
    if not vacuous:
        return "The worst-case bound: " + "; ".join(f"{_size(row)}: {row.bound.reason}" for row in rows) + "."
    sizes = "every tile size" if len(vacuous) == len(rows) else ", ".join(map(_size, vacuous))
    first = min(vacuous, key=lambda row: row.input_dimension)
    return (
        f"The worst-case bound is vacuous, it says nothing, at {sizes}: at {_size(first)} it would take "
        f"10^{first.bound.log10_tiles_to_halve:.0f} tiles to promise that the nearest is within half the "
        f"diameter of the cube, and there are {first.bound.tiles:,}."
    )


def _orders(beside: SideBySide) -> str:
    right = [row.by for row in beside.predicted if row.order == beside.order]
    wrong = [row.by for row in beside.predicted if row.order and row.order != beside.order]
    return (
        f"The comparison on {beside.data} at equal {beside.budget} measured, best first, "
        f"{', '.join(map(tile_name, beside.order))}{_overlaps(beside)}: predicted by "
        f"{'; '.join(right) or 'none'}, and otherwise by {'; '.join(wrong) or 'none'}. Beware: {beside.caveat}."
    )


def _overlaps(beside: SideBySide) -> str:
    of_tile = {row.tile: row for row in beside.measured}
    ranked = [of_tile[tile] for tile in beside.order]
    close = [
        f"{tile_name(better.tile)} and {tile_name(worse.tile)}"
        for better, worse in pairwise(ranked)
        if worse.high >= better.low
    ]
    return f" (the intervals of {'; '.join(close)} overlap)" if close else ""


def _ends(items: Sequence[_Item]) -> Sequence[_Item]:
    return items if len(items) < 2 else (items[0], items[-1])


def _size(row: TileDimension) -> str:
    return "full size" if row.tile is None else f"tile {row.tile}"
