"""What was measured of a set's tiles as sections of text and tables, which pages show beside the figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import get_args

from nearsight.dimension import Dimension, SideBySide, Space, TileDimension, Worth, tile_name
from nearsight.dimension.order import SizeAccuracy
from nearsight.dimension.words import number_range
from nearsight.report.markdown_rows import markdown_table
from nearsight.settings.protocols import scored_by
from nearsight.statistics.writing import MISSING, number, points, three_digits, whole, with_interval


@dataclass(frozen=True)
class Section:
    """A part of what was measured: a heading, a paragraph, a table of text, and sentences for a list."""

    title: str
    text: str = ""
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    sentences: Sequence[str] = ()

    def markdown(self) -> str:
        """Return the section as Markdown.

        >>> print(Section("Method", "How.", sentences=("Once.",)).markdown())
        ## Method
        <BLANKLINE>
        How.
        <BLANKLINE>
        - Once.
        """
        table = "\n".join(markdown_table(self.columns, self.rows)) if self.columns else ""
        listed = "\n".join(f"- {sentence}" for sentence in self.sentences)
        return "\n\n".join(filter(None, (f"## {self.title}", self.text, table, listed)))


def dimension_title(dimension: Dimension) -> str:
    """Return the title of what is written about the dimensions of a set's tiles."""
    return f"{dimension.data}: the dimension of tiles, before any training"


def dimension_markdown(dimension: Dimension, picture: str) -> str:
    """Return the measurements as Markdown; `picture` is the name of the figure beside it."""
    first, *others = dimension.sentences()
    parts = [
        f"# {dimension_title(dimension)}",
        "\n".join([first, "", *(f"- {sentence}" for sentence in others)]),
        f"![Figures against tile size]({picture})",
        *(section.markdown() for section in dimension_sections(dimension)),
    ]
    return "\n\n".join(parts) + "\n"


def dimension_sections(dimension: Dimension) -> list[Section]:
    """Return the numbers of all tile sizes, the bound, and how they were measured.

    >>> [section.title for section in dimension_sections(Dimension.load("docs/results/dimension/cifar10"))][:2]
    ['Numbers', 'The bound']
    """
    beside = dimension.comparison
    sections = [
        _numbers(dimension),
        _examples(dimension),
        _bound(dimension),
        None if beside is None else _orders(beside),
        _method(dimension),
    ]
    return [section for section in sections if section is not None]


def _numbers(found: Dimension) -> Section:
    rows = found.tiles
    cells = {
        "input dimension": [f"{row.input_dimension:,}" for row in rows],
        "tiles": [f"{row.tiles:,}" for row in rows],
    }
    for space in get_args(Space):
        covered = [row.coverage[space] for row in rows]
        cells |= {
            f"independent tiles whose mean varies as much, {space}": [
                with_interval(row.effective[space], whole) for row in rows
            ],
            f"levina-bickel, {space}": [
                with_interval(row.dimension("levina-bickel", space).estimate, three_digits) for row in rows
            ],
            f"two-nn, {space}": [
                with_interval(row.dimension("two-nn", space).estimate, three_digits) for row in rows
            ],
            f"nearest over random distance, {space}": [
                with_interval(row.relative, partial(number, decimals=3)) for row in covered
            ],
            f"slope, {space}": [with_interval(row.slope, partial(number, decimals=4)) for row in covered],
            f"label right, one tile, {space}": [with_interval(row.tile_agreement) for row in covered],
            f"label right, vote of an image, {space}": [
                with_interval(row.image_agreement) for row in covered
            ],
        }
    cells["levina-bickel, raw, by known samples"] = [_known(row) for row in rows]
    return Section(
        "Numbers",
        "Figures with 95 % intervals over images; labels in per cent, where chance is "
        f"{points(found.chance)} and the commonest class {points(found.commonest)}. The last line is the "
        "dimension of normal and cube samples that give the estimate.",
        *_turned(found, cells),
    )


