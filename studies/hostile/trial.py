"""One case: a set made wrong is loaded in a process of its own, and what came of it is judged."""

import contextlib
import io
import json
import os
import resource
import signal
import sys
import tempfile
import traceback
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from studies.hostile.images import sound_image

MEMORY = 3 * 2**29
SECONDS = 60


@dataclass(frozen=True)
class Outcome:
    """What came of a case: read, refused in one line, or how it broke the promise; and all that it said."""

    outcome: str
    kind: str
    what: str
    said: str


def try_case(scratch: Path, seed: int, only: str | None = None) -> Outcome:
    """Make the case of a number in a directory, and load it in a child process with bounds on memory and time."""
    from studies.hostile.sets import KINDS, hostile_set

    _import_all()
    draw = Random(seed)
    kind = only or draw.choice(KINDS)
    place, what = hostile_set(scratch, kind, draw)
    told = scratch / "told"
    child = os.fork()
    if not child:
        _run_child(place, scratch, told, skip_bad=draw.random() < 0.5, ask=draw.random() < 0.3)
    _, status = os.waitpid(child, 0)
    said = told.read_text(errors="replace") if told.exists() else ""
    return Outcome(_judged(status, said), kind, what, said)


@cache
def _import_all() -> None:
    """Load a sound set once, so that all modules are there before a child has its memory bounded."""
    with tempfile.TemporaryDirectory() as scratch:
        for k in range(8):
            file = Path(scratch) / "set" / "ab"[k % 2] / f"{k}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(sound_image(Random(k), "PNG"))
        load_all(Path(scratch) / "set", Path(scratch) / "cache", skip_bad=False, ask=True)


def _run_child(place: Path, scratch: Path, told: Path, skip_bad: bool, ask: bool) -> None:
    code = 99
    # Whatever it leaves open or raises, the child ends here.
    try:
        signal.alarm(SECONDS)
        size = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
        os.chdir(scratch)
        code, said = load_all(place, scratch / "cache", skip_bad, ask)
        told.write_text(said, errors="backslashreplace")
    finally:
        os._exit(code)


def load_all(place: Path, cache: Path, skip_bad: bool, ask: bool) -> tuple[int, str]:
    """Load a set as `nearsight data` does, and ask each image for its pixels; return the exit code and stderr.

    Only what `nearsight data` says is to be one line; a fault later is a traceback.
    """
    import datasets

    from nearsight.cli.main import main

    datasets.config.HF_DATASETS_CACHE = cache
    error, output = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(error), contextlib.redirect_stdout(output):
        try:
            code = main(["data", str(place), "--json", "--quiet", *(["--skip-bad"] if skip_bad else [])])
            if code == 0:
                json.loads(output.getvalue())
            if code == 0 and ask:
                _ask(place, skip_bad)
        except SystemExit as ended:
            code = int(ended.code or 0)
        except BaseException:
            return 1, traceback.format_exc()
    return code, error.getvalue()


def _ask(place: Path, skip_bad: bool) -> None:
    import numpy as np

    from nearsight.data import load
    from nearsight.data.file_facts import file_facts
    from nearsight.data.thumbnails import near_pairs
    from nearsight.errors import InputError

    sets = load(place, skip_bad=skip_bad, progress=False)
    for images in sets.values():
        with contextlib.suppress(InputError):
            for i in range(len(images)):
                images.image(i)
                images.region(i)
        file_facts(images)
        near_pairs(images.select(np.arange(min(4, len(images)))))


def _judged(status: int, said: str) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return "too slow" if number == signal.SIGALRM else f"signal {number}"
    code = os.WEXITSTATUS(status)
    lines = said.strip().splitlines()
    if code == 0:
        return "read"
    if code == 2 and len(lines) == 1 and "\x1b" not in said:
        return "refused"
    return "several lines" if code == 2 else f"exit code {code}"


if __name__ == "__main__":
    sys.exit("run `python -m studies hostile`")
