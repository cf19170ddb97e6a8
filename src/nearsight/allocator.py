"""The memory allocator of the process: freed memory is kept for the next step, not handed back to the system."""

import ctypes
import os

# From glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_OWN_SETTINGS = ("GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_")

_kept = False


def keep_freed_memory() -> bool:
    """Let the process keep the memory that it frees, and say whether it will.

    >>> keep_freed_memory() in (True, False)
    True

    glibc hands large tensors back to the system as soon as they are freed, and in the next step the system finds
    and clears every page again: a quarter of a step of 2,000 images of 32×32 pixels. Kept memory is used again;
    the process holds its peak until it ends. The command line does this, because the process is its own. From
    Python you decide, because it applies to the whole process.

    Returns False, and changes nothing, with another C library (macOS, musl), or if the environment sets glibc's
    allocator itself (`GLIBC_TUNABLES`, `MALLOC_TRIM_THRESHOLD_`, `MALLOC_MMAP_MAX_`, `MALLOC_MMAP_THRESHOLD_`).

    Source: mallopt(3); `M_TRIM_THRESHOLD` -1 never shrinks the heap, `M_MMAP_MAX` 0 puts large blocks into it.
    """
    global _kept
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None and not any(name in os.environ for name in _OWN_SETTINGS):
        _kept = all([mallopt(_TRIM_THRESHOLD, -1), mallopt(_MMAP_MAX, 0)])
    return _kept


def freed_memory_is_kept() -> bool:
    """Say whether `keep_freed_memory` was called in this process and succeeded.

    >>> keep_freed_memory() == freed_memory_is_kept()
    True
    """
    return _kept
