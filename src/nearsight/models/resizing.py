"""Resizing decoded images in strips, so that a large one is never held in float as a whole."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

# How many bytes are converted to float at a time, and the largest part of the data between the two passes.
STRIP = 32 * 2**20
BETWEEN = 4 * STRIP
WHITE = 255

Bands = Callable[[Iterable[tuple[int, int]]], Iterator[Tensor]]


def resized(image: Tensor, size: tuple[int, int], mode: Literal["bilinear", "bicubic"]) -> Tensor:
    """Resize an image to a height and width, antialiased, rounded and clamped.

    >>> resized(torch.full((3, 4, 6), 7, dtype=torch.uint8), (2, 3), "bicubic").unique().tolist()
    [7]

    `image` is uint8 (3, H, W), and the result is (3, height, width). PyTorch resizes the rows and then the
    columns, so strips of rows and then strips of columns give the same as the whole image, bit by bit.
    """
    if 4 * image.numel() <= STRIP:
        return _to_bytes(_interpolated(image.float(), size, mode))
    return resized_bands(
        lambda spans: (image[:, top:bottom] for top, bottom in spans),
        (*image.shape[1:],),
        size,
        mode,
        image.device,
    )


def resized_bands(
    bands: Bands,
    whole: tuple[int, int],
    size: tuple[int, int],
    mode: Literal["bilinear", "bicubic"],
    device: torch.device | None = None,
) -> Tensor:
    """Resize an image of a `whole` height and width to another, as `resized` does, from bands of its rows.

    >>> image = torch.full((3, 4, 6), 7, dtype=torch.uint8)
    >>> resized_bands(lambda spans: (image[:, a:b] for a, b in spans), (4, 6), (2, 3), "bicubic").shape
    torch.Size([3, 2, 3])

    `bands` gives the rows of spans from the top down, uint8 (3, n, width), as often as it is called.
    """
    height, width = size
    done = torch.empty((3, height, width), dtype=torch.uint8, device=device)
    rows = max(1, STRIP // (4 * 3 * whole[1]))
    spans = [(top, min(top + rows, whole[0])) for top in range(0, whole[0], rows)]
    # Of the resized rows, only this many columns are kept at a time; further ones need the first pass again.
    # PyTorch resizes a single column wrongly, so the last ones may be done twice.
    columns = max(2, BETWEEN // (4 * 3 * whole[0]))
    for start in range(0, width, columns):
        left = max(0, min(start, width - columns))
        narrow = torch.empty((3, whole[0], min(columns, width)), device=device)
        for (top, bottom), band in zip(spans, bands(spans), strict=True):
            wide = _interpolated(band.float(), (bottom - top, width), mode)
            narrow[:, top:bottom] = wide[..., left : left + columns]
        done[..., left : left + columns] = _to_bytes(_interpolated(narrow, (height, narrow.shape[2]), mode))
    return done


def _interpolated(image: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    return F.interpolate(image[None], size=size, mode=mode, antialias=True, align_corners=False)[0]


def _to_bytes(image: Tensor) -> Tensor:
    return image.round().clamp(0, WHITE).to(torch.uint8)
