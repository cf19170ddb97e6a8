"""What a classifier's own decision on some images loses without each tile of them."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from torch import Tensor

from nearsight.diagnosis.decision import Decision
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.settings import Fill
from nearsight.settings.choices import DEFAULT_FILL
from nearsight.tiles import TileGrid

# This many tiles of an image are removed, one by one.
MOST_TILES = 100
# What the passes for errors, or for a sample of images, may cost together: 100 tiles of 100 images of 512×512
# pixels.
MOST_PIXELS = 100 * 100 * 512**2


def removal_maps(
    decision: Decision,
    images: Iterable[Tensor],
    *,
    fill: Fill = DEFAULT_FILL,
    others: Iterable[Tensor] | None = None,
) -> Iterator[EvidenceMap]:
    """Yield the removal map of each image, under the protocol by which the classifier decides.

    >>> import torch
    >>> from nearsight.evidence import TiledModel
    >>> bound = TiledModel(lambda images: images.amax((2, 3)), tile=2, stride=2, classes=("red", "green", "blue"))
    >>> image = torch.zeros(3, 2, 4).index_fill(2, torch.tensor([3]), 4.0)
    >>> [lost] = removal_maps(Decision(bound, "full-pass"), [image])
    >>> lost.top_tiles("red", 1)[0].left, lost.removal.words
    (2, "lost in full-pass when a tile is replaced by the image's mean colour")

    Images, `fill` and `others` are those of `TiledModel.removal_maps`. If no part of a pass can be reused, this
    costs one pass for each tile of each image, so it is for a chosen few.
    """
    return decision.bound.removal_maps(images, protocol=decision.protocol, fill=fill, others=others)


def coarse_grid(bound: TiledModel, image: Tensor) -> TileGrid:
    """Return some of the bound tiles of an image: half overlapping, or further apart if that would be more than 100.

    >>> import torch
    >>> bound = TiledModel(lambda images: images.amax((2, 3)), tile=4, stride=1, classes=("red", "green", "blue"))
    >>> coarse_grid(bound, torch.zeros(3, 8, 8)).tops
    (0, 2, 4)

    Each of its tiles is also in the bound grid. `image` is as decoded or resized.
    """
    grid = bound.grid_of(image)
    stride = grid.stride
    while stride < grid.tile // 2 or len(replace(grid, stride=stride)) > MOST_TILES:
        stride += grid.stride
    return replace(grid, stride=stride)


def removal_cost(bound: TiledModel, image: Tensor) -> int:
    """Return how many pixels the passes for a coarse removal map take, if no part of a pass can be reused."""
    grid = coarse_grid(bound, image)
    return len(grid) * grid.height * grid.width


def coarse_removal_map(decision: Decision, image: Tensor) -> EvidenceMap:
    """Return an image's removal map on its `coarse_grid`."""
    bound, grid = decision.bound, coarse_grid(decision.bound, image)
    coarse = Decision(bound.at(grid.tile, grid.stride, grid.kind), decision.protocol)
    [found] = removal_maps(coarse, [bound.resize(image)])
    return found
