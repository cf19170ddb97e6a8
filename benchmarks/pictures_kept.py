"""The peak of memory while the finders of verdicts look at photographs of 12 megapixels."""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.decode_memory import in_a_process, peak
from benchmarks.facts import facts
from nearsight.data import load
from nearsight.diagnosis.attributes.curves import CurvesOfClass
from nearsight.diagnosis.attributes.spectrum import strongest_wave
from nearsight.diagnosis.attributes.transfers import place_transfer, spectrum_transfer
from nearsight.diagnosis.candidates import Examined
from nearsight.diagnosis.decision import Decision
from nearsight.evidence import TiledModel

RESULTS = Path(__file__).parent / "results" / "pictures-kept.json"
# What half of the images of the first class have: all levels of their blue are this much higher.
CAST = 40


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--images", type=int, default=128, help="JPEGs, half of them of each of two classes")
    parser.add_argument("--width", type=int, default=4000, help="of the images")
    parser.add_argument("--height", type=int, default=3000, help="of the images")
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")


def run(arguments: argparse.Namespace) -> None:
    """Make the images, look at them in a process of its own, print the peak and write the results."""
    size = (arguments.width, arguments.height)
    with tempfile.TemporaryDirectory() as directory:
        in_a_process(lambda: make(Path(directory), arguments.images, size))
        found = in_a_process(lambda: looked_at(Path(directory)))
    result: dict[str, Any] = {
        "benchmark": "pictures-kept",
        "machine": facts(),
        "settings": {"images": arguments.images, "size": size},
        **found,
    }
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    for name, step in found["steps"].items():
        print(
            f"{name}: the peak rises by {step['rise'] / 2**20:,.0f} MiB, {step['seconds']:,.0f} s of processor time"
        )
    print(f"an image takes {found['image'] / 2**20:,.0f} MiB; written to {arguments.results}")


def make(directory: Path, count: int, size: tuple[int, int]) -> dict[str, float]:
    """Write photographs of two classes that differ in nothing but a cast in half of the first."""
    for number in range(-2, count):  # two of them are the test images, which a set has
        random = np.random.default_rng(number + 2)
        coarse = random.integers(40, 200, (size[1] // 40, size[0] // 40, 3), dtype=np.uint8)
        if number % 4 == 0:
            coarse[:, :, 2] += CAST
        place = directory / ("train" if number >= 0 else "test") / "ab"[number % 2] / f"{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(coarse).resize(size).save(place, quality=90)
    return {}


def looked_at(directory: Path) -> dict[str, Any]:
    """Return how far the peak rises at each step that looks at half of the first class beside its other half."""
    images = load(directory, validation=0, progress=False)["train"]
    bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=1, classes=images.classes)
    examined = Examined(
        images, Decision(bound, "mean-logit"), images.labels, np.ones(len(images), dtype=np.bool_)
    )
    mine, has = images.labels == 0, np.arange(len(images)) % 4 == 0
    decoded = images.image(0).nbytes
    like, change = (examined.pictures(mine & which, len(images)) for which in (has, ~has))
    steps: dict[str, Callable[[], object]] = {
        "tones": lambda: CurvesOfClass(examined, 0, has).edit(on=True),
        "places": lambda: place_transfer(change, like),
        "frequencies": lambda: spectrum_transfer(change, like),
        "waves": lambda: strongest_wave(like, "pattern"),
    }
    found = {}
    for name, step in steps.items():
        before, begun = peak(anew=True), time.process_time()
        step()
        found[name] = {"rise": peak() - before, "seconds": time.process_time() - begun}
    return {"image": decoded, "steps": found}
