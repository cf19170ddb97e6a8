"""Training and evaluation on very many large photographs: their peak memory and time."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.facts import facts

RESULTS = Path(__file__).parent / "results" / "large-set.json"
HEIGHT, WIDTH, DIFFERENT, TESTED = 3000, 4000, 10, 20
TRAIN = ("--tile", "64", "--recipe", "fast", "--width", "0.25", "--batch-size", "16", "--stride", "512")
EVALUATE = ("--split", "train", "--stride", "512", "--protocols", "mean-logit")
ALONE = ("--workers", "0", "--device", "cpu")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--images", type=int, default=200, help="photographs to train on, and to evaluate")
    parser.add_argument("--out", type=Path, help="directory to keep the set in (default: a temporary one)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")


def run(arguments: argparse.Namespace) -> None:
    """Generate the set, run the commands, print the table and write the results."""
    with nullcontext(arguments.out) if arguments.out else tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        size = generate(place / "photos", arguments.images)
        commands = {
            "train": (
                str(place / "photos"),
                *TRAIN,
                "--steps",
                str(arguments.images // 16),
                "--out",
                str(place / "run"),
            ),
            "evaluate": (str(place / "run"), *EVALUATE),
        }
        result: dict[str, Any] = {
            "benchmark": "large-set",
            "machine": facts(),
            "set": {"images": arguments.images, "height": HEIGHT, "width": WIDTH, "bytes": size},
            "rows": [],
        }
        arguments.results.parent.mkdir(parents=True, exist_ok=True)
        for command, options in commands.items():
            result["rows"].append(_measured(command, *options, *ALONE))
            # Written after each command, as the whole takes long.
            arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{table(result['rows'])}\n\nwritten to {arguments.results}")


def generate(place: Path, images: int) -> int:
    """Write a folder of two classes of JPEGs and return its bytes: ten pictures, each file with its own comment."""
    random = np.random.default_rng(0)
    encoded = []
    for _ in range(DIFFERENT):
        small = Image.fromarray(random.integers(0, 256, (150, 200, 3), dtype=np.uint8))
        buffer = BytesIO()
        small.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
        encoded.append(buffer.getvalue())
    written = 0
    for split, count in (("train", images), ("test", TESTED)):
        for number in range(count):
            file = place / split / "ab"[number % 2] / f"{number:05}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            comment = f"{split} {number}".encode()
            # A comment behind the first two bytes makes it another file with the same pixels.
            segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
            picture = encoded[number % DIFFERENT]
            written += file.write_bytes(picture[:2] + segment + picture[2:])
    return written


def _measured(command: str, *arguments: str) -> dict[str, Any]:
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "nearsight", command, *arguments])
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"nearsight {command} ended with {os.waitstatus_to_exitcode(status)}")
    return {
        "command": command,
        "memory": used.ru_maxrss * 1024,
        "seconds": used.ru_utime + used.ru_stime,
        "elapsed": time.perf_counter() - begun,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return the table of what was measured, in Markdown.

    >>> print(table([{"command": "train", "memory": 2**30, "seconds": 95.0}]))
    | command | peak memory | processor time |
    | --- | ---: | ---: |
    | `train` | 1,024 MiB | 95 s |
    """
    lines = ["| command | peak memory | processor time |", "| --- | ---: | ---: |"]
    lines += [
        f"| `{row['command']}` | {row['memory'] / 2**20:,.0f} MiB | {row['seconds']:,.0f} s |" for row in rows
    ]
    return "\n".join(lines)
