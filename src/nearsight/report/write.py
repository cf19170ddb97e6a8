"""What is written about a comparison and a repair, beside their runs, and about a diagnosis and dimensions."""

from pathlib import Path

from nearsight.diagnosis import DIAGNOSIS, Diagnosis
from nearsight.dimension import Dimension
from nearsight.repair.repairing import DIAGNOSED
from nearsight.repair.result import Repair
from nearsight.report.accuracy_chart import draw_accuracy
from nearsight.report.comparison_text import comparison_markdown
from nearsight.report.dimension_chart import draw_dimension
from nearsight.report.dimension_text import dimension_markdown
from nearsight.report.figure_file import save_figure
from nearsight.report.on_tiles_chart import on_tiles_figure
from nearsight.report.page import (
    write_comparison_page,
    write_diagnosis_page,
    write_dimension_page,
    write_repair_page,
)
from nearsight.report.repair_chart import draw_repair
from nearsight.study import Comparison
from nearsight.write import write_text

MARKDOWN = "comparison.md"
FIGURE = "accuracy.png"
VECTOR_FIGURE = "accuracy.svg"
ON_TILES, VECTOR_ON_TILES = "on-tiles.png", "on-tiles.svg"
DIMENSION_MARKDOWN = "dimension.md"
DIMENSION_FIGURE, VECTOR_DIMENSION_FIGURE = "dimension.png", "dimension.svg"
PAGE = "report.html"


def write_comparison(comparison: Comparison, directory: Path) -> list[Path]:
    """Write comparison.md, accuracy.png, accuracy.svg and report.html into a directory; return the paths.

    If arms of whole images were asked about tiles, on-tiles.png and on-tiles.svg are written too. Each is written
    whole or not at all.
    """
    directory = Path(directory)
    figures = [directory / FIGURE, directory / VECTOR_FIGURE]
    draw_accuracy(comparison, *figures)
    if comparison.on_tiles:
        figure = on_tiles_figure(comparison.on_tiles, comparison.data)
        figures += [directory / ON_TILES, directory / VECTOR_ON_TILES]
        for path in figures[-2:]:
            save_figure(figure, path)
    write_text(directory / MARKDOWN, comparison_markdown(comparison, FIGURE, ON_TILES))
    write_comparison_page(comparison, directory)
    return [directory / PAGE, directory / MARKDOWN, *figures]


def write_diagnosis(diagnosis: Diagnosis, directory: str | Path) -> None:
    """Write report.html, diagnosis.json and the tables into a directory, each whole or not at all."""
    diagnosis.save(directory)
    write_diagnosis_page(diagnosis, Path(directory) / PAGE)


def write_dimension(dimension: Dimension, directory: str | Path) -> None:
    """Write dimension.json, report.html, dimension.md and the figure, each whole or not at all."""
    dimension.save(directory)
    draw_dimension_pages(dimension, Path(directory))


def draw_dimension_pages(dimension: Dimension, directory: Path) -> list[Path]:
    """Write report.html, dimension.md, dimension.png and dimension.svg into a directory; return the paths."""
    figures = [directory / DIMENSION_FIGURE, directory / VECTOR_DIMENSION_FIGURE]
    draw_dimension(dimension, *figures)
    write_text(directory / DIMENSION_MARKDOWN, dimension_markdown(dimension, DIMENSION_FIGURE))
    write_dimension_page(dimension, directory / PAGE)
    return [directory / PAGE, directory / DIMENSION_MARKDOWN, *figures]


def write_repair(repair: Repair, directory: str | Path) -> None:
    """Write repair.json, its pictures, report.html and the figure into a directory, each whole or not at all.

    If the diagnosis that chose is there, it gets its page too.
    """
    directory = Path(directory)
    repair.save(directory)
    write_what_chose(directory)
    draw_repair_pages(repair, directory)


def write_what_chose(directory: Path) -> None:
    """Write report.html of the diagnosis that chose what is repaired, if a repair's directory contains one."""
    chosen_by = directory / DIAGNOSED
    if (chosen_by / DIAGNOSIS).is_file():
        write_diagnosis_page(Diagnosis.load(chosen_by), chosen_by / PAGE)


def draw_repair_pages(repair: Repair, directory: Path, place: Path | None = None) -> list[Path]:
    """Write report.html and the figure of a repair into a directory, each whole or not at all; return the paths.

    `place` is where they will be, if that is another directory.
    """
    figures = [directory / FIGURE, directory / VECTOR_FIGURE]
    draw_repair(repair, *figures)
    write_repair_page(repair, directory / PAGE, place)
    return [directory / PAGE, *figures]
