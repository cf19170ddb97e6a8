"""Parquet read in place, beside Parquet that is copied first: disk, time to load, time to read an image."""

import argparse
import json
import os
import shutil
import tempfile
import time
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.facts import facts
from benchmarks.generated import generate
from benchmarks.watch import watched

RESULTS = Path(__file__).parent / "results" / "parquet.json"
READ = 2000


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--images", type=int, default=10_000, help="training images, a multiple of 10")
    parser.add_argument("--out", type=Path, help="directory to keep the sets in (default: a temporary one)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")


def run(arguments: argparse.Namespace) -> None:
    """Generate the sets, measure each in processes of its own, print the table and write the results."""
    with nullcontext(arguments.out) if arguments.out else tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        plain = generate(place, arguments.images, 1).whole
        compressed = place / f"{plain.name}-snappy"
        _compress(plain, compressed)
        rows = [_measured(name, files) for name, files in (("plain", plain), ("snappy", compressed))]
    result = {"benchmark": "parquet", "machine": facts(), "images": arguments.images, "rows": rows}
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{table(rows)}\n\nwritten to {arguments.results}")


def _compress(source: Path, target: Path) -> None:
    from pyarrow import parquet

    target.mkdir(exist_ok=True)
    for file in source.glob("*.parquet"):
        held = parquet.read_table(file)
        parquet.write_table(held, target / file.name, compression="snappy", row_group_size=100)


def _measured(name: str, files: Path) -> dict[str, Any]:
    cache = files.with_name(f"cache-{name}")
    shutil.rmtree(cache, ignore_errors=True)
    # `datasets` reads them when a measured process imports it; the user's own cache is left alone.
    os.environ["HF_HOME"] = os.environ["HF_DATASETS_CACHE"] = str(cache)
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
    first, memory = watched(load_set, files)
    again, _ = watched(load_set, files)
    return {
        "stored": name,
        "set": _size(files),
        "cache": _size(cache),
        "first": first["seconds"],
        "again": again["seconds"],
        "read": again["read"],
        "memory": asdict(memory),
    }


def _size(place: Path) -> int:
    return sum(file.stat().st_size for file in place.rglob("*") if file.is_file())


def load_set(path: Path) -> dict[str, Any]:
    """Load a set, and read the files of some of its images at random; return processor seconds."""
    import nearsight
    from nearsight.data.image_set import image_file

    begun = time.process_time()
    train = nearsight.load(path, validation=0, progress=False)["train"]
    seconds = time.process_time() - begun
    chosen = np.random.default_rng(0).integers(len(train), size=READ).tolist()
    assert train.files is not None
    begun = time.process_time()
    for i in chosen:
        assert isinstance(image_file(train.files.cell(i)), bytes)
    return {"seconds": seconds, "read": (time.process_time() - begun) / len(chosen)}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the table of what was measured, in Markdown.

    >>> one = {"stored": "plain", "set": 4.5e8, "cache": 1e6, "first": 9.5, "again": 2.0, "read": 1e-4}
    >>> print(table([one | {"memory": {"held": 2**29}}]))
    | images are stored | set | cache | first load | later load | memory of the first | an image read |
    | --- | ---: | ---: | ---: | ---: | ---: | ---: |
    | plain | 450 MB | 1 MB | 9.5 s | 2.0 s | 512 MiB | 0.10 ms |
    """
    lines = [
        "| images are stored | set | cache | first load | later load | memory of the first | an image read |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row['stored']} | {row['set'] / 1e6:,.0f} MB | {row['cache'] / 1e6:,.0f} MB | {row['first']:.1f} s "
        f"| {row['again']:.1f} s | {row['memory']['held'] / 2**20:,.0f} MiB | {1e3 * row['read']:.2f} ms |"
        for row in rows
    ]
    return "\n".join(lines)
