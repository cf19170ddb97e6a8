"""Text of others on a terminal: nothing in it is treated as markup, or controls the terminal."""

import re

from rich.markup import escape

# Control characters, characters that change the direction of writing, and surrogates, as in names that are not
# UTF-8.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def unmarked(text: str) -> str:
    """Return text as rich prints it letter by letter, whatever is in the names of files and classes.

    >>> unmarked(f"[red] cat {chr(27)}[2J")
    '\\\\[red] cat \\\\x1b[2J'
    """
    return escape(_STEERING.sub(lambda found: ascii(found[0])[1:-1], text))
