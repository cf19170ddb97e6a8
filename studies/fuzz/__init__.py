"""Damaged files: every reader on wrong types, sizes, encodings, flipped bits and other files in a file's place.

Each case must be read, or refused in one line with exit code 2, in bounded memory and time, and change nothing.
"""

import argparse
import gc
import importlib
import pkgutil
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import nearsight
from studies.rows import read_rows, write_rows

# What Nearsight imports where it is used.
_USED = (
    "datasets", "lightning_fabric", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg",
    "onnxruntime", "pandas", "pyarrow.compute", "pyarrow.csv", "pyarrow.parquet", "safetensors.torch", "scipy.stats",
    "sklearn.datasets", "timm", "torch.utils.tensorboard", "torchmetrics", "xxhash",
)  # fmt: skip

# What became of each case, and the damaged files of those that broke the promise, under --out.
CASES, BROKEN = "cases.jsonl", "broken"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument(
        "--seed", type=int, default=0, help="the number of the first case, which decides all of it"
    )
    parser.add_argument("--only", default="", help="readers whose name and folder hold this")
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), help="end after so long; go on by calling again"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("fuzz"), help="the material, each outcome, and what broke"
    )


def run(arguments: argparse.Namespace) -> None:
    """Try the cases that were not tried yet, keep what breaks, and print how many were read, refused and broken."""
    from studies.fuzz.material import make_material
    from studies.fuzz.trial import try_case

    _import_all()
    end = time.monotonic() + arguments.seconds
    home, cases = arguments.out.resolve() / "material", arguments.out / CASES
    home.mkdir(parents=True, exist_ok=True)
    make_material(home)
    seeds = range(arguments.seed, arguments.seed + arguments.cases)
    tried = {row["seed"] for row in read_rows(cases)}
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch) / "case"
        for seed in seeds:
            if seed in tried or time.monotonic() > end:
                continue
            found = try_case(home, work, seed, arguments.only)
            write_rows(cases, [asdict(found)], more=True)
            if not found.kept:
                kept = arguments.out / BROKEN / str(seed)
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(work, kept, symlinks=True, ignore=_special)
                last = found.said.strip().splitlines()[-1:] or [""]
                told = f"{found.reader}, {found.file}, {found.damage}: {last[0][:200]}"
                print(f"{seed} {found.outcome}: {told}", flush=True)
    rows = [row for row in read_rows(cases) if row["seed"] in seeds]
    counted = Counter(row["outcome"] for row in rows)
    readers = Counter(row["reader"] for row in rows)
    told = ", ".join(f"{count:,} {what}" for what, count in counted.most_common())
    spent = sum(row["seconds"] for row in rows)
    print(f"{len(rows):,} cases from {arguments.seed} on, {len(readers)} readers, {spent:,.0f} s: {told}")


def _import_all() -> None:
    """Import once what each case would else import in its own process."""
    for module in pkgutil.walk_packages(nearsight.__path__, "nearsight."):
        if module.name != "nearsight.__main__":
            importlib.import_module(module.name)
    for name in _USED:
        importlib.import_module(name)
    # What is collected in a child would copy the memory that it shares with its parent.
    gc.collect()
    gc.freeze()


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
