"""What was measured of a set's tiles as a page of Markdown, beside its numbers and its figure."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import get_args

from nearsight.dimension import Dimension, SideBySide, Space, TileDimension, Worth, tile_name
from nearsight.dimension.order import SizeAccuracy
from nearsight.dimension.words import number_range
from nearsight.report.dimension_chart import draw_dimension
from nearsight.report.markdown_rows import markdown_table
from nearsight.settings.protocols import scored_by
from nearsight.statistics.writing import MISSING, number, points, three_digits, whole, with_interval
from nearsight.write import write_text

MARKDOWN = "dimension.md"
FIGURE = "dimension.png"
VECTOR_FIGURE = "dimension.svg"


def write_dimension(dimension: Dimension, directory: str | Path) -> None:
    """Write dimension.json, dimension.md, dimension.png and dimension.svg, each whole or not at all."""
    dimension.save(directory)
    draw_dimension_pages(dimension, Path(directory))


def draw_dimension_pages(dimension: Dimension, directory: Path) -> list[Path]:
    """Write dimension.md, dimension.png and dimension.svg into a directory; return the paths."""
    figures = [directory / FIGURE, directory / VECTOR_FIGURE]
    draw_dimension(dimension, *figures)
    write_text(directory / MARKDOWN, dimension_markdown(dimension, FIGURE))
    return [directory / MARKDOWN, *figures]


def dimension_markdown(dimension: Dimension, picture: str) -> str:
    """Return the measurements as Markdown; `picture` is the name of the figure beside it."""
    sections = [
        [f"# {dimension.data}: the dimension of tiles, before any training"],
        [dimension.sentences()[0], "", *(f"- {sentence}" for sentence in dimension.sentences()[1:])],
        [f"![Figures against tile size]({picture})"],
        ["## Numbers", "", *_numbers(dimension)],
        ["## The bound", "", *_bound(dimension)],
    ]
    weighed = _examples(dimension)
    if weighed:
        sections.insert(4, ["## Tiles against images", "", *weighed])
    if dimension.comparison is not None:
        sections.append(["## Predicted and measured order", "", *_orders(dimension.comparison)])
    sections.append(["## How it was measured", "", *_method(dimension)])
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _numbers(found: Dimension) -> list[str]:
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
    return [
        "Figures with 95 % intervals over images; labels in per cent, where chance is "
        f"{points(found.chance)} and the commonest class {points(found.commonest)}. The last line is the "
        "dimension of normal and cube samples that give the estimate.",
        "",
        *_turned(found, cells),
    ]


def _examples(found: Dimension) -> list[str]:
    """Return a line for each number of tiles with the fewest images, and for the most tiles with more images."""
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
        return []
    embedding = "" if found.embedding is None else f" The embedding is that of {found.embedding}."
    return [
        "What several tiles of each of so many training images are worth: with one tile each, so many times the "
        "images cover as well (have the nearest tile as near), or by label have its label right as often. Copies of "
        "one tile would be worth 1, tiles as different as those of different images their number. Intervals, 95 %, "
        "are over test and training images; a dash is what could not be weighed, or is beyond all "
        f"images.{embedding}",
        "",
        *_turned(found, cells),
    ]


def _key(worth: Worth) -> tuple[int, int]:
    return round(worth.images), worth.tiles


def _bound(found: Dimension) -> list[str]:
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
    return [
        "error ≤ a + L · r, where r is the distance to the nearest training tile, by the bound for any distribution "
        "of independent tiles. a and L are read off the learning curve, and are estimates, not bounds.",
        "",
        *_turned(found, cells),
        "",
        *(f"- {', '.join(sizes)}: {reason}." for reason, sizes in reasons.items()),
    ]


def _orders(beside: SideBySide) -> list[str]:
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
    return [
        f"Measured on {beside.data}, per cent right (95 %): {', '.join(measured)}. {beside.caveat.capitalize()}.",
        "",
        *markdown_table(
            ["by", "order, best first", "rank correlation", "p"],
            [["measured accuracy", _listed(beside.order), "", ""], *rows],
        ),
    ]


def _scored(row: SizeAccuracy) -> str:
    # Files of the first versions do not say it.
    return "" if row.protocol is None else f" ({scored_by(row.protocol, None, row.stride)})"


def _method(found: Dimension) -> list[str]:
    lines = []
    for row in found.tiles:
        sampled = row.sampled
        lines.append(
            f"- {row.label}: {sampled.test_tiles:,} tiles of {sampled.test_images:,} {found.split} images against "
            f"{sampled.training_tiles:,} tiles of {sampled.training_images:,} training images; dimensions of "
            f"{row.dimension('two-nn').points:,} distinct tiles ({row.dimension('two-nn').repeated} repeated); "
            f"{row.seconds:.0f} s, {row.cpu_seconds:.0f} s of processor time."
        )
    return [*lines, *(f"- {note}." for note in found.notes)]


def _turned(found: Dimension, lines: Mapping[str, Sequence[str]]) -> list[str]:
    columns = ["tile", *(row.label for row in found.tiles)]
    return markdown_table(columns, [[name, *cells] for name, cells in lines.items()])


def _known(row: TileDimension) -> str:
    matching = row.dimension("levina-bickel").matching
    return number_range(matching) if matching else "–"


def _listed(tiles: tuple[int | None, ...]) -> str:
    return ", ".join(map(tile_name, tiles))
