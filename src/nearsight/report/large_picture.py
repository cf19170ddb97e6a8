"""What is kept of an image too large to be held: the tiles that its figure shows, and its place in the world."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from nearsight.data.placement import Placement


@dataclass(frozen=True, eq=False)
class LargePicture:
    """The shown `tiles` of a large image, uint8 (3, tile, tile) by their numbers, and its `placement`."""

    tiles: Mapping[int, Tensor]
    placement: Placement | None = None
