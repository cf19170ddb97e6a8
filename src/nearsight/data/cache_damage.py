"""What `datasets` has cached of a set but can no longer read."""

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb

from nearsight.errors import InputError, first_line


@contextmanager
def told_of_damage() -> Iterator[None]:
    """Turn errors of `datasets` about its own files into an `InputError` that says what to remove.

    Arrow's errors, and those of JSON, are `OSError`s without a number and `ValueError`s; they count if `datasets`
    is among those that raised them. All others pass.
    """
    try:
        yield
    except (OSError, ValueError) as fault:
        if isinstance(fault, InputError) or not _is_damage(fault):
            raise
        from datasets import config

        raise InputError(
            f"the cache of sets is damaged ({first_line(fault)}); remove {config.HF_DATASETS_CACHE}, which is made "
            "again, or set HF_DATASETS_CACHE to another directory"
        ) from fault


def _is_damage(fault: OSError | ValueError) -> bool:
    if isinstance(fault, OSError) and fault.errno is not None:
        return False
    frames = (frame.f_globals.get("__name__", "") for frame, _ in walk_tb(fault.__traceback__))
    return any(name.partition(".")[0] == "datasets" for name in frames)
