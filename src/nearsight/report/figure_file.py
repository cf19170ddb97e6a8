"""A figure in a file, whole or not at all, or in a page: always the same bytes."""

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from nearsight.write import replace_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What the date of a figure is called in its file.
_DATES = {".svg": "Date", ".pdf": "CreationDate"}
_NOW = "SOURCE_DATE_EPOCH"


def save_figure(figure: "Figure", path: Path, *, dpi: int = 160) -> None:
    """Write a figure as PNG, SVG or PDF by its suffix; raises where `replace_atomically` does."""
    import matplotlib

    # The same figure gives the same bytes: no random ids, no date.
    with matplotlib.rc_context({"svg.hashsalt": "nearsight", "svg.fonttype": "none"}):
        date = {_DATES[path.suffix]: None} if path.suffix in _DATES else {}
        with replace_atomically(path) as temporary, _outside_time():
            figure.savefig(temporary, dpi=dpi, metadata=date)


def figure_uri(figure: "Figure") -> str:
    """Return a figure as the data URI of an SVG, for a page."""
    import matplotlib

    buffer = BytesIO()
    # Letters as shapes, because the page must look the same without the figure's font.
    with matplotlib.rc_context({"svg.hashsalt": "nearsight", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


@contextmanager
def _outside_time() -> Iterator[None]:
    """While entered, fonts in a PDF have no date either; what the environment says of it may even be no number."""
    before = os.environ.get(_NOW)
    os.environ[_NOW] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_NOW]
        else:
            os.environ[_NOW] = before
