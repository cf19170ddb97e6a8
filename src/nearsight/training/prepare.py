"""What a run starts from: the network with its preprocessing, and the first look at the data."""

import copy
import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from nearsight.data import ImageSet
from nearsight.data.reduced_images import reduced_large
from nearsight.errors import InputError, first_line
from nearsight.models import Architecture, Classifier, Preprocessing, build, receptive_field
from nearsight.models.classifier import Network
from nearsight.models.last_layer import begin_even
from nearsight.models.preprocessing import Interpolation
from nearsight.models.probing import eval_mode
from nearsight.models.quick import whiten
from nearsight.numbers import counted
from nearsight.progress import SILENT, Progress
from nearsight.settings import Recipe
from nearsight.settings.models import TIMM, is_weights_file
from nearsight.settings.pooled import MEAN
from nearsight.settings.tile_schedule import Size, TileSizes, parse_schedule
from nearsight.shortage import is_shortage
from nearsight.together import ONE_PROCESS, Processes
from nearsight.training.batches import StreamedTiles, training_size
from nearsight.training.memory_tiles import MemoryTiles
from nearsight.training.order import generator
from nearsight.training.own_weights import begin_with_file, begin_with_own_weights

STATISTICS_IMAGES = 5000
# Whitening is measured on as many pixels as this many small images have; more would only cost time and memory.
WHITENING_PIXELS = STATISTICS_IMAGES * 32 * 32
LEVELS = 256


