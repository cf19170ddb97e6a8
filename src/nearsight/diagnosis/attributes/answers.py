"""Edits of images that the classifier answers with a class: with one of them, other images become more like it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nearsight.data import ImageSet
from nearsight.diagnosis.attributes import edits
from nearsight.diagnosis.attributes.edits import middle_strength
from nearsight.diagnosis.attributes.likeness import LIKENESSES, Likeness
from nearsight.diagnosis.attributes.more_edits import OTHERS
from nearsight.diagnosis.attributes.photo.catalogue import PHOTO_EDITS, photo_edits
from nearsight.diagnosis.attributes.seen import Seen
from nearsight.diagnosis.attributes.surroundings import BACKGROUNDS, LIGHTS

Values = NDArray[np.float32]

# Classes with fewer images that choose are skipped. With more classes than this, too few images of each are asked,
# and a forest that tells them apart takes too much memory.
FEWEST, MOST_CLASSES = 20, 50
# If images have more pixels than this in the mean, the edits that are no photographs' take half an hour or more, too.
MOST_PIXELS = 2**22
# Images on which the classifier is asked about each edit. It answers with a class if so many of them become it, and
# so many times as many as become any one other class; or if the class's score rises by so many standard errors, and
# by more than those of all but so many others.
ASKED, ANSWERS, TIMES = 32, 3, 3.0
RISES, AMONG = 4.0, 3

_WAVES = tuple(edits.waves(frequency) for frequency in ((0.5, 0.0), (0.0, 0.5)))
_WEAKER = ("fine detail", "upright detail")
# The same with half of the strengths: where one class has much of it, another that has little does not answer.
WEAK = tuple(
    replace(one, way=replace(one.way, strengths=one.way.strengths[: len(one.way.strengths) // 2 + 1]))
    for one in {one.way: one for one in (*LIKENESSES, *OTHERS)}.values()
    if one.attribute in _WEAKER
)
MORE = (
    Likeness("lines across", "fine horizontal lines", _WAVES[0][0], (), _WAVES[0][1]),
    Likeness("lines down", "fine vertical lines", _WAVES[1][0], (), _WAVES[1][1]),
    Likeness("thin lines", "thin dark lines, as of hairs", edits.HAIRED, (), edits.CLOSED),
    Likeness("thin lines", "thin light lines, as of scratches", edits.SCRATCHED, (), edits.OPENED),
    Likeness("light spot", "a bright spot of light", edits.GLOWING, (), edits.VEIL),
    *BACKGROUNDS,
    *LIGHTS,
    *WEAK,
)


@dataclass(frozen=True)
class Answers:
    """The edits that the classifier answers, each with the classes and how many images become each of these."""

    edits: tuple[tuple[Likeness, Mapping[int, int]], ...]

    @staticmethod
    def of(seen: Seen, asked: Sequence[Likeness] | None = None) -> "Answers":
        """Ask the classifier about edits, by default those of whole images, for the classes with enough images."""
        classes, images = seen.classes(FEWEST), seen.examined.images
        if not askable(len(classes)) or too_large(images):
            return Answers(())
        ways = asked_about(photo_edits(images)) if asked is None else asked
        return Answers(tuple(_answers(seen, classes, ways)))

    def with_class(self, number: int) -> list[Likeness]:
        """Return the edits that are answered with a class."""
        return [likeness for likeness, become in self.edits if number in become]


def askable(classes: int) -> bool:
    """Say whether a set has classes to choose between, and not too many, for edits and for groups unlike all others.

    >>> askable(1), askable(2), askable(1000)
    (False, True, False)
    """
    return 2 <= classes <= MOST_CLASSES


def too_large(images: ImageSet) -> bool:
    """Say whether images have so many pixels in the mean that asking about edits of them takes too long."""
    return bool(images.sizes.prod(1).mean() > MOST_PIXELS)


def asked_about(photo: Sequence[Likeness] = PHOTO_EDITS) -> list[Likeness]:
    """Return all edits that the classifier is asked about, one of each way, with some of photographs."""
    return list({one.way: one for one in (*LIKENESSES, *OTHERS, *MORE, *photo)}.values())


def _answers(
    seen: Seen, classes: Sequence[int], ways: Sequence[Likeness]
) -> Iterator[tuple[Likeness, dict[int, int]]]:
    """Yield the edits that are answered with classes, and how many images become each of these."""
    examined = seen.examined
    drawn = np.random.default_rng((examined.seed, 11)).permutation(seen.grown)[:ASKED]
    pictures, labels, decision = examined.pictures_at(drawn), examined.labels[drawn], examined.decision
    numbers = range(len(drawn))
    before = relative(decision.scores_of(numbers, lambda k: pictures[k]))
    for done, likeness in enumerate(ways, start=1):
        edit = seen.edit(likeness.way, middle_strength(likeness.way))
        after = relative(decision.scores_of(numbers, lambda k, edit=edit: edit(pictures[k], int(drawn[k]))))  # type: ignore[misc]
        examined.progress.count("classifying edited images", done, len(ways))
        answered = _answered(before, after, labels, classes)
        if answered:
            yield likeness, answered


def relative(scores: Values) -> Values:
    """Return scores less their mean over all classes, float32 (n, classes)."""
    return np.asarray(scores - scores.mean(1, keepdims=True))


def _answered(
    before: Values, after: Values, labels: NDArray[np.int64], classes: Sequence[int]
) -> dict[int, int]:
    """Return the classes that images become, or whose scores rise most, of images of other classes, and how many."""
    others = labels[:, None] != np.arange(before.shape[1])
    was, now = (scores.argmax(1)[:, None] == np.arange(scores.shape[1]) for scores in (before, after))
    become = (now & ~was & others).sum(0)[classes]
    # Means over images of other classes; of none, if all that were asked about are of one class.
    share = others[:, classes] / np.maximum(others[:, classes].sum(0), 1)
    rises = (after - before)[:, classes]
    mean = (share * rises).sum(0)
    spread = (share * (rises - mean) ** 2).sum(0) ** 0.5
    sure = mean >= RISES * np.maximum(spread, 1e-6) / np.maximum(others[:, classes].sum(0), 1) ** 0.5
    first = mean >= np.sort(mean)[-min(AMONG, len(mean))]
    beside = (become.sum() - become) / (len(classes) - 1)
    clear = become >= np.maximum(ANSWERS, TIMES * beside)
    answers = clear | (sure & first)
    return {number: int(become[k]) for k, number in enumerate(classes) if answers[k]}
