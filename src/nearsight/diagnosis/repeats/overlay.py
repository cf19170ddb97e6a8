"""What was drawn over images: where, how opaque and in which colours; adding it and removing it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

# Levels of 0 to 255 by which a pixel may differ and still count as the same.
TOLERANCE = 12.0
LARGEST_TOLERANCE = 40.0
# The spread of pixels among images that have it, relative to that of all images, if it is opaque.
SAME = 0.25
SAME_OF_FEW = 0.12
FEW = 8
# The spread is this quantile of the deviations from the median over images, in units of the normal one.
MOST = 0.8
NORMAL_AT_MOST = 1.2816
LARGEST_SPREAD = 16.0
# A less opaque overlay can be undone; of a more opaque one, too little of the image remains.
UNDONE = 0.8
FAINT = 0.02
# The share of pixels on both sides of shared steps that must be the same for all of it to be opaque.
MOSTLY = 0.3
# Parts more than twice this many pixels apart are separate; they count from this share of the largest on.
APART = 2
SMALL = 0.15
NEAR = ndimage.generate_binary_structure(2, 2)


@dataclass(frozen=True, eq=False)
class Overlay:
    """A picture drawn over others: each pixel becomes (1 − alpha) × itself + light.

    `alpha` is float32 (height, width), 0 where nothing is drawn and 1 where nothing shines through. `light` is
    float32 (3, height, width), alpha times the colour. `tolerance` (height, width) is how far opaque pixels may
    differ from it, in levels.

    >>> alpha = torch.zeros(4, 4)
    >>> alpha[0, 0], light = 0.5, torch.zeros(3, 4, 4)
    >>> overlay = Overlay(alpha, light, torch.full((4, 4), 12.0))
    >>> grey = torch.full((3, 4, 4), 100, dtype=torch.uint8)
    >>> overlay.put_on(grey)[0, 0, :2].tolist(), overlay.take_off(overlay.put_on(grey))[0, 0, :2].tolist()
    ([50, 100], [100, 100])
    """

    alpha: Tensor
    light: Tensor
    tolerance: Tensor

    @cached_property
    def drawn(self) -> Tensor:
        """Where it is drawn, bool (height, width)."""
        return self.alpha > 0

    @property
    def opaque(self) -> bool:
        """Whether most of it hides what is behind it."""
        return float(self.alpha[self.drawn].median()) >= UNDONE

    @property
    def colours(self) -> Tensor:
        """The colours of the drawn pixels, uint8 (3, pixels)."""
        return (self.light[:, self.drawn] / self.alpha[self.drawn]).round().clamp(0, 255).to(torch.uint8)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Top, left, bottom and right of the drawn part, in pixels; the last two are exclusive."""
        rows, columns = (self.drawn.any(axis).nonzero()[:, 0] for axis in (1, 0))
        return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1

    def put_on(self, pixels: Tensor) -> Tensor:
        """Return an image of the overlay's size with it drawn on; uint8 (3, height, width) or (n, 3, …)."""
        return _levels(pixels.float() * (1 - self.alpha) + self.light)

    def take_off(self, pixels: Tensor) -> Tensor:
        """Return an image of the overlay's size without it.

        What shone through is restored; what was hidden is filled smoothly from around it.
        """
        hidden = self.alpha >= UNDONE
        clear = (pixels.float() - self.light) / (1 - self.alpha.clamp(max=UNDONE))
        # One more pixel around it hides the soft edges of marks that were stored lossily.
        around = torch.from_numpy(ndimage.binary_dilation(hidden.numpy(), NEAR))
        return _levels(filled(clear.clamp(0, 255), around))

    def resized(self, height: int, width: int) -> "Overlay":
        """Return the overlay for images of another size."""
        if self.alpha.shape == (height, width):
            return self
        layers = torch.cat([self.alpha[None], self.light, self.tolerance[None]])[None]
        layers = F.interpolate(layers, (height, width), mode="bilinear", antialias=True, align_corners=False)[
            0
        ]
        return Overlay(layers[0], layers[1:4], layers[4])

    def match(self, pixels: Tensor) -> Tensor:
        """Return the share of the drawn pixels that have its colours, (n,), in images (n, 3, height, width)."""
        drawn = self.drawn
        off = (pixels[:, :, drawn].float() - self.light[:, drawn]).abs().amax(1)
        return (off <= self.tolerance[drawn]).float().mean(1)


def _levels(pixels: Tensor) -> Tensor:
    return pixels.round().clamp(0, 255).to(torch.uint8)


