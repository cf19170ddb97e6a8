"""The interventions: remove the object or the background from a sample of images, and classify them again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.data.regions import RegionKind
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.draw import draw_of_each
from nearsight.diagnosis.overlap import fit_region
from nearsight.diagnosis.reliance.fills import (
    covering,
    fill_from_image,
    fill_with_colour,
    fill_with_surroundings,
    grow,
)
from nearsight.evaluation import predict
from nearsight.progress import SILENT, Progress
from nearsight.tiles import TileGrid

Side = Literal["object", "background"]
# How many images are asked about, per class and in all.
PER_CLASS, IN_ALL = 50, 1000
# The least share that object and background must each have of an image for either to be removed.
LEAST_SHARE = 0.02
# How many images are shown under every intervention, and the longest side of their pictures.
EXAMPLES, EXAMPLE_SIDE = 3, 160


@dataclass(frozen=True)
class Intervention:
    """What is removed, and what replaces it; `side` is None for the image as it is."""

    side: Side | None
    fill: str


AS_IT_IS = Intervention(None, "")
# In place of the object: the mean colour of its background, the surrounding colours blurred in, or the same place
# of another image of the class, whose object is erased.
OBJECT_COLOUR = Intervention("object", "colour")
OBJECT_SURROUNDINGS = Intervention("object", "surroundings")
OBJECT_IMAGE = Intervention("object", "image")
# In place of the background: the mean colour of all images, or an image of another class whose object is erased.
BACKGROUND_COLOUR = Intervention("background", "colour")
SWAPPED = Intervention("background", "image")
INTERVENTIONS = (AS_IT_IS, OBJECT_COLOUR, OBJECT_SURROUNDINGS, OBJECT_IMAGE, BACKGROUND_COLOUR, SWAPPED)


@dataclass(frozen=True, eq=False)
class Example:
    """One image under every intervention.

    `index` is its place in the set and `label` its class; `pictures` is uint8 (interventions, 3, H, W), at most
    `EXAMPLE_SIDE` pixels per side; `predictions` are the predicted classes.
    """

    index: int
    label: int
    pictures: Tensor
    predictions: tuple[int, ...]

    def __eq__(self, other: object) -> bool:
        """Whether another example shows the same."""
        return isinstance(other, Example) and (
            (self.index, self.label, self.predictions) == (other.index, other.label, other.predictions)
            and torch.equal(self.pictures, other.pictures)
        )

    __hash__ = object.__hash__


@dataclass(frozen=True, eq=False)
class Answers:
    """What was decided about a sample of images under every intervention.

    `index` int64 (n,) are the places in the set, `labels` int64 (n,) their classes, `predictions` int64 (n,
    interventions), in the order of `INTERVENTIONS`, `donors` int64 (n,) the class of each new background.
    `left_out` counts the images that are nearly all object or nearly all background.
    """

    index: NDArray[np.int64]
    labels: NDArray[np.int64]
    predictions: NDArray[np.int64]
    donors: NDArray[np.int64]
    examples: tuple[Example, ...]
    left_out: int

    def of(self, intervention: Intervention) -> NDArray[np.int64]:
        """Return the predictions of the images under one intervention, int64 (n,)."""
        found: NDArray[np.int64] = self.predictions[:, INTERVENTIONS.index(intervention)]
        return found


def draw_asked(
    labels: NDArray[np.int64],
    known: NDArray[np.bool_],
    *,
    seed: int,
    per_class: int = PER_CLASS,
    most: int = IN_ALL,
) -> NDArray[np.int64]:
    """Return which images are asked about, drawn within each class with `seed`, int64 in their own order.

    >>> draw_asked(np.array([0, 0, 0, 1, 1]), np.array([True, True, True, False, True]), seed=0, per_class=2).tolist()
    [0, 2, 4]

    `known` says which images have a region. If there are many classes, each has an equal part of `most`, at least
    one image.
    """
    random = np.random.default_rng((seed, 0))
    places = np.flatnonzero(known)
    each = min(per_class, max(1, most // max(1, len(np.unique(labels[known])))))
    return places[draw_of_each(labels[known], each, random)]


def ask(
    decision: Decision,
    images: ImageSet,
    predictions: NDArray[np.int64],
    *,
    seed: int = 0,
    per_class: int = PER_CLASS,
    most: int = IN_ALL,
    progress: Progress = SILENT,
) -> Answers | None:
    """Remove object and background from images in turn, and classify each changed image.

    `predictions` int64 (n,) is what the classifier decides about all images of the set as they are; they are not
    classified again. Only images with a region take part, `per_class` per class and about `most` in all, drawn
    with `seed`; None if there are none. Images are changed in the form to which the network's preprocessing
    resizes them, before they are normalised. To erase an object, its region is grown by `GROWN` of the shorter
    side. A background is erased, or swapped, up to the region as it is given, so boxes and cells keep the
    background that they contain. Backgrounds, and what replaces an object from another image, come from images
    drawn with `seed` among those asked about, whose own object is erased by blurring it into its surroundings.
    There is one pass over the images; each is read once, and twice more as a donor.
    """
    if images.regions is None or not images.has_regions:
        return None
    drawn = draw_asked(images.labels, images.regions.known, seed=seed, per_class=per_class, most=most)
    whole = KnownObjects(images, decision.bound.resize, images.regions.kind)
    asked = [index for index in drawn.tolist() if whole.has_both(index)]
    if len(asked) < 2:
        return None
    labels = images.labels[asked].astype(np.int64)
    random = np.random.default_rng((seed, 1))
    alike = np.array([_other(asked, labels == label, place, random) for place, label in enumerate(labels)])
    foreign = np.array([_other(asked, labels != label, place, random) for place, label in enumerate(labels)])
    colour = whole.mean_colour(asked)
    shown = _spread(labels, predictions[asked] == labels, EXAMPLES)
    pictures: dict[int, Tensor] = {}

    def changed() -> Iterator[Tensor]:
        for place, index in enumerate(asked):
            original, *others = whole.changed(index, int(alike[place]), int(foreign[place]), colour)
            if place in shown:
                pictures[place] = torch.stack([_small(each) for each in (original, *others)])
            yield from others
            progress.count("removing objects and backgrounds", place + 1, len(asked))

    answered = predict(decision.scores(changed())).reshape(len(asked), len(INTERVENTIONS) - 1)
    decided = np.concatenate((predictions[asked][:, None], answered), axis=1).astype(np.int64)
    return Answers(
        index=np.array(asked, dtype=np.int64),
        labels=labels,
        predictions=decided,
        donors=images.labels[foreign].astype(np.int64),
        examples=tuple(
            Example(asked[place], int(labels[place]), pictures[place], tuple(decided[place].tolist()))
            for place in shown
        ),
        left_out=len(drawn) - len(asked),
    )


def _other(asked: list[int], wanted: NDArray[np.bool_], place: int, random: np.random.Generator) -> int:
    """Draw another image among those wanted; any other if there is none."""
    wanted = wanted.copy()
    wanted[place] = False
    among = np.flatnonzero(wanted)
    if not len(among):
        among = np.delete(np.arange(len(asked)), place)
    return asked[int(random.choice(among))]


def _spread(labels: NDArray[np.int64], right: NDArray[np.bool_], count: int) -> list[int]:
    """Return the places of one image of each of this many classes, one that is right if there is one."""
    classes = np.unique(labels)[:count].tolist()
    return [
        min(np.flatnonzero(labels == label).tolist(), key=lambda place: not right[place]) for label in classes
    ]


def _small(picture: Tensor) -> Tensor:
    """Return a picture, uint8 (3, H, W), of at most `EXAMPLE_SIDE` pixels per side."""
    height, width = picture.shape[1:]
    scale = EXAMPLE_SIDE / max(height, width)
    if scale >= 1:
        return picture
    return covering(picture, max(1, round(height * scale)), max(1, round(width * scale)))


@dataclass(frozen=True, eq=False)
class KnownObjects:
    """The images of a set as the network's preprocessing resizes them, and the regions of their objects."""

    images: ImageSet
    resize: Callable[[Tensor], Tensor]
    kind: RegionKind

    def region(self, index: int, height: int, width: int) -> Tensor | None:
        region = self.images.region(index)
        return None if region is None else fit_region(region, TileGrid(height, width, tile=1, stride=1))

    def has_both(self, index: int) -> bool:
        region = self.images.region(index)
        if region is None:
            return False
        return (
            float(region.float().mean()) >= LEAST_SHARE
            and float(grow(region, self.kind).float().mean()) <= 1 - LEAST_SHARE
        )

    def read(self, index: int) -> tuple[Tensor, Tensor]:
        """Return an image and its region."""
        pixels = self.resize(self.images.image(index))
        region = self.region(index, *pixels.shape[1:])
        assert region is not None
        return pixels, region

    def erased(self, index: int, height: int, width: int) -> Tensor:
        """Return an image without its object, brought to cover a size."""
        pixels, region = self.read(index)
        return covering(fill_with_surroundings(pixels, grow(region, self.kind)), height, width)

    def mean_colour(self, asked: list[int]) -> Tensor:
        """Return the mean colour of the images asked about; if there are many, of some spread evenly among them."""
        some = asked[:: max(1, len(asked) // 100)]
        return torch.stack([self.images.image(index).float().mean((1, 2)) for index in some]).mean(0)

    def changed(self, index: int, alike: int, foreign: int, colour: Tensor) -> list[Tensor]:
        """Return an image under every intervention, in the order of `INTERVENTIONS`."""
        pixels, region = self.read(index)
        hole, background = grow(region, self.kind), ~region
        sides = pixels.shape[1], pixels.shape[2]
        return [
            pixels,
            fill_with_colour(pixels, hole, _mean_colour(pixels, ~hole)),
            fill_with_surroundings(pixels, hole),
            fill_from_image(pixels, hole, self.erased(alike, *sides)),
            fill_with_colour(pixels, background, colour),
            fill_from_image(pixels, background, self.erased(foreign, *sides)),
        ]


def _mean_colour(pixels: Tensor, among: Tensor) -> Tensor:
    return pixels[:, among].float().mean(1)
