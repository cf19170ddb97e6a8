"""What a network of whole images says about small tiles, compared with what it says about the whole image."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.errors import InputError, first_line
from nearsight.evaluation.protocols import predict
from nearsight.evaluation.reestimation import has_batch_norm, reestimate_batch_norm
from nearsight.evaluation.tile_views import (
    ALONE,
    ALONE_BN,
    GRID,
    IN_PLACE,
    IN_PLACE_BN,
    View,
    cut_alone,
    in_place_maps,
    left_in_place,
    shown_at_random,
    view_stride,
)
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.models import Classifier, Preprocessing
from nearsight.progress import SILENT, Progress, Stopwatch
from nearsight.tiles import TileGrid

# Shares of the smallest side of the images, in addition to the requested tiles.
SHARES = (1 / 4, 1 / 2, 3 / 4)
# Training images, with one tile of each, on which BatchNorm is re-estimated.
REESTIMATED_TILES = 1_024
# Images whose pass is timed beforehand.
_TIMED_IMAGES = 16


@dataclass(frozen=True)
class ViewAnswers:
    """What one network says about the tiles of each image, shown in one way.

    `predictions` are those of the mean logit of an image's tiles. `right` is the share of its tiles that predict
    its label, and `alike` the share that predict what the full pass predicts. `tiles` is how many tiles an image
    has on average. `chance` is the share of tiles alike for independent predictions with the same frequencies.
    """

    tile: int
    stride: int
    tiles: float
    view: View
    predictions: tuple[int, ...]
    right: tuple[float, ...]
    alike: tuple[float, ...]
    chance: float


@dataclass(frozen=True)
class TileAnswers:
    """What one network of whole images says about some images and about their tiles.

    `images` are the numbers of the images in their split, `whole` the predictions of the full pass. BatchNorm was
    re-estimated on tiles of `training_images` images, one of each; `left_out` says what could not be asked, and
    why.
    """

    images: tuple[int, ...]
    labels: tuple[int, ...]
    whole: tuple[int, ...]
    views: tuple[ViewAnswers, ...]
    training_images: int
    left_out: tuple[str, ...] = ()


def sizes_to_ask(bound: TiledModel, images: ImageSet, tiles: Iterable[int]) -> tuple[int, ...]:
    """Return the sizes of tiles to ask about, in pixels: a quarter, half and three quarters of a side, and `tiles`.

    >>> from nearsight.data import MemoryImages
    >>> import torch
    >>> pixels = torch.zeros(1, 3, 32, 48, dtype=torch.uint8)
    >>> black = ImageSet("black", "test", ("cat",), np.zeros(1, int), MemoryImages(pixels, ("",)))
    >>> sizes_to_ask(TiledModel(lambda images: images.mean((2, 3))), black, [16, 12, 40])
    (8, 12, 16, 24)

    The side is that of the smallest of the images as a full pass sees them; only sizes below it are returned.
    """
    smallest = _smallest(bound.preprocessing, images)
    shares = (max(1, round(share * smallest)) for share in SHARES)
    return tuple(sorted({tile for tile in (*shares, *tiles) if tile < smallest}))


def ask_about_tiles(
    bound: TiledModel,
    images: ImageSet,
    training: ImageSet,
    tiles: Iterable[int],
    *,
    most: int,
    progress: Progress = SILENT,
) -> TileAnswers:
    """Ask a classifier of whole images about tiles of several sizes, each shown in four ways.

    >>> from nearsight.data import MemoryImages
    >>> from nearsight.models import Architecture, Preprocessing
    >>> import torch
    >>> half, architecture = (0.5, 0.5, 0.5), Architecture("airbench", classes=2, width=0.1)
    >>> toy = Classifier(architecture.build(), architecture, ("cat", "dog"), None, Preprocessing(half, half))
    >>> pixels = torch.zeros(4, 3, 16, 16, dtype=torch.uint8)
    >>> black = ImageSet("black", "test", toy.classes, np.zeros(4, int), MemoryImages(pixels, ("",) * 4))
    >>> found = ask_about_tiles(TiledModel(toy), black, black, [8], most=3)
    >>> found.images, [(one.view, one.tile, one.tiles) for one in found.views][::3]
    ((0, 1, 2), [('alone', 8, 9.0), ('in place+bn', 8, 9.0)])

    At most `most` of the images are used, drawn with a fixed seed: the same ones for every network.

    `alone`: the network is given the tile and nothing else, so its padding is at the tile's borders, and its
    input is smaller than in training. `in place`: it is given an image of full size in which everything except
    the tile has the mean colour. With `+bn`, its BatchNorm has the statistics of tiles shown in the same way: of
    one tile each of up to 1,024 images of `training`, never of the images that are asked about. So the four
    differ in what surrounds a tile, not in what is seen. Tiles are on a grid of at most five by five on the
    smallest side (`view_stride`). Images are what a full pass sees of them. Everything else, such as memory and
    device, is as bound.

    What a network refuses, such as tiles that are too small for it, is left out with the reason. Raises
    `InputError` for what is not a classifier, and for an empty set.
    """
    model = bound.model
    if not isinstance(model, Classifier):
        raise InputError("only a Classifier says how its images are prepared; make one of the model")
    if not len(images):
        raise InputError(f"{images.name} {images.split} has no images to ask about")
    preprocessing = model.preprocessing
    drawn = np.sort(np.random.default_rng(0).permutation(len(images))[:most])
    images = images.select(drawn)

    def seen() -> Iterator[Tensor]:
        for i in range(len(images)):
            yield preprocessing.cut_whole(bound.prepare(images.image(i)))

    whole = predict(bound.full_pass(seen()).numpy())
    smallest = _smallest(preprocessing, images)
    sizes = sorted(set(tiles))
    refused = {tile: why for tile in sizes if (why := _refusal(bound, tile)) is not None}
    asked = [
        (tile, view)
        for tile in sizes
        for view in _views(model)
        if tile not in refused or view not in (ALONE, ALONE_BN)
    ]
    answers = []
    for number, (tile, view) in enumerate(asked):
        progress.count("showing tiles to networks of whole images", number, len(asked))
        stride = view_stride(smallest, tile)
        maps = _maps(bound, seen(), training, view, tile, stride)
        answers.append(_answers(maps, view, tile, stride, images.labels, whole))
    progress.count("showing tiles to networks of whole images", len(asked), len(asked))
    left_out = [f"it takes no tiles of {tile} pixels alone ({why})" for tile, why in refused.items()]
    if not has_batch_norm(model):
        left_out.append("it has no BatchNorm whose statistics could be re-estimated")
    return TileAnswers(
        tuple(drawn.tolist()),
        tuple(images.labels.tolist()),
        tuple(whole.tolist()),
        tuple(answers),
        min(REESTIMATED_TILES, len(training)),
        tuple(left_out),
    )


def seconds_of_asking(
    bound: TiledModel, images: ImageSet, training: ImageSet, tiles: Iterable[int], *, most: int
) -> float:
    """Return about how many seconds `ask_about_tiles` takes: its passes are counted, and those of a few images timed.

    The arguments are those of `ask_about_tiles`; 0 for a model that refuses the images.
    """
    model = bound.model
    if not isinstance(model, Classifier) or not len(images):
        return 0.0
    preprocessing = model.preprocessing
    few = [
        preprocessing.cut_whole(bound.prepare(images.image(i)))
        for i in range(min(_TIMED_IMAGES, len(images)))
    ]
    # At a size that it does not accept, a model may raise anything.
    with suppress(Exception):
        # What is set up for the first is not met again.
        bound.full_pass(few[:1])
        watch = Stopwatch()
        bound.full_pass(few)
        one = watch.seconds() / len(few)
        height, width = few[0].shape[-2:]
        smallest, passes = _smallest(preprocessing, images), 0.0
        for tile in sorted(set(tiles)):
            grid = TileGrid(height, width, tile, view_stride(smallest, tile), GRID)
            for view in _views(model):
                shown = len(grid) * min(most, len(images))
                shown += min(REESTIMATED_TILES, len(training)) if view in (ALONE_BN, IN_PLACE_BN) else 0
                passes += shown * (tile**2 / (height * width) if view in (ALONE, ALONE_BN) else 1.0)
        return passes * one
    return 0.0


def _smallest(preprocessing: Preprocessing | None, images: ImageSet) -> int:
    sizes = np.unique(images.sizes, axis=0).tolist()
    return min(min(size if preprocessing is None else preprocessing.seen_whole(*size)) for size in sizes)


def _refusal(bound: TiledModel, tile: int) -> str | None:
    try:
        bound.logits([torch.zeros(3, tile, tile)])
    except Exception as error:
        # At a size that it does not accept, a model may raise anything.
        return first_line(error)
    return None


def _views(model: Classifier) -> tuple[View, ...]:
    return (ALONE, ALONE_BN, IN_PLACE, IN_PLACE_BN) if has_batch_norm(model) else (ALONE, IN_PLACE)


def _maps(
    bound: TiledModel, images: Iterator[Tensor], training: ImageSet, view: View, tile: int, stride: int
) -> Iterator[EvidenceMap]:
    alone = view in (ALONE, ALONE_BN)
    if view in (ALONE_BN, IN_PLACE_BN):
        shown = shown_at_random(cut_alone if alone else left_in_place, tile)
        bound = reestimate_batch_norm(bound, training, shown=shown, most=REESTIMATED_TILES)
    if alone:
        return bound.at(tile, stride, GRID).maps(images)
    return in_place_maps(bound, images, tile, stride)


def _answers(
    maps: Iterable[EvidenceMap],
    view: View,
    tile: int,
    stride: int,
    labels: NDArray[np.int64],
    whole: NDArray[np.int64],
) -> ViewAnswers:
    predictions, counts, shares = [], [], []
    for found in maps:
        predictions.append(int(found.mean().argmax()))
        counts.append(len(found.grid))
        # Counts of whole tiles, which float32 does not hold exactly.
        shares.append(np.rint(found.vote().double().numpy() * counts[-1]) / counts[-1])
    votes, rows = np.stack(shares), np.arange(len(labels))
    frequency = np.bincount(whole, minlength=votes.shape[1]) / len(whole)
    return ViewAnswers(
        tile=tile,
        stride=stride,
        tiles=float(np.mean(counts)),
        view=view,
        predictions=tuple(predictions),
        right=tuple(votes[rows, labels].tolist()),
        alike=tuple(votes[rows, whole].tolist()),
        chance=float(frequency @ votes.mean(0)),
    )
