"""The one error for bad input, and how it proposes the way out."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

# Letters of a message; one that names very much is cut in the middle.
_LONGEST_LINE = 1500


class InputError(ValueError):
    """Bad input from the user: one line that says what came, what was expected and what to do instead.

    >>> from nearsight.settings import Machine
    >>> try:
    ...     Machine(log=("wandd",))
    ... except InputError as error:
    ...     print(error)
    unknown log 'wandd'; did you mean 'wandb'? known: mlflow, wandb

    A message names a parameter as in Python, in backticks: `out`, `resume=True`, `tiles=[8, 16, None]`. The
    command line replaces these by its own options, prints one line and exits with code 2. Whatever a message
    names, such as a file in another encoding, it is one line that can be printed.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


def printable(text: str) -> str:
    """Return text as one printable line of limited length; what is not a letter is written as Python does.

    >>> printable("a\\x1b[31m\\ud800.png")
    'a\\\\x1b[31m\\\\ud800.png'
    """
    line = " ".join(text.split())
    if not line.isprintable():
        line = "".join(
            each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in line
        )
    return (
        line
        if len(line) <= _LONGEST_LINE
        else f"{line[: _LONGEST_LINE // 2]} … {line[-_LONGEST_LINE // 3 :]}"
    )


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its name if it has no message.

    >>> first_line(ValueError("no such size.\\nTry another.")), first_line(AssertionError())
    ('no such size', 'AssertionError')
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def shortened(text: str, most: int = 80) -> str:
    """Return text of at most so many letters, which shows whether it was cut.

    >>> shortened("ostrich", 20), shortened("a stranger far too long to be named", 20)
    ('ostrich', 'a stranger far too …')
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"


def listed(names: Iterable[str], most: int = 5, *, count: int | None = None) -> str:
    """List names as messages do: the first few, and how many more there are.

    >>> listed(["a", "b", "c"], most=2), listed((f"{row}.png" for row in range(10**18)), count=10**18)
    ('a, b and 1 more', '0.png, 1.png, 2.png, 3.png, 4.png and 999,999,999,999,999,995 more')

    If `count` says how many there are, no others are made than those that are listed.
    """
    names = [*names] if count is None else [*islice(names, most)]
    more = (len(names) if count is None else count) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InputError:
    """Return the error for a name that does not exist, with the nearest one that does.

    >>> print(unknown_name("model", "resnt18", ["resnet18", "airbench"]))
    unknown model 'resnt18'; did you mean 'resnet18'? known: airbench, resnet18
    """
    names = sorted(known)
    name = shortened(name)
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return InputError(f"unknown {kind} '{name}'; {hint}known: {listed(names, 20) or 'none'}")
