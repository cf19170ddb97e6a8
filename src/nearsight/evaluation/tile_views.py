"""How tiles are shown to a network of whole images: alone, or at their place in an otherwise empty image."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

from nearsight.errors import InputError
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.settings import GridKind
from nearsight.tiles import TileGrid

View = Literal["alone", "alone+bn", "in place", "in place+bn"]
ALONE: View = "alone"
ALONE_BN: View = "alone+bn"
IN_PLACE: View = "in place"
IN_PLACE_BN: View = "in place+bn"
VIEWS: tuple[View, ...] = (ALONE, ALONE_BN, IN_PLACE, IN_PLACE_BN)

GRID: GridKind = "covering"
# Places of tiles along a side; more would tell little more, and each costs a pass over a whole image.
MOST_PLACES = 5
# Images whose tiles share batches, and the share of the memory bound that they may take.
TOGETHER = 32
HELD_SHARE = 1 / 8


def view_stride(side: int, tile: int) -> int:
    """Return the step of the grid of shown tiles, in pixels, from the smallest side of the images.

    >>> view_stride(32, 16), view_stride(32, 8), view_stride(32, 4)
    (8, 6, 7)

    That side has one place more than the number of tiles that fit beside one another, and at most five. Tiles of
    at least a fifth of the side cover the images.
    """
    places = min(MOST_PLACES, -(-side // tile) + 1)
    return max(1, -(-(side - tile) // (places - 1)))


def in_place_maps(
    bound: TiledModel, images: Iterable[Tensor], tile: int, stride: int
) -> Iterator[EvidenceMap]:
    """Yield a map of each image: the logits of whole images in which only one tile is left, at its place.

    >>> bound = TiledModel(lambda images: images.sum((2, 3)), classes=("red", "green", "blue"))
    >>> [found] = in_place_maps(bound, [torch.ones(3, 4, 6)], tile=4, stride=2)
    >>> found.logits[0]
    tensor([[16., 16.]])

    `images` are float (C, H, W) in the model's input form. The rest of the image is 0: the mean colour of the
    classifier's training images, which its preprocessing subtracts. It does not depend on the image. The grid is
    the covering one. Raises where `TiledModel.full_pass` does.
    """
    for group in _groups(images, int(bound.memory * HELD_SHARE)):
        grids = [TileGrid(image.shape[1], image.shape[2], tile, stride, GRID) for image in group]
        logits = bound.full_pass(
            left_in_place(image, top, left, tile)
            for image, grid in zip(group, grids, strict=True)
            for top in grid.tops
            for left in grid.lefts
        )
        of_images = torch.split_with_sizes(logits, [len(grid) for grid in grids])
        for rows, grid in zip(of_images, grids, strict=True):
            yield EvidenceMap(rows.T.reshape(-1, *grid.shape), grid, bound.classes)


def _groups(images: Iterable[Tensor], most: int) -> Iterator[list[Tensor]]:
    """Yield images in lists of a few, of at most this many bytes or of one image."""
    held: list[Tensor] = []
    for image in images:
        if held and (len(held) == TOGETHER or sum(one.nbytes for one in held) + image.nbytes > most):
            yield held
            held = []
        held.append(image)
    if held:
        yield held


def left_in_place(image: Tensor, top: int, left: int, tile: int) -> Tensor:
    """Return an image of the same size with one tile of it, and 0 elsewhere.

    >>> left_in_place(torch.ones(1, 2, 3), 0, 1, tile=1).tolist()
    [[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]]
    """
    shown = torch.zeros_like(image)
    shown[:, top : top + tile, left : left + tile] = image[:, top : top + tile, left : left + tile]
    return shown


def cut_alone(image: Tensor, top: int, left: int, tile: int) -> Tensor:
    """Return one tile of an image, without the rest."""
    return image[:, top : top + tile, left : left + tile]


def shown_at_random(show: Callable[[Tensor, int, int, int], Tensor], tile: int) -> Callable[[Tensor], Tensor]:
    """Return one tile of each image of a batch in the given view, at a place drawn for each image.

    >>> shown_at_random(cut_alone, tile=2)(torch.zeros(5, 3, 4, 6)).shape
    torch.Size([5, 3, 2, 2])

    `show` is `cut_alone` or `left_in_place`. Places are drawn one after the other, the same each time, uniformly over
    all that fit. Raises `InputError` for images that are smaller than the tile.
    """
    random = torch.Generator().manual_seed(0)

    def shown(batch: Tensor) -> Tensor:
        places = [side - tile + 1 for side in batch.shape[-2:]]
        if min(places) < 1:
            raise InputError(f"a tile of {tile} pixels does not fit images of {_size(batch.shape[-2:])}")
        tops, lefts = (torch.randint(count, (len(batch),), generator=random).tolist() for count in places)
        return torch.stack(
            [show(image, top, left, tile) for image, top, left in zip(batch, tops, lefts, strict=True)]
        )

    return shown


def _size(sides: Sequence[int]) -> str:
    return "×".join(map(str, sides))
