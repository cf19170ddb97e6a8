"""Less memory than there is, for what must not end the process without it."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import resource
from pathlib import Path
{prepare}
mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mapped + {more}, resource.RLIM_INFINITY))
try:
    {attempt}
except MemoryError:
    print("MemoryError")
"""


def end_of(attempt: str, *, prepare: str, more: int) -> str:
    """Return all that a statement prints that may take so many bytes more; "MemoryError" if it raises that alone.

    The process is a new one, since one that has freed memory can use it again whatever the limit. Skips the test
    where nothing says how much memory is mapped.
    """
    if not Path("/proc/self/statm").exists():
        pytest.skip("only Linux says how much memory is mapped")
    script = SCRIPT.format(prepare=prepare, more=more, attempt=attempt)
    ran = subprocess.run(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return ran.stdout.strip()
