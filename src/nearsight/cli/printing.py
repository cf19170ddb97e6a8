"""Lines and tables on stdout, for any command; it imports nothing of what they are about."""

import errno
import os
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from nearsight.progress.markup import unmarked


class _Printer(Console):
    """Leaves it to the command's boundary that nobody reads any more; Rich would end the process with 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def print_lines(lines: Sequence[str]) -> None:
    """Print lines of a result on stdout."""
    _Printer(highlight=False, soft_wrap=True).print("\n".join(unmarked(line) for line in lines))


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, whole: bool = False
) -> None:
    """Print a table of a result on stdout; the first column is text, the others are numbers.

    With `whole`, headings are broken before cells are.
    """
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        least = max((len(row[number]) for row in rows), default=0) if whole else None
        table.add_column(unmarked(column), justify="right" if number else "left", min_width=least)
    for row in rows:
        table.add_row(*(unmarked(cell) for cell in row))
    _Printer(highlight=False, width=_width()).print(table)


def _width() -> int | None:
    # A file or a pipe gets whole rows; only a terminal has a limited width.
    return None if sys.stdout.isatty() else 160


def width_of_output() -> int:
    """Return how many characters a line of a table may have."""
    return Console(width=_width()).width
