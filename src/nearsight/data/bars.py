"""The bars that `datasets` and the hub's client draw while they read and download, and what they log."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


def can_redraw() -> bool:
    """Return whether a bar can be drawn: on a terminal and in a notebook; in a log, each update would be a line."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


@contextmanager
def without_bars() -> Iterator[None]:
    """Keep the libraries that read data from drawing bars, and restore their setting afterwards."""
    import datasets
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    libraries = (
        (datasets.are_progress_bars_disabled, datasets.enable_progress_bars, datasets.disable_progress_bars),
        (are_progress_bars_disabled, enable_progress_bars, disable_progress_bars),
    )
    drawn = [(enable, disable) for disabled, enable, disable in libraries if not disabled()]
    for _, disable in drawn:
        disable()
    try:
        yield
    finally:
        for enable, _ in drawn:
            enable()


@contextmanager
def without_logs() -> Iterator[None]:
    """Keep `datasets` from also logging what it raises, and restore its setting afterwards."""
    import logging

    logger = logging.getLogger("datasets")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)
