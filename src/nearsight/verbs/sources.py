"""What the verbs start from: the recipe, the classifier, the image sets, the machine."""

from pathlib import Path
from typing import Any

from nearsight.data import ImageSets, load
from nearsight.errors import InputError
from nearsight.models import Classifier, published_classifier
from nearsight.runs import RECIPE, Run
from nearsight.settings import Machine
from nearsight.settings.models import TIMM


def find_classifier(model: Run | Classifier | str | Path, tile: int | None, pretrained: bool) -> Classifier:
    """Return the classifier that a verb is given: itself, a run's, or a published one, which needs a `tile`."""
    if isinstance(model, Classifier):
        return model
    if isinstance(model, str) and model.startswith(TIMM):
        if tile is None:
            raise InputError(f"'{model}' needs the side of the tiles in pixels, such as `tile=64`")
        return published_classifier(model, tile, pretrained=pretrained)
    return (model if isinstance(model, Run) else Run.open(model)).classifier()


def model_name(model: Run | Classifier | str | Path) -> str:
    """Return what to call a model that a verb is given."""
    if isinstance(model, Classifier):
        return model.architecture.name
    return model.directory.name if isinstance(model, Run) else str(model)


def load_sets(model: Run | Classifier | str | Path, data: str | Path | None, skip_bad: bool) -> ImageSets:
    """Load a data set, for a run as it was when the run was trained: its own, with the same validation cut."""
    if isinstance(model, Classifier) or (isinstance(model, str) and model.startswith(TIMM)):
        if data is None:
            raise InputError("a data set is needed: only a run knows the one it was trained on")
        return load(data, skip_bad=skip_bad)
    run = model if isinstance(model, Run) else Run.open(model)
    recipe = run.recipe
    if data is None and not recipe.data:
        raise InputError(f"{run.directory / RECIPE} names no data set; give one")
    return load(
        data if data is not None else recipe.data,
        validation=recipe.validation,
        seed=recipe.seed,
        skip_bad=skip_bad,
    )


def where(machine: Machine | None) -> dict[str, Any]:
    """Return where things are computed and by how many processes images are decoded."""
    machine = machine or Machine()
    return {"device": machine.torch_device(), "workers": machine.decoding_workers()}
