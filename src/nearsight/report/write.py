"""What is written of a comparison, beside its runs, and of a diagnosis."""

from pathlib import Path

from nearsight.diagnosis import Diagnosis
from nearsight.report.accuracy_chart import draw_accuracy
from nearsight.report.comparison_text import comparison_markdown
from nearsight.report.page import write_comparison_page, write_diagnosis_page
from nearsight.study import Comparison
from nearsight.write import write_text

MARKDOWN = "comparison.md"
FIGURE = "accuracy.png"
VECTOR_FIGURE = "accuracy.svg"
PAGE = "report.html"


def write_comparison(comparison: Comparison, directory: Path) -> list[Path]:
    """Write comparison.md, accuracy.png, accuracy.svg and report.html into a directory; return the paths.

    Each is written whole or not at all.
    """
    directory = Path(directory)
    figures = [directory / FIGURE, directory / VECTOR_FIGURE]
    draw_accuracy(comparison, *figures)
    write_text(directory / MARKDOWN, comparison_markdown(comparison, FIGURE))
    write_comparison_page(comparison, directory)
    return [directory / PAGE, directory / MARKDOWN, *figures]


def write_diagnosis(diagnosis: Diagnosis, directory: str | Path) -> None:
    """Write report.html, diagnosis.json and the tables into a directory, each whole or not at all."""
    diagnosis.save(directory)
    write_diagnosis_page(diagnosis, Path(directory) / PAGE)
