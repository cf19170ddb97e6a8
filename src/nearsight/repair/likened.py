"""Edits as strong as what they imitate: of the strengths of an edit, that whose images look most like real ones."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.attributes.curves import MOST, ToneCurves, tone_curve
from nearsight.diagnosis.attributes.forests import told_apart
from nearsight.diagnosis.attributes.looks import looks_of
from nearsight.diagnosis.candidates import Candidate, Graded
from nearsight.diagnosis.decoded import Decoded, DecodedImages
from nearsight.progress import SILENT, Progress
from nearsight.repair.edited import edit_image
from nearsight.repair.shortcut import EditIn, of_image


@dataclass(frozen=True)
class Likening:
    """How strong edits are: which strengths are tried, and how far they vary.

    `compared` images with a shortcut, at most, are compared with as many to which it is added; with fewer than
    `fewest`, an edit stays as it is. `factors`, of which one is 1, multiply its strength, and the best of all then
    goes up and down by each of `finer` in turn. An image's own factor lies up to `octaves` above or below what is
    best.
    """

    compared: int = 40
    fewest: int = 12
    factors: tuple[float, ...] = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8)
    finer: tuple[float, ...] = (1.19, 1.09)
    octaves: float = 0.5


LIKENING = Likening()
# Edits that are compared, at most: the candidate's own, the named one, and what all training images teach.
EDITS = 3


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
    train: ImageSet,
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

    `real` and `plain` are bool (n,): training images that have a shortcut, and images without it, which are edited.
    Strengths are learned from medians of single measures, which compression and content shift; a network tells such
    edits from the real thing, and unlearns the edit alone.
    """
    random = np.random.default_rng(seed)
    ours, theirs = (
        random.permutation(np.flatnonzero(some))[: likening.compared].tolist() for some in (real, plain)
    )
    if min(len(ours), len(theirs)) < likening.fewest:
        return None
    wanted = np.stack([looks_of(train.image(i)) for i in ours])
    tries = len(edits) * len(likening.factors) + 2 * len(likening.finer)
    done = 0

    def told(edit: Graded) -> float:
        nonlocal done
        made = np.stack([looks_of(edit_image(train, i, (of_image(edit),))) for i in theirs])
        done += 1
        progress.count("comparing edited images with real ones", done, tries)
        return told_apart(wanted, made)

    tried = {
        (k, factor): told(edit.times(factor)) for k, edit in enumerate(edits) for factor in likening.factors
    }

    def best() -> tuple[int, float]:
        return min(tried, key=lambda one: (tried[one], abs(np.log(one[1]))))

    for step in likening.finer:
        k, near = best()
        for factor in (near / step, near * step):
            tried[k, factor] = told(edits[k].times(factor))
    k, factor = best()
    return Likened(edits[k], factor, tried[0, 1.0], tried[k, factor])


def likened_candidate(
    candidate: Candidate,
    train: ImageSet,
    in_train: NDArray[np.bool_],
    *,
    seed: tuple[int, ...] = (0,),
    progress: Progress = SILENT,
) -> Likened | None:
    """Return the edit of a candidate that looks most like it, its own or the named one; None if it cannot be said.

    >>> likened_candidate(candidate, sets["train"], in_train).told  # doctest: +SKIP
    0.6

    `in_train` is bool (n,): which training images have it. The class's own images without it are edited, or, if they
    are too few, those of other classes. A curve of tones is also learned from all of these images: the diagnosis
    learned it from the half that chooses, and what few pictures show is in the curve, too.
    """
    if not isinstance(candidate.put_on, Graded):
        return None
    named = None if candidate.named_by is None else candidate.named_by()
    mine = train.labels == candidate.class_number
    beside = mine & ~in_train
    plain = beside if beside.sum() >= LIKENING.fewest else ~mine & ~in_train
    learned = None
    if isinstance(candidate.put_on, ToneCurves):
        learned = tone_curve(*(_some(train, these, seed) for these in (plain, mine & in_train)))
    edits = [one for one in (candidate.put_on, named, learned) if isinstance(one, Graded)]
    return likened(edits, train, mine & in_train, plain, seed=seed, progress=progress)


def _some(train: ImageSet, these: NDArray[np.bool_], seed: tuple[int, ...]) -> DecodedImages:
    drawn = np.random.default_rng((*seed, 1)).permutation(np.flatnonzero(these))[:MOST]
    # Each is looked at once: photographs of a camera would fill gigabytes together.
    return DecodedImages(Decoded(train, room=0), drawn)


def seconds_of_likening(train: ImageSet, likening: Likening = LIKENING, edits: int = EDITS) -> float:
    """Return how long it takes to find the best of some edits, from how long one image takes to be looked at.

    >>> seconds_of_likening(sets["train"])  # doctest: +SKIP
    2.4
    """

    def one() -> float:
        begun = time.perf_counter()
        looks_of(edit_image(train, 0, (of_image(lambda image: image),)))
        return time.perf_counter() - begun

    tries = edits * len(likening.factors) + 2 * len(likening.finer) + 1
    return tries * likening.compared * min(one() for _ in range(3))


def varied(found: Likened, octaves: float = LIKENING.octaves, seed: tuple[int, ...] = (0,)) -> EditIn:
    """Return an edit whose strength differs from image to image about what was found; each image keeps its own."""

    def one(images: ImageSet, i: int) -> Tensor:
        drawn = np.random.default_rng((*seed, i, images.split == "test")).uniform(-octaves, octaves)
        return of_image(found.edit.times(found.factor * 2**drawn))(images, i)

    return one
