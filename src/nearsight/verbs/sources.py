"""What the verbs start from: the recipe, the classifier, the image sets, the machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nearsight.data import Data, ImageSet, ImageSets, load
from nearsight.data.sources import IN_MEMORY, cut, held_sets
from nearsight.errors import InputError
from nearsight.models import Classifier, published_classifier
from nearsight.progress import Progress
from nearsight.runs import RECIPE, Run
from nearsight.settings import Machine, Recipe
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


@dataclass(frozen=True)
class Examined:
    """What a verb looks at: the images of one split, the set that they are of, and whether it is the run's own."""

    images: ImageSet
    sets: ImageSets
    own: bool

    @property
    def others(self) -> dict[str, ImageSet]:
        """The other splits of the set."""
        return {name: images for name, images in self.sets.items() if images is not self.images}


def find_images(
    model: Run | Classifier | str | Path,
    data: Data | None,
    split: str,
    *,
    classes: Sequence[str],
    skip_bad: bool,
    progress: Progress,
) -> Examined:
    """Find the images that a verb looks at: a split of the run's own set or of data given, or a single set whole.

    A run's own set has the same splits as when the run was trained. `classes` name those of data without names.
    """
    run = _run(model)
    if data is None:
        data = _own_data(run)
    if isinstance(data, str | Path):
        recipe = Recipe() if run is None else run.recipe
        sets = load(data, validation=recipe.validation, seed=recipe.seed, skip_bad=skip_bad)
        own = run is not None and str(data) == run.recipe.data
    else:
        sets = held_sets(data, classes=classes, skip_bad=skip_bad, progress=progress)
        own = run is not None and sets.name == run.recipe.data
        if run is not None and own:
            sets = cut(sets, run.recipe.validation, run.recipe.seed)
        elif not isinstance(data, Mapping):
            split = next(iter(sets))
    for note in sets.notes:
        progress.say(note)
    return Examined(sets[split], sets, own)


def _run(model: Run | Classifier | str | Path) -> Run | None:
    if isinstance(model, Classifier) or (isinstance(model, str) and model.startswith(TIMM)):
        return None
    return model if isinstance(model, Run) else Run.open(model)


def _own_data(run: Run | None) -> str:
    if run is None:
        raise InputError("a data set is needed: only a run knows the one it was trained on; give `data`")
    data = run.recipe.data
    if not data:
        raise InputError(f"{run.directory / RECIPE} names no data set; give `data`")
    if data.startswith(IN_MEMORY):
        raise InputError(f"{run.directory} was trained on a set that was held {data}; give it as `data`")
    return data


def where(machine: Machine | None) -> dict[str, Any]:
    """Return where things are computed and by how many processes images are decoded."""
    machine = machine or Machine()
    return {"device": machine.torch_device(), "workers": machine.decoding_workers()}