def _examples(found: Dimension) -> Section | None:
    """Return a line for each number of tiles with the fewest images, and for the most tiles with more images.

    None if nothing was weighed.
    """
    cells: dict[str, list[str]] = {}
    places = list(dict.fromkeys(place for row in found.tiles for place in row.examples))
    for place, measure in product(places, ("by_distance", "by_label")):
        by_size = [{_key(worth): worth for worth in row.examples[place].worth} for row in found.tiles]
        keys = sorted({key for of_size in by_size for key in of_size}, key=lambda key: (key[1], key[0]))
        if not keys:
            continue
        least, most = min(images for images, _ in keys), max(tiles for _, tiles in keys)
        for key in keys:
            images, tiles = key
            if images == least or tiles == most:
                name = (
                    f"{tiles} of each of {images:,}, {place}{', by label' if measure == 'by_label' else ''}"
                )
                line = [
                    with_interval(getattr(of_size[key], measure), three_digits) if key in of_size else MISSING
                    for of_size in by_size
                ]
                if set(line) != {MISSING}:
                    cells[name] = line
    if not cells:
        return None
    embedding = "" if found.embedding is None else f" The embedding is that of {found.embedding}."
    return Section(
        "Tiles against images",
        "What several tiles of each of so many training images are worth: with one tile each, so many times the "
        "images cover as well (have the nearest tile as near), or by label have its label right as often. Copies of "
        "one tile would be worth 1, tiles as different as those of different images their number. Intervals, 95 %, "
        "are over test and training images; a dash is what could not be weighed, or is beyond all "
        f"images.{embedding}",
        *_turned(found, cells),
    )


def _key(worth: Worth) -> tuple[int, int]:
    return round(worth.images), worth.tiles


def _bound(found: Dimension) -> Section:
    bounds = [row.bound for row in found.tiles]
    reasons: dict[str, list[str]] = {}
    for row in found.tiles:
        reasons.setdefault(row.bound.reason, []).append(row.label)
    cells = {
        "distance by the bound over diameter": [f"{bound.radius / bound.diameter:.3g}" for bound in bounds],
        "tiles for half the diameter": [f"10^{bound.log10_tiles_to_halve:.0f}" for bound in bounds],
        "times the images to halve it": [f"10^{bound.log10_images_factor:.0f}" for bound in bounds],
        "a: error at distance zero": [with_interval(bound.limit, three_digits) for bound in bounds],
        "L: error a unit of distance": [with_interval(bound.smoothness, three_digits) for bound in bounds],
        "vacuous": ["yes" if bound.vacuous else "no" for bound in bounds],
    }
    return Section(
        "The bound",
        "error ≤ a + L · r, where r is the distance to the nearest training tile, by the bound for any distribution "
        "of independent tiles. a and L are read off the learning curve, and are estimates, not bounds.",
        *_turned(found, cells),
        [f"{', '.join(sizes)}: {reason}." for reason, sizes in reasons.items()],
    )


def _orders(beside: SideBySide) -> Section:
    measured = [
        f"{tile_name(row.tile)}{_scored(row)}: {points(row.value)} ({points(row.low)} to {points(row.high)})"
        for row in beside.measured
    ]
    rows = [
        [row.by, _listed(row.order) or "–", number(row.correlation), f"{row.p:.2f}"]
        if row.correlation is not None and row.p is not None
        else [row.by, "–", "–", row.reason or ""]
        for row in beside.predicted
    ]
    return Section(
        "Predicted and measured order",
        f"Measured on {beside.data}, per cent right (95 %): {', '.join(measured)}. {beside.caveat.capitalize()}.",
        ["by", "order, best first", "rank correlation", "p"],
        [["measured accuracy", _listed(beside.order), "", ""], *rows],
    )


def _scored(row: SizeAccuracy) -> str:
    # Files of the first versions do not say it.
    return "" if row.protocol is None else f" ({scored_by(row.protocol, None, row.stride)})"


def _method(found: Dimension) -> Section:
    lines = []
    for row in found.tiles:
        sampled = row.sampled
        lines.append(
            f"{row.label}: {sampled.test_tiles:,} tiles of {sampled.test_images:,} {found.split} images against "
            f"{sampled.training_tiles:,} tiles of {sampled.training_images:,} training images; dimensions of "
            f"{row.dimension('two-nn').points:,} distinct tiles ({row.dimension('two-nn').repeated} repeated); "
            f"{row.seconds:.0f} s, {row.cpu_seconds:.0f} s of processor time."
        )
    return Section("How it was measured", sentences=[*lines, *(f"{note}." for note in found.notes)])


def _turned(found: Dimension, lines: Mapping[str, Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Return the columns of a table, a column for each tile size, and its rows."""
    columns = ["tile", *(row.label for row in found.tiles)]
    return columns, [[name, *cells] for name, cells in lines.items()]


def _known(row: TileDimension) -> str:
    matching = row.dimension("levina-bickel").matching
    return number_range(matching) if matching else "–"


def _listed(tiles: tuple[int | None, ...]) -> str:
    return ", ".join(map(tile_name, tiles))
