"""Hostile input: images, folders, tables, Parquet, tar files, known sets made wrong, to be read or refused in a line.

A case runs in a process of its own, with a bound on its memory and time.
"""

import argparse
from functools import partial
from pathlib import Path

from studies.cases import try_cases


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0, help="the number of the first case")
    parser.add_argument(
        "--only", default=None, help="one kind of case: image, folder, table, parquet, home, large or tar"
    )
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), help="end after so long; go on by calling again"
    )
    parser.add_argument("--out", type=Path, default=Path("hostile"), help="each outcome, and what broke")


def run(arguments: argparse.Namespace) -> None:
    """Try the cases that were not tried yet, keep what breaks, and print how many were read, refused and broken."""
    from studies.hostile.trial import try_case

    seeds = range(arguments.seed, arguments.seed + arguments.cases)
    try_cases(seeds, arguments.out, arguments.seconds, partial(try_case, only=arguments.only))
