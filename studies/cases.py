"""Cases of a fuzzer, one after another: the outcome of each is kept, and every file of those that broke."""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from studies.bounded import READ, REFUSED
from studies.rows import read_rows, write_rows

# The outcome of each case, and the files of those that broke the promise, in the directory of the results.
CASES, BROKEN = "cases.jsonl", "broken"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a case: `read`, `refused`, or what broke the promise; `said` is its last words.

    `reader` read the damaged file, and `damage` says how it was damaged; `file` is which file of many, if it is
    one.
    """

    seed: int
    reader: str
    file: str
    damage: str
    outcome: str
    said: str
    seconds: float

    @property
    def kept(self) -> bool:
        """Whether the promise was kept."""
        return self.outcome in (READ, REFUSED)


def try_cases(seeds: range, out: Path, seconds: float, try_case: Callable[[Path, int], Outcome]) -> None:
    """Try the cases that were not tried yet, for a given time, and print how many were read, refused and broken.

    `try_case` leaves what was damaged in the directory that it is given.
    """
    end = time.monotonic() + seconds
    out.mkdir(parents=True, exist_ok=True)
    tried = {row["seed"] for row in read_rows(out / CASES)}
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch) / "case"
        for seed in seeds:
            if seed in tried or time.monotonic() > end:
                continue
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            found = try_case(work, seed)
            write_rows(out / CASES, [asdict(found)], more=True)
            if not found.kept:
                _keep(work, out / BROKEN / str(seed), found)
    rows = [row for row in read_rows(out / CASES) if row["seed"] in seeds]
    counted = Counter(row["outcome"] for row in rows)
    readers = Counter(row["reader"] for row in rows)
    told = ", ".join(f"{count:,} {what}" for what, count in counted.most_common())
    spent = sum(row["seconds"] for row in rows)
    print(f"{len(rows):,} cases from {seeds.start} on, {len(readers)} readers, {spent:,.0f} s: {told}")


def _keep(work: Path, kept: Path, found: Outcome) -> None:
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(work, kept, symlinks=True, ignore=_special)
    last = found.said.strip().splitlines()[-1:] or [""]
    told = f"{found.reader}, {found.file}, {found.damage}: {last[0][:200]}"
    print(f"{found.seed} {found.outcome}: {told}", flush=True)


def _special(directory: str, names: list[str]) -> list[str]:
    """Name what is not a file or directory, which cannot be copied, and what is too large."""
    paths = [Path(directory) / name for name in names]
    return [
        path.name
        for path in paths
        if not path.is_symlink()
        and not path.is_dir()
        and not (path.is_file() and path.stat().st_size < 2**26)
    ]
