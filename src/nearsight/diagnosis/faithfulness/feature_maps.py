"""Which part of a network outputs its last feature map, and that map, however it is laid out."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

# Class tokens and registers that may come before the tokens of the places.
MOST_PREFIX_TOKENS = 16
LARGEST_SIDE = 256
_CONTAINERS = (nn.Sequential, nn.ModuleList)


def last_feature_map(model: nn.Module, image: Tensor) -> nn.Module | None:
    """Return the part of a model that outputs the last map on whose places the logits depend.

    >>> convolution = nn.Conv2d(3, 4, 3)
    >>> network = nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    >>> last_feature_map(network, torch.zeros(3, 8, 8)) is convolution
    True

    `model` gives logits (B, classes). `image` is float (3, H, W), as the model takes it; only its size matters,
    not its pixels. The part is found by watching a pass, not by names. A map is (1, channels, rows, columns), (1,
    rows, columns, channels) or (1, tokens, channels), with more than one place. Only places on which the logits
    depend count: a transformer's last tokens do not, if only the class token is read. For a convolutional network
    it is the last map of a part with weights. If the last map has tokens, or its channels last, it is the norm
    with which the last block begins, or that block if it does not begin with one. None if no part outputs a map.
    The model is left as it was; raises what it raises.
    """
    watched = copy.deepcopy(model).eval().requires_grad_()
    for weight in watched.parameters():
        # A head whose weights start at zero would hide every gradient.
        if not weight.any():
            nn.init.normal_(weight, std=0.02, generator=torch.Generator(weight.device).manual_seed(0))
    outputs = [output for output in _watch_small(watched, image) if output.places > 1]
    if not outputs:
        return None
    last = outputs[-1]
    if last.layout.channels_first:
        # A container outputs what its last part does, and that part's name says more.
        path = next(output.path for output in outputs if output.is_same_as(last))
    else:
        path = _start_of_last_block(watched, [output.path for output in outputs]) or last.path
    return model.get_submodule(path)


def as_feature_map(output: Tensor, image: torch.Size) -> Tensor | None:
    """Return what a part of a network outputs as (B, channels, rows, columns); None if it is no map.

    >>> as_feature_map(torch.zeros(1, 197, 64), torch.Size([3, 224, 224])).shape
    torch.Size([1, 64, 14, 14])

    `image` is the shape of the network's input, (…, H, W). Tokens are read row by row, and those before the
    places are left out.
    """
    layout = _layout(output.shape, image)
    return None if layout is None else layout.of(output)


@dataclass(frozen=True)
class _Layout:
    """How a map is laid out: its places, where its channels are, and how many tokens come before the places."""

    rows: int
    columns: int
    channels_first: bool
    prefix: int = 0

    def of(self, output: Tensor) -> Tensor:
        if self.channels_first:
            return output
        if output.ndim == 3:
            output = output[:, self.prefix :].reshape(len(output), self.rows, self.columns, -1)
        return output.permute(0, 3, 1, 2)


def _layout(output: torch.Size, image: torch.Size) -> _Layout | None:
    grids = _grids(image[-2], image[-1])
    if len(output) == 4:
        if tuple(output[1:3]) in grids and tuple(output[2:]) not in grids | {(1, 1)}:
            return _Layout(output[1], output[2], channels_first=False)
        if _is_grid(output[2], output[3], image[-2], image[-1]):
            return _Layout(output[2], output[3], channels_first=True)
    if len(output) == 3:
        spare = [(output[1] - rows * columns, rows, columns) for rows, columns in grids]
        fitting = [found for found in spare if 0 <= found[0] <= MOST_PREFIX_TOKENS]
        if fitting:
            prefix, rows, columns = min(fitting)
            return _Layout(rows, columns, channels_first=False, prefix=prefix)
    return None


def _grids(height: int, width: int) -> set[tuple[int, int]]:
    """Return the grids with more than one place that an image has at some stride; the last place may be cut short."""
    return {
        (rows, columns)
        for stride in range(1, max(height, width) + 1)
        for rows in (height // stride, -(-height // stride))
        for columns in (width // stride, -(-width // stride))
        # The sides of a square are cut alike.
        if rows * columns > 1 and (height != width or rows == columns)
    }


def _is_grid(rows: int, columns: int, height: int, width: int) -> bool:
    """Tell whether an image has such a grid at some stride, with (nearly) as many places lost along both sides."""
    if rows > height or columns > width:
        return False
    return any(
        abs((height - width) / stride - (rows - columns)) <= 1 for stride in range(1, max(height, width) + 1)
    )


@dataclass(eq=False)
class _Output:
    """A map that a part output, at one version of its tensor, and on how many of its places the logits depend."""

    path: str
    layout: _Layout
    tensor: Tensor
    version: int
    places: int = 0

    def is_same_as(self, other: "_Output") -> bool:
        return self.tensor is other.tensor and self.version == other.version


def _watch_small(model: nn.Module, image: Tensor) -> list[_Output]:
    """Watch a model on a crop of an image, because gradients of a large one take much memory; or on all of it."""
    cut = image[:, :LARGEST_SIDE, :LARGEST_SIDE]
    if cut.shape == image.shape:
        return _watch(model, image)
    try:
        return _watch(model, cut)
    except Exception:
        # A model may raise anything at a size that it does not accept.
        return _watch(model, image)


def _watch(model: nn.Module, image: Tensor) -> list[_Output]:
    """Run a model forwards and backwards; return the maps that its parts with weights output, in order."""
    outputs: list[_Output] = []
    finest = image[0].numel()

    def keep(path: str, part: nn.Module, _inputs: Any, output: Any) -> None:
        nonlocal finest
        if not isinstance(output, Tensor) or len(output) != 1 or not output.requires_grad:
            return
        layout = _layout(output.shape, image.shape)
        if layout is None:
            return
        places = layout.rows * layout.columns
        if isinstance(part, nn.Conv2d):
            # The first convolution has the finest map; matrices of attention, and channels, are larger.
            finest = min(finest, places) if not outputs else max(finest, places)
        if places <= finest:
            outputs.append(_Output(path, layout, output, output._version))
            output.register_hook(partial(_count_places, outputs[-1]))  # type: ignore[no-untyped-call]

    with torch.enable_grad(), _hooks(model, keep):
        noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0)).to(image)
        logits = model(noise[None])
        # No two classes have the same weight, because their gradients could cancel.
        weights = torch.linspace(1, 2, logits.numel()).to(logits)
        (logits.flatten() * weights).sum().backward()
    return outputs


def _count_places(output: _Output, gradient: Tensor) -> None:
    output.places = int(output.layout.of(gradient).abs().sum(1).count_nonzero())


@contextmanager
def _hooks(model: nn.Module, keep: Any) -> Iterator[None]:
    handles = [
        part.register_forward_hook(partial(keep, path))
        for path, part in model.named_modules()
        if path and next(part.parameters(), None) is not None
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _start_of_last_block(model: nn.Module, paths: list[str]) -> str | None:
    """Return the first part of the last block that is a norm, or the block; `paths` are the maps', in order."""
    last = next((path for path in reversed(paths) if _outermost_block(model, path)), None)
    block = None if last is None else _outermost_block(model, last)
    while block is not None:
        part = model.get_submodule(block)
        children = [path for path in paths if path.rpartition(".")[0] == block]
        leaf = next((path for path in children if _is_leaf(model.get_submodule(path))), None)
        if leaf is not None:
            return leaf
        containers = [
            f"{block}.{name}" for name, child in part.named_children() if isinstance(child, _CONTAINERS)
        ]
        inner = [path for path in paths if any(path.startswith(container + ".") for container in containers)]
        block, found = (_outermost_block(model, inner[-1], block) if inner else None), block
        if block is None:
            return found if found in paths else None
    return None


def _outermost_block(model: nn.Module, path: str, inside: str = "") -> str | None:
    """Return the outermost part on a path that consists of parts and stands in a list of parts, below `inside`."""
    names = path.split(".")
    start = len(inside.split(".")) if inside else 0
    for end in range(start + 1, len(names) + 1):
        holder, part = (model.get_submodule(".".join(names[:stop])) for stop in (end - 1, end))
        listed = isinstance(holder, _CONTAINERS) and not isinstance(part, _CONTAINERS)
        if listed and not _is_leaf(part):
            return ".".join(names[:end])
    return None


def _is_leaf(part: nn.Module) -> bool:
    return next(part.children(), None) is None
