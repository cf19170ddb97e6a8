"""A case of a fuzzer in a process of its own, with bounded memory and time, and its outcome."""

import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

# In processor time, so that other work on the machine changes no outcome; and in elapsed time, for what waits for
# ever.
SECONDS, WAITING = 60, 600
READ, REFUSED = "read", "refused"
# How the child reports what happened.
CODES = {READ: 0, REFUSED: 2, "broken": 70}


def tried(work: Callable[[], int], scratch: Path, memory: int) -> tuple[str, str]:
    """Do work in a child process, and return its outcome and its last words.

    `work` returns an exit code. It runs in `scratch`, where all its output is left, with `memory` bytes in
    addition to what this process has, `SECONDS` of processor time and `WAITING` of elapsed time. The outcome is
    `read`, `refused` (in one line that can be printed, with exit code 2), or the name of the way in which it
    broke the promise.
    """
    out, told = scratch / "stdout", scratch / "stderr"
    child = os.fork()
    if child == 0:
        _do(work, scratch, out, told, memory)
    deadline = time.monotonic() + WAITING
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "too long", f"more than {WAITING} s by the clock"
        time.sleep(0.002)
    said = told.read_text(encoding="utf-8", errors="replace")
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        return "too long", f"more than {SECONDS} s of a processor: {said[-2000:]}"
    if os.WIFSIGNALED(status):
        return "killed", f"by signal {os.WTERMSIG(status)}: {said[-2000:]}"
    code = os.waitstatus_to_exitcode(status)
    if "Traceback" in said:
        return "traceback", said[-3000:]
    if code == CODES[READ]:
        return READ, said[-300:]
    if code != CODES[REFUSED]:
        return f"exit code {code}", said[-3000:]
    lines = said.splitlines()
    if len(lines) != 1 or not lines[0].strip() or not lines[0].isprintable() or len(lines[0]) > 2000:
        return "not one line", said[-3000:]
    return REFUSED, lines[0]


def _do(work: Callable[[], int], scratch: Path, out: Path, told: Path, memory: int) -> None:
    """Do the work, in the child, and exit with the code of what happened."""
    code = CODES["broken"]
    try:
        # Output of C libraries bypasses Python's own streams.
        os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT), 1)
        os.dup2(os.open(told, os.O_WRONLY | os.O_CREAT), 2)
        os.chdir(scratch)
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + memory, held + memory))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 5))
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
