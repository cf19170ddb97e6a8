"""Freed memory stays with the process, counted by the pages that the system has to find again."""

import os
import platform
import subprocess
import sys

import pytest

MIB = 256
# A block larger than glibc ever keeps by itself, written and freed several times.
FAULTS = f"""
import ctypes, resource
def use():
    held = ctypes.CDLL(None).malloc
    held.restype, held.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    free = ctypes.CDLL(None).free
    free.argtypes = [ctypes.c_void_p]
    address = held({MIB} * 2**20)
    ctypes.memset(address, 1, {MIB} * 2**20)
    free(address)
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
KEEP = "from nearsight.allocator import keep_freed_memory\nkept = keep_freed_memory()\n"
COMMAND = "from nearsight.cli.main import main\nassert main(['data', '--json']) == 0\nprint()\n"
PAGES = MIB * 2**20 // os.sysconf("SC_PAGE_SIZE")

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")


def faults(code: str, **environment: str) -> int:
    """The pages that the second use of a block takes from the system, after some code."""
    ran = subprocess.run(
        [sys.executable, "-c", code + FAULTS],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(ran.stdout.splitlines()[-1])


@glibc
@pytest.mark.parametrize("code", [KEEP, COMMAND], ids=["called", "a command"])
def test_freed_memory_is_used_again(code: str) -> None:
    assert faults(code) < PAGES / 100


@glibc
def test_an_environment_that_sets_the_allocator_is_left_alone() -> None:
    # With huge pages a fault brings 512 of the small ones.
    assert faults(KEEP + "assert not kept\n", MALLOC_MMAP_THRESHOLD_="1000000") >= PAGES / 512
