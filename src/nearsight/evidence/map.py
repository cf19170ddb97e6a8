"""The evidence map: the logits of every tile of an image."""

from dataclasses import dataclass

import torch
from torch import Tensor

from nearsight.errors import InputError
from nearsight.tiles import TileGrid


@dataclass(frozen=True, eq=False)
class EvidenceMap:
    """The evidence of every tile of an image: signed logits, neither clipped nor scaled.

    >>> grid = TileGrid(4, 6, tile=4, stride=2)
    >>> tiles = EvidenceMap(torch.tensor([[[3.0, 1.0]], [[0.0, 2.0]]]), grid, ("cat", "dog"))
    >>> tiles.mean().tolist(), tiles.vote().tolist()
    ([2.0, 1.0], [0.5, 0.5])

    `logits` is a float tensor of shape (classes, rows, columns), rows and columns those of `grid`.
    Raises `InputError` when the shape, the grid and the class names do not belong together.
    """

    logits: Tensor
    grid: TileGrid
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        expected = (len(self.classes), *self.grid.shape)
        if tuple(self.logits.shape) != expected:
            raise InputError(
                f"logits have shape {tuple(self.logits.shape)}, but {len(self.classes)} classes on a grid of "
                f"{self.grid.shape[0]}×{self.grid.shape[1]} tiles make {expected}"
            )

    def mean(self) -> Tensor:
        """Return the mean of the tiles' logits, float of shape (classes,): the scores of `mean-logit`."""
        return self.logits.mean((1, 2))

    def probabilities(self) -> Tensor:
        """Return the mean of the tiles' softmax, float of shape (classes,): `mean-probability`'s scores."""
        return self.logits.softmax(0).mean((1, 2))

    def vote(self) -> Tensor:
        """Return the share of tiles that choose each class, float of shape (classes,): the scores of `vote`.

        A tile chooses its largest logit; of equal ones, the class that comes first.
        """
        chosen = self.logits.argmax(0).flatten()
        return torch.bincount(chosen, minlength=len(self.classes)).to(self.logits.dtype) / len(chosen)
