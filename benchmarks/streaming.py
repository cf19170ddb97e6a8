"""Training on a set that streams: images per second and peak memory, on generated 400×500 JPEGs."""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.facts import facts
from benchmarks.generated import SHARDS, Generated, generate
from benchmarks.watch import Spent, watched

RESULTS = Path(__file__).parent / "results" / "streaming.json"
MIB = 1024**2


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--images", type=int, default=100_000, help="training images, a multiple of 10")
    parser.add_argument("--out", type=Path, help="directory to keep the set in (default: a temporary one)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")
    parser.add_argument("--tile", type=int, default=64, help="side of the tiles in pixels")
    parser.add_argument("--model", default="resnet18-imagenet", help="network")
    parser.add_argument("--width", type=float, default=0.5, help="factor on the network's channels")
    parser.add_argument("--batch-size", type=int, default=128, help="images in a step")
    parser.add_argument("--steps", type=int, help="steps to train (default: one pass)")
    parser.add_argument("--workers", type=int, help="decoding processes (default: the package's own)")
    parser.add_argument("--sample", type=int, default=2000, help="images a repeat of the decoding figures")
    parser.add_argument("--repeats", type=int, default=5, help="repeats of the decoding figures")
    parser.add_argument("--decoding-alone", action="store_true", help="leave out loading and training")


def run(arguments: argparse.Namespace) -> None:
    """Generate the set, measure, print the table and write the results."""
    if sys.platform != "linux":
        raise SystemExit("memory and CPU time are read from /proc, which only Linux has")
    if arguments.images < SHARDS * 10 or arguments.images % SHARDS:
        raise SystemExit(f"--images takes a multiple of {SHARDS} from {SHARDS * 10}, got {arguments.images}")
    place = nullcontext(arguments.out) if arguments.out else tempfile.TemporaryDirectory()
    with place as directory:
        result = measure(Path(directory), arguments)
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{table(result)}\n\nwritten to {arguments.results}")


