"""The decision that a classifier really makes: its scores of images under the protocol it is meant to predict
by."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.evaluation import predict, tile_scores
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.settings.pooled import MEAN
from nearsight.settings.protocols import FULL_PASS
from nearsight.together import ONE_PROCESS, Processes

K = TypeVar("K")

# Images are scored in blocks, so that batches, and the last bits of a score, are the same for any number of
# processes.
BLOCK = 16


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
    processes: Processes = ONE_PROCESS

    @staticmethod
    def of(bound: TiledModel, *, whole: bool = True, processes: Processes = ONE_PROCESS) -> "Decision":
        """Return how a classifier is meant to decide.

        It is `full-pass` if the classifier was trained on whole images, otherwise `mean-logit`, or the pooling of
        tiles in training. `whole` says whether the classifier accepts whole images of these sizes at all; if it
        does not, tiles decide.
        """
        trained_whole = isinstance(bound.model, Classifier) and bound.model.tile is None
        return Decision(
            bound,
            FULL_PASS if trained_whole and whole and bound.pooling.name == MEAN else bound.pooling.protocol,
            processes,
        )

    @property
    def whole(self) -> bool:
        """Whether it is made in one pass over the whole image; then tiles explain it only if they agree."""
        return self.protocol == FULL_PASS

    @property
    def alone(self) -> "Decision":
        """The same decision, made by this process alone."""
        return replace(self, processes=ONE_PROCESS)

    def scores(self, images: Iterable[Tensor]) -> NDArray[np.float32]:
        """Return the scores of a stream of images, float32 (N, classes), without keeping their maps.

        `images` are uint8 (3, H, W) as decoded or resized, or float as the model takes them. If there are several
        `processes`, each is given the whole stream and scores its share.
        """
        return self._of_all(_blocks(iter(images)))

    def predictions(self, images: Iterable[Tensor]) -> NDArray[np.int64]:
        """Return the class that each image of a stream is predicted to be, int64 (N,)."""
        return predict(self.scores(images)).astype(np.int64)

    def predictions_of(self, keys: Sequence[K], image: Callable[[K], Tensor]) -> NDArray[np.int64]:
        """Return the class that each image is predicted to be, int64 (N,); each is made by `image` from its key.

        >>> bound = TiledModel(lambda images: images.mean((2, 3)), tile=2, classes=("red", "green"))
        >>> def of_red(red):
        ...     return torch.tensor([red, 1.0])[:, None, None].expand(2, 4, 4)
        >>> Decision(bound, "mean-logit").predictions_of([0.0, 2.0], of_red).tolist()
        [1, 0]

        If there are several `processes`, each makes only the images that it scores.
        """
        return predict(self.scores_of(keys, image)).astype(np.int64)

    def scores_of(self, keys: Sequence[K], image: Callable[[K], Tensor]) -> NDArray[np.float32]:
        """Return the scores of each image, float32 (N, classes); each is made by `image` from its key."""
        blocks = (keys[start : start + BLOCK] for start in range(0, len(keys), BLOCK))
        return self._of_all(map(image, block) for block in blocks)

    def _of_all(self, blocks: Iterable[Iterator[Tensor]]) -> NDArray[np.float32]:
        rank, count = self.processes.launch.rank, self.processes.launch.processes

        def own() -> list[NDArray[np.float32]]:
            return [self._scored(block) for number, block in enumerate(blocks) if number % count == rank]

        found = self.processes.each(own)
        rows = [found[number % count][number // count] for number in range(sum(map(len, found)))]
        return np.concatenate(rows) if rows else np.empty((0, len(self.bound.classes)), dtype=np.float32)

    def _scored(self, images: Iterable[Tensor]) -> NDArray[np.float32]:
        if self.whole:
            return self.bound.full_pass(images).numpy().astype(np.float32)
        found = [tile_scores(self.protocol, evidence_map) for evidence_map in self.bound.maps(images)]
        return torch.stack(found).numpy().astype(np.float32)


def _blocks(stream: Iterator[Tensor]) -> Iterator[Iterator[Tensor]]:
    """Yield a stream block by block. What is left of a block when the next is asked for is passed over."""
    for first in stream:
        block = chain((first,), islice(stream, BLOCK - 1))
        yield block
        deque(block, maxlen=0)
