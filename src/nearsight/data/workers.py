"""Processes that decode images: what is said when one of them ends on the way."""

from collections.abc import Iterator
from contextlib import contextmanager

from nearsight.errors import InputError

# How PyTorch's loader begins what it raises then.
_ENDED = "DataLoader worker"


@contextmanager
def told_of_workers() -> Iterator[None]:
    """Turn the end of a process that decodes images into an `InputError` that says what can be done.

    >>> with told_of_workers():
    ...     raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    nearsight.errors.InputError: a process that decodes images has ended (DataLoader worker (pid 7) is killed ...
    """
    try:
        yield
    except RuntimeError as error:
        said = str(error).strip().splitlines()[0] if str(error).strip() else ""
        if not said.startswith(_ENDED):
            raise
        raise InputError(
            f"a process that decodes images has ended ({said}); give fewer, or `workers=0`, as where memory is "
            "short; and put what a script does under `if __name__ == '__main__':`, as each process runs it anew"
        ) from error
