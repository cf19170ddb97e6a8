"""Images of one size, and the boxes of pixels that are removed from them one by one."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from nearsight.tiles import TileGrid


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: its first row and column, and the ones after its last.

    >>> Box(2, 0, 6, 4).pixels
    (slice(2, 6, None), slice(0, 4, None))
    """

    top: int
    left: int
    bottom: int
    right: int

    @property
    def pixels(self) -> tuple[slice, slice]:
        """The rows and the columns, as an image's last two axes are indexed."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


@dataclass(frozen=True, eq=False)
class Removable:
    """Images (N, C, H, W) in the model's input form, what fills them, of the same shape, and the boxes to fill."""

    images: Tensor
    fillings: Tensor
    boxes: Sequence[Box]

    def __len__(self) -> int:
        """Count the images with and without each box, one after another: image by image, the whole one first."""
        return len(self.images) * (1 + len(self.boxes))

    def halves(self) -> "tuple[Removable, Removable]":
        """Return the first half of the images, and the others."""
        half = len(self.images) // 2
        return (
            Removable(self.images[:half], self.fillings[:half], self.boxes),
            Removable(self.images[half:], self.fillings[half:], self.boxes),
        )

    def write(self, number: int, place: Tensor) -> None:
        """Write one of them into a tensor (C, H, W)."""
        image, box = divmod(number, 1 + len(self.boxes))
        place.copy_(self.images[image])
        if box:
            rows, columns = self.boxes[box - 1].pixels
            place[:, rows, columns] = self.fillings[image, :, rows, columns]


def boxes_seen(grid: TileGrid, seen: Box) -> dict[int, Box]:
    """Return the part of each tile that is visible in an image, by the tile's number, in the image's pixels.

    >>> boxes_seen(TileGrid(4, 8, tile=4, stride=4), Box(1, 3, 3, 5))
    {0: Box(top=0, left=0, bottom=2, right=1), 1: Box(top=0, left=1, bottom=2, right=2)}
    """
    found = {}
    for number, (top, left) in enumerate((top, left) for top in grid.tops for left in grid.lefts):
        box = Box(
            max(top, seen.top) - seen.top,
            max(left, seen.left) - seen.left,
            min(top + grid.tile, seen.bottom) - seen.top,
            min(left + grid.tile, seen.right) - seen.left,
        )
        if box.top < box.bottom and box.left < box.right:
            found[number] = box
    return found
