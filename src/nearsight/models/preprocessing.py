"""How decoded images become a network's input."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from nearsight.arguments import shown
from nearsight.errors import InputError
from nearsight.models.banded import Banded
from nearsight.models.onnx_session import Layout
from nearsight.models.resizing import WHITE, resized, resized_bands
from nearsight.numbers import real, whole

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
InputRange = Literal["0-1", "0-255"]
Channels = Literal["RGB", "BGR"]
Triple = tuple[float, float, float]
Size = tuple[int, int]
# As many as Pillow accepts in an image before it warns; more would be no image to classify.
_MOST_PIXELS = 178_956_970


@dataclass(frozen=True)
class Preprocessing:
    """How decoded images become a network's input: resized, cropped for a full pass, then normalised.

    >>> halves = Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), resize_short=2)
    >>> image = torch.full((3, 4, 6), 255, dtype=torch.uint8)
    >>> halves.resize(image).shape, halves.normalise(image).unique()
    (torch.Size([3, 2, 3]), tensor([1.]))

    `mean` and `std` are per channel, in the units of `input_range`: white is 1 in "0-1" and 255 in "0-255".
    `resize_short` is the length in pixels to which the shorter side is resized; `resize_to` is the height and
    width to which the image is resized, whatever its proportions; with neither, images are left as they are.
    `crop` is the height and width of the middle that a full pass sees, as networks of one size are evaluated;
    tiles are cut from the whole resized image. `channels` and `layout` give the order of colours and axes for the
    network. `value_range` is what became 0 to 255 in the training images of more than 8 bits, None if there were
    none; other images are decoded in the same range. Raises `InputError` for values out of range.
    """

    mean: Triple
    std: Triple
    resize_short: int | None = None
    interpolation: Interpolation = "bicubic"
    resize_to: Size | None = None
    crop: Size | None = None
    input_range: InputRange = "0-1"
    channels: Channels = "RGB"
    layout: Layout = "NCHW"
    value_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (*self.mean, *self.std))):
            raise InputError(f"mean and std must be finite, got mean {self.mean}, std {self.std}")
        if len(self.mean) != 3 or len(self.std) != 3 or not min(self.std) > 0:
            raise InputError(
                f"mean and std need three channels and std above 0, got mean {self.mean}, std {self.std}"
            )
        if self.resize_short is not None and self.resize_short < 1:
            raise InputError(f"resize_short must be at least 1 pixel, got {self.resize_short}")
        for name, size in (("resize_to", self.resize_to), ("crop", self.crop)):
            if size is not None and (len(size) != 2 or min(size) < 1):
                raise InputError(f"{name} must be a height and a width of at least 1 pixel, got {size}")
            if size is not None:
                _check_size(size)
        if self.resize_short is not None and self.resize_to is not None:
            raise InputError("resize_short and resize_to exclude each other; give one of them")
        for name, kind in (
            ("interpolation", Interpolation),
            ("input_range", InputRange),
            ("channels", Channels),
            ("layout", Layout),
        ):
            if getattr(self, name) not in get_args(kind):
                known = ", ".join(f"'{value}'" for value in get_args(kind))
                raise InputError(f"{name} must be one of {known}, got '{getattr(self, name)}'")

    @property
    def resizes(self) -> bool:
        """Whether images are resized before anything else."""
        return self.resize_short is not None or self.resize_to is not None

    @property
    def resizing(self) -> "Preprocessing":
        """The same resizing, of images of any colours."""
        zeros, ones = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
        return Preprocessing(zeros, ones, self.resize_short, self.interpolation, self.resize_to)

    def resized(self, height: int, width: int) -> Size:
        """Return the height and width to which an image of a size is resized."""
        if self.resize_to is not None:
            return self.resize_to
        short = self.resize_short
        if short is None or short == min(height, width):
            return height, width
        rows, columns = (round(side * short / min(height, width)) for side in (height, width))
        _check_size((rows, columns))
        return rows, columns

    def seen_whole(self, height: int, width: int) -> Size:
        """Return the height and width of what a full pass over an image of a size sees."""
        return self.crop if self.crop is not None else self.resized(height, width)

    def resize(self, image: Tensor) -> Tensor:
        """Resize an image to the size from which tiles are cut, antialiased.

        `image` is uint8 (3, H, W), as is the result (3, h, w), rounded and clamped.
        """
        size = self.resized(*image.shape[-2:])
        if size == tuple(image.shape[-2:]):
            return image
        if self.interpolation == "lanczos":
            return _lanczos(image, size)
        if self.interpolation == "nearest":
            return F.interpolate(image[None], size=size, mode="nearest-exact")[0]
        return resized(image, size, self.interpolation)

    def resize_banded(self, image: Banded) -> Tensor | Banded:
        """Return the result of `resize` for an image that is read by bands: itself if its size stays.

        Raises `InputError` for interpolations that need the image whole.
        """
        height, width = image.shape[-2:]
        if self.resized(height, width) == (height, width):
            return image
        if self.interpolation == "nearest" or self.interpolation == "lanczos":
            raise InputError(
                f"{height}×{width} pixels are too many to be resized by '{self.interpolation}', which takes them "
                "all at once; give an interpolation of 'bilinear' or 'bicubic'"
            )
        return resized_bands(image.bands, (height, width), self.resized(height, width), self.interpolation)

    def cut_whole(self, images: Tensor) -> Tensor:
        """Cut the middle out of resized images (..., H, W), as a full pass sees them; all of them without `crop`.

        Raises `InputError` for images smaller than `crop`.
        """
        if self.crop is None:
            return images
        (height, width), (rows, columns) = images.shape[-2:], self.crop
        if rows > height or columns > width:
            raise InputError(
                f"a full pass of this classifier sees {rows}×{columns} pixels, and an image has {height}×{width}; "
                "give resize_short, or leave full-pass out"
            )
        top, left = self.cut_corner(height, width)
        return images[..., top : top + rows, left : left + columns]

    def cut_corner(self, height: int, width: int) -> tuple[int, int]:
        """Return the first row and column that a full pass sees of a resized image with a height and width."""
        rows, columns = self.crop if self.crop is not None else (height, width)
        return round((height - rows) / 2), round((width - columns) / 2)

    def normalise(self, images: Tensor) -> Tensor:
        """Turn uint8 images (..., 3, H, W) into float32 ones of the same shape, on the same device."""
        white = WHITE if self.input_range == "0-1" else 1
        mean, std = (_times(tuple(values), white, images.device) for values in (self.mean, self.std))
        if self.channels == "BGR":
            images = images.flip(-3)
        return (images.float() - mean) / std


@lru_cache(maxsize=64)
def _times(values: tuple[float, ...], white: int, device: torch.device) -> Tensor:
    # Kept, because sending numbers to a GPU means waiting for it.
    with torch.inference_mode(False):
        return white * torch.tensor(values, device=device).view(3, 1, 1)


def _lanczos(image: Tensor, size: Size) -> Tensor:
    # PyTorch has no such filter.
    import numpy as np
    from PIL import Image

    picture = Image.fromarray(image.permute(1, 2, 0).cpu().numpy())
    resized = picture.resize((size[1], size[0]), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1).contiguous().to(image.device)


def preprocessing_of_transforms(transforms: Any) -> Preprocessing:
    """Return the preprocessing of torchvision's weights, `weights.transforms()`.

    >>> from torchvision.models import ResNet18_Weights
    >>> found = preprocessing_of_transforms(ResNet18_Weights.DEFAULT.transforms())
    >>> found.resize_short, found.crop, found.interpolation
    (256, (224, 224), 'bilinear')

    Raises `InputError` for transforms of another kind.
    """
    try:
        resize, crop = list(transforms.resize_size), transforms.crop_size
        interpolation: Interpolation = transforms.interpolation.value
        mean, std = triple(transforms.mean), triple(transforms.std)
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"preprocessing is {type(transforms).__name__}; expected a Preprocessing, or the transforms() of "
            "torchvision's weights"
        ) from error
    return Preprocessing(
        mean,
        std,
        resize[0] if len(resize) == 1 else None,
        interpolation,
        resize_to=(resize[0], resize[1]) if len(resize) == 2 else None,
        crop=(crop[0], crop[-1]) if crop else None,
    )


def triple(values: Any) -> Triple:
    """Return a value for each colour: the three given ones, or one for all.

    >>> triple([0.5]), triple(0.5)
    ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

    Raises `InputError` for another number of them.
    """
    several = isinstance(values, Iterable) and getattr(values, "ndim", 1) > 0
    listed = [real("mean and std", value) for value in (values if several else [values])]
    if len(listed) not in (1, 3):
        raise InputError(f"mean and std take one value, or one for each of three colours, got {listed}")
    red, green, blue = listed * (3 // len(listed))
    return red, green, blue


def pair(values: int | Size) -> Size:
    """Return a height and a width: the two given, or one for both.

    >>> pair(224), pair((224, 192))
    ((224, 224), (224, 192))
    """
    sides = values if isinstance(values, tuple | list) else (values, values)
    if len(sides) != 2:
        raise InputError(f"a size takes one side, or height and width, got {shown(values)}")
    height, width = (whole("size", side) for side in sides)
    return height, width


def _check_size(size: Size) -> None:
    if size[0] * size[1] > _MOST_PIXELS:
        raise InputError(
            f"images cannot be brought to {size[0]}×{size[1]} pixels, which no memory holds; the most is "
            f"{_MOST_PIXELS:,} pixels"
        )
