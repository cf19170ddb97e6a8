"""ReceptiveField: how much of a tile each place of a network's final grid sees."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from nearsight.arguments import checked
from nearsight.errors import InputError
from nearsight.models.outputs import logits_in, logits_name

# At a size that it does not accept, a network may raise anything.
_REFUSALS = (Exception,)
_WIDEST = 4096
_LARGEST_TILE = 1024
_THIN_HEIGHTS = (16, 32)
_SHIFTS = 3

FeatureMap = Callable[[Tensor], Tensor]
"""Takes images (1, 3, H, W), returns a final grid as (values, rows, columns)."""


@dataclass(frozen=True)
class ReceptiveField:
    """Receptive field, stride and final grid of a network at a tile size.

    >>> ReceptiveField(16, side=109, stride=8, grid=(2, 2), name="resnet18").sentence()
    'resnet18 at tile 16: receptive field 109 pixels, stride 8, final grid 2×2'

    `side` is that of the square of pixels that one place of the final grid can see, apart from borders; None
    means every pixel (attention, global normalisation). `stride` is the step in pixels from one place to the
    next; `grid` is rows and columns.
    """

    tile: int
    side: int | None
    stride: int
    grid: tuple[int, int]
    name: str = "the network"

    def sentence(self) -> str:
        """Say it in one line, as printed before training."""
        field = "every pixel" if self.side is None else f"{self.side} pixels"
        rows, columns = self.grid
        return (
            f"{self.name} at tile {self.tile}: receptive field {field}, stride {self.stride}, "
            f"final grid {rows}×{columns}"
        )

    def warning(self) -> str | None:
        """Say which network to choose if the tile shrinks to one place on the way; None if it does not.

        A network without padding whose receptive field is the tile ends on one place by design: no warning.
        """
        unpadded = self.side is not None and self.side <= self.tile
        if self.grid != (1, 1) or self.stride == 1 or unpadded:
            return None
        small = self.name.removesuffix("-imagenet")
        other = small if small != self.name else "one with a small stride such as resnet18"
        return (
            f"a tile of {self.tile} pixels shrinks to 1×1 in {self.name} (stride {self.stride}), where its "
            f"layers see no neighbours; use {other} (3×3 stem, no max-pool) or a tile of "
            f"{self.tile + self.stride} pixels or more"
        )


@checked
def receptive_field(network: nn.Module, tile: int, *, name: str = "the network") -> ReceptiveField:
    """Measure the receptive field, stride and final grid of a network at a tile size by probing it.

    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, stride=2, padding=1))
    >>> receptive_field(network, tile=16)
    ReceptiveField(tile=16, side=5, stride=2, grid=(8, 8), name='the network')

    A place of the final grid becomes NaN exactly if a NaN pixel is in its receptive field, whatever the weights
    are. So images that are NaN up to a column show where receptive fields begin, and images that are NaN from a
    column on show where they end. No layer is named, so this works for any network. The network is copied;
    neither it nor the random state changes.

    Raises `InputError` if the tile leaves an empty grid, naming the smallest tile that works.
    """
    network = copy.deepcopy(network).cpu().float().eval()
    with torch.inference_mode(), torch.backends.nnpack.flags(enabled=False):
        # NNPACK's transforms would carry a NaN to neighbours that do not see it.
        feature_map = _feature_map(network, tile)
        try:
            rows, columns = _grid(feature_map, tile, tile)
        except _REFUSALS as error:
            raise _empty_grid(feature_map, name, tile, error) from error
        field, stride = _field_and_stride(feature_map, tile)
    return ReceptiveField(tile, field, stride or math.ceil(tile / columns), (rows, columns), name)


def _field_and_stride(feature_map: FeatureMap, tile: int) -> tuple[int | None, int | None]:
    """Receptive field (None: every pixel) and stride (None: the grid does not grow), in pixels."""
    first, *wider = _widths(tile)
    try:
        height = _thin_height(feature_map, tile, first)
        growth = _grid(feature_map, height, wider[1])[1] - _grid(feature_map, height, first)[1]
    except _REFUSALS:
        # Networks that accept images of one size only tie every pixel to its position.
        return None, None
    if growth == 0:
        return None, None
    stride = round((wider[1] - first) / growth)
    for width in (first, *wider):
        seen = partial(_seen, feature_map, height, width)
        left = seen(0, 2 * stride)
        if not left.all():
            right = seen(width - 2 * stride, width)
            if not right.all():
                # A few places that see neither edge are enough: a narrower image shows the same, sooner.
                clean = min(int((~left).sum()), int((~right).sum()))
                spare = stride * max(0, clean - _SHIFTS)
                return _field(
                    partial(_seen, feature_map, height, width - spare), width - spare, stride
                ), stride
    return None, stride


def _field(seen: Callable[[int, int], Tensor], width: int, stride: int) -> int | None:
    """Receptive field in pixels, in an image that is wide enough; None if it differs from place to place."""
    edge = 2 * stride
    left, right = seen(0, edge), seen(width - edge, width)
    for shift in range(1, min(_SHIFTS, int((~left).sum())) + 1):
        if seen(0, edge + shift * stride).sum() != left.sum() + shift:
            return None
    # The last place that sees the left edge begins within the stride before its end; the same holds on the right.
    last_left = int(left.nonzero().max())
    first_right = int(right.nonzero().min())
    begin = _smallest(edge - stride, edge - 1, lambda x: bool(seen(0, x + 1)[last_left]))
    margin = _smallest(edge - stride, edge - 1, lambda x: bool(seen(width - 1 - x, width)[first_right]))
    return width - margin - begin - stride * (first_right - last_left)


def _seen(feature_map: FeatureMap, height: int, width: int, start: int, stop: int) -> Tensor:
    """Which columns of the final grid see any pixel column from `start` to before `stop`, (columns,) bool."""
    image = torch.zeros(1, 3, height, width)
    image[..., start:stop] = math.nan
    return feature_map(image).isnan().any(dim=0).any(dim=0)


def _thin_height(feature_map: FeatureMap, tile: int, width: int) -> int:
    """The least image height that the network accepts: thin images are fast."""
    for height in _THIN_HEIGHTS:
        try:
            _grid(feature_map, height, width)
        except _REFUSALS:
            continue
        return height
    return tile


def _smallest(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The smallest number from low to high that a monotone condition holds for; it holds for high."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _grid(feature_map: FeatureMap, height: int, width: int) -> tuple[int, int]:
    rows, columns = feature_map(torch.zeros(1, 3, height, width)).shape[1:]
    if rows * columns == 0:
        raise ValueError("the final grid is empty")
    return rows, columns


def _widths(tile: int) -> list[int]:
    """Image widths to probe, each twice the one before: multiples of the strides that networks have."""
    width = 96
    while width < tile:
        width *= 2
    widths = [width, 2 * width]
    while widths[-1] < _WIDEST:
        widths.append(2 * widths[-1])
    return widths


def _empty_grid(feature_map: FeatureMap, name: str, tile: int, error: Exception) -> InputError:
    def works(size: int) -> bool:
        try:
            _grid(feature_map, size, size)
        except _REFUSALS:
            return False
        return True

    size = tile
    while size < _LARGEST_TILE:
        size = min(2 * size, _LARGEST_TILE)
        if works(size):
            smallest = _smallest(max(tile, size // 2) + 1, size, works)
            return InputError(
                f"{name} leaves an empty final grid of a tile of {tile} pixels; "
                f"the smallest tile that works is {smallest}"
            )
    reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    return InputError(
        f"{name} refuses a tile of {tile} pixels ({reason}); build it for that size or choose another network"
    )


def _feature_map(network: nn.Module, tile: int) -> FeatureMap:
    """Find what computes the final grid: `forward_features` of the network, or else its last wide output."""
    own = getattr(network, "forward_features", None)
    for size in (tile, _widths(tile)[0]):
        images = torch.zeros(1, 3, size, size)
        try:
            if own is not None and isinstance(own(images), Tensor):
                return lambda images: _rows_and_columns(own(images), images, network)
        except _REFUSALS:
            continue
    first, _, wide, *_ = _widths(tile)
    for height, width in (*((height, wide) for height in (*_THIN_HEIGHTS, tile, first)), (tile, tile)):
        try:
            call = _last_wide_call(network, torch.zeros(1, 3, height, width))
        except _REFUSALS:
            continue
        if call is not None:
            return lambda images: _outputs(network, images)[call][0]
    return lambda images: _rows(network(images))[0, :, None, None]


def _rows(output: Any) -> Tensor:
    """Return a network's output for each image, whatever it is wrapped in."""
    return logits_in(output, logits_name(output, 1))


