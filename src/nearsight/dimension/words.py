"""What was measured, in sentences."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

from nearsight.dimension.order import SideBySide
from nearsight.dimension.result import Dimension, TileDimension, tile_name
from nearsight.dimension.several_tiles import Place
from nearsight.dimension.spaces import Space
from nearsight.numbers import counted
from nearsight.statistics import Estimate
from nearsight.statistics.writing import points, three_digits, with_interval

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
        samples = (
            f" (random samples to which it gives this value have {number_range(likely.matching)})"
            if likely.matching
            else ""
        )
        told.append(
            f"{_capital(_tiles(row))} have {row.input_dimension:,} numbers and vary in {_figure(likely.estimate)} "
            f"dimensions by Levina–Bickel{samples}, in {_figure(twice.estimate)} by TwoNN."
        )
    return " ".join(told)


def _examples(found: Dimension) -> str:
    rows = [(row, row.examples["raw"].most_tiles) for row in found.tiles if "raw" in row.examples]
    told = [
        f"{most.tiles} {_tiles(row)} from each of {most.images:,.0f} images {_worth(row)}."
        for row, most in _ends([(row, most) for row, most in rows if most is not None])
    ]
    return " ".join(told)


def _worth(row: TileDimension) -> str:
    """Return what the most tiles of an image are worth, in each place, as the end of a clause."""
    known = [(place, most) for place, found in row.examples.items() if (most := found.most_tiles)]
    distances = _times((place, most.by_distance) for place, most in known)
    labels = _times((place, most.by_label) for place, most in known)
    if not distances:
        return f"cannot be weighed by distance: {known[0][1].by_distance.reason}"
    named = f", and are as often next to the right label as with {labels}" if labels else ""
    return f"cover the space as well as one tile from each of {distances}{named}"


def _times(found: Iterable[tuple[Place, Estimate]]) -> str:
    """Write how many times as many images, in each place in which that is known; nothing if it is not."""
    told = [(_figure(estimate), _PLACES[place]) for place, estimate in found if estimate.value is not None]
    if not told:
        return ""
    (first, where), others = told[0], [f"{figure}{elsewhere}" for figure, elsewhere in told[1:]]
    beside = f" ({', '.join(others)})" if others else ""
    return f"{first} times as many images{where}{beside}"


def _effective(found: Dimension) -> str:
    # If an image has one tile, there is nothing to average.
    rows = [
        row
        for row in found.tiles
        if row.tiles > found.training_images and row.effective["raw"].value is not None
    ]
    told = [
        f"The {row.tiles / found.training_images:,.0f} {_tiles(row)} of an image tell as much about its mean tile as "
        f"{_an_image(row, 'raw', found)} independent ones; without brightness and contrast, as "
        f"{_an_image(row, 'normalised', found)}."
        for row in _ends(rows)
    ]
    return " ".join(told)


def _an_image(row: TileDimension, space: Space, found: Dimension) -> str:
    measured = row.effective[space]
    value, low, high = (
        None if known is None else known / found.training_images
        for known in (measured.value, measured.low, measured.high)
    )
    return _figure(replace(measured, value=value, low=low, high=high))


def _distances(rows: Sequence[TileDimension]) -> str:
    known = _ends([row for row in rows if row.coverage["raw"].relative.value is not None])
    if not known:
        return f"Distances between tiles tell nothing: {rows[0].coverage['raw'].relative.reason}."
    told = [
        f"For {_tiles(row)}, the nearest training tile is {_figure(row.coverage['raw'].relative)} times as far away "
        f"as a random one; without brightness and contrast, {_figure(row.coverage['normalised'].relative)} times."
        for row in known
    ]
    return " ".join(told)


def _slopes(rows: Sequence[TileDimension]) -> str:
    told = []
    for row in rows:
        slope = row.coverage["raw"].slope
        dimension = row.dimension("levina-bickel").estimate.value
        if slope.value is not None and dimension is not None:
            told.append(
                f"{_figure(_with_ten_times(slope))} times as far away for {_tiles(row)} (their dimension suggests "
                f"{three_digits(10 ** (-1 / dimension))})"
            )
    ends = " and ".join(_ends(told))
    return f"With ten times as many training images, the nearest tile would be {ends}." if told else ""


def _with_ten_times(slope: Estimate) -> Estimate:
    """Return the factor by which a distance changes with ten times the images, from its slope in logarithms.

    >>> _figure(_with_ten_times(Estimate(-0.5, -1.0, 0.0)))
    '0.316 (0.1 to 1)'
    """
    value, low, high = (
        None if known is None else float(10**known) for known in (slope.value, slope.low, slope.high)
    )
    return replace(slope, value=value, low=low, high=high)


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
        f"The nearest training tile has the right label {with_interval(low[1])} % of the time for {_tiles(low[0])} "
        f"and {with_interval(high[1])} % for {_tiles(high[0])} (chance {points(found.chance)} %). If all tiles "
        f"of an image vote by it, at best {with_interval(vote)} % of images are right, with "
        f"{_tiles(best)}{_PLACES[space]}. A trained classifier should do better."
    )


def _bounds(rows: Sequence[TileDimension]) -> str:
    vacuous = [row for row in rows if row.bound.vacuous]
    if not vacuous:
        return (
            "The worst-case bound: " + "; ".join(f"{_tiles(row)}: {row.bound.reason}" for row in rows) + "."
        )
    sizes = "tiles of any size" if len(vacuous) == len(rows) else ", ".join(map(_tiles, vacuous))
    first = min(vacuous, key=lambda row: row.input_dimension)
    return (
        f"The worst-case bound promises nothing for {sizes}: it would take "
        f"10^{first.bound.log10_tiles_to_halve:.0f} {_tiles(first)} to promise that the nearest is within half the "
        f"diameter of the cube, and there are {first.bound.tiles:,}."
    )


def _orders(beside: SideBySide) -> str:
    right = [row.by for row in beside.predicted if row.order == beside.order]
    wrong = [row.by for row in beside.predicted if row.order and row.order != beside.order]
    return (
        f"The comparison on {beside.data} at equal {beside.budget} ranks, best first, "
        f"{', '.join(map(tile_name, beside.order))}{_overlaps(beside)}. The same order is predicted by "
        f"{', '.join(right) or 'none of these figures'}; another by {', '.join(wrong) or 'none'}. Beware: "
        f"{beside.caveat}."
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


def _tiles(row: TileDimension) -> str:
    return "whole images" if row.tile is None else f"tiles of {counted(row.tile, 'pixel')}"


def _figure(found: Estimate) -> str:
    return with_interval(found, three_digits)


def _capital(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"
