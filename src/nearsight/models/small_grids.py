"""Convolutions on small grids as matrix products, which are faster on processors with matrix units.

oneDNN's convolutions go image by image there. If a grid has few places, as the last ones of a tile do, the
bfloat16 gradient of the weights leaves the matrix unit idle, and weights larger than the core's cache are read
again for each image. Products over the places of all images together avoid both (docs/notebook/training.md, on a
processor with AMX).
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

# Measured on one such processor; beyond this, a convolution is as fast or faster.
MOST_PLACES = 16
FEWEST_WEIGHTS = 2**14
# From here on, the forward pass and the gradient of the features gain too.
CACHED_BYTES = 2**21
FEW_PLACES = 4
# In float32, without gradients.
CACHED_BYTES_FLOAT32 = 2**22


def small_grids_as_products(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """Return a context in which convolutions on small grids are products, if this makes them faster here.

    >>> with small_grids_as_products(torch.device("cpu"), torch.float32):
    ...     F.conv2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 3, 3), padding=1).unique().tolist()
    [4.0]

    `dtype` is the type in which the pass computes: bfloat16, forward and backward, or float32 without gradients.
    It works for the convolutions of any network; those in other types, on large grids, grouped or dilated stay as
    they are. Only the order of sums differs.
    """
    if device.type == "cpu" and dtype in (torch.bfloat16, torch.float32) and _has_matrix_unit():
        return SmallGridsAsProducts()
    return nullcontext()


@cache
def _has_matrix_unit() -> bool:
    return bool(torch.cpu.get_capabilities().get("amx_bf16", False))


class SmallGridsAsProducts(TorchFunctionMode):
    """Replaces `torch.conv2d` on small grids; see `small_grids_as_products`."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run a convolution on a small grid as products, and every other function as it is."""
        kwargs = kwargs or {}
        if func is torch.conv2d and (result := _convolve(*args, **kwargs)) is not None:
            return result
        return func(*args, **kwargs)


def _convolve(
    input: Tensor,  # noqa: A002 (the name in torch.conv2d)
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: str | int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> Tensor | None:
    strides, paddings, dilations = _side(stride), _side(padding), _side(dilation)
    if strides is None or paddings is None or dilations != 1 or groups != 1 or input.ndim != 4:
        return None
    outputs = [
        (side + 2 * paddings - kernel) // strides + 1
        for side, kernel in zip(input.shape[2:], weight.shape[2:], strict=True)
    ]
    places = outputs[0] * outputs[1]
    if not 1 <= places <= MOST_PLACES:
        return None
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else input.dtype
    if dtype == torch.bfloat16 and weight.shape[0] * weight.shape[1] >= FEWEST_WEIGHTS:
        wide = 2 * weight.numel() >= CACHED_BYTES or places <= FEW_PLACES
        result: Tensor = _SmallGrid.apply(input.to(dtype), weight.to(dtype), strides, paddings, wide)
    elif dtype == input.dtype == torch.float32 and not torch.is_grad_enabled():
        if weight.nbytes < CACHED_BYTES_FLOAT32 or places == 1:
            return None
        result = _product(input, weight, strides, paddings)
    else:
        return None
    return result if bias is None else result + bias.to(dtype)[:, None, None]


def _side(value: Any) -> int | None:
    """Return the value for both sides, None if the two differ or it is a word."""
    if isinstance(value, int):
        return value
    sides = set(value) if isinstance(value, tuple | list) else set()
    return sides.pop() if len(sides) == 1 else None


class _SmallGrid(torch.autograd.Function):
    """A convolution of features (B, C, H, W) whose gradients are products; with `wide`, so is the forward pass."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, stride: int, padding: int, wide: bool) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.stride, ctx.padding = stride, padding
        ctx.wide = wide and stride == 1 and padding < min(weight.shape[2:])
        if wide:
            return _product(features, weight, stride, padding)
        return F.conv2d(features, weight, stride=stride, padding=padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        features, weight = ctx.saved_tensors
        (gradient,) = gradients
        of_features = of_weight = None
        if ctx.needs_input_grad[0]:
            of_features = _features_gradient(gradient, features, weight, ctx)
        if ctx.needs_input_grad[1]:
            of_weight = weight_gradient(gradient, features, weight.shape[2:], ctx.stride, ctx.padding)
        return of_features, of_weight, None, None, None


def _product(features: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """Convolve by one product: a row for each place, with everything that its window sees."""
    outputs, channels, rows, columns = weight.shape
    padded = F.pad(features.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding))
    windows = padded.unfold(1, rows, stride).unfold(2, columns, stride)
    images, height, width = windows.shape[:3]
    seen = windows.permute(0, 1, 2, 4, 5, 3).reshape(images * height * width, rows * columns * channels)
    filters = weight.permute(0, 2, 3, 1).reshape(outputs, -1)
    return (seen @ filters.T).view(images, height, width, outputs).permute(0, 3, 1, 2)


def _features_gradient(gradient: Tensor, features: Tensor, weight: Tensor, ctx: Any) -> Tensor:
    if ctx.wide and weight.shape[2] == weight.shape[3]:
        turned = weight.flip(2, 3).transpose(0, 1)
        return _product(gradient, turned, 1, weight.shape[2] - 1 - ctx.padding)
    sides = [ctx.stride] * 2, [ctx.padding] * 2
    found: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
        gradient, features, weight, None, *sides, [1, 1], False, [0, 0], 1, [True, False, False]
    )
    return found[0]


def weight_gradient(
    gradient: Tensor, features: Tensor, kernel: Iterable[int], stride: int = 1, padding: int = 0
) -> Tensor:
    """Return the gradient of a convolution's weights: for each of their places, one product over all images.

    >>> features, gradient = torch.ones(5, 1, 2, 2), torch.ones(5, 1, 2, 2)
    >>> weight_gradient(gradient, features, (3, 3), padding=1)[0, 0].tolist()
    [[5.0, 10.0, 5.0], [10.0, 20.0, 10.0], [5.0, 10.0, 5.0]]

    `gradient` is that of the outputs, (B, outputs, h, w), and `features` what was convolved, (B, C, H, W). Places
    where a weight meets padding are left out. Returns (outputs, C, rows, columns), in the features' type.
    """
    rows, columns = kernel
    ours, seen = (tensor.permute(2, 3, 0, 1).contiguous() for tensor in (gradient, features))
    found = features.new_zeros(rows, columns, gradient.shape[1], features.shape[1])
    for row in range(rows):
        down = _meeting(ours.shape[0], seen.shape[0], row - padding, stride)
        for column in range(columns):
            right = _meeting(ours.shape[1], seen.shape[1], column - padding, stride)
            if len(down) and len(right):
                there = ours[down.start : down.stop, right.start : right.stop].flatten(0, 2)
                under = seen[_under(down, row - padding, stride), _under(right, column - padding, stride)]
                torch.mm(there.T, under.flatten(0, 2), out=found[row, column])
    return found.permute(2, 3, 0, 1)


def _meeting(outputs: int, inputs: int, offset: int, stride: int) -> range:
    """Return the outputs along one side that a weight at an offset connects to an input."""
    return range(max(0, -(offset // stride)), min(outputs, (inputs - 1 - offset) // stride + 1))


def _under(outputs: range, offset: int, stride: int) -> slice:
    return slice(outputs.start * stride + offset, (outputs.stop - 1) * stride + offset + 1, stride)
