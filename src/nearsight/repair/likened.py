"""Edits as strong as what training images really have, and as varied."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.attributes.curves import MOST, ToneCurves, tone_curve
from nearsight.diagnosis.attributes.likened import LIKENING, Likened, likened
from nearsight.diagnosis.attributes.mixes import colour_mix
from nearsight.diagnosis.candidates import Candidate, Edit, Graded
from nearsight.diagnosis.decoded import Decoded, DecodedImages
from nearsight.progress import SILENT, Progress
from nearsight.repair.shortcut import EditIn, of_image

# Edits that are compared, at most: the candidate's own, the named one, and what all training images teach.
EDITS = 4


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
    are too few, those of other classes. A curve of tones is also learned from all of these images, and a mix of
    channels: the diagnosis learned it from the half that chooses, and what few pictures show is in the curve, too.
    """
    if not isinstance(candidate.put_on, Graded):
        return None
    named = None if candidate.named_by is None else candidate.named_by()
    mine = train.labels == candidate.class_number
    beside = mine & ~in_train
    plain = beside if beside.sum() >= LIKENING.fewest else ~mine & ~in_train
    learned: list[Edit | None] = []
    if isinstance(candidate.put_on, ToneCurves):
        pictures = [_some(train, these, seed) for these in (plain, mine & in_train)]
        learned = [tone_curve(*pictures), colour_mix(*pictures)]
    edits = [one for one in (candidate.put_on, named, *learned) if isinstance(one, Graded)]
    return likened(edits, train, mine & in_train, plain, seed=seed, progress=progress)


def _some(train: ImageSet, these: NDArray[np.bool_], seed: tuple[int, ...]) -> DecodedImages:
    drawn = np.random.default_rng((*seed, 1)).permutation(np.flatnonzero(these))[:MOST]
    # Each is looked at once: photographs of a camera would fill gigabytes together.
    return DecodedImages(Decoded(train, room=0), drawn)


def varied(found: Likened, octaves: float = LIKENING.octaves, seed: tuple[int, ...] = (0,)) -> EditIn:
    """Return an edit whose strength differs from image to image about what was found; each image keeps its own."""

    def one(images: ImageSet, i: int) -> Tensor:
        drawn = np.random.default_rng((*seed, i, images.split == "test")).uniform(-octaves, octaves)
        return of_image(found.edit.times(found.factor * 2**drawn))(images, i)

    return one
