"""The one error for bad input, and how it proposes the mend."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """Bad input from the user: one line that says what came, what was expected and the way out.

    A message names a parameter as Python does, in backticks: `out`, `resume=True`, `tiles=[8, 16, None]`. The command
    line writes its own options in their place, prints one line and exits with code 2.
    """


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its name where it says nothing.

    >>> first_line(ValueError("no such size.\\nTry another.")), first_line(AssertionError())
    ('no such size', 'AssertionError')
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InputError:
    """Return the error for a name that does not exist, with the nearest one that does.

    >>> print(unknown_name("model", "resnt18", ["resnet18", "airbench"]))
    unknown model 'resnt18'; did you mean 'resnet18'? known: airbench, resnet18
    """
    names = sorted(known)
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    listed = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return InputError(f"unknown {kind} '{name}'; {hint}known: {listed or 'none'}")
