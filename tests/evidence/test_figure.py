"""Figures say nothing of letters that their font lacks, whoever draws them, and every figure is such a one."""

import re
import warnings
from io import BytesIO
from pathlib import Path

import pytest
from matplotlib.text import Text

import nearsight
from nearsight.evidence.figure import NotebookFigure

# Chinese, Hindi, Thai, Arabic, an emoji, and one that steers a terminal.
NAMES = "猫 कुत्ता ไทย قطة 🐈 \x7f"


@pytest.mark.parametrize("layout", ["constrained", None])
def test_letters_that_the_font_lacks_are_no_warning(layout: str | None) -> None:
    figure = NotebookFigure(figsize=(2, 2), layout=layout)
    axes = figure.subplots()
    axes.set_title(NAMES, parse_math=False)
    axes.plot([0, 1], label=NAMES)
    axes.legend()
    figure.subfigures().suptitle(NAMES)
    for kind in ("png", "svg", "pdf"):
        figure.savefig(BytesIO(), format=kind, bbox_inches="tight")
        figure.savefig(BytesIO(), format=kind)
    figure.draw_without_rendering()
    figure.canvas.draw()
    assert figure.get_tightbbox().height > 0
    assert figure.png().startswith(b"\x89PNG")


def test_other_warnings_are_said() -> None:
    figure = NotebookFigure()
    figure.add_artist(_Warning())
    with pytest.warns(UserWarning, match="something else"):
        figure.png()


class _Warning(Text):
    def draw(self, renderer: object) -> None:  # noqa: ARG002
        warnings.warn("something else", UserWarning, stacklevel=1)


def test_every_figure_of_the_package_is_such_a_one() -> None:
    package = Path(nearsight.__file__).parent
    made = re.compile(r"(?<![A-Za-z])Figure\(|pyplot")
    places = [place for place in package.rglob("*.py") if made.search(place.read_text(encoding="utf-8"))]
    assert not places