def _rows_and_columns(features: Tensor, images: Tensor, network: nn.Module) -> Tensor:
    """Convert a feature map of one image, in any layout, to (values, rows, columns)."""
    if features.ndim == 4:
        channels_last = features.shape[3] == getattr(network, "num_features", None) != features.shape[1]
        return features[0].permute(2, 0, 1) if channels_last else features[0]
    if features.ndim != 3 or images.shape[2] != images.shape[3]:
        raise ValueError("rows and columns are known for the tokens of square images only")
    side = math.isqrt(features.shape[1] - getattr(network, "num_prefix_tokens", 0))
    return features[0, -side * side :].T.reshape(-1, side, side)


def _last_wide_call(network: nn.Module, images: Tensor) -> int | None:
    """Number of the last call of a module whose output is a feature map, wider than high if the images are.

    Attention weights, which also have four axes, are square; pooled features have one column.
    """
    wider = images.shape[3] > images.shape[2]
    shapes = [output.shape for output in _outputs(network, images)]
    wide = [call for call, s in enumerate(shapes) if len(s) == 4 and s[3] > 1 and (s[3] > s[2]) == wider]
    return wide[-1] if wide else None


def _outputs(network: nn.Module, images: Tensor) -> list[Tensor]:
    """Run a network and return the outputs of the modules inside it, in the order in which they finish."""
    outputs: list[Tensor] = []

    def collect(_module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            outputs.append(output)

    handles = [module.register_forward_hook(collect) for module in network.modules() if module is not network]
    try:
        network(images)
    finally:
        for handle in handles:
            handle.remove()
    return outputs
