"""Whether a model refuses images for their size, or fails for another reason."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from nearsight.evidence import TiledModel


def refuses_sizes(bound: TiledModel, images: Iterable[Tensor]) -> bool:
    """Tell whether a model fails on black images of these sizes in a full pass, but not on a tile of its own.

    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 2))
    >>> bound = TiledModel(network, tile=8)
    >>> refuses_sizes(bound, [torch.ones(3, 8, 8)]), refuses_sizes(bound, [torch.ones(3, 8, 8), torch.ones(3, 9, 8)])
    (False, True)

    `images` are as for `TiledModel.full_pass`. Without a tile to compare with, a failure on black images decides.
    """
    shapes = {image.shape: image.dtype for image in images}
    if bound.tile is not None and _fails(bound.logits, torch.zeros(3, bound.tile, bound.tile)):
        return False
    return any(_fails(bound.full_pass, torch.zeros(shape, dtype=dtype)) for shape, dtype in shapes.items())


def _fails(run: Callable[[list[Tensor]], Tensor], example: Tensor) -> bool:
    try:
        run([example])
    except Exception:
        # A model may raise anything.
        return True
    return False
