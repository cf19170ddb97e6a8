"""Figures and pages of what was found."""

from nearsight.report.accuracy_figure import accuracy_figure, draw_accuracy
from nearsight.report.comparison_markdown import comparison_markdown
from nearsight.report.heatmap import Heatmap, Heatmaps
from nearsight.report.make_heatmaps import make_heatmaps
from nearsight.report.write import write_comparison

__all__ = [
    "Heatmap",
    "Heatmaps",
    "accuracy_figure",
    "comparison_markdown",
    "draw_accuracy",
    "make_heatmaps",
    "write_comparison",
]
