"""The page of a diagnosis: one file that a browser opens from disk, offline."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.errors.part import ERRORS_SHOWN
from nearsight.diagnosis.part import Part
from nearsight.report.page.class_rows import class_rows
from nearsight.report.page.drawing import Drawing
from nearsight.report.page.environment import has_template, render, render_part
from nearsight.report.page.going_on import after_diagnosis
from nearsight.write import write_text

if TYPE_CHECKING:
    from markupsafe import Markup

# The templates in a part's folder: its section and, if there is one, what it shows on the first screen.
SECTION, FIRST = "section.html.j2", "first.html.j2"


def write_diagnosis_page(diagnosis: Diagnosis, path: Path) -> None:
    """Write the page of a diagnosis to a file, whole or not at all.

    >>> write_diagnosis_page(diagnosis, Path("report.html"))  # doctest: +SKIP

    The file needs no other files. Raises where `write_text` does.
    """
    write_text(path, diagnosis_html(diagnosis))


def diagnosis_html(diagnosis: Diagnosis, *, shown: int = ERRORS_SHOWN) -> str:
    """Return the page of a diagnosis as HTML text.

    At most `shown` misclassified images are shown, the costliest; the page counts the others, and the tables of
    the diagnosis hold them.
    """
    drawing = Drawing(diagnosis, shown)
    found = [part for part in diagnosis.asked if part.name in diagnosis]

    def rendered(part: Part[Any, Any], template: str) -> "Markup":
        values = {"found": diagnosis[part.name], "about": diagnosis, "draw": drawing}
        return render_part(part.package, template, **values, classes=diagnosis.classes)

    # Before the page, because what they drew is among its data.
    first = {part.name: rendered(part, FIRST) for part in found if has_template(part.package, FIRST)}
    sections = {part.name: rendered(part, SECTION) for part in found}
    return render(
        "diagnosis.html.j2",
        diagnosis=diagnosis,
        classes=diagnosis.classes,
        rows=class_rows(diagnosis),
        names=_names(diagnosis),
        first=first,
        sections=sections,
        data=drawing.data(),
        steps=after_diagnosis(diagnosis),
    )


def _names(diagnosis: Diagnosis) -> list[str]:
    """Return the sections in order: those of the parts, and among them the classes, which lead to their reasons."""
    names = ["summary", *(part.name for part in diagnosis.asked), "method"]
    told = [number for number, name in enumerate(names) if name in ("reasons", "errors")]
    return [*names[: told[0]], "classes", *names[told[0] :]] if told else names
