"""Are more tiles of an image more examples? Networks trained on few images' many tiles, and on many images' one tile.

From n images of CIFAR-10, k fixed tiles of 16 pixels each are compared with one fixed tile each of k·n images: as
many tiles, and the same steps, flips and network. With the same n images, a new tile at each step is the limit of
many tiles. All are judged by the mean logit of the tiles of the same test images. A line is written for each
network as it comes, so that the study can be stopped and continued.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import nearsight
from nearsight import training
from nearsight.data import ImageSet, ImageSets
from nearsight.dimension import Dimension
from nearsight.evaluation import evaluate
from nearsight.evidence import TiledModel
from nearsight.report import write_dimension
from nearsight.runs import Run
from nearsight.settings import Sampling, make_recipe
from nearsight.statistics import Estimate, arm_estimate, paired_difference, student_estimate
from nearsight.statistics.writing import MISSING, three_digits, with_interval
from nearsight.tiles import cut_tiles
from nearsight.write import write_json
from studies.many_classes import CPU, plain
from studies.rows import measured_networks, read_rows, write_rows

DATA, TILE, STRIDE = "cifar10", 16, 4
TILES, TIMES = (1, 4, 16), (4, 16)
SEVERAL, SINGLE, ANEW = "several tiles", "more images", "a tile anew"
FIELDS: dict[str, Any] = {
    "width": 0.125,
    "batch_size": 125,
    "learning_rate": 0.06,
    "crop_padding": 0,
    "validation": 0.0,
    "precision": "float32",
}
# A small part of everything, because it has been measured elsewhere.
EMBEDDED = Sampling(training_tiles=2000, points=500, pairs=200, example_images=20_000)
RESULTS = "networks.jsonl"

Row = dict[str, Any]
Table = NDArray[np.float64]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--out", type=Path, default=Path("more-examples"), help="results and table")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=800, help="n, the few images")
    parser.add_argument("--steps", type=int, default=400, help="of each network")
    parser.add_argument("--test-images", type=int, default=2000)
    parser.add_argument("--most", type=int, help="networks to train now (default: all that are left)")
    parser.add_argument(
        "--embedding",
        action="store_true",
        help="weigh tiles against images in the embedding of a network, on images that it was not trained on",
    )


def run(arguments: argparse.Namespace) -> None:
    """Train what is not trained yet, write one line per network, and write and print the summary."""
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    lines = arguments.out / RESULTS
    done = measured_networks(lines)
    sets = nearsight.load(DATA, validation=0)
    test = sets["test"].select(
        np.random.default_rng(0).permutation(len(sets["test"]))[: arguments.test_images]
    )
    left = [
        (seed, arm, tiles)
        for seed, (arm, tiles) in product(range(arguments.seeds), arms())
        if (seed, arm, tiles) not in done
    ]
    for seed, arm, tiles in left[: arguments.most]:
        material = tiles_of(sets["train"], arm, tiles, arguments.images, seed)
        row = measure(material, test, arm, seed, arguments.steps)
        row = {"network": (seed, arm, tiles), "images": arguments.images} | row
        write_rows(lines, [row], more=True)
        print(row["network"], f"{row['right'].count('1') / len(test):.2%}", flush=True)
    if arguments.most is not None and arguments.most < len(left):
        return
    summary = summarise(read_rows(lines))
    write_json(arguments.out / "more-examples.json", {"study": "more-examples", **summary})
    print(table(summary))
    if arguments.embedding:
        found = in_embedding(sets, arguments)
        write_dimension(found, arguments.out / "embedding")
        print(found.words())


def arms() -> Iterator[tuple[str, int]]:
    """Yield the ways of training: what is trained on, and how many tiles per image or times the images."""
    yield from ((SEVERAL, tiles) for tiles in TILES)
    yield from ((SINGLE, times) for times in TIMES)
    yield ANEW, 1


def tiles_of(images: ImageSet, arm: str, tiles: int, few: int, seed: int) -> ImageSet:
    """Return what a network is trained on: fixed tiles as images of their own, or the few images themselves.

    The seed draws the images, and the larger set contains the smaller one; the same holds for the tiles of an
    image.
    """
    pixels = images.pixels
    assert pixels is not None
    order = image_order(len(images), few, seed)
    places = np.random.default_rng([seed, few, 1]).permuted(_all_places(pixels, len(images)), axis=1)
    each = tiles if arm == SEVERAL else 1
    chosen = order[: few * (tiles if arm == SINGLE else 1)]
    if arm == ANEW:
        return plain(
            images.name, images.split, images.classes, images.labels[chosen], pixels[torch.from_numpy(chosen)]
        )
    owners = np.repeat(chosen, each)
    across = pixels.shape[-1] - TILE + 1
    tops, lefts = np.divmod(places[chosen, :each].ravel(), across)
    cut = cut_tiles(
        pixels, torch.from_numpy(owners), torch.from_numpy(tops), torch.from_numpy(lefts), (TILE, TILE)
    )
    return plain(images.name, images.split, images.classes, images.labels[owners], cut)


def image_order(images: int, few: int, seed: int) -> NDArray[np.int64]:
    """Return all images in the order in which a seed uses them: the few are the first of more."""
    return np.random.default_rng([seed, few]).permutation(images)


def _all_places(pixels: torch.Tensor, images: int) -> NDArray[np.int64]:
    across = pixels.shape[-1] - TILE + 1
    return np.tile(np.arange(across**2), (images, 1))


def measure(material: ImageSet, test: ImageSet, arm: str, seed: int, steps: int) -> Row:
    """Train a network; return which test images are right by the mean logit of their tiles, and what it took."""
    with tempfile.TemporaryDirectory() as directory:
        trained = _trained(material, arm, seed, steps, Path(directory) / "run")
        bound = TiledModel(trained.classifier(), tile=TILE, stride=STRIDE, device="cpu")
        found = evaluate(bound, test, protocols=["mean-logit"])
        seconds = trained.result["training"]["seconds"]
    right = found.predictions["mean-logit"] == test.labels
    return {"trained_on": len(material), "seconds": seconds, "right": "".join(map(str, right.astype(int)))}


def _trained(material: ImageSet, arm: str, seed: int, steps: int, out: Path) -> Run:
    fields = FIELDS | {"steps": steps, "seed": seed, "tile": TILE if arm == ANEW else None}
    recipe = make_recipe(DATA, "fast", fields)
    return training.train(recipe, ImageSets(DATA, {"train": material}), out, machine=CPU)


def in_embedding(sets: ImageSets, arguments: argparse.Namespace) -> Dimension:
    """Return what tiles are worth in pixels and to a network of the few images of the first seed, on all others."""
    few = tiles_of(sets["train"], ANEW, 1, arguments.images, seed=0)
    order = image_order(len(sets["train"]), arguments.images, seed=0)
    others = ImageSets(
        sets.name, {"train": sets["train"].select(order[arguments.images :]), "test": sets["test"]}
    )
    with tempfile.TemporaryDirectory() as directory:
        trained = _trained(few, ANEW, 0, arguments.steps, Path(directory) / "run")
        return nearsight.dimension(
            others,
            tiles=[TILE],
            embedding=trained.classifier(),
            sampling=EMBEDDED,
            machine=CPU,
            progress=False,
        )


def summarise(rows: Sequence[Row]) -> Row:
    """Return the accuracies by arm and number of tiles, what several tiles lack, and what they are worth."""
    right = {
        key: np.stack(
            [
                np.array(list(row["right"]), dtype=np.float64)
                for row in rows
                if tuple(row["network"][1:]) == key
            ]
        )
        for key in dict.fromkeys(tuple(row["network"][1:]) for row in rows)
    }
    # Both begin with one fixed tile of each of the few images.
    right[SINGLE, 1] = right[SEVERAL, 1]
    return {
        "images": rows[0]["images"],
        "seeds": len(right[SEVERAL, 1]),
        "test_images": right[SEVERAL, 1].shape[1],
        "accuracies": [
            {"arm": arm, "tiles": tiles, "accuracy": asdict(arm_estimate(found))}
            for (arm, tiles), found in right.items()
        ],
        "several": [
            {
                "tiles": tiles,
                "gain": asdict(paired_difference(right[SEVERAL, tiles], right[SEVERAL, 1])),
                "lack": asdict(paired_difference(right[SEVERAL, tiles], right[SINGLE, tiles])),
                "worth": asdict(worth(right, right[SEVERAL, tiles])),
            }
            for tiles in TILES[1:]
            if (SEVERAL, tiles) in right and (SINGLE, tiles) in right
        ],
        "anew": asdict(worth(right, right[ANEW, 1])) if (ANEW, 1) in right else None,
    }


def worth(right: dict[tuple[str, int], Table], found: Table) -> Estimate:
    """Return how many times the images, with one fixed tile each, are as good, with Student's interval over seeds.

    It is calculated seed by seed, on the line of accuracy against the doublings of images between the two nearest
    numbers of them; an accuracy beyond the ends of that line is worth as much as the end. The mean is that of the
    logarithm.

    >>> flat = lambda share: np.tile(np.arange(100) < round(100 * share), (2, 1)).astype(float)
    >>> right = {(SINGLE, 1): flat(0.4), (SINGLE, 2): flat(0.5), (SINGLE, 4): flat(0.6)}
    >>> [round(number, 6) for number in worth(right, flat(0.55)).numbers]
    [2.828427, 2.828427, 2.828427]
    """
    times = sorted(tiles for arm, tiles in right if arm == SINGLE)
    of_seeds = []
    for seed, accuracy in enumerate(found.mean(1)):
        curve = np.maximum.accumulate([right[SINGLE, tiles][seed].mean() for tiles in times])
        of_seeds.append(np.interp(accuracy, curve, np.log2(times)))
    mean = student_estimate(of_seeds, covers="seeds")
    return replace(mean, **{name: _power(getattr(mean, name)) for name in ("value", "low", "high")})


def _power(doublings: float | None) -> float | None:
    return None if doublings is None else float(2**doublings)


def table(summary: Row) -> str:
    """Return a Markdown table: a row for each number of tiles."""
    of = {
        (row["arm"], row["tiles"]): with_interval(Estimate(**row["accuracy"]))
        for row in summary["accuracies"]
    }
    lines = [
        "| k | k tiles of each image | one tile each of k times the images | difference | worth times the images |",
        "| --: | --: | --: | --: | --: |",
        f"| 1 | {of[SEVERAL, 1]} | {of[SEVERAL, 1]} | {MISSING} | 1 |",
    ]
    several = {row["tiles"]: row for row in summary["several"]}
    for times in TIMES:
        cells = [str(times), MISSING, of[SINGLE, times], MISSING, MISSING]
        if times in several:
            row = several[times]
            cells[1], cells[3] = of[SEVERAL, times], with_interval(Estimate(**row["lack"]))
            cells[4] = with_interval(Estimate(**row["worth"]), three_digits)
        lines.append(f"| {' | '.join(cells)} |")
    if summary["anew"] is not None:
        anew = with_interval(Estimate(**summary["anew"]), three_digits)
        lines.append(f"| anew at each step | {of[ANEW, 1]} | {MISSING} | {MISSING} | {anew} |")
    return "\n".join(lines)
