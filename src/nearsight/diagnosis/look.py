"""One image during the pass over evidence maps: what every part may use, made once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.overlap import object_shares
from nearsight.evidence import EvidenceMap


@dataclass(frozen=True, eq=False)
class Look:
    """An image by its `number` in the examined set, and its evidence map; `seed` fixes what is drawn from it.

    >>> from nearsight.data import load
    >>> from nearsight.tiles import TileGrid
    >>> scenes = load("scenes")["test"]
    >>> look = Look(scenes, 3, EvidenceMap(torch.zeros(8, 4, 4), TileGrid(64, 64, 16, 16), scenes.classes))
    >>> look.label == int(scenes.labels[3]), tuple(look.on_object.shape)
    (True, (4, 4))
    """

    images: ImageSet
    number: int
    evidence: EvidenceMap
    seed: int = 0

    @property
    def label(self) -> int:
        """The number of the image's class."""
        return int(self.images.labels[self.number])

    @property
    def path(self) -> str:
        """Where the image comes from."""
        return self.images.path(self.number)

    @cached_property
    def region(self) -> Tensor | None:
        """Where the object is, bool (H, W); None if that is not known."""
        return self.images.region(self.number)

    @cached_property
    def on_object(self) -> Tensor | None:
        """The share of each tile that is on the object, float (rows, columns); None if that is not known."""
        return None if self.region is None else object_shares(self.region, self.evidence.grid)

    def generator(self) -> torch.Generator:
        """Return a random generator for this image; it is the same for the same seed, whatever else is examined."""
        mixed = np.random.SeedSequence((self.seed, self.number)).generate_state(1)
        return torch.Generator().manual_seed(int(mixed[0]))