def build_classifier(
    recipe: Recipe,
    images: ImageSet,
    progress: Progress,
    network: Network | None = None,
    processes: Processes = ONE_PROCESS,
) -> tuple[Classifier, Size]:
    """Return the recipe's untrained classifier and the height and width at which it is trained.

    `network` is one of your own, which the recipe only names: a module, which is copied, or what builds it.
    If there are several `processes`, each reads its share of the images needed here, and all return the same.
    Reports the network's receptive field at that size, and warns if the tile shrinks to 1×1. Raises `InputError`
    if the tile does not fit the images or the network, and for a network that accepts one size if whole images
    have several.
    """
    size = _size(recipe, images)
    check_pooling(recipe)
    tile = recipe.tile if recipe.tile is not None else recipe.model_tile
    built_for = min(size) if tile is None else tile
    architecture = Architecture(
        recipe.model,
        len(images.classes),
        recipe.width,
        tile=built_for,
        attention=recipe.pooling == "attention",
    )
    in_file = recipe.weights_of is not None and is_weights_file(recipe.weights_of)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator(recipe.seed, "weights").initial_seed())
        if network is not None:
            network = _own(network, len(images.classes), size)
        else:
            network = build(
                recipe.model,
                len(images.classes),
                pretrained=recipe.pretrained,
                width=recipe.width,
                tile=built_for,
            )
        if recipe.weights_of is not None or (recipe.pretrained and not _keeps_classes(network, images)):
            begin_even(network)
        if in_file:
            begin_with_file(network, recipe, progress)
        network = architecture.finished(network)
    if recipe.tile is None:
        _require_whole(network, images, recipe, size)
    for stage in parse_schedule(recipe.tile_schedule):
        receptive_field(
            network, stage.tile, name=recipe.model
        )  # raises if the network does not accept such a tile
    seen = receptive_field(network, min(size), name=recipe.model)
    progress.say(seen.sentence())
    if warning := seen.warning():
        progress.warn(warning)
    if recipe.weights_of is not None and not in_file:
        preprocessing = begin_with_own_weights(network, recipe, images.classes, progress)
    elif recipe.pretrained or (in_file and recipe.model.startswith(TIMM)):
        preprocessing = pretrained_preprocessing(network, recipe.resize_short)
    else:
        if images.pixels is None:
            progress.say(f"measuring the colours of {counted(min(len(images), STATISTICS_IMAGES), 'image')}")
        mean, std = pixel_statistics(images, processes, progress)
        preprocessing = Preprocessing(mean=mean, std=std, resize_short=recipe.resize_short)
    preprocessing = replace(preprocessing, value_range=images.value_range)
    if recipe.whiten:
        layer = getattr(network, "whiten", None)
        if not isinstance(layer, nn.Conv2d):
            raise InputError(
                f"whiten needs a network with a whitening layer (airbench, tilenet), not {recipe.model}; "
                "give `whiten=False`"
            )
        if recipe.weights_of is None:
            count = min(STATISTICS_IMAGES, max(1, WHITENING_PIXELS // (size[0] * size[1])))
            held, _ = held_images(images, recipe, preprocessing)
            tiles = sample_tiles(held, count, recipe, size, preprocessing, processes)
            whiten(layer, preprocessing.normalise(tiles))
        layer.weight.requires_grad_(False)
    made = Classifier(network, architecture, images.classes, tile, preprocessing, pooling=recipe.pooled)
    return made, size


def _keeps_classes(network: nn.Module, images: ImageSet) -> bool:
    """Say whether a network of timm has the last layer of its published weights, as the number of classes fits."""
    config = getattr(network, "pretrained_cfg", None)
    return isinstance(config, dict) and config.get("num_classes") == len(images.classes)


def begin_classifier(
    begin: Classifier, recipe: Recipe, images: ImageSet, progress: Progress
) -> tuple[Classifier, Size]:
    """Return a copy of a classifier whose weights are trained on, and the height and width at which it is trained.

    Architecture and preprocessing are the classifier's own; the recipe's `whiten` says that the whitening layer
    stays as it is. Raises `InputError` for classes or a short side other than the classifier's own, and if a
    whole image or a tile does not fit.
    """
    if begin.classes != images.classes:
        raise InputError(
            f"begin tells {', '.join(begin.classes)} apart and the images are of {', '.join(images.classes)}; "
            "train again without it"
        )
    if (begin.preprocessing.resize_short, begin.preprocessing.resize_to) != (recipe.resize_short, None):
        raise InputError(
            f"begin takes images of a short side of {begin.preprocessing.resize_short} and resize_short is "
            f"{recipe.resize_short}; give the recipe that it was trained by"
        )
    size = _size(recipe, images)
    check_pooling(recipe)
    if begin.architecture.attention and recipe.pooling != "attention":
        raise InputError(
            f"begin has learned attention and pooling is '{recipe.pooling}'; give `pooling='attention'`"
        )
    architecture = replace(begin.architecture, attention=recipe.pooling == "attention")
    network = copy.deepcopy(begin.network).cpu()
    if not begin.architecture.attention:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator(recipe.seed, "weights").initial_seed())
            network = architecture.finished(network)
    if recipe.tile is None:
        _require_whole(network, images, recipe, size)
    seen = receptive_field(network, min(size), name=recipe.model)
    progress.say(seen.sentence())
    if recipe.whiten and isinstance(layer := getattr(network, "whiten", None), nn.Conv2d):
        # The weights do not record that it is not trained.
        layer.weight.requires_grad_(False)
    tile = recipe.tile if recipe.tile is not None else recipe.model_tile
    made = Classifier(network, architecture, images.classes, tile, begin.preprocessing, pooling=recipe.pooled)
    return made, size


def held_images(
    images: ImageSet, recipe: Recipe, preprocessing: Preprocessing
) -> tuple[ImageSet, str | None]:
    """Return images as they are trained on, those that are too large to be held reduced once, and a note about these.

    If a part of each is cut out at random, they are reduced so far that the smallest part has the run's size.
    """
    if recipe.resized_crop is not None and preprocessing.resize_short is not None:
        short = math.ceil(preprocessing.resize_short / math.sqrt(recipe.resized_crop))
        preprocessing = replace(preprocessing, resize_short=short)
    return reduced_large(images, preprocessing)


def check_pooling(recipe: Recipe) -> None:
    """Raise `InputError` if a step does not have the tiles that a recipe's pooling needs.

    >>> check_pooling(Recipe(tile=16, pooling="top-k", top_k=9, tiles_per_image=8))
    Traceback (most recent call last):
    nearsight.errors.InputError: `top_k` takes 9 tiles, and an image has 8; give fewer, or a share such as `top_k=0.1`
    """
    if recipe.pooling == MEAN:
        return
    if recipe.tile is None:
        raise InputError(
            f"`pooling='{recipe.pooling}'` needs the tiles of an image, and this trains on whole images; give a "
            f"`tile`"
        )
    if recipe.tiles_per_image < 2:
        raise InputError(
            f"`pooling='{recipe.pooling}'` needs several tiles of an image, and a step has one; give "
            f"`tiles_per_image=8`, for example"
        )
    if recipe.pooling == "top-k":
        recipe.pooled.count(recipe.tiles_per_image)


def _size(recipe: Recipe, images: ImageSet) -> Size:
    size = training_size(images, recipe)
    if recipe.tile is None and recipe.crop_fill == "reflect" and recipe.crop_padding >= min(size):
        raise InputError(
            f"crop_padding must be below {min(size)}, the shorter side of the images, to be filled by reflection, "
            f"got {recipe.crop_padding}; give less, or `crop_fill='black'`"
        )
    smallest = min(*size, *(stage.tile for stage in parse_schedule(recipe.tile_schedule)))
    if recipe.cutout is not None and recipe.cutout >= smallest:
        raise InputError(
            f"cutout must be below {smallest}, the shorter side of what is trained on, so that something is left, "
            f"got {recipe.cutout}; give `cutout={max(1, smallest // 2)}`"
        )
    if recipe.tile is None and recipe.model_tile is not None and recipe.model_tile > min(size):
        raise InputError(
            f"model_tile must not exceed the {min(size)} pixels of the images' shorter side, "
            f"got {recipe.model_tile}; give `model_tile={min(size)}`"
        )
    return size


# How PyTorch's BatchNorm says that it was given one value per channel.
_ONE_VALUE = "more than 1 value per channel"


def _require_whole(network: nn.Module, images: ImageSet, recipe: Recipe, size: Size) -> None:
    """Raise `InputError` if a network refuses the whole images that it is trained on, or evaluated on later."""
    plain = Preprocessing(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), resize_short=recipe.resize_short)
    found = {plain.resized(height, width) for height, width in np.unique(images.sizes, axis=0).tolist()}
    longest = max(found, key=lambda sides: max(sides) / min(sides))
    for height, width in dict.fromkeys((size, longest)):
        try:
            with torch.no_grad(), eval_mode(network):
                network(torch.zeros(1, 3, height, width))
        except Exception as error:
            if is_shortage(error):
                raise
            # At a size that it does not accept, a network may raise anything.
            raise InputError(
                f"{recipe.model} refuses whole images of {height}×{width} pixels, which {images.name} has: "
                f"{first_line(error)}; train on tiles, such as `tile={min(size)}`, or give square images"
            ) from error


