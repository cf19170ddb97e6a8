"""Pages of what was found: one self-contained HTML file each."""

from nearsight.report.page.comparison_page import write_comparison_page
from nearsight.report.page.diagnosis_page import write_diagnosis_page
from nearsight.report.page.dimension_page import write_dimension_page
from nearsight.report.page.repair_page import write_repair_page
from nearsight.report.page.run_page import write_run_page

__all__ = [
    "write_comparison_page",
    "write_diagnosis_page",
    "write_dimension_page",
    "write_repair_page",
    "write_run_page",
]
