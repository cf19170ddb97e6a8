"""The page of the dimensions of a set's tiles: what was found in sentences, the figure, and the tables."""

from pathlib import Path

from nearsight.dimension import Dimension
from nearsight.report.dimension_chart import dimension_figure
from nearsight.report.dimension_text import dimension_sections, dimension_title
from nearsight.report.figure_file import figure_uri
from nearsight.report.page.environment import render
from nearsight.report.page.going_on import after_dimension
from nearsight.write import write_text


def write_dimension_page(dimension: Dimension, path: Path) -> None:
    """Write the page of the dimensions of a set's tiles to a file, whole or not at all.

    >>> write_dimension_page(Dimension.load("docs/results/dimension/cifar10"), Path("a.html"))  # doctest: +SKIP

    It holds what dimension.md holds, and the figure, in one file that loads nothing. Raises where `write_text` does.
    """
    lead, *sentences = dimension.sentences()
    page = render(
        "dimension.html.j2",
        title=dimension_title(dimension),
        lead=lead,
        sentences=sentences,
        sections=dimension_sections(dimension),
        picture=figure_uri(dimension_figure(dimension)),
        command=dimension.command,
        steps=after_dimension(dimension),
    )
    write_text(path, page)
