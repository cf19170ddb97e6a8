"""One case: a damaged set is loaded in a process of its own, and the outcome is judged."""

import contextlib
import io
import json
import os
import tempfile
import time
from functools import cache, partial
from pathlib import Path
from random import Random

from studies.bounded import tried
from studies.cases import Outcome
from studies.fuzz import import_all
from studies.hostile.images import sound_image

MEMORY = 3 * 2**29
# Pictures that are read part by part, in addition to the kinds of sets.
LARGE = "large"


def try_case(scratch: Path, seed: int, only: str | None = None) -> Outcome:
    """Make the case with a number in a directory, and load it in a child process with bounds on memory and time."""
    from studies.hostile.large import COMMANDS, hostile_large, read_large
    from studies.hostile.sets import KINDS, hostile_set

    _prepare()
    draw = Random(seed)
    kind = only or draw.choice((*KINDS, LARGE))
    if kind == LARGE:
        place, what = hostile_large(scratch, draw)
        work = partial(
            read_large,
            place,
            draw.choice(COMMANDS),
            skip_bad=draw.random() < 0.3,
            skip_blank=draw.random() < 0.3,
        )
    else:
        place, what = hostile_set(scratch, kind, draw)
        skip_bad, ask = draw.random() < 0.5, draw.random() < 0.3
        work = partial(load_all, place, scratch / "cache", skip_bad, ask)
    started = time.perf_counter()
    outcome, said = tried(work, scratch, MEMORY)
    return Outcome(seed, kind, "", what, outcome, said, time.perf_counter() - started)


@cache
def _prepare() -> None:
    """Load sound sets once, so that all modules are imported before a child's memory is bounded."""
    from studies.hostile.large import COMMANDS, read_large, sound_large
    from studies.hostile.large import MEMORY as LITTLE

    import_all()
    with tempfile.TemporaryDirectory() as scratch:
        for k in range(8):
            file = Path(scratch) / "set" / "ab"[k % 2] / f"{k}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(sound_image(Random(k), "PNG"))
        with contextlib.redirect_stderr(io.StringIO()):
            load_all(Path(scratch) / "set", Path(scratch) / "cache", skip_bad=False, ask=True)
    with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stdout(io.StringIO()):
        large = sound_large(Path(scratch))
        with contextlib.redirect_stderr(io.StringIO()):
            codes = {command: read_large(large, command) for command in dict.fromkeys(COMMANDS)}
        for name in LITTLE:
            del os.environ[name]
    assert not any(codes.values()), f"sound large pictures are refused: {codes}"


def load_all(place: Path, cache: Path, skip_bad: bool, ask: bool) -> int:
    """Load a set as `nearsight data` does, and read the pixels of each image; return the exit code.

    Only what `nearsight data` says must be one line; a later fault is raised.
    """
    import datasets

    from nearsight.cli.main import main

    datasets.config.HF_DATASETS_CACHE = cache
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = main(["data", str(place), "--json", "--quiet", *(["--skip-bad"] if skip_bad else [])])
    if code == 0:
        json.loads(output.getvalue())
        if ask:
            _ask(place, skip_bad)
    return code


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
