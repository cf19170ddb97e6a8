"""Padding images on all sides, with black or with their own reflection."""

import torch
import torch.nn.functional as F
from torch import Tensor


def pad(images: Tensor, pixels: int, fill: str) -> Tensor:
    """Pad images (B, C, H, W) of any dtype on all sides, with black or with the image reflected at its edge.

    >>> pad(torch.tensor([[[[1, 2, 3]] * 2]]), 1, "reflect")[0, 0, 0].tolist()
    [2, 1, 2, 3, 2]
    """
    if fill == "black":
        return F.pad(images, (pixels,) * 4)
    rows, columns = (_reflected(side, pixels, images.device) for side in images.shape[-2:])
    return images[:, :, rows[:, None], columns]


def _reflected(side: int, pixels: int, device: torch.device) -> Tensor:
    # PyTorch's own reflection does not take uint8.
    places = torch.arange(-pixels, side + pixels, device=device).abs()
    return side - 1 - (side - 1 - places).abs()
