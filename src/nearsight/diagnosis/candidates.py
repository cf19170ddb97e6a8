"""What may be a shortcut: something that some images of a class have, with a rule that applies to any image."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.decoded import Decoded, DecodedImages
from nearsight.diagnosis.parted_decision import NO_PART_EDITS, PartedDecision, PartEdits
from nearsight.progress import SILENT, Progress

K = TypeVar("K")
Edit = Callable[[Tensor], Tensor]
# The same, for an image with its place in the set.
EditOf = Callable[[Tensor, int], Tensor]


@runtime_checkable
class Graded(Protocol):
    """An edit that can be made weaker or stronger."""

    def __call__(self, image: Tensor, /) -> Tensor:
        """Return a changed image, uint8 (3, H, W)."""

    def times(self, factor: float) -> "Graded":
        """Return the edit with so many times its strength, as far as it has such a strength."""


class Inside(Protocol):
    """A change of what a network's inner layers see, for what no edit of an image can make."""

    def predictions_of(self, keys: Sequence[K], image: Callable[[K], Tensor]) -> NDArray[np.int64]:
        """Return the class that each image is predicted to be after it, int64 (n,); `image` makes it from its key."""

    def seen_in(self, image: Tensor) -> Tensor:
        """Return where a decoded image has it already, float32 (H, W), as large as it is evaluated; 0 for nowhere."""


# Where a candidate is seen. Only a table shows what no picture shows.
IMAGE, TILE, TABLE = "image", "tile", "table"

# The prediction of an image that the classifier was not asked about: no class.
UNASKED = -1

# How much else may look like a candidate: fine lines can only be lines, but a blurred picture has many causes, and a
# group that was found without any property in mind may have any.
ONE_CAUSE, FEW_CAUSES, MANY_CAUSES, ANY_CAUSE = 0, 1, 2, 3


@dataclass(frozen=True, eq=False)
class Candidate:
    """Something that some images of one class have.

    `class_number` is the class that it may decide. `attribute` is the name of its kind ("blocks", "border",
    "overlay", "tint", "column:camera"), `words` what a person calls this one ("compressed: 8-pixel blocks",
    "bright marks at the bottom left"). `artefact` says that it has nothing to do with any object, because it
    comes from how the picture was taken, stored or marked. `has` is bool (n,): which of all examined images have
    it, by a rule fixed on the images that choose. `value` is float32 (n,): how much of it each has, NaN if that
    is not known. `effect` is how well it distinguishes the images of the class that have it from those of other
    classes (area under the ROC curve, 0.5 to 1), measured on the images that choose.

    `put_on` adds it to a decoded image, `take_off` removes it; both map uint8 (3, H, W) to the same and do not
    change their argument. They are None if that cannot be done. If it is at a different place in each image,
    `put_on_of` and `take_off_of` add and remove it, which also get the image's place in the set. `beside` does to an
    image what `put_on` does, but with something else of the class: what it moves is the value by chance. `place` is
    the box of the picture (top, left, bottom, right), as shares of height and width, in which it can be seen; None if
    it is everywhere or nowhere. `causes` says how much else may look like it, from `ONE_CAUSE` to `ANY_CAUSE`. If the
    same images have two names, and both move as many images, the one with fewer causes is used. `chose` is bool (n,):
    which images it was found on, if they are not those that choose; they do not test it. `drawn` says that it is a
    picture on top of images, such as a stamp or a frame, and no property that objects have more or less of.
    `pictured` says that it may be what these images show, even if it is an artefact: they also stand apart in what it
    leaves alone, or the class's others have much of it too. `named_by` makes the edit that `words` describe, if
    `put_on` was learned from the images and would be the same under another name. `in_parts` holds the edits of
    images that are too large to be held, which have no others. `times` is how many times as frequent in the class as
    elsewhere it must surely be, on the images that choose, to be an artefact; None if that is not what decides.
    `inside` gives images what the network's inner layers see of those that have it, and `inside_beside` what they see
    of others of the class; both are None if that is not known. `by_removal` says that what removing it takes from an
    image helps to decide whether the image has it. `removed_so_far` says how far `take_off` takes images to those
    without it: 0 nowhere, 1 as far as they are; None if that is not known.
    """

    class_number: int
    attribute: str
    words: str
    artefact: bool
    has: NDArray[np.bool_]
    value: NDArray[np.float32]
    effect: float
    seen_in: str = IMAGE
    put_on: Edit | None = None
    take_off: Edit | None = None
    take_off_of: EditOf | None = None
    put_on_of: EditOf | None = None
    beside: Edit | None = None
    place: tuple[float, float, float, float] | None = None
    causes: int = FEW_CAUSES
    chose: NDArray[np.bool_] | None = None
    drawn: bool = False
    pictured: bool = False
    named_by: Callable[[], Edit | None] | None = None
    in_parts: PartEdits = NO_PART_EDITS
    times: float | None = None
    inside: Inside | None = None
    inside_beside: Inside | None = None
    by_removal: bool = False
    removed_so_far: float | None = None

    @property
    def added(self) -> EditOf | None:
        """The edit that adds it to an image with its place in the set; None if there is none."""
        return self.put_on_of or _of_any(self.put_on)

    @property
    def removed(self) -> EditOf | None:
        """The edit that removes it from an image with its place in the set; None if there is none."""
        return self.take_off_of or _of_any(self.take_off)

    @property
    def as_named(self) -> EditOf | None:
        """The edit that makes of an image what `words` say; None if there is none."""
        return self.added if self.named_by is None else _of_any(self.named_by())


