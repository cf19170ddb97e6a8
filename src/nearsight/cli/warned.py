"""Warnings on the command line: one line for each, without the place in the code that gave it."""

import sys
import warnings
from typing import Any

from nearsight.errors import first_line, printable


def warn_in_one_line() -> None:
    """From here on, show each of Python's warnings once, as `warning: …` on stderr.

    Python's own form names a file and quotes a line of code, which looks like a fault.
    """
    told: set[str] = set()

    def show(message: Warning, category: Any, filename: str, lineno: int, *_: Any, **_more: Any) -> None:
        del category, filename, lineno
        said = printable(first_line(message))
        if said not in told:
            told.add(said)
            print(f"warning: {said}", file=sys.stderr)

    warnings.showwarning = show  # type: ignore[assignment]
