"""What is repaired: a network with known shortcuts, and the images that show how it does without them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet, ImageSets
from nearsight.diagnosis.decision import Decision
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.repair.shortcut import EditIn, Shortcut
from nearsight.settings import Recipe

Places = NDArray[np.int64]
# Test images per class that a repair is given. It chooses nothing by them, so the others need not be searched.
TOLD = 20


@dataclass(frozen=True, eq=False)
class Look:
    """Some images of a view of a case."""

    view: str
    images: Places


@dataclass(frozen=True, eq=False)
class Known:
    """A shortcut that a network is known to have learned, and where its figures are read.

    `having` are test images of the class that have it, `without` images of the class that do not, `moved` images
    of other classes to which it was added. `in_train` and `in_held` (bool) say which images have it; `put_on` and
    `take_off` are its edits, if it has any.
    """

    class_number: int
    family: str
    strength: int
    share: float
    held_out: bool
    having: Look
    without: Look
    moved: Look
    in_train: NDArray[np.bool_]
    in_held: NDArray[np.bool_]
    put_on: EditIn | None = None
    take_off: EditIn | None = None

    def shortcut(self, which: NDArray[np.bool_], number: int) -> Shortcut:
        """Return it in the form for a repair, in the given images."""
        nowhere = np.zeros(0, dtype=np.bool_)
        words = f"{self.family}, as it was planted"
        return Shortcut(
            self.class_number,
            number,
            "shortcut",
            self.family,
            words,
            "image",
            which,
            nowhere,
            put_on=self.put_on,
            take_off=self.take_off,
        )


@dataclass(frozen=True, eq=False)
class Case:
    """A network to be repaired.

    `ceiling` names what is trained without the shortcut: networks that only differ by their plants share it.
    `sets` are what it is trained on, shortcuts included, and `TOLD` test images of each class; `clean` are the
    same training images without shortcuts. `held` are other images, balanced over the true groups, for methods
    that are given such. `views` are the images from which figures are read, by name, and `elsewhere` those for
    which no shortcut was meant; `usual` are images like those that were trained on.
    """

    name: str
    ceiling: str
    data: str
    kind: str
    seed: int
    recipe: Recipe
    sets: ImageSets
    clean: ImageSet
    held: ImageSet
    known: tuple[Known, ...]
    views: Mapping[str, Iterable[Tensor]]
    labels: Mapping[str, Places]
    usual: Look
    elsewhere: Look
    tile: int
    stride: int

    def bound(self, classifier: Classifier) -> TiledModel:
        """Return a classifier bound as the study uses it."""
        return TiledModel(classifier, tile=self.tile, stride=self.stride)

    def groups(self) -> Places:
        """Return the true group of each training image: its class, with or without the known shortcut."""
        train = self.sets["train"]
        having = np.zeros(len(train), dtype=np.bool_)
        for one in self.known:
            having |= one.in_train & (train.labels == one.class_number)
        _, groups = np.unique(2 * train.labels + having, return_inverse=True)
        return groups.astype(np.int64)

    def predictions(self, classifier: Classifier) -> dict[str, Places]:
        """Return a classifier's predictions for each view, by the decision that it is meant to make."""
        decision = Decision.of(self.bound(classifier))
        return {name: decision.predictions(iter(images)) for name, images in self.views.items()}
