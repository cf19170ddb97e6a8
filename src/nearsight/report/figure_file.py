"""A figure in a file, whole or not at all, or in a page: always the same bytes."""

import base64
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from nearsight.write import replace_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(figure: "Figure", path: Path, *, dpi: int = 160) -> None:
    """Write a figure as PNG or SVG by its suffix; raises where `replace_atomically` does."""
    import matplotlib

    # The same figure gives the same bytes: no random ids, no date.
    with matplotlib.rc_context({"svg.hashsalt": "nearsight", "svg.fonttype": "none"}):
        date = {"Date": None} if path.suffix == ".svg" else {}
        with replace_atomically(path) as temporary, _without_words():
            figure.savefig(temporary, dpi=dpi, metadata=date)


def figure_uri(figure: "Figure") -> str:
    """Return a figure as the data URI of an SVG, for a page."""
    import matplotlib

    buffer = BytesIO()
    # Letters as shapes, because the page must look the same without the figure's font.
    with matplotlib.rc_context({"svg.hashsalt": "nearsight", "svg.fonttype": "path"}), _without_words():
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


@contextmanager
def _without_words() -> Iterator[None]:
    """While entered, names with letters that the font lacks, which are drawn as boxes, are not warned about."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", r"Glyph \d+ .* missing from|Matplotlib currently does not support", UserWarning
        )
        yield
