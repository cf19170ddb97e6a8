"""What replaces removed pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor

from nearsight.data.regions import RegionKind

# How far the object's region is grown before the object is erased, as a share of the image's shorter side: masks
# leave soft edges beside them, and boxes and cells cut parts of the object off.
GROWN: dict[RegionKind, float] = {"mask": 0.02, "boxes": 0.03, "cells": 0.05}


def grow(region: Tensor, kind: RegionKind) -> Tensor:
    """Return a region with a margin around it, so that nothing of the object remains beside it.

    >>> region = torch.zeros(3, 5, dtype=torch.bool)
    >>> region[1, 1] = True
    >>> grow(region, "mask").int().tolist()
    [[1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 0, 0]]

    `region` and the result are bool (H, W). The margin is `GROWN` of the shorter side, at least one pixel.
    """
    margin = max(1, round(GROWN[kind] * min(region.shape)))
    side = 2 * margin + 1
    return F.max_pool2d(region[None, None].float(), side, stride=1, padding=margin)[0, 0].bool()


def fill_with_colour(image: Tensor, hole: Tensor, colour: Tensor) -> Tensor:
    """Return an image whose hole is filled with one colour.

    >>> black, hole = torch.zeros(3, 1, 2, dtype=torch.uint8), torch.tensor([[True, False]])
    >>> fill_with_colour(black, hole, torch.tensor([255, 0, 0]))[0].tolist()
    [[255, 0]]

    `image` is uint8 (3, H, W), and so is the result; `hole` bool (H, W), `colour` three numbers from 0 to 255.
    """
    return torch.where(hole, colour.round().to(torch.uint8)[:, None, None], image)


def fill_with_surroundings(image: Tensor, hole: Tensor) -> Tensor:
    """Return an image whose hole is filled by blurring the surrounding colours into it.

    >>> grey, hole = torch.full((3, 4, 4), 90, dtype=torch.uint8), torch.zeros(4, 4, dtype=torch.bool)
    >>> hole[1:3, 1:3] = True
    >>> torch.equal(fill_with_surroundings(fill_with_colour(grey, hole, torch.zeros(3)), hole), grey)
    True

    Shapes are those of `fill_with_colour`. Push-pull interpolation (Gortler, Grzeszczuk, Szeliski, Cohen: The
    Lumigraph, SIGGRAPH 1996): means of the known pixels over ever larger squares, interpolated back smoothly.
    None of the hole's own pixels are used; if everything is hole, the result is black.
    """
    known = (~hole).float()[None, None]
    filled = _pull(image.float()[None] * known, known)[0].round().clamp(0, 255).to(torch.uint8)
    return torch.where(hole, filled, image)


def fill_from_image(image: Tensor, hole: Tensor, donor: Tensor) -> Tensor:
    """Return an image whose hole shows the same place of another image.

    >>> black, white = torch.zeros(3, 1, 2, dtype=torch.uint8), torch.full((3, 1, 2), 255, dtype=torch.uint8)
    >>> fill_from_image(black, torch.tensor([[True, False]]), white)[0].tolist()
    [[255, 0]]

    Shapes are those of `fill_with_colour`; `donor` is uint8 (3, H, W), resized by `covering` before.
    """
    return torch.where(hole, donor, image)


def covering(image: Tensor, height: int, width: int) -> Tensor:
    """Return the middle of an image, resized to cover a height and width; its proportions are kept.

    >>> covering(torch.zeros(3, 4, 8, dtype=torch.uint8), 6, 6).shape
    torch.Size([3, 6, 6])

    uint8 (3, H, W) to uint8 (3, height, width), bilinear with antialiasing; an image of that size is returned as
    it is.
    """
    across, down = image.shape[2], image.shape[1]
    if (down, across) == (height, width):
        return image
    scale = max(height / down, width / across)
    sides = max(height, round(down * scale)), max(width, round(across * scale))
    resized = F.interpolate(image[None].float(), size=sides, mode="bilinear", antialias=True)[0]
    top, left = (sides[0] - height) // 2, (sides[1] - width) // 2
    return resized[:, top : top + height, left : left + width].round().clamp(0, 255).to(torch.uint8)


def _pull(sums: Tensor, weights: Tensor) -> Tensor:
    """Return means where anything is known, and the means of larger squares elsewhere; (1, 3, H, W)."""
    known = weights > 0
    means = sums / weights.clamp(min=1e-6)
    if bool(known.all()) or max(weights.shape[-2:]) == 1:
        return means
    halved = [F.avg_pool2d(each, 2, ceil_mode=True, count_include_pad=False) for each in (sums, weights)]
    coarse = F.interpolate(_pull(*halved), size=weights.shape[-2:], mode="bilinear", align_corners=False)
    return torch.where(known, means, coarse)
