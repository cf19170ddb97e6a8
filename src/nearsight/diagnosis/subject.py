"""What a part of a diagnosis measures with: the bound classifier, the images, its decision and earlier findings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearsight.data import ImageSet
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.parted import PartedPictures
from nearsight.diagnosis.removal_sample import sampled_removals
from nearsight.evaluation import Evaluation
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.progress import SILENT, Progress
from nearsight.tiles import TileGrid


@dataclass(frozen=True, eq=False)
class Subject:
    """A bound classifier and the images it is examined on.

    `evaluation` holds the scores of the images under every available protocol, `grids` the tile grid of each image.
    `decision` is how the classifier is meant to predict. `others` are the set's other splits by name, labelled with
    the same classes. `groups` is the column by which accuracy is shown. `faithfulness` is the number of images on
    which maps are checked; None leaves it to the part. `nulls` returns networks like this one that learned nothing,
    bound in the same way; they give the values by chance. It is None if they are not wanted. `training` are those of
    `others` that choose in place of half of a small split (`training_images`); it is None if they do not, or if no
    part asks. `seed` fixes everything that is drawn. `tell` warns of something that a reader must know, and keeps it
    as a note. `found` holds what the parts that this part needs found before it; read it with
    `PART.of(subject.found)`. `removed` holds the `removals` that earlier parts asked for, and is empty if none did.
    `parted` reads the images if some are too large to be held; it is None if all are held, and whatever needs an
    image whole asks it first.
    """

    bound: TiledModel
    images: ImageSet
    decision: Decision
    evaluation: Evaluation
    grids: Sequence[TileGrid]
    others: Mapping[str, ImageSet]
    found: Mapping[str, Any]
    groups: str | None = None
    faithfulness: int | None = None
    nulls: Callable[[], Sequence[TiledModel]] | None = None
    seed: int = 0
    workers: int = 0
    tell: Callable[[str], None] = SILENT.warn
    progress: Progress = SILENT
    removed: dict[int, EvidenceMap] = field(default_factory=dict)
    parted: PartedPictures | None = None
    training: ImageSet | None = None

    @cached_property
    def predictions(self) -> NDArray[np.int64]:
        """The class that each image is predicted to be under `decision`, int64 (n,)."""
        return np.asarray(self.evaluation.predictions[self.decision.protocol], dtype=np.int64)

    @property
    def removals(self) -> Mapping[int, EvidenceMap]:
        """Removal maps of a sample of images, by their places, made when a part first asks; it may be empty."""
        if not self.removed:
            self.removed.update(
                sampled_removals(self.decision, self.images, seed=self.seed, progress=self.progress)
            )
        return self.removed
