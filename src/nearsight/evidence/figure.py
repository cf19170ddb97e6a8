"""The one kind of figure that is drawn here."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from matplotlib.figure import Figure

_ABOUT_NAMES = "|".join(
    (r"Glyph \d+ .* missing from", "Matplotlib currently does not support", "constrained_layout not applied")
)


class NotebookFigure(Figure):
    """A figure that a notebook shows, whether or not matplotlib's notebook mode is on.

    It is drawn without any global state of matplotlib, so it is shown once and need not be closed. Letters of names
    that its font lacks are drawn as boxes, and names that leave no room overlap, without a warning for each of them,
    whoever draws it.
    """

    def png(self, dpi: int | None = None) -> bytes:
        """Return the figure as the bytes of a PNG, with this many dots per inch."""
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=dpi or self.dpi)
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        return self.png()

    def draw(self, renderer: Any) -> None:
        """Draw the figure, as a canvas asks."""
        with _without_words():
            super().draw(renderer)

    def get_tightbbox(self, *arguments: Any, **options: Any) -> Any:
        """Return what the drawn figure covers, as a notebook asks before it draws."""
        with _without_words():
            return super().get_tightbbox(*arguments, **options)


@contextmanager
def _without_words() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", _ABOUT_NAMES, UserWarning)
        yield