def _built(build_own: Callable[[int], nn.Module], classes: int) -> nn.Module:
    try:
        takes = inspect.signature(build_own)
    except (TypeError, ValueError):
        # Code written in C need not say so.
        return build_own(classes)
    try:
        takes.bind(classes)
    except TypeError as error:
        raise InputError(
            f"`model` is called with the number of classes, {classes}, to build the network, and does not take it "
            f"({error}); give a function of the number of classes, or the network itself"
        ) from None
    return build_own(classes)


def _own(given: Network, classes: int, size: Size) -> nn.Module:
    """Return a network of one's own, after one look at its output for images of the size at which it is trained."""
    network = copy.deepcopy(given) if isinstance(given, nn.Module) else _built(given, classes)
    if not isinstance(network, nn.Module):
        raise InputError(f"model built {type(network).__name__}; expected a network of PyTorch")
    try:
        with torch.no_grad(), eval_mode(network):
            logits = network(torch.zeros(2, 3, *size))
    except Exception as error:
        if is_shortage(error):
            raise
        # At a size that it does not accept, a network may raise anything.
        raise InputError(
            f"{type(network).__name__} refuses images of {size[0]}×{size[1]} pixels: {first_line(error)}"
        ) from error
    if not isinstance(logits, Tensor) or logits.shape != (2, classes):
        found = f"shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
        raise InputError(
            f"{type(network).__name__} turned 2 images into {found}; training needs a tensor of logits "
            f"(2, {classes}), one for each class"
        )
    return network


