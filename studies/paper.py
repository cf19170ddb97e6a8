"""The paper's recipe on CIFAR-10 with five seeds, on a machine that has nothing but this checkout and an accelerator.

`--pack DIR` copies the set's files from under NEARSIGHT_DATA, below the 64 MiB that can be sent with a checkout.
There, `--packed DIR` compares on them and leaves in `--out` what is kept: comparison.json, comparison.md, the
page, the figure, study.toml, and the result of each run. It compares with one seed first, then with two and so
on, on the same runs, so that what was reached counts if time runs out.
"""

import argparse
import os
import shutil
from pathlib import Path

import nearsight
from nearsight.settings import Machine

DATA = "cifar10"
# What is sent to another machine with a checkout.
MOST_BYTES = 64 * 2**20
ARMS = "full,full+standard,tile-16,tile-24"
KEPT = ("comparison.json", "comparison.md", "report.html", "study.toml", "*.png", "*.svg")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--pack", type=Path, metavar="DIR", help="only copy the set to this directory")
    parser.add_argument("--packed", type=Path, metavar="DIR", help="where the set was packed")
    parser.add_argument("--out", type=Path, default=Path("paper-study"), help="directory of what is kept")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/paper-study"), help="directory of the comparison"
    )
    parser.add_argument("--arms", default=ARMS, help="arms, parted by commas")
    parser.add_argument("--epochs", type=float, default=40.0, help="passes over the training images")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each arm")
    parser.add_argument("--device", default="auto", help="where to run")
    parser.add_argument("--steps", type=int, help="for a trial: optimizer steps in place of epochs")
    parser.add_argument("--width", type=float, default=1.0, help="for a trial: factor on the channels")
    parser.add_argument("--data", default=DATA, help="for a trial: another set, such as digits")


def run(arguments: argparse.Namespace) -> None:
    """Pack the set, or compare on it and keep what was found."""
    if arguments.pack is not None:
        pack(arguments.pack)
        return
    if arguments.packed is not None:
        os.environ["NEARSIGHT_DATA"] = str(arguments.packed.resolve())
    compare(arguments)


def pack(directory: Path) -> None:
    """Copy the set's Parquet files to a directory of its name below `directory`."""
    roots = [Path(root) / DATA for root in os.environ.get("NEARSIGHT_DATA", "").split(os.pathsep) if root]
    files = [file for root in roots for file in sorted(root.glob("*.parquet"))]
    size = sum(file.stat().st_size for file in files)
    if not files or size > MOST_BYTES:
        raise SystemExit(
            f"{DATA} has {len(files)} Parquet files of {size / 2**20:.0f} MiB under NEARSIGHT_DATA"
        )
    (directory / DATA).mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copyfile(file, directory / DATA / file.name)
    print(f"{len(files)} files of {size / 2**20:.1f} MiB in {directory / DATA}")


def compare(arguments: argparse.Namespace) -> None:
    """Compare the arms with one seed, two and so on, and keep the comparison each time."""
    reached = [
        seeds for seeds in range(1, arguments.seeds + 1) if (arguments.runs / f"{seeds}-seeds").is_dir()
    ]
    for seeds in range(max(reached, default=1), arguments.seeds + 1):
        place, before = arguments.runs / f"{seeds}-seeds", arguments.runs / f"{seeds - 1}-seeds"
        if (before / "runs").is_dir() and not place.exists():
            place.mkdir()
            shutil.move(before / "runs", place / "runs")
        found = nearsight.compare(
            arguments.data,
            arms=arguments.arms.split(","),
            seeds=seeds,
            budget="steps",
            recipe="paper",
            validation=0,
            epochs=arguments.epochs,
            steps=arguments.steps,
            width=arguments.width,
            out=place,
            resume=True,
            machine=Machine(device=arguments.device),
        )
        keep(place, arguments.out)
        print(f"{seeds} of {arguments.seeds} seeds:", *found.verdicts, sep="\n- ", flush=True)


def keep(comparison: Path, out: Path) -> None:
    """Copy what is kept of a comparison: its files, and the result of each run without weights and predictions."""
    out.mkdir(parents=True, exist_ok=True)
    for file in (found for pattern in KEPT for found in comparison.glob(pattern)):
        shutil.copyfile(file, out / file.name)
    for result in sorted((comparison / "runs").rglob("result.json")):
        place = out / result.relative_to(comparison)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(result, place)
