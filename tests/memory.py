"""Less memory than there is, for what must not end the process without it."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MAPPED = Path("/proc/self/statm")


@contextmanager
def at_most(more: int) -> Iterator[None]:
    """Let this process have so many bytes more than it has; skips the test where nothing says how many that are."""
    if not MAPPED.exists():
        pytest.skip("only Linux says how much memory is mapped")
    mapped = int(MAPPED.read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (mapped + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
