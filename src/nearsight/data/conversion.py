"""Images as a program holds them, Pillow's, arrays, tensors or files, become uint8 RGB tensors."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nearsight.data.decode import decode_image, decode_picture, named_faults
from nearsight.errors import InputError

_CHANNELS = (1, 3, 4)


def to_pixels(image: Any, name: str = "the image") -> Tensor:
    """Return an image as uint8 RGB of shape (3, H, W).

    >>> to_pixels(np.full((4, 5, 3), 255, dtype=np.uint8)).shape
    torch.Size([3, 4, 5])
    >>> to_pixels(torch.full((3, 4, 5), 0.5)).unique().tolist()
    [128]

    `image` is a file's path, its bytes, a Pillow image, an array (H, W) or (H, W, channels), or a tensor (H, W) or
    (channels, H, W). Channels are grey, RGB or RGBA, which is laid over white. Numbers are uint8 from 0 to 255, or
    floating-point from 0 to 1. Raises `InputError`, naming the image, for anything else.
    """
    if isinstance(image, str | Path):
        return decode_image(image)
    if isinstance(image, bytes):
        return decode_image(image, name)
    if isinstance(image, Image.Image):
        with named_faults(b"image", name):
            return decode_picture(image.copy())
    if isinstance(image, Tensor):
        if image.dtype == torch.uint8 and image.ndim == 3 and len(image) == 3:
            return image.cpu()
        return _from_numbers(image.detach().cpu().numpy(), channels_first=True, name=name)
    if hasattr(image, "__array__"):
        return _from_numbers(np.asarray(image), channels_first=False, name=name)
    raise InputError(
        f"{name} is a {type(image).__name__}; expected a file, a Pillow image, an array (H, W, 3) or a "
        "tensor (3, H, W)"
    )


def _from_numbers(values: NDArray[Any], channels_first: bool, name: str) -> Tensor:
    shape = f"{values.dtype} of shape {values.shape}"
    if values.ndim == 2:
        values = values[..., None]
    elif values.ndim != 3 or 0 in values.shape:
        raise InputError(f"{name} is {shape}; expected an array (H, W, 3) or a tensor (3, H, W)")
    elif (values.shape[0] in _CHANNELS and channels_first) or values.shape[2] not in _CHANNELS:
        values = values.transpose(1, 2, 0)
    if values.shape[2] not in _CHANNELS:
        raise InputError(
            f"{name} is {shape}; expected 1, 3 or 4 channels, last in an array and first in a tensor"
        )
    pixels = _bytes(values, name, shape)
    if pixels.shape[2] == 4:
        return decode_picture(Image.fromarray(pixels))
    return torch.from_numpy(np.broadcast_to(pixels, (*pixels.shape[:2], 3)).transpose(2, 0, 1).copy())


def _bytes(values: NDArray[Any], name: str, shape: str) -> NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return values
    if not np.issubdtype(values.dtype, np.floating):
        raise InputError(f"{name} is {shape}; expected uint8 from 0 to 255, or floating-point from 0 to 1")
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):
        raise InputError(
            f"{name} has values from {low:.3g} to {high:.3g}; floating-point images go from 0 to 1, before any "
            "normalising: the classifier normalises them itself"
        )
    return np.asarray((values * 255).round(), dtype=np.uint8)
