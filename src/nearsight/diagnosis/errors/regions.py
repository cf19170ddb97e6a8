"""Where the object is in a misclassified image, small enough to be kept with the error."""

import torch.nn.functional as F
from torch import Tensor

LONGEST = 128


def kept_region(region: Tensor, longest: int = LONGEST) -> Tensor:
    """Return a region, bool (height, width), no side of which is longer than `longest` pixels.

    >>> import torch
    >>> kept_region(torch.tensor([[True, True, False, False]] * 2), longest=2).tolist()
    [[True, False]]

    It covers the same picture, by nearest neighbour; a smaller one stays as it is.
    """
    height, width = region.shape
    scale = longest / max(height, width)
    if scale >= 1:
        return region
    size = (max(1, round(scale * height)), max(1, round(scale * width)))
    return F.interpolate(region[None, None].float(), size=size, mode="nearest-exact")[0, 0].bool()
