"""What the inner layers of a network see of images, as a row of numbers for each; and a change of what they see."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nearsight.data import ImageSet
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.faithfulness.feature_maps import as_feature_map
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.tiles import TileGrid, cut_grid

Values = NDArray[np.float32]

# Layers that are looked at, and channels of each, at most; evenly spaced.
LAYERS, CHANNELS = 8, 128
# Images that are passed through the network together.
TOGETHER = 16
# How much more or less a channel may vary after a change.
MOST_SPREAD = 3.0
LEAST_SPREAD = 1e-6
# Numbers of each channel.
NUMBERS = 4


@dataclass(frozen=True, eq=False)
class InnerLayers:
    """Some inner layers of a bound network, in the order in which they run.

    Their maps of an image become one row: of each channel the mean, the standard deviation, the largest and the
    smallest value over all places. So a row says what is in an image, and hardly where. A classifier that decides by
    tiles is given tiles side by side, whose maps count as one. `channels` is how many of each layer are looked at.
    """

    decision: Decision
    layers: tuple[nn.Module, ...]
    channels: tuple[int, ...] = ()

    @staticmethod
    def of(decision: Decision, image: Tensor) -> "InnerLayers | None":
        """Return the layers to look at, which are found with one image as decoded; None if none has maps.

        Norms are taken if there are any, because they follow nearly every convolution; otherwise all parts with
        weights. A part that runs more than once in a pass is left out, and so is a network that takes no hooks.
        """
        try:
            every = InnerLayers(decision, tuple(filter(_is_leaf, decision.bound.module.modules())))
            if not every.layers:
                return None
            # A pass may be tried before it is made; it is not tried again.
            every._pass([image])
            with every._watched() as rows:
                (inputs,) = every._pass([image])
        except (InputError, RuntimeError):
            # It does not run in PyTorch, or was compiled.
            return None
        able = {
            part: found[-1].shape[-1]
            for part, found in zip(every.layers, rows, strict=True)
            if sum(map(len, found)) == inputs
        }
        norms = [part for part in able if "norm" in type(part).__name__.lower()]
        chosen = norms or list(able)
        if not chosen:
            return None
        places = np.unique(np.linspace(0, len(chosen) - 1, min(LAYERS, len(chosen))).round().astype(int))
        layers = tuple(chosen[place] for place in places)
        return InnerLayers(decision, layers, tuple(able[layer] for layer in layers))

    def see_all(self, images: ImageSet, places: NDArray[np.int64], step: Callable[[int], None]) -> Values:
        """Return what they see of the images at some places, float32 (n, numbers); of several processes each sees
        its share.

        `step` is told how many this process has seen.
        """
        processes = self.decision.processes
        own = places[list(processes.share(len(places)))]

        def seen() -> list[Values]:
            found = []
            for start in range(0, len(own), TOGETHER):
                step(start)
                found.append(self.see([images.image(i) for i in own[start : start + TOGETHER].tolist()]))
            return found

        return np.concatenate([*chain.from_iterable(processes.each(seen))])

    def see(self, images: Sequence[Tensor]) -> Values:
        """Return what the layers see of images as decoded, uint8 (3, H, W) each: float32 (n, numbers).

        The numbers of the first layer come first; of each layer the means of all channels, then their standard
        deviations, largest and smallest values.
        """
        with self._watched() as rows:
            counts = self._pass(images)
        # The network may have been tried before, on images of other sizes.
        last = [np.concatenate(of_layer)[-sum(counts) :] for of_layer in rows]
        return np.concatenate([_merged(one, counts) for one in last], axis=1)

    def shift(self, place: int, having: Values, lacking: Values) -> "Shift":
        """Return the change of one layer, by its place, that takes images from some to others.

        `having` and `lacking` are what all layers see of these, float32 (n, numbers).
        """
        end = NUMBERS * sum(self.channels[: place + 1])
        numbers = slice(end - NUMBERS * self.channels[place], end)
        return Shift.between(
            self.decision.bound.module, self.layers[place], having[:, numbers], lacking[:, numbers]
        )

    def _pass(self, images: Sequence[Tensor]) -> list[int]:
        """Pass images through the network; return of how many inputs each image's maps are."""
        bound = self.decision.bound
        if self.decision.whole:
            for image in images:
                bound.full_pass([image])
            return [1] * len(images)
        tiles = [_tiles(bound, image) for image in images]
        bound.logits(chain.from_iterable(tiles))
        return [len(one) for one in tiles]

    @contextmanager
    def _watched(self) -> Iterator[list[list[Values]]]:
        """Watch the layers; what each sees of each batch is put into its list."""
        rows: list[list[Values]] = [[] for _ in self.layers]
        size = torch.Size()

        def keep_size(_part: nn.Module, inputs: tuple[object, ...]) -> None:
            nonlocal size
            size = _size(inputs)

        def keep(found: list[Values], _part: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and len(size) == 4 and len(output) == size[0]:
                seen = as_feature_map(output.detach(), size)
                if seen is not None:
                    found.append(_numbers(seen))

        handles = [self.decision.bound.module.register_forward_pre_hook(keep_size)]
        try:
            for layer, found in zip(self.layers, rows, strict=True):
                handles.append(layer.register_forward_hook(partial(keep, found)))
            yield rows
        finally:
            for handle in handles:
                handle.remove()


def _is_leaf(part: nn.Module) -> bool:
    return next(part.children(), None) is None and next(part.parameters(), None) is not None


def _tiles(bound: TiledModel, image: Tensor) -> list[Tensor]:
    """Return an image's tiles side by side, in the form that the network takes."""
    prepared, tile = bound.prepare(image), bound.require_tile()
    grid = TileGrid(prepared.shape[-2], prepared.shape[-1], tile, tile, "covering")
    return list(cut_grid(prepared[None], grid).flatten(0, 2))


def _channels(count: int) -> list[int]:
    """Return which of so many channels are looked at."""
    return list(dict.fromkeys(np.linspace(0, count - 1, min(CHANNELS, count)).round().astype(int).tolist()))


def _numbers(maps: Tensor) -> Values:
    """Return four numbers of each channel of maps (B, C, H, W), float32 (B, 4, channels)."""
    maps = maps[:, _channels(maps.shape[1])].float().flatten(2)
    of_all = [maps.mean(2), maps.std(2, correction=0), maps.amax(2), maps.amin(2)]
    numbers: Values = np.nan_to_num(torch.stack(of_all, dim=1).cpu().numpy())
    return numbers


def _merged(seen: Values, counts: Sequence[int]) -> Values:
    """Make one row of the maps of an image's tiles: (tiles of all images, 4, channels) to (images, 4 · channels)."""
    rows = []
    for of_image in np.split(seen, np.cumsum(counts)[:-1]):
        mean = of_image[:, 0].mean(0)
        spread = np.sqrt((of_image[:, 1] ** 2).mean(0) + of_image[:, 0].var(0))
        rows.append(np.concatenate([mean, spread, of_image[:, 2].max(0), of_image[:, 3].min(0)]))
    return np.stack(rows)


@dataclass(frozen=True, eq=False)
class Shift:
    """Gives every image what a layer sees of some images and not of others: how its channels lie, and how they vary.

    The mean of each channel moves by the difference of theirs, and its deviations from it are multiplied by the ratio
    of theirs, at most three times or a third (as Huang and Belongie, "Arbitrary style transfer in real-time with
    adaptive instance normalization", ICCV 2017, but relative to other images). `mean` and `spread` are float32
    (channels,). Channels that are not looked at stay as they are.
    """

    network: nn.Module
    layer: nn.Module
    mean: Values
    spread: Values

    @staticmethod
    def between(network: nn.Module, layer: nn.Module, having: Values, lacking: Values) -> "Shift":
        """Return the shift to some images from others, by what the layer sees of them, float32 (n, 4 · channels)."""
        some, others = (np.split(rows.mean(0), NUMBERS) for rows in (having, lacking))
        ratio = (some[1] + LEAST_SPREAD) / (others[1] + LEAST_SPREAD)
        return Shift(network, layer, some[0] - others[0], np.clip(ratio, 1 / MOST_SPREAD, MOST_SPREAD))

    @contextmanager
    def given(self) -> Iterator[None]:
        """Give it to whatever passes through the network, for as long as this lasts."""
        size = torch.Size()

        def keep_size(_part: nn.Module, inputs: tuple[object, ...]) -> None:
            nonlocal size
            size = _size(inputs)

        def change(_part: nn.Module, _inputs: object, output: object) -> Tensor | None:
            return self._changed(output, size) if isinstance(output, Tensor) else None

        handles = [self.network.register_forward_pre_hook(keep_size)]
        try:
            handles.append(self.layer.register_forward_hook(change))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _changed(self, output: Tensor, size: torch.Size) -> Tensor | None:
        changed = output.clone()
        maps = None if len(size) != 4 or len(output) != size[0] else as_feature_map(changed, size)
        if maps is None:
            return None
        channels = _channels(maps.shape[1])
        mean, spread = (
            torch.from_numpy(values).to(maps)[None, :, None, None] for values in (self.mean, self.spread)
        )
        seen = maps[:, channels]
        middle = seen.mean((2, 3), keepdim=True)
        # The maps are a view of the output, however it is laid out.
        maps[:, channels] = (seen - middle) * spread + middle + mean
        return changed


def _size(inputs: tuple[object, ...]) -> torch.Size:
    """Return the shape of what a network is given."""
    return inputs[0].shape if inputs and isinstance(inputs[0], Tensor) else torch.Size()
