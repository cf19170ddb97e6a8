"""The decision that a classifier really makes: its scores of images under the protocol it is meant to predict
by."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.evaluation import predict, tile_scores
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.settings.pooled import MEAN
from nearsight.settings.protocols import FULL_PASS


@dataclass(frozen=True, eq=False)
class Decision:
    """How a bound classifier decides: a protocol, and what gets the scores of any images under it.

    >>> bound = TiledModel(lambda images: images.mean((2, 3)), tile=2, classes=("red", "green"))
    >>> Decision(bound, "mean-logit").predictions([torch.tensor([3.0, 1.0])[:, None, None].expand(2, 4, 4)]).tolist()
    [0]

    Errors, flips, label suspects, reasons and verdicts follow it, and interventions apply it to changed images.
    """

    bound: TiledModel
    protocol: str

    @staticmethod
    def of(bound: TiledModel, *, whole: bool = True) -> "Decision":
        """Return how a classifier is meant to decide.

        It is `full-pass` if the classifier was trained on whole images, otherwise `mean-logit`, or the pooling of
        tiles in training. `whole` says whether the classifier accepts whole images of these sizes at all; if it
        does not, tiles decide.
        """
        trained_whole = isinstance(bound.model, Classifier) and bound.model.tile is None
        return Decision(
            bound,
            FULL_PASS if trained_whole and whole and bound.pooling.name == MEAN else bound.pooling.protocol,
        )

    @property
    def whole(self) -> bool:
        """Whether it is made in one pass over the whole image; then tiles explain it only if they agree."""
        return self.protocol == FULL_PASS

    def scores(self, images: Iterable[Tensor]) -> NDArray[np.float32]:
        """Return the scores of a stream of images, float32 (N, classes), without keeping their maps.

        `images` are uint8 (3, H, W) as decoded or resized, or float as the model takes them.
        """
        if self.whole:
            return self.bound.full_pass(images).numpy().astype(np.float32)
        found = [tile_scores(self.protocol, evidence_map) for evidence_map in self.bound.maps(images)]
        if not found:
            return np.empty((0, len(self.bound.classes)), dtype=np.float32)
        return torch.stack(found).numpy().astype(np.float32)

    def predictions(self, images: Iterable[Tensor]) -> NDArray[np.int64]:
        """Return the class that each image of a stream is predicted to be, int64 (N,)."""
        return predict(self.scores(images)).astype(np.int64)
