"""Networks like a run's own that learned nothing: what a diagnosis finds for them is the value by chance."""

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from nearsight import training
from nearsight.data import ImageSet, ImageSets
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.launch import by_itself
from nearsight.models.classifier import Network
from nearsight.progress import Progress
from nearsight.runs import Run
from nearsight.settings import Machine, Recipe
from nearsight.unfinished import directory_beside

# The number of networks, and the most steps for which each is trained.
NETWORKS, STEPS = 2, 200


def nulls_like(
    run: Run | None,
    images: ImageSet | None,
    bound: TiledModel,
    *,
    network: Network | None = None,
    beside: Path | None = None,
    machine: Machine | None = None,
    progress: Progress,
) -> Callable[[], tuple[TiledModel, ...]]:
    """Return a function that briefly trains networks like a run's on its training images with permuted labels.

    >>> nulls_like(run, sets["train"], bound, progress=channel)()  # doctest: +SKIP

    It gives them bound in the same way: `NETWORKS`, of at most `STEPS` steps each, which is announced beforehand.
    While they are trained, their files are in the directory `beside`, or that of the system; none is kept. Raises
    `InputError` at once for a model that is not a run, and if its training images are not available.
    """
    if run is None:
        raise InputError(
            "`null` takes a run, whose recipe its networks are trained by; give a run, or leave it out"
        )
    if images is None:
        raise InputError(
            f"`null` needs the images that {run.directory} was trained on; leave `data` out, or leave `null` out"
        )
    return partial(_trained, run.recipe, images, bound, network, beside, machine, progress)


def _trained(
    recipe: Recipe,
    images: ImageSet,
    bound: TiledModel,
    network: Network | None,
    beside: Path | None,
    machine: Machine | None,
    progress: Progress,
) -> tuple[TiledModel, ...]:
    steps = min(STEPS, training.total_steps(recipe, len(images)))
    progress.say(
        f"chance: training {NETWORKS} networks like this one on permuted labels, {steps:,} steps each"
    )
    found = []
    for number in range(NETWORKS):
        seed = recipe.seed + 1 + number
        labels = np.random.default_rng((seed, 0)).permutation(images.labels)
        permuted = ImageSets(images.name, {"train": replace(images, labels=labels)})
        short = replace(recipe, seed=seed, steps=steps, validation=0.0, compile=False)
        # Each of several processes trains them itself, and so has the same.
        with by_itself(), _emptied(beside) as place:
            null = training.train(short, permuted, Path(place) / "run", network=network, machine=machine)
            found.append(bound.with_model(null.classifier(network)))
        progress.count("training networks on permuted labels", number + 1, NETWORKS)
    return tuple(found)


def _emptied(beside: Path | None) -> AbstractContextManager[Path | str]:
    return tempfile.TemporaryDirectory() if beside is None else directory_beside(beside / "null")
