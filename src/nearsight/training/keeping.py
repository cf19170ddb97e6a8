"""A run of a classifier that was made without steps of training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from nearsight.data import ImageSets
from nearsight.digest import BESIDE
from nearsight.lock import writes
from nearsight.models import Classifier, save_classifier
from nearsight.runs import RESULT, Run, write_json
from nearsight.schema import numbered
from nearsight.settings import Recipe
from nearsight.training.directory import OF_A_RUN, claim_directory, own_split
from nearsight.training.hardware import trained_here
from nearsight.write import seals_of


@writes("out")
def keep(
    recipe: Recipe,
    sets: ImageSets,
    out: Path,
    classifier: Classifier,
    metrics: Mapping[str, Any],
    *,
    resume: bool = False,
) -> Run:
    """Leave a whole run in the directory `out` for a classifier that was made without steps of training.

    >>> import tempfile
    >>> from nearsight.data import load
    >>> from nearsight.settings import Recipe
    >>> from nearsight.models import Architecture, Preprocessing
    >>> sets, half = load("digits"), (0.5, 0.5, 0.5)
    >>> made = Architecture("resnet9", classes=10, width=0.1)
    >>> classifier = Classifier(made.build(), made, sets["train"].classes, 8, Preprocessing(half, half))
    >>> run = keep(Recipe(tile=8), sets, Path(tempfile.mkdtemp()) / "run", classifier, {"seconds": 2.0})
    >>> run.result["training"]["seconds"], run.classifier().tile
    (2.0, 8)

    `metrics` are its costs, with the names of a training's in result.json; those left out have the values of
    a training without steps. With `resume`, what an interrupted or finished call has left in `out` is written
    again. Raises `InputError` if `out` holds something else.
    """
    claim_directory(out, recipe, resume)
    own_split(out, sets)
    save_classifier(classifier, out)
    images = len(sets["train"])
    device = next((weights.device for weights in classifier.network.parameters()), torch.device("cpu"))
    without_steps = {
        "images": images,
        "steps": 0,
        "epochs": 0.0,
        "images_seen": 0,
        "pixels_per_image": 0,
        "training_pixels": 0,
        "flops_per_image": 0,
        "flops": 0,
        "optimizer_flops": 0,
        "seconds": 0.0,
        "images_per_second": 0.0,
        "peak_memory_bytes": 0,
        "precision": "float32",
        "precision_reason": "made without steps",
        "seed": recipe.seed,
        "parameters": sum(parameter.numel() for parameter in classifier.network.parameters()),
    }
    training = without_steps | dict(metrics) | trained_here(device)
    write_json(out / RESULT, numbered("result", {"training": training, BESIDE: seals_of(out, OF_A_RUN)}))
    return Run.open(out)
