"""What the verbs start from: the run, the classifier, the image sets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from nearsight.data import Data, ImageSet, ImageSets, load
from nearsight.data.sources import IN_MEMORY, cut, held_sets
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.models.classifier import Network
from nearsight.models.onnx_session import OnnxSession
from nearsight.models.said import Classes
from nearsight.progress import Progress
from nearsight.runs import RECIPE, Run
from nearsight.settings import Reading, Recipe
from nearsight.settings.models import MODELS, ONNX, TIMM

AnyModel = Run | TiledModel | Classifier | nn.Module | Callable[[Tensor], Any] | OnnxSession | str | Path
"""What a verb can look at: a run or its directory, a bound model, or whatever `Classifier.of` takes."""


def opened_run(model: AnyModel) -> Run | None:
    """Return the run that a verb is given, itself or by its directory; None where it is given another model."""
    if isinstance(model, Run):
        return model
    if isinstance(model, Path) or (isinstance(model, str) and not _names_a_model(model)):
        return Run.open(model)
    return None


def _names_a_model(text: str) -> bool:
    if text.startswith(TIMM):
        return True
    return (text in MODELS or Path(text).suffix == ONNX) and not Path(text).is_dir()


def find_classifier(
    model: AnyModel,
    tile: int | None,
    pretrained: bool,
    *,
    tiled: bool = True,
    classes: Classes | None = None,
    weights: str | Path | None = None,
    network: Network | None = None,
) -> Classifier:
    """Return the classifier that a verb is given: itself, a run's, or one made by `Classifier.of`.

    `network` is for a run of a network of your own. A name of timm needs a `tile` where the verb is `tiled`.
    Raises what `Run.classifier` and `Classifier.of` raise.
    """
    if isinstance(model, TiledModel):
        tile = tile or model.tile
        model = model.model
    run = opened_run(model)
    if run is not None:
        return Classifier.of(run.classifier(network), classes=classes, weights=weights)
    if network is not None:
        raise InputError("`network` is for a run that was trained with a network of your own; leave it out")
    if tiled and tile is None and isinstance(model, str) and model.startswith(TIMM):
        raise InputError(f"'{model}' needs the side of the tiles in pixels, such as `tile=64`")
    return Classifier.of(model, tile=tile, classes=classes, weights=weights, pretrained=pretrained)


def model_name(model: AnyModel) -> str:
    """Return what to call a model that a verb is given."""
    if isinstance(model, TiledModel):
        return model_name(model.model)
    if isinstance(model, Classifier):
        return model.architecture.name
    if isinstance(model, Run):
        return model.directory.name
    if isinstance(model, str | Path):
        return str(model)
    return type(model).__name__ if isinstance(model, nn.Module) else getattr(model, "__name__", "model")


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


def as_trained(reading: Reading, bound: TiledModel) -> Reading:
    """Read values in the range that a model was trained in, where no other is asked for."""
    known = None if bound.preprocessing is None else bound.preprocessing.value_range
    return reading if reading.value_range is not None else replace(reading, value_range=known)


def find_images(
    model: AnyModel,
    data: Data | None,
    split: str,
    *,
    classes: Sequence[str],
    reading: Reading,
    progress: Progress,
) -> Examined:
    """Find the images that a verb looks at: a split of the run's own set or of data given, or a single set whole.

    A run's own set has the same splits as when the run was trained. `classes` name those of data without names.
    `reading` says how they are read.
    """
    run = opened_run(model)
    if data is None:
        data = _own_data(run)
    if isinstance(data, str | Path):
        recipe = Recipe() if run is None else run.recipe
        sets = load(
            data, validation=recipe.validation, seed=recipe.seed, progress=progress, **reading.options
        )
        own = run is not None and str(data) == run.recipe.data
    else:
        sets = held_sets(data, classes=classes, progress=progress, **reading.options)
        own = run is not None and sets.name == run.recipe.data
        if run is not None and own:
            sets = cut(sets, run.recipe.validation, run.recipe.seed)
        elif not isinstance(data, Mapping):
            split = next(iter(sets))
    for note in sets.notes:
        progress.say(note)
    return Examined(sets[split], sets, own)


def _own_data(run: Run | None) -> str:
    if run is None:
        raise InputError("a data set is needed: only a run knows the one it was trained on; give `data`")
    data = run.recipe.data
    if not data:
        raise InputError(f"{run.directory / RECIPE} names no data set; give `data`")
    if data.startswith(IN_MEMORY):
        raise InputError(f"{run.directory} was trained on a set that was held {data}; give it as `data`")
    return data
