"""Figures and pages of what was found."""

from nearsight.report.accuracy_figure import accuracy_figure, draw_accuracy
from nearsight.report.comparison_markdown import comparison_markdown
from nearsight.report.write import write_comparison

__all__ = ["accuracy_figure", "comparison_markdown", "draw_accuracy", "write_comparison"]
