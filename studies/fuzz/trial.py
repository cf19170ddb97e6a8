"""One case: a folder copied, one of its files damaged, and read in a process with bounded memory and time."""

import hashlib
import io
import shutil
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from random import Random

from nearsight.cli.main import main
from nearsight.errors import InputError
from nearsight.lock import LOCK
from studies.bounded import CODES, READ, REFUSED, tried
from studies.cases import Outcome
from studies.fuzz.files import damage
from studies.fuzz.readers import QUIET, Reader, readers

# What a case may take in addition to what the process had before it.
MEMORY = 2 * 2**30


def try_case(home: Path, work: Path, seed: int, only: str = "") -> Outcome:
    """Try one case, which its seed determines completely; what was damaged stays in `work`."""
    draw = Random(seed)
    known = [reader for reader in readers() if only in f"{reader.name} {reader.folder}"]
    reader = draw.choices(known, [one.weight for one in known])[0]
    place, file, told = damaged_copy(reader, home, work, draw)
    before = snapshot(place)
    started = time.perf_counter()
    outcome, said = tried(partial(_reading, reader, home, place), work, MEMORY)
    seconds = time.perf_counter() - started
    changed = sorted(name for name, _ in before.symmetric_difference(snapshot(place)))
    if outcome == REFUSED and any(not reader.keeps or not name.startswith(reader.keeps) for name in changed):
        outcome, said = "changed", f"{changed[:5]}: {said}"
    if outcome in (READ, REFUSED) and (half := [name for name, _ in snapshot(place) if _is_half(name)]):
        outcome, said = "half-written", str(half)
    return Outcome(seed, f"{reader.name} {reader.folder}", file, told, outcome, said, seconds)


def read_sound(home: Path) -> None:
    """Read everything once as it is, in this process, so that its children have all templates, fonts and types.

    Raises `AssertionError` if sound files are not read.
    """
    for reader in readers():
        said = io.StringIO()
        with tempfile.TemporaryDirectory() as scratch, redirect_stdout(said), redirect_stderr(said):
            place = Path(scratch) / Path(reader.folder).name
            shutil.copytree(home / reader.folder, place)
            code = _reading(reader, home, place)
        as_ever = reader.refuses in said.getvalue() if reader.refuses else code == CODES[READ]
        assert as_ever, f"{reader.name} {reader.folder}: {said.getvalue()}"


def damaged_copy(reader: Reader, home: Path, work: Path, draw: Random) -> tuple[Path, str, str]:
    """Copy what a reader reads and damage one of its files; return where it is, which file, and what was done."""
    place = work / Path(reader.folder).name
    shutil.copytree(home / reader.folder, place)
    files = sorted({file for pattern in reader.files for file in place.glob(pattern) if file.is_file()})
    pattern = draw.choice(reader.files)
    file = draw.choice(sorted(file for file in place.glob(pattern) if file.is_file()) or files)
    told = damage(file, [other for other in files if other != file] or [file], draw)
    return place, str(file.relative_to(place)), told


def snapshot(place: Path) -> set[tuple[str, str]]:
    """Return the content of a directory: the name and the content of each file, and what else is there."""
    found = set()
    for path in place.rglob("*"):
        # The file that says who writes in a directory stays when nobody does any more.
        if path.name == LOCK:
            continue
        what = "directory" if path.is_dir() else "special"
        if path.is_file() and not path.is_symlink():
            size = path.stat().st_size
            what = str(size) if size > 2**30 else hashlib.blake2b(path.read_bytes()).hexdigest()
        found.add((str(path.relative_to(place)), what))
    return found


def _is_half(name: str) -> bool:
    return Path(name).name.startswith(".")


def _reading(reader: Reader, home: Path, place: Path) -> int:
    if reader.arguments is not None:
        return main([*map(str, reader.arguments(home, place)), *QUIET])
    assert reader.call is not None
    try:
        reader.call(place)
    except InputError as error:
        print(error, file=sys.stderr)
        return CODES[REFUSED]
    return CODES[READ]
