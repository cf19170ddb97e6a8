"""What the verbs start from: the run, the classifier, the image sets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from torch import Tensor, nn

from nearsight.data import Data, ImageSet, ImageSets
from nearsight.data.folds import FoldedSet, fold_set, folded_as_listed, folds_of
from nearsight.data.identity import digest_of
from nearsight.data.loading import known_names, read_set
from nearsight.data.pictures import Pictures, named_pictures
from nearsight.data.positional_cut import cut_by_place
from nearsight.data.sources import IN_MEMORY, held_sets, require_names
from nearsight.data.split_list import TRAINED_ON, Listing, sort_by_listing
from nearsight.data.splits import cut, cut_validation
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.models.classifier import Network
from nearsight.models.onnx_session import OnnxSession
from nearsight.models.published import takes_one_size
from nearsight.models.said import Classes
from nearsight.numbers import agreeing, counted
from nearsight.progress import Progress
from nearsight.read import is_directory, is_file
from nearsight.runs import RECIPE, Run
from nearsight.settings import Reading, ReadingOptions, Recipe
from nearsight.settings.models import MODELS, ONNX, TIMM
from nearsight.signatures import takes_fields_of
from nearsight.study.settings import STUDY

AnyModel = Run | TiledModel | Classifier | nn.Module | Callable[[Tensor], Any] | OnnxSession | str | Path
"""What a verb can look at: a run or its directory, a bound model, or whatever `Classifier.of` takes."""


# A set that contains this share of the images that a run lists is the run's own, wherever it is.
_OWN = 0.5
_UNLISTED = (
    "this run was trained before runs listed their images: its test images are found by their places in the set, "
    "which are the same only if no image was added or removed since"
)


def opened_run(model: AnyModel) -> Run | None:
    """Return the run given to a verb, itself or by its directory; None if another model is given."""
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
    """Return the classifier given to a verb: itself, a run's, or one made by `Classifier.of`.

    `network` is for a run of a network of your own. A timm name needs a `tile` if the verb is `tiled`, because
    published networks were trained on whole images. A `Classifier` keeps the tile on which it was trained. Raises
    where `Run.classifier` and `Classifier.of` do.
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
    if isinstance(model, Classifier):
        return Classifier.of(model, classes=classes, weights=weights)
    made = Classifier.of(model, tile=tile, classes=classes, weights=weights, pretrained=pretrained)
    if isinstance(model, str) and model.startswith(TIMM) and not takes_one_size(made.network):
        made.tile = None
    return made


def model_name(model: AnyModel) -> str:
    """Return the name of a model that is given to a verb."""
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
    """What a verb uses: the images of one split, their set, and whether it is the run's own."""

    images: ImageSet
    sets: ImageSets
    own: bool

    @property
    def others(self) -> dict[str, ImageSet]:
        """The other splits of the set."""
        return {name: images for name, images in self.sets.items() if images is not self.images}


def as_trained(reading: Reading, bound: TiledModel) -> Reading:
    """Read values in the range in which a model was trained, if no other is requested."""
    known = None if bound.preprocessing is None else bound.preprocessing.value_range
    return reading if reading.value_range is not None else replace(reading, value_range=known)


def find_images(
    model: AnyModel,
    data: Data | None,
    split: str,
    *,
    classes: Sequence[str],
    reading: Reading,
    new_images: bool = False,
    progress: Progress,
) -> Examined:
    """Find the images for a verb: a split of the run's own set or of given data, or a single set whole.

    A run's own set has in each split the images that the run listed when it was trained, whatever has become of
    the set since; `new_images` adds what is not listed to the split. From other data, images that the run was
    trained on are left out. `progress` is told what is left out and what has changed. `classes` name those of
    data without names. `reading` says how the images are read; what it does not say is as for the run.
    """
    run = opened_run(model)
    listing = None if run is None else Listing.load(run.directory)
    if new_images and split in TRAINED_ON:
        raise InputError(
            f"`new_images` does not go with the split '{split}': the run was not trained on them"
        )
    given = _own_data(run) if data is None else data
    as_before = reading if listing is None else reading.over(listing.reading)
    try:
        sets = _read(given, classes, as_before, progress)
    except InputError:
        if data is None or as_before == reading:
            raise
        # Other data need not have its classes, groups and regions where the run's own set has them.
        sets = _read(given, classes, reading, progress)
    own = run is not None and run.recipe.data in (sets.name, str(given))
    if listing is not None and (own or listing.share_found(sets) >= _OWN):
        found = sort_by_listing(listing, sets, new_images=split if new_images else None)
        told, sets, own = found.told(split), found.sets, True
    elif run is not None and own:
        sets, cut_off = cut_by_place(sets, run.recipe.validation, run.recipe.seed)
        told = (_UNLISTED,) if cut_off else ()
    else:
        own, told = False, ()
        sets = replace(sets, reading=reading)
        if isinstance(given, str | Path):
            recipe = Recipe() if run is None else run.recipe
            sets = cut(sets, recipe.validation, recipe.seed)
        elif not isinstance(given, Mapping):
            split = next(iter(sets))
        if listing is not None:
            sets, told = _less_trained_on(listing, sets, split)
    for note in sets.notes:
        progress.say(note)
    for warning in told:
        progress.warn(warning)
    return Examined(sets[split], sets, own)


