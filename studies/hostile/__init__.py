"""Hostile input: images, folders, tables and Parquet made wrong, each of which must be read or refused in one line.

A case runs in a process of its own, with a bound on its memory and time.
"""

import argparse
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from studies.rows import write_rows


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0, help="the number of the first case")
    parser.add_argument("--only", default=None, help="one kind of case: image, folder, table or parquet")
    parser.add_argument("--out", type=Path, default=Path("hostile"), help="each case that broke the promise")


def run(arguments: argparse.Namespace) -> None:
    """Try the cases one after another, keep those that break, and print how many were read, refused and broken."""
    from studies.hostile.trial import try_case

    counted: Counter[str] = Counter()
    for seed in range(arguments.seed, arguments.seed + arguments.cases):
        with tempfile.TemporaryDirectory() as scratch:
            found = try_case(Path(scratch), seed, arguments.only)
        counted[found.outcome] += 1
        if found.outcome not in ("read", "refused"):
            arguments.out.mkdir(parents=True, exist_ok=True)
            write_rows(arguments.out / "broken.jsonl", [{"seed": seed, **asdict(found)}], more=True)
            last = found.said.strip().splitlines()[-1:] or [""]
            print(f"{seed} {found.outcome}: {found.kind}, {found.what}: {last[0][:200]}", flush=True)
    told = ", ".join(f"{count:,} {outcome}" for outcome, count in counted.most_common())
    print(f"{sum(counted.values()):,} cases from {arguments.seed} on: {told}")