def check_smallest_part(network: nn.Module, recipe: Recipe, size: Size, devices: int = 1) -> None:
    """Raise `InputError` if a part of a batch is one tile and BatchNorm finds a single value per channel in it.

    >>> network = nn.Sequential(nn.Conv2d(3, 4, 8), nn.BatchNorm2d(4))
    >>> check_smallest_part(network, Recipe(batch_size=4, accumulate=2), (8, 8))
    >>> check_smallest_part(network, Recipe(batch_size=2, accumulate=2), (8, 8))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    nearsight.errors.InputError: a part of a batch is one tile of 8×8 pixels, and of it a single place is left for ...
    """
    images = len(torch.arange(recipe.batch_size // devices).chunk(recipe.accumulate)[-1])
    if images * recipe.tiles_per_image > 1:
        return
    device = next((weights.device for weights in network.parameters()), None)
    try:
        with torch.no_grad(), torch.random.fork_rng():
            copy.deepcopy(network).train()(torch.zeros(1, 3, *size, device=device))
    except ValueError as error:
        if _ONE_VALUE not in str(error):
            raise
        height, width = size
        raise InputError(
            f"a part of a batch is one tile of {height}×{width} pixels, and of it a single place is left for "
            "BatchNorm, which needs two values; give a larger `batch_size`, fewer parts with `accumulate`, more "
            "`tiles_per_image` or a larger `tile`"
        ) from error


Triple = tuple[float, float, float]


def pretrained_preprocessing(network: nn.Module, resize_short: int | None) -> Preprocessing:
    """Return the preprocessing with which timm's published weights were trained, at the run's own image size.

    >>> import timm
    >>> pretrained_preprocessing(timm.create_model("resnet18"), resize_short=None).mean
    (0.485, 0.456, 0.406)
    """
    from timm.data.config import resolve_model_data_config

    config = resolve_model_data_config(network)  # type: ignore[no-untyped-call]
    interpolation: Interpolation = "bilinear" if config["interpolation"] == "bilinear" else "bicubic"
    return Preprocessing(tuple(config["mean"]), tuple(config["std"]), resize_short, interpolation)


def pixel_statistics(
    images: ImageSet, processes: Processes = ONE_PROCESS, progress: Progress = SILENT
) -> tuple[Triple, Triple]:
    """Return mean and standard deviation of each colour, in 0..1, over a fixed sample of the images.

    The sample is the same for every seed and arm, so that all of them share one preprocessing. Of several `processes`
    each decodes its share of images that stream, and all return the same. `progress` is told how many are decoded.
    """
    count = min(len(images), STATISTICS_IMAGES)
    chosen = torch.randperm(len(images), generator=generator(0, "pixel statistics"))[:count]
    if images.pixels is not None:
        counts = _levels([images.pixels[chosen]])
    else:
        own = processes.share(count)
        numbers = chosen[own.start : own.stop].tolist()
        counts = torch.stack(processes.each(lambda: _levels(_parts(images, numbers, progress)))).sum(0)
    values = torch.arange(LEVELS, dtype=torch.float64) / (LEVELS - 1)
    shares = counts.double() / counts.sum(1, keepdim=True)
    mean = shares @ values
    variance = (shares @ values.square() - mean.square()).clamp_min(0)
    return _triple(mean), _triple(variance.sqrt().clamp_min(1 / (LEVELS - 1)))


def _levels(parts: Iterable[Tensor]) -> Tensor:
    """Count the values of each colour, int64 (3, 256)."""
    counts = torch.zeros(3, LEVELS, dtype=torch.int64)
    for pixels in parts:
        for channel in range(3):
            counts[channel] += torch.bincount(pixels[..., channel, :, :].flatten(), minlength=LEVELS)
    return counts


def _parts(images: ImageSet, chosen: Sequence[int], progress: Progress) -> Iterator[Tensor]:
    """Yield images; those that are too large to be held come in parts."""
    for done, number in enumerate(chosen, start=1):
        image = images.looked_at(number)
        if isinstance(image, Tensor):
            yield image
        else:
            yield from image.parts()
        progress.count("measuring colours", done, len(chosen))


def _triple(values: Tensor) -> Triple:
    red, green, blue = (round(value, 6) for value in values.tolist())
    return red, green, blue


def sample_tiles(
    images: ImageSet,
    count: int,
    recipe: Recipe,
    size: Size,
    preprocessing: Preprocessing,
    processes: Processes = ONE_PROCESS,
) -> Tensor:
    """Return tiles of the first `count` training images of a run, uint8 (count, 3, h, w), one per image.

    If there are several `processes`, each decodes its share of streaming images, and all return the same.
    """
    count = min(count, len(images))
    plain = replace(recipe, tiles_per_image=1, augmentation="none")
    if images.pixels is not None and not preprocessing.resizes:
        step = replace(plain, accumulate=1, batch_size=max(2, count))
        memory = MemoryTiles(images.pixels, torch.from_numpy(images.labels), step, TileSizes(size))
        (drawn,) = memory.draws(0, 1)
        return memory.cut(drawn, size).tiles[:count, 0]
    streamed = StreamedTiles(images, plain, TileSizes(size), preprocessing)
    own = processes.share(count)
    found = processes.each(lambda: [streamed[position][0] for position in own])
    return torch.cat([tile for each in found for tile in each])
