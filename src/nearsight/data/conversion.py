"""Images in a program's memory or in files, as Pillow images, arrays or tensors, become uint8 RGB tensors."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nearsight.arguments import plain_tensor
from nearsight.data.decode import check_given, decode_image, decode_picture, named_faults, unread_deep
from nearsight.data.values import FLOATING, SIXTEEN, checked_range, telling, to_8_bits, values_from
from nearsight.errors import InputError

_CHANNELS = (1, 3, 4)
# Numbers with a fraction that NumPy has too.
_NUMPYS = (torch.float16, torch.float32, torch.float64)


def to_pixels(image: Any, name: str = "the image", value_range: tuple[float, float] | None = None) -> Tensor:
    """Return an image as uint8 RGB of shape (3, H, W).

    >>> to_pixels(np.full((4, 5, 3), 255, dtype=np.uint8)).shape
    torch.Size([3, 4, 5])
    >>> to_pixels(torch.full((3, 4, 5), 0.5)).unique().tolist()
    [128]

    `image` is a file's path, its bytes, a Pillow image, an array (H, W) or (H, W, channels), or a tensor (H, W)
    or (channels, H, W). Channels are grey, RGB or RGBA, which is composited on white. Numbers are uint8 from 0 to
    255, uint16 from 0 to 65535 or floating-point from 0 to 1, as in a file, or of any type within `value_range`.
    Raises `InputError`, naming the image, for anything else.
    """
    if value_range is not None:
        with values_from(checked_range(value_range), of_a_set=False):
            return to_pixels(image, name)
    if isinstance(image, str | Path):
        return decode_image(image)
    if isinstance(image, bytes):
        return decode_image(image, name)
    if isinstance(image, Image.Image):
        with named_faults(b"image", name):
            check_given(image)
        if (file := unread_deep(image)) is not None:
            return decode_image(file, name)
        with telling(name), named_faults(b"image", name):
            return decode_picture(image.copy())
    if isinstance(image, Tensor):
        image = plain_tensor(image, name)
        if image.dtype == torch.uint8 and image.ndim == 3 and len(image) == 3:
            held: Tensor = image.cpu()
            return held
        return _from_numbers(numbers_of(image), channels_first=True, name=name)
    if hasattr(image, "__array__"):
        return _from_numbers(np.asarray(image), channels_first=False, name=name)
    raise InputError(
        f"{name} is a {type(image).__name__}; expected a file, a Pillow image, an array (H, W, 3) or a "
        "tensor (3, H, W)"
    )


def numbers_of(tensor: Tensor) -> NDArray[Any]:
    """Return the numbers of a dense tensor, in float32 if NumPy does not have their type.

    >>> numbers_of(torch.ones(2, dtype=torch.bfloat16)).dtype
    dtype('float32')
    """
    if tensor.is_floating_point() and tensor.dtype not in _NUMPYS:
        tensor = tensor.float()
    found: NDArray[Any] = tensor.detach().cpu().resolve_conj().resolve_neg().numpy()
    return found


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
        with telling(name):
            return decode_picture(Image.fromarray(pixels))
    return torch.from_numpy(np.broadcast_to(pixels, (*pixels.shape[:2], 3)).transpose(2, 0, 1).copy())


def _bytes(values: NDArray[Any], name: str, shape: str) -> NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return values
    if not (np.issubdtype(values.dtype, np.floating) or np.issubdtype(values.dtype, np.integer)):
        raise InputError(f"{name} is {shape}; expected whole or floating-point numbers")
    depth = SIXTEEN if values.dtype == np.uint16 else str(values.dtype)
    if np.issubdtype(values.dtype, np.floating):
        depth = FLOATING
    try:
        with telling(name):
            pixels = to_8_bits(values[..., :3], depth)
    except ValueError as fault:
        raise InputError(f"{name} is {shape}: {fault}") from None
    if values.shape[2] < 4:
        return pixels
    # Opacity is given in the type's own range.
    opaque = 1 if depth == FLOATING else np.iinfo(values.dtype).max
    alpha = (values[..., 3:].astype(np.float64).clip(0, opaque) * (255 / opaque)).round().astype(np.uint8)
    return np.concatenate([pixels, alpha], axis=2)
