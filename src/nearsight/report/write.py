"""A comparison's report: Markdown and the figure, beside its runs."""

from pathlib import Path

from nearsight.report.accuracy_figure import draw_accuracy
from nearsight.report.comparison_markdown import comparison_markdown
from nearsight.study import Comparison
from nearsight.write import write_text

MARKDOWN = "comparison.md"
FIGURE = "accuracy.png"
VECTOR_FIGURE = "accuracy.svg"


def write_comparison(comparison: Comparison, directory: Path) -> None:
    """Write comparison.md, accuracy.png and accuracy.svg into a directory, each whole or not at all."""
    directory = Path(directory)
    draw_accuracy(comparison, directory / FIGURE, directory / VECTOR_FIGURE)
    write_text(directory / MARKDOWN, comparison_markdown(comparison, FIGURE))
