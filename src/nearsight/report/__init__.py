"""Figures and pages of what was found."""

from nearsight.report.accuracy_chart import accuracy_figure, draw_accuracy
from nearsight.report.comparison_text import comparison_markdown
from nearsight.report.dimension_chart import dimension_figure, draw_dimension
from nearsight.report.dimension_text import dimension_markdown
from nearsight.report.heatmap import Heatmap, Heatmaps
from nearsight.report.heatmap_making import make_heatmaps
from nearsight.report.page.demo_page import Demonstration
from nearsight.report.redrawing import redraw
from nearsight.report.repair_chart import draw_repair, repair_figure
from nearsight.report.verifying import Checked, Verified, verify_files
from nearsight.report.write import (
    PAGE,
    write_comparison,
    write_diagnosis,
    write_dimension,
    write_repair,
    write_what_chose,
)

__all__ = [
    "PAGE",
    "Checked",
    "Demonstration",
    "Heatmap",
    "Heatmaps",
    "Verified",
    "accuracy_figure",
    "comparison_markdown",
    "dimension_figure",
    "dimension_markdown",
    "draw_accuracy",
    "draw_dimension",
    "draw_repair",
    "make_heatmaps",
    "redraw",
    "repair_figure",
    "verify_files",
    "write_comparison",
    "write_diagnosis",
    "write_dimension",
    "write_repair",
    "write_what_chose",
]
