"""The facts of a diagnosis and what its parts found: what sentences, tables and pictures are made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.pictures import Pictures
from nearsight.settings.protocols import MEAN_LOGIT, WHOLE, scored_by


@dataclass(frozen=True, eq=False, repr=False)
class Findings(Mapping[str, Any]):
    """What each part found, by the part's name, and the facts of what was examined.

    `network` is the classifier's architecture and `trained_tile` the tile it was trained on, None for whole
    images. `decision` is the protocol by which it is meant to predict, which errors, labels and reasons follow.
    `images` is how many were examined, `class_images` how many of each class; every `index`, and whatever else
    points at images, is a place among these. `places` are their places in the whole split, and `paths` their
    files, or what names them if they have none; both are empty in older files. Tables hold places in the split.
    `pictures` gives the pictures of examined images as the network's preprocessing resizes them; positions are
    pixels of these. `absent` says why a part that could find nothing could not; such a part has no entry among
    `parts`. A part in neither was left out. `weights` distinguishes the network's weights from any others
    (`models.weights_digest`); None if it has none, and in older files. `predictions` is the predicted class of
    each image, int64 (n,): None if the diagnosis was read from files, which do not hold it. `command` is what was
    typed to make it; empty if Python did, and in older files.
    """

    model: str
    data: str
    split: str
    classes: tuple[str, ...]
    network: str
    trained_tile: int | None
    tile: int
    stride: int
    grid: str
    images: int
    seed: int
    decision: str
    notes: tuple[str, ...]
    versions: Mapping[str, str]
    machine: str
    class_images: tuple[int, ...]
    pictures: Pictures
    parts: Mapping[str, Any]
    absent: Mapping[str, str]
    weights: str | None = None
    predictions: NDArray[np.int64] | None = None
    command: str = ""
    places: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Any:
        """Return what a part found; raises `KeyError`, which says why, if it found nothing or was left out."""
        if name not in self.parts:
            raise KeyError(self.absent.get(name, f"the part '{name}' was not measured"))
        return self.parts[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the parts that found something, in the order of the page."""
        return iter(self.parts)

    def __len__(self) -> int:
        """Return how many parts found something."""
        return len(self.parts)

    def place(self, index: int) -> int:
        """Return the place of an examined image in the whole split; in older files, among the examined images."""
        return self.places[index] if self.places else index

    # Maps of evidence cannot be compared with one truth.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def scored(self) -> str:
        """How scores of tiles were made: under `mean-logit`, with their tile and stride."""
        return scored_by(MEAN_LOGIT, self.tile, self.stride)

    @property
    def decided(self) -> str:
        """How the classifier decides: its protocol, with the tile and stride of one that reads tiles."""
        return scored_by(self.decision, self.tile, self.stride)

    @property
    def decides_whole(self) -> bool:
        """Whether the classifier decides on whole images, and not by their tiles."""
        return self.decision in WHOLE