def _of_any(edit: Edit | None) -> EditOf | None:
    return None if edit is None else lambda image, _: edit(image)


@dataclass(frozen=True, eq=False)
class Examined:
    """What finders of candidates are given: the images, what the classifier decided, and which images choose.

    `decided` is int64 (n,), the predictions under `decision`, if they are known; otherwise the images are
    classified when a finder first needs the predictions. The prediction of an image that only
    chooses is `UNASKED`. `scored` are the scores of the first m images, float32 (m, classes), if they are known.
    `choosing` is bool (n,): rules, thresholds and groups are chosen on these images alone, and are tested on the
    others. Finders keep no images themselves: what they look at again and again is kept within the bound on memory of
    the model (`pictures`). If some images are too large to be held, `parted` reads them in parts, and knows how the
    decision changes with these.
    """

    images: ImageSet
    decision: Decision
    decided: NDArray[np.int64] | None
    choosing: NDArray[np.bool_]
    seed: int = 0
    progress: Progress = SILENT
    parted: PartedDecision | None = None
    scored: NDArray[np.float32] | None = None

    def scores_of(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the scores of the images at some places, float32 (k, classes); what is not known is asked."""
        if self.scored is not None and (places < len(self.scored)).all():
            return self.scored[places]
        return self.decision.scores_of(places.tolist(), self.images.image)

    @cached_property
    def predictions(self) -> NDArray[np.int64]:
        """The class that each image is predicted to be, int64 (n,)."""
        if self.decided is not None:
            return self.decided
        return self.decision.predictions_of(range(len(self.images)), self.images.image)

    @cached_property
    def asked(self) -> NDArray[np.bool_]:
        """Which images the classifier was asked about, bool (n,)."""
        return np.asarray(self.predictions != UNASKED)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """The class of each image, int64 (n,)."""
        return np.asarray(self.images.labels, dtype=np.int64)

    @cached_property
    def decoded(self) -> Decoded:
        """The images, of which those looked at last are kept, in as much memory as the model is bound to."""
        return Decoded(self.images, self.decision.bound.memory)

    def pictures(self, among: NDArray[np.bool_], most: int) -> DecodedImages:
        """Return at most so many of some images that choose, drawn with the seed, uint8 (3, H, W) each."""
        drawn = np.random.default_rng(self.seed).permutation(np.flatnonzero(among & self.choosing))[:most]
        return self.pictures_at(drawn)

    def pictures_at(self, places: NDArray[np.int64]) -> DecodedImages:
        """Return the images at some places, uint8 (3, H, W) each, which are decoded as they are looked at."""
        return DecodedImages(self.decoded, places)

    def testing(self, candidate: Candidate) -> NDArray[np.bool_]:
        """Return which images test a candidate, bool (n,): those that choose nothing and did not choose it.

        Images of which it is not known how much of it they have do not.
        """
        known = ~self.choosing & ~np.isnan(candidate.value)
        return known if candidate.chose is None else known & ~candidate.chose

    def of_class(self, class_number: int, *, choosing: bool) -> NDArray[np.int64]:
        """Return the places of a class's images that choose, or of those that test."""
        return np.flatnonzero((self.labels == class_number) & (self.choosing == choosing))


Finder = Callable[[Examined], Iterator[Candidate]]
