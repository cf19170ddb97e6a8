"""Images that are read by bands of rows because they are too large to be held in memory."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import torch
from torch import Tensor

Seen = Callable[[int, Tensor], None]


class Banded(Protocol):
    """An image that is read by bands of rows, as a `nearsight.data.large_image.LargeImage` is."""

    @property
    def shape(self) -> torch.Size:
        """The shape that its tensor would have, (3, height, width)."""

    @property
    def dtype(self) -> torch.dtype:
        """The type that its tensor would have, uint8."""

    def bands(self, spans: Iterable[tuple[int, int]], seen: Seen | None = None) -> Iterator[Tensor]:
        """Yield the rows from the top to the bottom of each span, uint8 (3, n, width)."""
