"""What the inner layers of a network see of images, as a row of numbers for each; and a change of what they see."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

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
            _pass(decision, [image])
            with every._watched() as rows:
                (inputs,) = _pass(decision, [image])
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
            counts = _pass(self.decision, images)
        # The network may have been tried before, on images of other sizes.
        last = [np.concatenate(of_layer)[-sum(counts) :] for of_layer in rows]
        return np.concatenate([_merged(one, counts) for one in last], axis=1)

    def shift(self, place: int, having: Values, lacking: Values) -> "Shift":
        """Return the change of one layer, by its place, that takes images from some to others.

        `having` and `lacking` are what all layers see of these, float32 (n, numbers).
        """
        end = NUMBERS * sum(self.channels[: place + 1])
        numbers = slice(end - NUMBERS * self.channels[place], end)
        return Shift.between(self.decision, self.layers[place], having[:, numbers], lacking[:, numbers])

    @contextmanager
    def _watched(self) -> Iterator[list[list[Values]]]:
        """Watch the layers; what each sees of each batch is put into its list."""
        rows: list[list[Values]] = [[] for _ in self.layers]
        with watched(
            self.decision.bound.module, self.layers, lambda place, maps: rows[place].append(_numbers(maps))
        ):
            yield rows


@contextmanager
def watched(
    network: nn.Module, layers: Sequence[nn.Module], see: Callable[[int, Tensor], None]
) -> Iterator[None]:
    """Show the maps of some layers, (B, channels, rows, columns), of every batch that a network is given."""
    size = torch.Size()

    def keep_size(_part: nn.Module, inputs: tuple[object, ...]) -> None:
        nonlocal size
        size = _size(inputs)

    def keep(place: int, _part: nn.Module, _inputs: object, output: object) -> None:
        maps = _maps(output.detach(), size) if isinstance(output, Tensor) else None
        if maps is not None:
            see(place, maps)

    handles = [network.register_forward_pre_hook(keep_size)]
    try:
        for place, layer in enumerate(layers):
            handles.append(layer.register_forward_hook(partial(keep, place)))
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


def _pass(decision: Decision, images: Sequence[Tensor]) -> list[int]:
    """Pass images through the network; return of how many inputs each image's maps are."""
    bound = decision.bound
    if decision.whole:
        for image in images:
            bound.full_pass([image])
        return [1] * len(images)
    cut = [
        cut_grid(bound.prepare(image)[None], _side_by_side(bound, image)).flatten(0, 2) for image in images
    ]
    bound.logits(chain.from_iterable(cut))
    return [len(one) for one in cut]


def _is_leaf(part: nn.Module) -> bool:
    return next(part.children(), None) is None and next(part.parameters(), None) is not None


def _side_by_side(bound: TiledModel, image: Tensor) -> TileGrid:
    """Return the grid of an image's tiles side by side, in the form that the network takes."""
    height, width = bound.prepare(image).shape[-2:]
    return TileGrid(height, width, bound.require_tile(), bound.require_tile(), "covering")


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
    adaptive instance normalization", ICCV 2017, but relative to other images). `having` and `lacking` are the mean
    and the standard deviation of each channel in these, float32 (2, channels). Channels that are not looked at stay
    as they are.
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

    @contextmanager
    def given(self) -> Iterator[None]:
        """Give it to whatever passes through the network, for as long as this lasts."""
        size = torch.Size()

        def keep_size(_part: nn.Module, inputs: tuple[object, ...]) -> None:
            nonlocal size
            size = _size(inputs)

        def change(_part: nn.Module, _inputs: object, output: object) -> Tensor | None:
            return self._changed(output, size) if isinstance(output, Tensor) else None

        handles = [self.decision.bound.module.register_forward_pre_hook(keep_size)]
        try:
            handles.append(self.layer.register_forward_hook(change))
            yield
        finally:
            for handle in handles:
                handle.remove()

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
        found: list[Tensor] = []
        with watched(
            self.decision.bound.module, [self.layer], lambda _, maps: found.append(self._along(maps))
        ):
            _pass(self.decision, [image])
        bound = self.decision.bound
        height, width = bound.resize(image).shape[1:]
        if self.decision.whole:
            return _enlarged(found[-1], height, width)[0]
        grid = _side_by_side(bound, image)
        tiles = _enlarged(torch.cat(found)[-len(grid) :], grid.tile, grid.tile)
        seen = torch.zeros(height, width)
        for tile, (top, left) in zip(tiles, product(grid.tops, grid.lefts), strict=True):
            seen[top : top + grid.tile, left : left + grid.tile] = tile
        return seen

    def _along(self, maps: Tensor) -> Tensor:
        """Return how far each place of maps (B, channels, rows, columns) lies to that side, (B, rows, columns)."""
        usual = self.lacking[1] + LEAST_SPREAD
        weights = (self.having[0] - self.lacking[0]) / usual**2
        middle = torch.from_numpy(self.lacking[0])[:, None, None]
        away = maps[:, _channels(maps.shape[1])].float().cpu() - middle
        return torch.einsum("c,bchw->bhw", torch.from_numpy(weights), away).clamp(min=0)


def _enlarged(maps: Tensor, height: int, width: int) -> Tensor:
    """Return maps (B, rows, columns) as (B, height, width)."""
    return interpolate(maps[:, None], size=(height, width), mode="bilinear", align_corners=False)[:, 0]