def measure(directory: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure loading, training and decoding, each in a process of its own, the tenth of the set first."""
    workers = arguments.workers or os.cpu_count() or 1
    print(f"generating {arguments.images} images in {directory}", flush=True)
    made = generate(directory, arguments.images, workers)
    # `datasets` reads it when the measured processes import it; the user's own cache is left alone.
    cache = directory / "cache"
    os.environ["HF_HOME"] = os.environ["HF_DATASETS_CACHE"] = str(cache)
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
    shutil.rmtree(cache, ignore_errors=True)
    settings = {
        name: getattr(arguments, name) for name in ("tile", "model", "width", "batch_size", "steps", "sample")
    } | {"workers": workers}
    result: dict[str, Any] = {
        "benchmark": "streaming",
        "machine": facts(),
        "settings": settings,
        "set": {"images": made.images, "bytes": made.bytes(), "bytes_per_image": made.bytes() / made.images},
        "sets": [],
    }
    for path in () if arguments.decoding_alone else (made.tenth, made.whole):
        figures = {name: _measured(path.name, name, load_set, path) for name in ("loading", "loading_again")}
        figures["training"] = _measured(path.name, "training", train_pass, path, directory / "run", settings)
        result["sets"].append(figures)
    if result["sets"]:
        result["growth"] = _growth(made, result["sets"])
    result["decoding"] = _measured(
        made.whole.name, "decoding", decode_both, made.whole, settings, arguments.repeats
    )
    result["machine"]["load_average_at_end"] = os.getloadavg()
    return result


def _measured(place: str, name: str, stage: Callable[..., dict[str, Any]], *given: Any) -> dict[str, Any]:
    print(f"{place}: {name}", flush=True)
    figures, memory = watched(stage, *given)
    measured = figures | {"memory": asdict(memory)}
    print(f"  {measured}", flush=True)
    return measured


def _growth(made: Generated, sets: list[dict[str, Any]]) -> dict[str, Any]:
    added = made.images - made.images // SHARDS
    rise = sets[1]["training"]["memory"]["held"] - sets[0]["training"]["memory"]["held"]
    return {"held_bytes_per_added_image": rise / added}


def load_set(path: Path) -> dict[str, Any]:
    """Load a set: Parquet to the Arrow cache with the headers read, or what is already cached."""
    import nearsight

    begun = Spent.now()
    sets = nearsight.load(path, validation=0)
    spent = Spent.now().since(begun)
    return {"images": len(sets["train"]), "seconds": spent.clock, "cpu_seconds": spent.main}


def train_pass(path: Path, out: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Train by the package's own `train` on random tiles, one pass or the steps of the settings."""
    import nearsight
    from nearsight.settings import Recipe
    from nearsight.training import train

    sets = nearsight.load(path, validation=0)
    assert sets["train"].pixels is None, "the set is small enough to be held in memory"
    named = {name: settings[name] for name in ("tile", "model", "width", "batch_size", "steps")}
    recipe = Recipe(data=str(path), validation=0.0, epochs=1.0, **named)
    shutil.rmtree(out, ignore_errors=True)
    begun = Spent.now()
    trained = train(recipe, sets, out, machine=nearsight.Machine(device="cpu", workers=settings["workers"]))
    spent = Spent.now().since(begun)
    figures = trained.result["training"]
    shutil.rmtree(out)
    return {
        "images": figures["images"],
        "images_seen": figures["images_seen"],
        "seconds": figures["seconds"],
        "seconds_before_and_after": spent.clock - figures["seconds"],
        "images_per_second": figures["images_per_second"],
        "main_cpu_seconds": spent.main,
        "worker_cpu_seconds": spent.workers,
        "worker_cpu_share": spent.workers / (spent.main + spent.workers),
        "precision": figures["precision"],
        "peak_resident_bytes_of_main": figures["peak_memory_bytes"],
    }


def decode_both(path: Path, settings: dict[str, Any], repeats: int) -> dict[str, Any]:
    """Read the same images with the package's loader and with Pillow alone, in turn, in equal processes.

    The images are the first in the recipe's order. Pillow already has their bytes in memory and only decodes; the
    loader finds them in the mapped table, decodes, cuts a tile and makes batches.
    """
    import nearsight
    from nearsight.data import StreamedImages
    from nearsight.data.image_set import image_file
    from nearsight.models import Preprocessing
    from nearsight.settings import Recipe
    from nearsight.settings.tile_schedule import TileSizes
    from nearsight.training.batches import StreamedTiles, streamed_batches
    from nearsight.training.order import positions

    images = nearsight.load(path, validation=0)["train"]
    assert isinstance(images.images, StreamedImages)
    recipe = Recipe(tile=settings["tile"], batch_size=settings["batch_size"])
    plain = Preprocessing(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), resize_short=None)
    tiles = StreamedTiles(images, recipe, TileSizes((settings["tile"], settings["tile"])), plain)
    steps = max(1, min(settings["sample"], len(images)) // recipe.batch_size)
    count = steps * recipe.batch_size
    order = positions(recipe.seed, 0, count, len(images)).index.tolist()
    cells = (images.images.rows[int(images.images.index[row])]["image"] for row in order)
    files = [file for file in map(image_file, cells) if isinstance(file, bytes)]
    assert len(files) == count

    spent: dict[str, list[Spent]] = {"loader": [], "pillow": []}
    for _ in range(repeats):
        begun = Spent.now()
        seen = sum(
            len(batch.labels)
            for batch in streamed_batches(tiles, recipe.batch_size, 0, steps, settings["workers"])
        )
        assert seen == count
        spent["loader"].append(Spent.now().since(begun))
        begun = Spent.now()
        _decode_in_processes(files, settings["workers"])
        spent["pillow"].append(Spent.now().since(begun))
    figures = {
        name: {
            "images_per_second": _spread([count / one.clock for one in those]),
            "cpu_ms_per_image": _spread([(one.main + one.workers) / count * 1000 for one in those]),
        }
        for name, those in spent.items()
    }
    return {
        "images": count,
        "repeats": repeats,
        **figures,
        "loader_share_of_pillow_rate": _spread(
            [bare.clock / ours.clock for ours, bare in zip(*spent.values(), strict=True)]
        ),
        "loader_share_of_pillow_cpu_rate": _spread(
            [
                (bare.main + bare.workers) / (ours.main + ours.workers)
                for ours, bare in zip(*spent.values(), strict=True)
            ]
        ),
    }


def _decode_in_processes(files: list[bytes], workers: int) -> None:
    context = get_context("fork")
    processes = [context.Process(target=_decode, args=(files[k::workers],)) for k in range(workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def _decode(files: list[bytes]) -> None:
    import numpy as np
    from PIL import Image

    for file in files:
        with Image.open(BytesIO(file)) as image:
            np.asarray(image.convert("RGB"))


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def table(result: dict[str, Any]) -> str:
    """Return the results in Markdown, with a column for the tenth of the set and one for the whole."""
    lines = _table_of_sets(*result["sets"]) if result["sets"] else []
    decoding = result["decoding"]
    lines += [
        "",
        f"{decoding['images']} images decoded, {decoding['repeats']} times, median (lowest to highest):",
    ]
    for name, text in (("loader", "package's loader"), ("pillow", "Pillow alone")):
        figures = decoding[name]
        lines.append(
            f"- {text}: {_range(figures['images_per_second'], '.0f')} images/s, "
            f"{_range(figures['cpu_ms_per_image'], '.2f')} CPU ms an image"
        )
    for measure, text in (("rate", "rate"), ("cpu_rate", "rate in CPU time")):
        share = decoding[f"loader_share_of_pillow_{measure}"]
        lines.append(f"- {text} of the loader over Pillow's: {_range(share, '.2f')}")
    return "\n".join(lines)


def _table_of_sets(tenth: dict[str, Any], whole: dict[str, Any]) -> list[str]:
    rows = [("", f"{tenth['training']['images']:,} images", f"{whole['training']['images']:,} images")]

    def add(name: str, value: Any) -> None:
        rows.append((name, value(tenth), value(whole)))

    for name, text in (("loading", "first load"), ("loading_again", "later load")):
        add(f"{text}: seconds", lambda one, name=name: f"{one[name]['seconds']:.1f}")
        add(f"{text}: held, all processes", lambda one, name=name: _mib(one[name]["memory"]["held"]))
    add("training: images/s by the clock", lambda one: f"{one['training']['images_per_second']:.0f}")
    add("training: CPU ms an image, decoding workers", lambda one: _cpu(one["training"], "worker"))
    add("training: CPU ms an image, main process", lambda one: _cpu(one["training"], "main"))
    add("training: held, all processes", lambda one: _mib(one["training"]["memory"]["held"]))
    add("of it anonymous, main process", lambda one: _mib(one["training"]["memory"]["main"]))
    add("of it anonymous, largest worker", lambda one: _mib(one["training"]["memory"]["worker"]))
    add("mapped files (page cache)", lambda one: _mib(one["training"]["memory"]["mapped"]))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [_line(row, widths) for row in rows]
    lines.insert(
        1, _line(("-" * widths[0], "-" * (widths[1] - 1) + ":", "-" * (widths[2] - 1) + ":"), widths)
    )
    return lines


def _line(cells: tuple[str, str, str], widths: list[int]) -> str:
    name, *values = cells
    padded = [value.rjust(width) for value, width in zip(values, widths[1:], strict=True)]
    return f"| {' | '.join([name.ljust(widths[0]), *padded])} |"


def _cpu(training: dict[str, Any], part: str) -> str:
    return f"{training[f'{part}_cpu_seconds'] / training['images_seen'] * 1000:.2f}"


def _mib(size: int) -> str:
    return f"{size / MIB:,.0f} MiB"


def _range(figures: dict[str, float], form: str) -> str:
    return f"{figures['median']:{form}} ({figures['low']:{form}} to {figures['high']:{form}})"
