"""Damaged files: every reader on wrong types, sizes, encodings, flipped bits and other files in a file's place.

Each case must be read, or refused in one line with exit code 2, in bounded memory and time, and change nothing.
"""

import argparse
import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path

FAILURES = "failures.jsonl"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="the number of the first case")
    parser.add_argument("--only", default="", help="readers whose name and folder hold this")
    parser.add_argument(
        "--out", type=Path, default=Path("fuzz"), help="the material, and each case that broke"
    )


def run(arguments: argparse.Namespace) -> None:
    """Try the cases one after another, keep what breaks, and print how many were read, refused and broken."""
    import nearsight.verbs  # noqa: F401 (once, for all children)
    from studies.fuzz.material import make_material
    from studies.fuzz.trial import as_row, try_case

    home = arguments.out.resolve() / "material"
    home.mkdir(parents=True, exist_ok=True)
    make_material(home)
    counted: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch) / "case"
        for seed in range(arguments.seed, arguments.seed + arguments.cases):
            found = try_case(home, work, seed, arguments.only)
            counted[found.outcome] += 1
            seconds[found.reader] += found.seconds
            if not found.kept:
                kept = arguments.out / "broken" / str(seed)
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(work, kept, symlinks=True, ignore=_special)
                with (arguments.out / FAILURES).open("a", encoding="utf-8") as file:
                    file.write(json.dumps(as_row(found)) + "\n")
                last = found.said.strip().splitlines()[-1:] or [""]
                print(
                    f"{seed} {found.outcome}: {found.reader}, {found.file}, {found.damage}: {last[0][:200]}",
                    flush=True,
                )
    told = ", ".join(f"{count:,} {what}" for what, count in counted.most_common())
    print(", ".join(f"{name} {spent:,.0f} s" for name, spent in seconds.most_common(8)))
    print(f"{sum(counted.values()):,} cases from {arguments.seed} on: {told}")


def _special(directory: str, names: list[str]) -> list[str]:
    """Name what is no file or directory, which cannot be copied, and what is too large."""
    paths = [Path(directory) / name for name in names]
    return [
        path.name
        for path in paths
        if not path.is_symlink()
        and not path.is_dir()
        and not (path.is_file() and path.stat().st_size < 2**26)
    ]
