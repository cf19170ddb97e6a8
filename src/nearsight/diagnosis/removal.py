"""What a classifier's own decision on some images loses without each tile of them."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from torch import Tensor

from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.faithfulness.curves import MOST_DROPS
from nearsight.evidence import EvidenceMap
from nearsight.settings import Fill
from nearsight.settings.choices import DEFAULT_FILL


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

    Images, `fill` and `others` are those of `TiledModel.removal_maps`, which costs a pass for each tile of each
    image where no part of a pass can be kept: it is for a chosen few.
    """
    return decision.bound.removal_maps(images, protocol=decision.protocol, fill=fill, others=others)


def coarse_removal_map(decision: Decision, image: Tensor) -> EvidenceMap:
    """Return an image's removal map on some of the bound tiles: half overlapping, or further apart, 256 at most.

    >>> import torch
    >>> from nearsight.evidence import TiledModel
    >>> bound = TiledModel(lambda images: images.amax((2, 3)), tile=4, stride=1, classes=("red", "green", "blue"))
    >>> coarse_removal_map(Decision(bound, "full-pass"), torch.zeros(3, 8, 8)).grid.tops
    (0, 2, 4)

    Every tile of its grid is one of the bound grid too.
    """
    bound = decision.bound
    resized = bound.resize(image)
    grid = bound.grid_of(resized)
    stride = grid.stride
    while stride < grid.tile // 2 or len(replace(grid, stride=stride)) > MOST_DROPS:
        stride += grid.stride
    [found] = removal_maps(Decision(bound.at(grid.tile, stride, grid.kind), decision.protocol), [resized])
    return found
