"""What replaces a tile that is removed."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nearsight.settings import Fill

# Standard deviation of a Gaussian, as a share of the tile: details smaller than half a tile vanish.
BLUR_SHARE = 1 / 4


def filling(image: Tensor, fill: Fill, *, tile: int, other: Tensor | None = None) -> Tensor:
    """Return an image of the same size whose pixels replace the removed ones.

    >>> filling(torch.tensor([[[0.0, 4.0]]]), "mean", tile=1).tolist()
    [[[2.0, 2.0]]]

    `image` is float (C, H, W), in the model's input form. `mean` is its mean colour everywhere. `blur` is the
    image under a Gaussian whose standard deviation is a quarter of the `tile`, continued beyond its borders by
    its last pixels. `other` is the `other` image, stretched to the same size if it has another.
    """
    if fill == "mean":
        return image.mean((1, 2), keepdim=True).expand_as(image)
    if fill == "blur":
        return _blurred(image, BLUR_SHARE * tile)
    assert other is not None
    if other.shape == image.shape:
        return other
    return F.interpolate(other[None], size=image.shape[1:], mode="bilinear", antialias=True)[0]


def _blurred(image: Tensor, deviation: float) -> Tensor:
    from scipy.ndimage import gaussian_filter

    pixels = image.cpu().numpy().astype(np.float32)
    blurred = gaussian_filter(pixels, (0, deviation, deviation), mode="nearest")
    return torch.from_numpy(blurred).to(image.device, image.dtype)
