"""The page of a diagnosis: one file that a browser opens from disk, offline."""

from pathlib import Path

from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.errors.part import ERRORS_SHOWN
from nearsight.report.page.class_rows import class_rows
from nearsight.report.page.drawing import Drawing
from nearsight.report.page.environment import render, render_section
from nearsight.write import write_text


def write_diagnosis_page(diagnosis: Diagnosis, path: Path, *, shown: int = ERRORS_SHOWN) -> None:
    """Write the page of a diagnosis to a file, whole or not at all.

    >>> write_diagnosis_page(diagnosis, Path("report.html"))  # doctest: +SKIP

    The file needs nothing beside it. At most `shown` misclassified images are shown, the costliest; what is
    left out is counted on the page, and the tables of the diagnosis hold it. Raises what `write_text` raises.
    """
    write_text(path, diagnosis_html(diagnosis, shown=shown))


def diagnosis_html(diagnosis: Diagnosis, *, shown: int = ERRORS_SHOWN) -> str:
    """Return the page of a diagnosis as HTML text; `shown` as for `write_diagnosis_page`."""
    drawing = Drawing(diagnosis, shown)
    # Sections first: what they drew is among the page's data.
    sections = {
        part.name: render_section(
            part.package, found=diagnosis[part.name], about=diagnosis, draw=drawing, classes=diagnosis.classes
        )
        for part in diagnosis.asked
        if part.name in diagnosis
    }
    return render(
        "diagnosis.html.j2",
        diagnosis=diagnosis,
        classes=diagnosis.classes,
        rows=class_rows(diagnosis),
        sections=sections,
        data=drawing.data(),
    )
