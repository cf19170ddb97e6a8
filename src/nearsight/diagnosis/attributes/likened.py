"""Edits as strong as what they imitate: of the strengths of an edit, that whose images look most like real ones."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from nearsight.data import ImageSet
from nearsight.data.stored import as_stored
from nearsight.diagnosis.attributes.curves import MOST
from nearsight.diagnosis.attributes.forests import told_apart
from nearsight.diagnosis.attributes.kinds import NAMES
from nearsight.diagnosis.attributes.looks import looks_of
from nearsight.diagnosis.attributes.measuring import measure_one
from nearsight.diagnosis.attributes.mixes import MIXED, colour_mix
from nearsight.diagnosis.candidates import ANY_CAUSE, Candidate, Edit, Examined, Graded
from nearsight.progress import SILENT, Progress
from nearsight.statistics import area_under_curve


@dataclass(frozen=True)
class Likening:
    """How strong edits are: which strengths are tried, and how far they vary.

    `compared` images with a shortcut, at most, are compared with as many to which it is added; with fewer than
    `fewest`, an edit stays as it is. `factors` multiply its strength, and the best of all then goes up and down by
    each of `finer` in turn, unless a forest tells no better than `enough` at first (area under the ROC curve). Of
    strengths at which it does as badly as at the best but for `nearly`, the one nearest to the first is used. An
    image's own factor lies up to `octaves` above or below what is best.
    """

    compared: int = 40
    fewest: int = 12
    factors: tuple[float, ...] = (0.5, 0.7, 1.4, 2.0, 2.8)
    finer: tuple[float, ...] = (1.19, 1.09)
    enough: float = 0.0
    nearly: float = 0.0
    octaves: float = 0.5


LIKENING = Likening()
# A diagnosis has many candidates: fewer tries for each, and none beyond what a forest may say by chance.
OF_CANDIDATES = Likening(compared=32, factors=(0.7, 1.4, 2.0), finer=(1.19,), enough=0.55, nearly=0.05)

# How far an edit goes is measured by what tells images with it from those without at least so well (area under the
# ROC curve).
CLEAR = 0.9


@dataclass(frozen=True)
class Likened:
    """An edit of the best strength, and how well a forest tells its images from real ones.

    `before` and `told` are areas under the ROC curve, of the edit as it was learned and with `factor` times its
    strength.
    """

    edit: Graded
    factor: float
    before: float
    told: float


def likened(
    edits: Sequence[Graded],
    images: ImageSet,
    real: NDArray[np.bool_],
    plain: NDArray[np.bool_],
    *,
    likening: Likening = LIKENING,
    seed: tuple[int, ...] = (0,),
    progress: Progress = SILENT,
) -> Likened | None:
    """Return the edit and strength whose images a forest can least tell from real ones; None if there are too few.

    >>> likened([candidate.put_on], sets["train"], mine & has, mine & ~has).factor  # doctest: +SKIP
    1.67

    `real` and `plain` are bool (n,): images that have a shortcut, and images without it, which are edited and stored
    as their files are. Strengths are learned from medians of single measures, which compression and content shift; a
    network tells such edits from the real thing.
    """
    random = np.random.default_rng(seed)
    ours, theirs = (
        random.permutation(np.flatnonzero(some))[: likening.compared].tolist() for some in (real, plain)
    )
    if min(len(ours), len(theirs)) < likening.fewest:
        return None
    wanted = np.stack([looks_of(images.image(i)) for i in ours])
    tries = len(edits) * (1 + len(likening.factors)) + 2 * len(likening.finer)
    done = 0

    def told(edit: Graded) -> float:
        nonlocal done
        made = np.stack([looks_of(as_stored(images, i, edit(images.image(i)))) for i in theirs])
        done += 1
        progress.count("comparing edited images with real ones", done, tries)
        return told_apart(wanted, made)

    tried = {(k, 1.0): told(edit) for k, edit in enumerate(edits)}

    def best() -> tuple[int, float]:
        least = min(tried.values())
        near = [one for one, area in tried.items() if area <= least + likening.nearly]
        return min(near, key=lambda one: (abs(np.log(one[1])), tried[one]))

    if min(tried.values()) > likening.enough:
        for k, factor in product(range(len(edits)), likening.factors):
            tried[k, factor] = told(edits[k].times(factor))
        for step in likening.finer:
            k, near = best()
            for factor in (near / step, near * step):
                tried[k, factor] = told(edits[k].times(factor))
    k, factor = best()
    return Likened(edits[k], factor, tried[0, 1.0], tried[k, factor])


def seconds_of_likening(images: ImageSet, likening: Likening, edits: int = 1) -> float:
    """Return how long it takes to find the best of some edits, from one image that is looked at, and a forest.

    >>> seconds_of_likening(sets["train"], LIKENING)  # doctest: +SKIP
    2.4

    Raises `InputError` if the first image is damaged.
    """

    def look() -> NDArray[np.float32]:
        return looks_of(as_stored(images, 0, images.image(0)))

    each, numbers = min(_timed(look) for _ in range(3)), len(look())
    tries = edits * (1 + len(likening.factors)) + 2 * len(likening.finer)
    return (tries + 1) * likening.compared * each + tries * _seconds_of_forest(likening.compared, numbers)


@cache
def _seconds_of_forest(compared: int, numbers: int) -> float:
    ours, theirs = np.random.default_rng(0).normal(size=(2, compared, numbers)).astype(np.float32)
    return _timed(lambda: told_apart(ours, theirs))


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def as_strong(examined: Examined, candidate: Candidate) -> tuple[Candidate, float | None]:
    """Return a candidate whose edit is as strong as the real thing, and how far that goes; None if that is unknown.

    >>> as_strong(examined, candidate)  # doctest: +SKIP
    (Candidate(...), 0.96)

    Images of the class that choose and do not have it are edited, and compared with those that have it, by how they
    look alone: what the classifier makes of them is not asked. Where colours are changed, a mix of channels that is
    learned from both is tried as well. How far an edit goes is by the candidate's own attribute, the median of edited
    images between those without it (0) and those with it (1). What has no strength stays as it is, as does an edit
    that was found by what it moves, or any if there are too few images.
    """
    put_on, mine = candidate.put_on, examined.labels == candidate.class_number
    choosing = examined.choosing & ~np.isnan(candidate.value)
    if (
        not isinstance(put_on, Graded)
        or candidate.drawn
        or candidate.causes == ANY_CAUSE
        or candidate.chose is not None
    ):
        return candidate, None
    real, plain = mine & choosing & candidate.has, mine & choosing & ~candidate.has
    edits = [put_on]
    if candidate.attribute in MIXED:
        mix = colour_mix(*(examined.pictures(some, MOST) for some in (plain, real)))
        edits += [] if mix is None else [mix]
    seed = (examined.seed, 18, candidate.class_number)
    found = likened(edits, examined.images, real, plain, likening=OF_CANDIDATES, seed=seed)
    if found is None:
        return candidate, None
    edit = found.edit.times(found.factor)
    return replace(candidate, put_on=edit), _reached(examined, candidate.attribute, edit, real, plain)


def _reached(
    examined: Examined, attribute: str, edit: Edit, real: NDArray[np.bool_], plain: NDArray[np.bool_]
) -> float | None:
    """Return how far an edit takes an attribute from images without it to those with it; None if that is unknown.

    It is if the attribute is none that is measured, or hardly tells these images apart: then their medians differ by
    chance as much as by what is added.
    """
    if attribute not in NAMES:
        return None
    images = examined.images
    places = examined.pictures(plain, OF_CANDIDATES.compared).places.tolist()
    before, after, wanted = (
        values[~np.isnan(values)]
        for some in (
            map(images.image, places),
            (as_stored(images, i, edit(images.image(i))) for i in places),
            examined.pictures(real, OF_CANDIDATES.compared),
        )
        for values in (measure_one(some, attribute),)
    )
    if (
        not (len(before) and len(after) and len(wanted))
        or abs(area_under_curve(wanted, before) - 0.5) < CLEAR - 0.5
    ):
        return None
    start, end, goal = (float(np.median(values)) for values in (before, after, wanted))
    return (end - start) / (goal - start)