def _read(given: Data, classes: Sequence[str], reading: Reading, progress: Progress) -> ImageSets:
    if isinstance(given, str | Path):
        return read_set(given, progress=progress, **reading.options)
    return held_sets(given, classes=classes, progress=progress, **reading.options)


def _less_trained_on(listing: Listing, sets: ImageSets, split: str) -> tuple[ImageSets, tuple[str, ...]]:
    images = sets[split]
    seen = np.isin(images.identity.digests, [*listing.trained_on()])
    if not seen.any():
        return sets, ()
    if seen.all():
        raise InputError(
            f"the run was trained on all {counted(len(images), 'image')} of {images.name} {split}; give others"
        )
    left = images.select(np.flatnonzero(~seen))
    told = (
        f"{int(seen.sum())} of {counted(len(images), 'image')} {agreeing(int(seen.sum()), 'is', 'are')} "
        "left out: the run was trained on them"
    )
    return replace(sets, splits={**sets.splits, split: left}), (told,)


@takes_fields_of(Reading)
def whole_sets(
    data: Data, *, classes: Sequence[str] | None, progress: Progress, **options: Unpack[ReadingOptions]
) -> ImageSets:
    """Return a set, named or held in memory, with its own splits.

    Raises `InputError` if `classes` are given and the set names others.
    """
    if isinstance(data, str | Path):
        return read_set(data, progress=progress, **options)
    held = held_sets(data, classes=classes, progress=progress, **options)
    require_names(held, classes or held.classes)
    return held


def split_as_before(
    sets: ImageSets, directory: Path, validation: float, seed: int, progress: Progress
) -> ImageSets:
    """Split a set as the run or comparison in a directory lists it, or anew if none was started there.

    `progress` is told what has changed in the set since it was listed.
    """
    listing = Listing.load(directory)
    if listing is not None:
        if folds := folds_of(listing):
            raise InputError(
                f"{directory} holds {counted(folds, 'fold')} of a set; give `folds={folds}`, or choose another `out`"
            )
        of_a_run = (directory / RECIPE).is_file()
        found = sort_by_listing(listing if of_a_run else listing.before_validation(), sets)
        for warning in found.told("train"):
            progress.warn(warning)
        if of_a_run:
            return found.sets
        return replace(cut_validation(found.sets, validation, seed), notes=listing.notes)
    if any((directory / name).is_file() for name in (RECIPE, STUDY)):
        return cut_by_place(sets, validation, seed)[0]
    return cut(sets, validation, seed)


def folds_as_before(sets: ImageSets, listing: Listing | None, folds: int, progress: Progress) -> FoldedSet:
    """Divide a set into the folds that a directory lists, or into new ones if none were started there.

    `progress` is told what has changed in the set since it was listed. A listing with another number of folds is
    not used; claiming the directory then fails.
    """
    if listing is None or folds_of(listing) != folds:
        return fold_set(sets, folds)
    folded, told = folded_as_listed(listing, sets)
    for warning in told:
        progress.warn(warning)
    return folded


def trained_on_among(model: AnyModel, pictures: Pictures) -> list[str]:
    """Return the files among pictures whose content a run was trained on; none if it lists no images."""
    run = opened_run(model)
    listing = None if run is None else Listing.load(run.directory)
    if listing is None:
        return []
    seen = listing.trained_on()
    files = [(name, image) for name, image in named_pictures(pictures) if isinstance(image, str | Path)]
    return [name for name, file in files if digest_of(file) in seen]


def _own_data(run: Run | None) -> str:
    if run is None:
        raise InputError("a data set is needed: only a run knows the one it was trained on; give `data`")
    data = run.recipe.data
    if not data:
        raise InputError(f"{run.directory / RECIPE} names no data set; give `data`")
    if data.startswith(IN_MEMORY):
        raise InputError(f"{run.directory} was trained on a set that was held {data}; give it as `data`")
    named = data in known_names() or data.partition(":")[0] in ("hf", "scenes")
    place = Path(data).expanduser()
    if not named and not is_directory(place) and not is_file(place):
        raise InputError(
            f"the set that {run.directory} was trained on, {data}, is not in {Path.cwd()}; give the place "
            "where it is now as `data`"
        )
    return data
