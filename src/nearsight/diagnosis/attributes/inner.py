"""What the inner layers of a network see of images, as a row of numbers for each; and a change of what they see."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, dropwhile, product
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from nearsight.data import ImageSet
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.faithfulness.feature_maps import as_feature_map
from nearsight.errors import InputError
from nearsight.evaluation import predict
from nearsight.evidence import TiledModel
from nearsight.tiles import TileGrid, cut_grid

K = TypeVar("K")
Values = NDArray[np.float32]

# Layers that are looked at, and channels of each, at most; evenly spaced.
LAYERS, CHANNELS = 8, 128
# How much more or less a channel may vary after a change.
MOST_SPREAD = 3.0
# Features beyond this, or infinite, are taken for it.
LARGEST = 1e6
# The least spread of a channel, and the least as a share of the median channel's.
LEAST_SPREAD, LEAST_SHARE = 1e-6, 0.1
# Numbers of each channel.
NUMBERS = 4
# Images that pass through the network together, at most, and how many pixels they may have.
TOGETHER, PIXELS_TOGETHER = 32, 2**21


@dataclass(frozen=True, eq=False)
class InnerLayers:
    """Some inner layers of a network, in the order in which they run, and how it decides.

    Their maps of an image become one row: of each channel the mean, the standard deviation, the largest and the
    smallest value over all places. So a row says what is in an image, and hardly where. A classifier that decides by
    tiles is given tiles side by side, whose maps count as one. `channels` is how many of each layer are looked at.
    """

    decision: Decision
    layers: tuple[nn.Module, ...]
    channels: tuple[int, ...]

    @staticmethod
    def of(decision: Decision, image: Tensor) -> "InnerLayers | None":
        """Return the layers to look at, which are found with one image as decoded; None if none has maps.

        Norms are taken if there are any, because they follow nearly every convolution; otherwise all parts with
        weights. A part that runs more than once in a pass is left out. So are networks that were compiled, and those
        with learned attention, which decide by more than their layers. The model is bound once more, since what is
        changed inside it would change how passes over it are made.
        """
        bound = decision.bound
        if bound.attends or not isinstance(bound.model, nn.Module):
            return None
        decision = replace(decision, bound=bound.with_model(bound.model))
        found: dict[nn.Module, list[int]] = {}
        try:
            network = decision.bound.module
            if any(isinstance(part, torch.jit.ScriptModule) for part in network.modules()):
                return None
            parts = [part for part in network.modules() if _is_norm(part) or _has_weights(part)]
            # A pass may be tried before it is made; it is not tried again.
            _pass(decision, [image])
            with watched(
                network,
                parts,
                lambda place, maps: found.setdefault(parts[place], []).extend([maps.shape[1]] * len(maps)),
            ):
                inputs = _pass(decision, [image])
        except InputError:
            return None
        able = {part: seen[0] for part, seen in found.items() if len(seen) == inputs}
        # A norm before all weights only prepares the image.
        later = dropwhile(_is_norm, able)
        chosen = [part for part in later if _is_norm(part)] or list(able)
        if not chosen:
            return None
        places = np.unique(np.linspace(0, len(chosen) - 1, min(LAYERS, len(chosen))).round().astype(int))
        layers = tuple(chosen[place] for place in places)
        return InnerLayers(decision, layers, tuple(len(_channels(able[layer])) for layer in layers))

    def see_all(self, images: ImageSet, places: NDArray[np.int64], step: Callable[[int], None]) -> Values:
        """Return what they see of the images at some places, float32 (n, numbers); of several processes each sees
        its share.

        `step` is told how many this process has seen.
        """
        processes = self.decision.processes
        own = places[list(processes.share(len(places), TOGETHER))].tolist()

        def seen() -> list[Values]:
            found: list[Values] = []
            for start in range(0, len(own), TOGETHER):
                step(start)
                found += self.see_each(images.image(place) for place in own[start : start + TOGETHER])
            return found

        return np.stack([*chain.from_iterable(processes.each(seen))])

    def see(self, image: Tensor) -> Values:
        """Return what the layers see of an image as decoded, uint8 (3, H, W): float32 (numbers,).

        The numbers of the first layer come first; of each layer the means of all channels, then their standard
        deviations, largest and smallest values. Raises `InputError` if a layer has no maps of an image of this size.
        """
        (row,) = self.see_each([image])
        return row

    def see_each(self, images: Iterable[Tensor]) -> list[Values]:
        """Return the same of several images; those of one size pass through the network together."""
        found: list[Values] = []
        for some in together(images):
            try:
                found += self._see(some)
            except InputError:
                if len(some) == 1:
                    raise
                # A network may take a batch image by image.
                found += [row for image in some for row in self._see([image])]
        return found

    def _see(self, images: Sequence[Tensor]) -> list[Values]:
        rows: list[list[Values]] = [[] for _ in self.layers]
        with watched(
            self.decision.bound.module, self.layers, lambda place, maps: rows[place].append(_numbers(maps))
        ):
            inputs = _pass(self.decision, images)
        count = inputs * len(images)
        # The network may have been tried before, on images of other sizes.
        last = [np.concatenate(some)[-count:] for some in rows if some]
        if len(last) < len(rows) or any(len(some) != count for some in last):
            height, width = images[0].shape[1:]
            raise InputError(f"an inner layer has no maps of an image of {height}×{width} pixels")
        return [
            np.concatenate([_merged(some[start : start + inputs]) for some in last])
            for start in range(0, count, inputs)
        ]

    def shift(self, place: int, having: Values, lacking: Values) -> "Shift":
        """Return the change of one layer, by its place, that takes images from some to others.

        `having` and `lacking` are what all layers see of these, float32 (n, numbers).
        """
        end = NUMBERS * sum(self.channels[: place + 1])
        numbers = slice(end - NUMBERS * self.channels[place], end)
        return Shift.between(self.decision, self.layers[place], having[:, numbers], lacking[:, numbers])


def watched(
    network: nn.Module, layers: Sequence[nn.Module], see: Callable[[int, Tensor], None]
) -> AbstractContextManager[None]:
    """Show the maps of some layers, (B, channels, rows, columns), of every batch that a network is given."""

    def shown(place: int, output: Tensor, size: torch.Size) -> None:
        maps = _maps(output.detach(), size)
        if maps is not None:
            see(place, maps)

    return _hooked(network, layers, shown)


@contextmanager
def _hooked(
    network: nn.Module,
    layers: Sequence[nn.Module],
    act: Callable[[int, Tensor, torch.Size], Tensor | None],
) -> Iterator[None]:
    """Call `act` with a layer's place, its output and the size of the batch; what it returns is output instead."""
    size = torch.Size()

    def keep_size(_part: nn.Module, inputs: tuple[object, ...]) -> None:
        nonlocal size
        size = _size(inputs)

    def acted(place: int, _part: nn.Module, _inputs: object, output: object) -> Tensor | None:
        return act(place, output, size) if isinstance(output, Tensor) else None

    handles = [network.register_forward_pre_hook(keep_size)]
    try:
        for place, layer in enumerate(layers):
            handles.append(layer.register_forward_hook(partial(acted, place)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _size(inputs: tuple[object, ...]) -> torch.Size:
    """Return the shape of what a network is given."""
    return inputs[0].shape if inputs and isinstance(inputs[0], Tensor) else torch.Size()


def _maps(output: Tensor, size: torch.Size) -> Tensor | None:
    """Return what a layer outputs as maps, a view of it; None if it is no map of each input of a batch."""
    return as_feature_map(output, size) if len(size) == 4 and len(output) == size[0] else None


def _pass(decision: Decision, images: Sequence[Tensor]) -> int:
    """Pass images of one size through the network; return of how many inputs the maps of each are."""
    bound = decision.bound
    if decision.whole:
        bound.full_pass(images)
        return 1
    prepared = torch.stack([bound.prepare(image) for image in images])
    tiles = cut_grid(prepared, _side_by_side(bound, prepared[0])).flatten(0, 2)
    bound.logits(tiles)
    return len(tiles) // len(images)


def together(images: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Yield consecutive images of one size, few enough to be held in the network at once."""
    some: list[Tensor] = []
    for image in images:
        most = max(1, min(TOGETHER, PIXELS_TOGETHER // (image.shape[1] * image.shape[2])))
        if some and (some[0].shape != image.shape or len(some) >= most):
            yield some
            some = []
        some.append(image)
    if some:
        yield some


def _side_by_side(bound: TiledModel, prepared: Tensor) -> TileGrid:
    """Return the grid of the tiles of a resized image side by side."""
    tile = bound.require_tile()
    return TileGrid(prepared.shape[-2], prepared.shape[-1], tile, tile, "covering")


def _is_norm(part: nn.Module) -> bool:
    """Say whether a part is a norm, with or without weights, or what follows it in one part."""
    return "norm" in type(part).__name__.lower() and not any(map(_is_norm, part.children()))


def _has_weights(part: nn.Module) -> bool:
    return next(part.children(), None) is None and next(part.parameters(), None) is not None


def _channels(count: int) -> list[int]:
    """Return which of so many channels are looked at."""
    return list(dict.fromkeys(np.linspace(0, count - 1, min(CHANNELS, count)).round().astype(int).tolist()))


def _numbers(maps: Tensor) -> Values:
    """Return four numbers of each channel of maps (B, C, H, W), float32 (B, 4, channels)."""
    maps = maps[:, _channels(maps.shape[1])].float().flatten(2).nan_to_num(0.0).clamp(-LARGEST, LARGEST)
    of_all = [maps.mean(2), maps.std(2, correction=0), maps.amax(2), maps.amin(2)]
    return np.asarray(torch.stack(of_all, dim=1).cpu().numpy())


def _merged(seen: Values) -> Values:
    """Make one row of the maps of an image's tiles: (tiles, 4, channels) to (4 · channels,)."""
    spread = np.sqrt((seen[:, 1] ** 2).mean(0) + seen[:, 0].var(0))
    return np.concatenate([seen[:, 0].mean(0), spread, seen[:, 2].max(0), seen[:, 3].min(0)])


@dataclass(frozen=True, eq=False)
class Shift:
    """Gives every image what a layer sees of some images and not of others: how its channels lie, and how they vary.

    The mean of each channel moves by the difference of theirs, and its deviations from it are multiplied by the ratio
    of theirs, at most three times or a third (as Huang and Belongie, "Arbitrary style transfer in real-time with
    adaptive instance normalization", ICCV 2017, but relative to other images). `having` and `lacking` are the mean
    and the standard deviation of each channel in these, float32 (2, channels). Channels that are not looked at stay
    as they are. Of tiles each is changed alone.
    """

    decision: Decision
    layer: nn.Module
    having: Values
    lacking: Values

    @staticmethod
    def between(decision: Decision, layer: nn.Module, having: Values, lacking: Values) -> "Shift":
        """Return the shift to some images from others, by what the layer sees of them, float32 (n, 4 · channels)."""
        some, others = (rows.mean(0).reshape(NUMBERS, -1)[:2] for rows in (having, lacking))
        return Shift(decision, layer, some, others)

    @property
    def length(self) -> float:
        """How far the means move, in standard deviations of the images that lack it, over all channels."""
        away = (self.having[0] - self.lacking[0]) / (self.lacking[1] + self._least)
        return float(np.linalg.norm(away))

    def as_long_as(self, other: "Shift") -> "Shift":
        """Return the shift whose means move in their direction, but as far as another's; spreads change as before."""
        factor = other.length / max(self.length, LEAST_SPREAD)
        mean = self.lacking[0] + factor * (self.having[0] - self.lacking[0])
        return replace(self, having=np.stack([mean, self.having[1]]))

    def predictions_of(self, keys: Sequence[K], image: Callable[[K], Tensor]) -> NDArray[np.int64]:
        """Return the class that each image is predicted to be once it is given, int64 (n,).

        Raises `InputError` if scores are not finite then.
        """
        with self._given():
            scores = self.decision.scores_of(keys, image)
        if not np.isfinite(scores).all():
            raise InputError("scores are not finite once the features of a layer are moved")
        return predict(scores).astype(np.int64)

    def _given(self) -> AbstractContextManager[None]:
        """Give it to whatever passes through the network, for as long as this lasts."""
        return _hooked(
            self.decision.bound.module, [self.layer], lambda _, output, size: self._changed(output, size)
        )

    def _changed(self, output: Tensor, size: torch.Size) -> Tensor | None:
        changed = output.clone()
        maps = _maps(changed, size)
        if maps is None:
            return None
        channels = _channels(maps.shape[1])
        ratio = (self.having[1] + LEAST_SPREAD) / (self.lacking[1] + LEAST_SPREAD)
        moved, spread = (
            torch.from_numpy(values).to(maps)[None, :, None, None]
            for values in (self.having[0] - self.lacking[0], ratio.clip(1 / MOST_SPREAD, MOST_SPREAD))
        )
        seen = maps[:, channels]
        middle = seen.mean((2, 3), keepdim=True)
        # The maps are a view of the output, however it is laid out.
        maps[:, channels] = (seen - middle) * spread + middle + moved
        return changed

    def seen_in(self, image: Tensor) -> Tensor:
        """Return where a decoded image has what is given, float32 (H, W), as large as it is evaluated.

        At each place the channels count by how much more the layer sees of them in images that have it, in standard
        deviations, and by how far the place is on that side. Nothing is 0. Of tiles side by side each is seen alone.
        """
        bound, found = self.decision.bound, list[Tensor]()
        with watched(bound.module, [self.layer], lambda _, maps: found.append(self._along(maps))):
            inputs = _pass(self.decision, [image])
        height, width = bound.resize(image).shape[1:]
        seen = torch.zeros(height, width)
        if self.decision.whole:
            crop = None if bound.preprocessing is None else bound.preprocessing.crop
            rows, columns = crop or (height, width)
            top, left = round((height - rows) / 2), round((width - columns) / 2)
            seen[top : top + rows, left : left + columns] = _enlarged(found[-1][-1:], rows, columns)[0]
            return seen
        grid = _side_by_side(bound, bound.prepare(image))
        tiles = _enlarged(torch.cat(found)[-inputs:], grid.tile, grid.tile)
        for tile, (top, left) in zip(tiles, product(grid.tops, grid.lefts), strict=True):
            seen[top : top + grid.tile, left : left + grid.tile] = tile
        return seen

    def _along(self, maps: Tensor) -> Tensor:
        """Return how far each place of maps (B, channels, rows, columns) lies to that side, (B, rows, columns)."""
        weights = (self.having[0] - self.lacking[0]) / (self.lacking[1] + self._least) ** 2
        middle = torch.from_numpy(self.lacking[0])[:, None, None]
        away = maps[:, _channels(maps.shape[1])].float().cpu() - middle
        return torch.einsum("c,bchw->bhw", torch.from_numpy(weights), away).clamp(min=0)

    @property
    def _least(self) -> float:
        """The least that a channel is taken to vary, so that one that hardly does is not all that counts."""
        return max(LEAST_SPREAD, LEAST_SHARE * float(np.median(self.lacking[1])))


def _enlarged(maps: Tensor, height: int, width: int) -> Tensor:
    """Return maps (B, rows, columns) as (B, height, width)."""
    return interpolate(maps[:, None], size=(height, width), mode="bilinear", align_corners=False)[:, 0]
