"""How long a diagnosis will take, before it begins: from a few images that are scored and measured beforehand."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.attributes import answers
from nearsight.diagnosis.attributes.answered import SCREENED, most_asked
from nearsight.diagnosis.attributes.edits import middle_strength
from nearsight.diagnosis.attributes.inner import LAYERS
from nearsight.diagnosis.attributes.inner_groups import ASKED, MOST_BESIDE
from nearsight.diagnosis.attributes.likened import OF_CANDIDATES, seconds_of_likening
from nearsight.diagnosis.attributes.likeness import Likeness
from nearsight.diagnosis.attributes.measuring import measure
from nearsight.diagnosis.attributes.photo.catalogue import photo_edits
from nearsight.diagnosis.choosing import training_images
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.errors.part import ERRORS, ERRORS_SHOWN
from nearsight.diagnosis.faithfulness.affordable import METHODS, affordable_images
from nearsight.diagnosis.faithfulness.curves import POINTS, drop_grid
from nearsight.diagnosis.faithfulness.part import FAITHFULNESS
from nearsight.diagnosis.labels.part import LABELS
from nearsight.diagnosis.locality.part import LOCALITY
from nearsight.diagnosis.locality.sizes import LIMIT, half_stride, sizes_between
from nearsight.diagnosis.part import Part
from nearsight.diagnosis.reasons.part import REASONS
from nearsight.diagnosis.reliance.asking import IN_ALL, INTERVENTIONS, PER_CLASS
from nearsight.diagnosis.reliance.part import RELIANCE
from nearsight.diagnosis.removal import MOST_PIXELS, removal_cost
from nearsight.diagnosis.removal_sample import MOST_IMAGES
from nearsight.diagnosis.verdicts.interventions import JUDGED
from nearsight.diagnosis.verdicts.judging import PROVEN, PROVING
from nearsight.diagnosis.verdicts.part import LONGEST, VERDICTS
from nearsight.errors import InputError
from nearsight.evaluation.expected import expected_of
from nearsight.evidence import TiledModel
from nearsight.progress import QUARTER_HOUR, SAID_SECONDS, Stopwatch, duration
from nearsight.tiles import TileGrid

# What cannot be known beforehand, as it was in diagnoses of photographs (docs/performance.md): how many of the images
# are wrong, candidates of a class whose proof is worth trying, and the share of a check of maps that is new. Finders
# take so many times as long as measuring an image for each image, and for each class, whose rules and edits they look
# for, up to so many classes.
WRONG, CANDIDATES, NEW = 0.15, 1.3, 0.5
OF_IMAGE, OF_CLASS, MOST_CLASSES = 1.5, 1700.0, 20
# Groups of a class that inner layers see apart, and decisions that are asked for about each.
SEEN_APART, ASKED_INSIDE = 0.25, LAYERS * ASKED + MOST_BESIDE * ASKED + 2 * JUDGED
# Images that are measured beforehand, and rows of one that is too large to be held.
TIMED, TIMED_ROWS = 3, 512
# One edit of so many is timed.
EVERY = 6
# Strides by which a long diagnosis could be shortened, as shares of the tile. Beyond the tile there would be gaps.
WIDER = (1 / 2, 2 / 3, 1)


# The pass over all images, a step of a diagnosis that is no part. Proving candidates is another.
EVALUATING = "evaluating"


@dataclass(frozen=True)
class Expected:
    """The seconds of a diagnosis: at `least`, and at `most`, if tiles do not explain the decision.

    `steps` divides the least among the pass over all images, the parts by their names, and what proves verdicts.
    """

    least: float
    most: float
    steps: Mapping[str, float] = field(default_factory=dict)

    def in_order(self, parts: Iterable[Part[Any, Any]]) -> dict[str, float]:
        """Return the seconds of each step in the order in which the parts are measured.

        >>> Expected(9.0, 9.0, {PROVING: 3.0, "verdicts": 4.0, EVALUATING: 2.0}).in_order([VERDICTS])
        {'evaluating': 2.0, 'verdicts': 4.0, 'editing images and classifying them again': 3.0}
        """
        names = [EVALUATING]
        for part in parts:
            names += [part.name, PROVING] if part is VERDICTS else [part.name]
        return {name: self.steps[name] for name in names if name in self.steps}

    def sentence(self) -> str:
        """Say it in one line, empty if it is not worth saying.

        >>> Expected(130.0, 130.0).sentence(), Expected(2.0, 3.0).sentence()
        ('the diagnosis takes about 2:10', '')
        >>> Expected(130.0, 600.0).sentence()
        'the diagnosis takes about 2:10; 10:00 if tiles turn out not to explain the decision'
        """
        if self.most <= SAID_SECONDS:
            return ""
        most = f"; {duration(self.most)} if tiles turn out not to explain the decision"
        return (
            f"the diagnosis takes about {duration(self.least)}{most if self.most > 1.2 * self.least else ''}"
        )


def expected_diagnosis(
    bound: TiledModel,
    images: ImageSet,
    parts: Sequence[Part[Any, Any]],
    *,
    others: Mapping[str, ImageSet],
    faithfulness: int | None = None,
    seed: int = 0,
    workers: int = 0,
) -> Expected:
    """Return how long a diagnosis of a bound model on some images takes, to within a factor of about two.

    >>> from nearsight.data import load
    >>> from nearsight.models import Architecture, Classifier, Preprocessing
    >>> half, architecture = (0.5, 0.5, 0.5), Architecture("airbench", classes=8, width=0.1)
    >>> toy = Classifier(architecture.build(), architecture, ("a",) * 8, 16, Preprocessing(half, half))
    >>> scenes = load("scenes")["test"].select(np.arange(20))
    >>> found = expected_diagnosis(TiledModel(toy.eval(), stride=16), scenes, [VERDICTS], others={})
    >>> 0 < found.least == found.most
    True

    The arguments are those of `diagnose`; `parts` includes those that others need. The time of a tile and of a pass
    over a whole image is measured on this machine, and so is what is measured of an image; how often each is done is
    counted, or usual where it is not known yet.
    """
    timed = _Timed.of(bound, images, workers)
    names = {part.name for part in parts}
    if images.first_large() is not None:
        return _of_large(timed, images, names, others, seed)
    decision = Decision.of(bound)
    count, classes = len(images), max(1, len(np.unique(images.labels)))
    one = timed.whole if decision.whole else timed.tiles
    steps = {EVALUATING: count * (timed.whole + timed.tiles)}
    if VERDICTS.name in names:
        chosen = training_images(images, others, seed)
        looked_at = count + (0 if chosen is None else len(chosen))
        tried = min(PROVEN, CANDIDATES * classes)
        given = min(JUDGED, WRONG * count) + min(JUDGED, WRONG * count / classes)
        judged = min(JUDGED, count - count // classes) + 2 * min(JUDGED, count // classes) + given
        choosing = count // 2 if chosen is None else len(chosen)
        # Inner layers see each image once, by tiles side by side.
        seen = looked_at * (timed.whole if decision.whole else timed.on_tiles(timed.tile, timed.tile))
        steps[VERDICTS.name] = _seconds_of_finding(images, looked_at, choosing, classes, one) + seen
        inside = one if decision.whole else max(one, timed.one_by_one)
        steps[PROVING] = tried * judged * one + SEEN_APART * classes * ASKED_INSIDE * inside
        # Of a class's images that choose, some have what is added and some do not.
        if choosing // classes >= 2 * OF_CANDIDATES.fewest:
            steps[PROVING] += tried * _seconds_of_strength(images)
    if RELIANCE.name in names and images.has_regions:
        steps[RELIANCE.name] = min(PER_CLASS * classes, IN_ALL, count) * len(INTERVENTIONS) * one
    if LOCALITY.name in names:
        sides = sizes_between(timed.tile, min(timed.height, timed.width))
        of_sides = sum(timed.on_tiles(side, half_stride(side)) for side in sides)
        steps[LOCALITY.name] = min(count, LIMIT) * of_sides
    if FAITHFULNESS.name in names:
        steps[FAITHFULNESS.name] = timed.of_checks(decision.whole, count, faithfulness)
    wrong = min(ERRORS_SHOWN, WRONG * count) if ERRORS.name in names else 0.0
    steps[ERRORS.name] = 2 * wrong * (timed.tiles if decision.whole else one)
    least = sum(steps.values())
    if not decision.whole:
        return Expected(least, least, steps)
    removals = removal_cost(bound, torch.empty(3, timed.height, timed.width, dtype=torch.uint8))
    taken = min(MOST_IMAGES, count, MOST_PIXELS // removals) if REASONS.name in names else 0
    most = least - steps[ERRORS.name] + (wrong + taken) * timed.whole_rate * removals
    return Expected(least, most, steps)


def wider_stride(
    bound: TiledModel, expected: Callable[[TiledModel], Expected], seconds: float
) -> tuple[int, float] | None:
    """Return a stride with which a long diagnosis takes a quarter of an hour at most, and the seconds that it takes.

    >>> wider_stride(TiledModel(toy, tile=24), expected, 3299.0)  # doctest: +SKIP
    (16, 819.0)

    `expected` foresees the diagnosis of a bound model, which takes so many `seconds` as it is bound. The stride is
    half the tile if that is wide enough, otherwise two thirds, otherwise the tile. None if that saves less than half,
    or if the diagnosis is not long.
    """
    if seconds <= QUARTER_HOUR:
        return None
    tile, stride = bound.sides()
    wider = sorted({round(share * tile) for share in WIDER})
    found = None
    for asked in reversed([one for one in wider if one > stride]):
        least = expected(bound.at(tile, asked)).least
        if least > (seconds / 2 if found is None else QUARTER_HOUR):
            break
        found = asked, least
    return found


def seconds_of_decision(bound: TiledModel, images: ImageSet, *, workers: int = 0) -> float:
    """Return how many seconds the model's own decision about one of these images takes on this machine.

    >>> seconds_of_decision(TiledModel(classifier), sets["test"])  # doctest: +SKIP
    0.042
    """
    timed = _Timed.of(bound, images, workers)
    return timed.whole if Decision.of(bound).whole else timed.tiles


def expected_finding(images: ImageSet, others: int, decision: float) -> float:
    """Return how many seconds it takes to look for what a diagnosis of images found, in them and in other images.

    >>> expected_finding(sets["train"], len(sets["test"]), 0.042)  # doctest: +SKIP
    71.3

    `decision` are the seconds of one.
    """
    classes = max(1, len(np.unique(images.labels)))
    return _seconds_of_finding(images, len(images) + others, len(images) // 2, classes, decision)


def _seconds_of_finding(images: ImageSet, looked_at: int, choosing: int, classes: int, one: float) -> float:
    """Return how long finders take: measuring images, and asking about edits; `one` is the time of a decision."""
    measurements = OF_IMAGE * looked_at + OF_CLASS * min(classes, MOST_CLASSES)
    seconds = measurements * _seconds_of_measuring(images)
    enough = answers.askable(classes) and choosing // classes >= answers.FEWEST
    if enough and not answers.too_large(images):
        edits = answers.asked_about(photo_edits(images))
        seconds += most_asked(choosing // classes, classes, len(edits)) * one
        seconds += (answers.ASKED + SCREENED) * _seconds_of_editing(images, edits)
    return seconds


@dataclass(frozen=True)
class _Timed:
    """What was timed: seconds of the `tiles` of an image and of a pass over the `whole`, and the size of an image."""

    tile: int
    stride: int
    height: int
    width: int
    tiles: float
    whole: float

    @staticmethod
    def of(bound: TiledModel, images: ImageSet, workers: int) -> "_Timed":
        tile, stride = bound.sides()
        height, width = (int(side) for side in np.median(images.sizes, axis=0))
        if bound.preprocessing is not None:
            height, width = bound.preprocessing.resized(height, width)
        # Few images are scored soon, but edited ones are asked about thousands of times.
        found = [
            expected_of(bound, images, passes=passes, of_tiles=of_tiles, workers=workers, least=0)
            for passes, of_tiles in (((), bound.cost), ((bound,), None))
        ]
        each = [0.0 if cost is None else cost.seconds / len(images) for cost in found]
        return _Timed(tile, stride, height, width, *each)

    @property
    def tile_rate(self) -> float:
        """Seconds of a pixel of a tile."""
        return self.tiles / (len(TileGrid(self.height, self.width, self.tile, self.stride)) * self.tile**2)

    @property
    def whole_rate(self) -> float:
        """Seconds of a pixel of a whole image."""
        return self.whole / (self.height * self.width)

    @property
    def one_by_one(self) -> float:
        """Seconds of the tiles of an image if no pass computes many at once."""
        return len(TileGrid(self.height, self.width, self.tile, self.stride)) * self.tile**2 * self.whole_rate

    def on_tiles(self, tile: int, stride: int) -> float:
        """Seconds of an image in tiles of another size; larger tiles are passed as quickly as whole images."""
        pixels = len(TileGrid(self.height, self.width, tile, stride, "covering")) * tile**2
        return pixels * (self.tile_rate if tile <= self.tile else self.whole_rate)

    def of_checks(self, whole: bool, count: int, asked: int | None) -> float:
        """Seconds of the check of maps."""
        size = (self.height, self.width, self.tile)
        tiles = len(TileGrid(self.height, self.width, self.tile, self.stride))
        limit = affordable_images(*size, whole=whole, evaluated=count * tiles) if asked is None else asked
        passes = METHODS * 2 * POINTS + 2 * len(drop_grid(*size))
        return (
            min(count, limit) * passes * NEW * (self.whole if whole else self.on_tiles(self.tile, self.tile))
        )


def _of_large(
    timed: "_Timed", images: ImageSet, names: set[str], others: Mapping[str, ImageSet], seed: int
) -> Expected:
    """Return the same for images too large to be held: the pass, all readings for overviews, and changed parts."""
    count, classes = len(images), max(1, len(np.unique(images.labels)))
    reading = _seconds_of_reading(images)
    steps = {EVALUATING: count * timed.tiles}
    if VERDICTS.name in names:
        chosen = training_images(images, others, seed)
        steps[VERDICTS.name] = (count + (0 if chosen is None else len(chosen))) * reading
        # Both before and after, of all tiles of which a changed part shows something.
        share = min(1.0, (LONGEST + timed.tile) ** 2 / (timed.height * timed.width))
        tried = min(PROVEN, CANDIDATES * classes)
        steps[PROVING] = tried * min(3 * JUDGED, count) * 2 * share * timed.tiles
    if LABELS.name in names and others:
        steps[LABELS.name] = (count + sum(map(len, others.values()))) * reading
    seconds = sum(steps.values())
    return Expected(seconds, seconds, steps)


def _seconds_of_reading(images: ImageSet) -> float:
    """Return how long it takes to read all of an image, from the first rows of one; 0 if they are damaged."""
    with suppress(InputError):
        image = images.looked_at(0)
        if not isinstance(image, Tensor):
            rows = min(TIMED_ROWS, image.height)
            watch = Stopwatch()
            deque(image.bands([(0, rows)]), maxlen=0)
            return watch.seconds() * image.height / rows
    return 0.0


def _seconds_of_strength(images: ImageSet) -> float:
    """Return how long the strength of an edit is searched for, 0 if the first image is damaged."""
    with suppress(InputError):
        return seconds_of_likening(images, OF_CANDIDATES)
    return 0.0


def _seconds_of_editing(images: ImageSet, edits: Sequence[Likeness]) -> float:
    """Return how long all of some edits of an image take, by some of them; 0 if the first image is damaged."""
    with suppress(InputError):
        image, some = images.image(0), edits[::EVERY]
        watch = Stopwatch()
        for one in some:
            one.way.edit(middle_strength(one.way))(image)
        return watch.seconds() * len(edits) / len(some)
    return 0.0


def _seconds_of_measuring(images: ImageSet) -> float:
    """Return how long it takes to read and measure an image, 0 if the first ones are damaged."""
    with suppress(InputError):
        measure(images.image(0))
        watch = Stopwatch()
        some = range(min(TIMED, len(images)))
        for place in some:
            measure(images.image(place))
        return watch.seconds() / len(some)
    return 0.0