def filled(pixels: Tensor, hidden: Tensor) -> Tensor:
    """Return images whose hidden pixels are filled from around them, more smoothly the farther away.

    >>> pixels = torch.full((3, 4, 4), 8.0)
    >>> pixels[:, 1, 1] = 99
    >>> float(filled(pixels, pixels[0] == 99)[0, 1, 1])
    8.0

    `pixels` is float (…, 3, height, width), `hidden` bool (height, width). Pull-push: means over ever larger
    neighbourhoods, using the smallest that has known pixels (Gortler et al., The Lumigraph, 1996).
    """
    if not hidden.any() or hidden.all():
        return pixels
    shape = pixels.shape
    values = pixels.reshape(-1, 1, *shape[-2:])
    known = (~hidden).float()[None, None]
    result = values * known
    missing = hidden.clone()
    reach = 1
    while missing.any():
        weight, mean = known, values * known
        for axis in (2, 3):
            mean, weight = _blurred(mean, reach, axis), _blurred(weight, reach, axis)
        here = missing & (weight[0, 0] > 1e-6)
        result = torch.where(here, mean / weight.clamp(min=1e-6), result)
        missing &= ~here
        reach *= 2
    return result.reshape(shape)


def _blurred(values: Tensor, reach: int, axis: int) -> Tensor:
    size = [1, 1]
    size[axis - 2] = 2 * reach + 1
    padding = [0, 0]
    padding[axis - 2] = reach
    return F.avg_pool2d(values, tuple(size), 1, tuple(padding), count_include_pad=True)


def drawn_over(with_it: Tensor, without: Tensor, support: Tensor) -> Overlay | None:
    """Return what was drawn over some images, from them and images without it; None if nothing is certain.

    `with_it` (n, 3, height, width) and `without` (m, 3, height, width) are uint8; `support` is bool (6, height,
    width), the steps to the right and downwards that the first images share.

    A pixel is opaque if it varies far less among the first images than among the second, next to a shared step.
    If most of the shared steps are not opaque, what shines through is measured: the images are filled in from
    around the shared steps. The regression of the pixels on this filling, relative to the same regression for
    images without it, is how much shines through, and the mean difference is what was added.
    """
    near = _gathered(_pixels_of(support))
    opaque, colour, spread = _same_pixels(with_it, without, near)
    if opaque is not None and (opaque & near).sum() >= MOSTLY * near.sum():
        mask = torch.from_numpy(opaque)
        tolerance = (3 * spread).clamp(TOLERANCE, LARGEST_TOLERANCE)
        return Overlay(mask.float(), colour * mask, tolerance)
    return _translucent(with_it, without, near)


def _pixels_of(support: Tensor) -> NDArray[np.bool_]:
    """Return the pixels on both sides of shared steps, bool (height, width)."""
    right, down = support[:3].any(0), support[3:].any(0)
    found = right | down
    found[:, 1:] |= right[:, :-1]
    found[1:] |= down[:-1]
    return found.numpy()


def _gathered(pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Leave out what is separate and small compared with the largest part: by chance, some steps agree anywhere."""
    parts, count = ndimage.label(ndimage.binary_dilation(pixels, NEAR, iterations=APART), NEAR)
    sizes = ndimage.sum_labels(pixels, parts, np.arange(1, count + 1))
    large = 1 + np.flatnonzero(sizes >= SMALL * sizes.max())
    return pixels & np.isin(parts, large)


def _same_pixels(
    with_it: Tensor, without: Tensor, near: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_] | None, Tensor, Tensor]:
    values = with_it.float()
    colour = values.median(0).values
    spread = (torch.quantile((values - colour).abs(), MOST, dim=0) / NORMAL_AT_MOST).amax(0)
    usual = without.float().std(0).amax(0).clamp(min=1)
    same = SAME_OF_FEW if len(with_it) < FEW else SAME
    alike = ((spread < same * usual) & (spread < LARGEST_SPREAD)).numpy()
    parts, count = ndimage.label(alike)
    if not count:
        return None, colour, spread
    touching = np.unique(parts[near & alike])
    kept = np.isin(parts, touching[touching > 0])
    return (kept if kept.any() else None), colour, spread


def _translucent(with_it: Tensor, without: Tensor, near: NDArray[np.bool_]) -> Overlay | None:
    region = torch.from_numpy(
        ndimage.binary_fill_holes(ndimage.binary_closing(near, NEAR, border_value=0) | near)
    )
    if region.all():
        return None
    own, own_filled = with_it.float(), filled(with_it.float(), region)
    rest, rest_filled = without.float(), filled(without.float(), region)
    added = (own - own_filled).mean(0) - (rest - rest_filled).mean(0)
    strength = added.abs().amax(0) * region
    strongest = float(torch.quantile(strength[region], 0.9))
    if strongest < 1:
        return None
    core = strength > strongest / 2
    shines = min(1.0, max(0.0, _slope(own, own_filled, core) / max(_slope(rest, rest_filled, core), 1e-3)))
    alpha = (1 - shines) * (strength / strongest).clamp(max=1)
    # If almost nothing is hidden, only light was added.
    alpha = torch.where(region & (strength > strongest / 4), alpha.clamp(min=FAINT), torch.zeros(()))
    light = (added + alpha * own_filled.mean(0)) * (alpha > 0)
    return Overlay(alpha, light, torch.full(alpha.shape, LARGEST_TOLERANCE))


def _slope(values: Tensor, on: Tensor, where: Tensor) -> float:
    own, other = values[..., where], on[..., where]
    other = other - other.mean(0)
    return float((own * other).sum() / (other**2).sum().clamp(min=1e-6))
