"""What may be a shortcut: something that some images of a class have, by a rule that any image can be asked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.decision import Decision
from nearsight.progress import SILENT, Progress

Edit = Callable[[Tensor], Tensor]
# The same, of an image with its place in the set.
EditOf = Callable[[Tensor, int], Tensor]

# What a candidate is seen in: where no picture shows it, only a table does.
IMAGE, TILE, TABLE = "image", "tile", "table"

# How much else may look like a candidate: fine lines are lines, a picture that looks blurred may be much else.
ONE_CAUSE, FEW_CAUSES, MANY_CAUSES = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Candidate:
    """Something that images of one class have or have not.

    `class_number` is the class that it may decide. `attribute` is the name of its kind ("blocks", "border",
    "overlay", "tint", "column:camera"), `words` what a person calls this one ("compressed: 8-pixel blocks",
    "bright marks at the bottom left"). `artefact` says that it has nothing to do with any object: it comes
    from how the picture was taken, stored or marked. `has` is bool (n,): which of all examined images have
    it, by a rule fixed on the images that choose; `value` float32 (n,) how much of it each has, NaN where
    that is not known. `effect` is how well it tells the images of the class that have it from those of other
    classes (area under the ROC curve, 0.5 to 1), measured on the images that choose.

    `put_on` gives a decoded image it, `take_off` takes it away; both map uint8 (3, H, W) to the same and do not
    change their argument. None where that cannot be done. What lies elsewhere in each image is taken off by
    `take_off_of`, which is given the image's place in the set too. `beside` does to an image what `put_on`
    does, but with something of the class that is not it: what it moves is the value of chance. `place` is a box
    of the picture (top, left, bottom, right), as shares of height and width, in which it can be seen; None
    where it is everywhere or nowhere. `causes` says how much else may look like it: `ONE_CAUSE`, `FEW_CAUSES` or
    `MANY_CAUSES`. Of two names for what the same images have, and that move as many, the one with fewer is told.
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
    beside: Edit | None = None
    place: tuple[float, float, float, float] | None = None
    causes: int = FEW_CAUSES


@dataclass(frozen=True, eq=False)
class Examined:
    """What a finder of candidates is given: the images, what the classifier decided, and which images choose.

    `decided` is int64 (n,), the predictions under `decision` where they are known; else images are asked once these
    are needed, which no finder does. `choosing` is bool (n,), drawn within each class: rules,
    thresholds and groups are chosen on these images alone, and are tested on the others.
    """

    images: ImageSet
    decision: Decision
    decided: NDArray[np.int64] | None
    choosing: NDArray[np.bool_]
    seed: int = 0
    progress: Progress = SILENT

    @cached_property
    def predictions(self) -> NDArray[np.int64]:
        """The class that each image is predicted to be, int64 (n,)."""
        if self.decided is not None:
            return self.decided
        return self.decision.predictions(self.images.image(i) for i in range(len(self.images)))

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """The class of each image, int64 (n,)."""
        return np.asarray(self.images.labels, dtype=np.int64)

    def pictures(self, among: NDArray[np.bool_], most: int) -> list[Tensor]:
        """Return at most so many of some images that choose, drawn by the seed, uint8 (3, H, W) each."""
        drawn = np.random.default_rng(self.seed).permutation(np.flatnonzero(among & self.choosing))[:most]
        return [self.images.image(int(i)) for i in drawn]

    def of_class(self, class_number: int, *, choosing: bool) -> NDArray[np.int64]:
        """Return the places of a class's images that choose, or of those that test."""
        return np.flatnonzero((self.labels == class_number) & (self.choosing == choosing))


Finder = Callable[[Examined], Iterator[Candidate]]
