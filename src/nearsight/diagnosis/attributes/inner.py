"""What the inner layers of a network see of images, as a row of numbers for each."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nearsight.diagnosis.attributes.edits import Way
from nearsight.diagnosis.attributes.looks import MOST
from nearsight.diagnosis.candidates import Edit, EditOf, Examined
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.faithfulness.feature_maps import as_feature_map
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.tiles import TileGrid, cut_grid

Values = NDArray[np.float32]
Rows = list[list[Values]]

# Layers that are looked at, and channels of each, at most; evenly spaced.
LAYERS, CHANNELS = 8, 128
# Images that are passed through the network together.
TOGETHER = 16


@dataclass(frozen=True, eq=False)
class InnerLayers:
    """Some inner layers of a bound network.

    Their maps of an image become one row: of each channel the mean, the standard deviation, the largest and the
    smallest value over all places. So a row says what is in an image, and hardly where. A classifier that decides by
    tiles is given tiles side by side, whose maps count as one.
    """

    decision: Decision
    layers: tuple[nn.Module, ...]

    @staticmethod
    def of(decision: Decision, image: Tensor) -> "InnerLayers | None":
        """Return the layers to look at, which are found with one image as decoded; None if none has maps.

        Norms are taken if there are any, because they follow nearly every convolution; otherwise all parts with
        weights.
        """
        try:
            every = InnerLayers(decision, tuple(filter(_is_leaf, decision.bound.module.modules())))
        except InputError:
            # It does not run in PyTorch.
            return None
        if not every.layers:
            return None
        with every._watched() as rows:
            inputs = sum(every._pass([image]))
        able = [
            part for part, found in zip(every.layers, rows, strict=True) if sum(map(len, found)) >= inputs
        ]
        norms = [part for part in able if "norm" in type(part).__name__.lower()]
        chosen = norms or able
        if not chosen:
            return None
        places = np.unique(np.linspace(0, len(chosen) - 1, min(LAYERS, len(chosen))).round().astype(int))
        return InnerLayers(decision, tuple(chosen[place] for place in places))

    def see(self, images: Sequence[Tensor]) -> Values:
        """Return what the layers see of images as decoded, uint8 (3, H, W) each: float32 (n, numbers)."""
        found = []
        for start in range(0, len(images), TOGETHER):
            some = [images[k] for k in range(start, min(start + TOGETHER, len(images)))]
            with self._watched() as rows:
                counts = self._pass(some)
            # The network may have been tried before, on images of other sizes.
            last = [np.concatenate(of_layer)[-sum(counts) :] for of_layer in rows]
            found.append(np.concatenate([_merged(one, counts) for one in last], axis=1))
        return np.concatenate(found)

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
    def _watched(self) -> Iterator[Rows]:
        """Watch the layers; what each sees of each batch is put into its list."""
        rows: Rows = [[] for _ in self.layers]
        size = torch.Size()

        def keep_size(_part: nn.Module, inputs: tuple[object, ...]) -> None:
            nonlocal size
            size = inputs[0].shape if inputs and isinstance(inputs[0], Tensor) else torch.Size()

        def keep(found: list[Values], _part: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and len(size) == 4 and len(output) == size[0]:
                seen = as_feature_map(output.detach(), size)
                if seen is not None:
                    found.append(_numbers(seen))

        handles = [self.decision.bound.module.register_forward_pre_hook(keep_size)]
        handles += [
            layer.register_forward_hook(partial(keep, found))
            for layer, found in zip(self.layers, rows, strict=True)
        ]
        try:
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


def _numbers(maps: Tensor) -> Values:
    """Return four numbers of each channel of maps (B, C, H, W), float32 (B, 4, channels)."""
    channels = maps.shape[1]
    if channels > CHANNELS:
        maps = maps[:, torch.linspace(0, channels - 1, CHANNELS).round().long()]
    maps = maps.float().flatten(2)
    of_all = [maps.mean(2), maps.std(2, correction=0), maps.amax(2), maps.amin(2)]
    return np.asarray(torch.stack(of_all, dim=1).cpu().numpy(), dtype=np.float32)


def _merged(seen: Values, counts: Sequence[int]) -> Values:
    """Make one row of the maps of an image's tiles: (tiles of all images, 4, channels) to (images, 4 · channels)."""
    rows = []
    for of_image in np.split(seen, np.cumsum(counts)[:-1]):
        mean = of_image[:, 0].mean(0)
        spread = np.sqrt((of_image[:, 1] ** 2).mean(0) + of_image[:, 0].var(0))
        rows.append(np.concatenate([mean, spread, of_image[:, 2].max(0), of_image[:, 3].min(0)]))
    return np.stack(rows)


@dataclass(frozen=True, eq=False)
class InnerLooks:
    """What inner layers see of the examined images.

    `values` are the named attributes of these, float32 (n, attributes).
    """

    examined: Examined
    values: Values
    layers: InnerLayers

    @cached_property
    def grown(self) -> NDArray[np.int64]:
        """The places of the images that choose, at most 3,000, in order; those without attributes are left out."""
        choosing = np.flatnonzero(self.examined.choosing & ~np.isnan(self.values).any(1))
        return np.sort(np.random.default_rng((self.examined.seed, 6)).permutation(choosing)[:MOST])

    @cached_property
    def of_grown(self) -> Values:
        """What they see of these, float32 (g, numbers)."""
        return self._of(self.grown)

    @cached_property
    def of_all(self) -> Values:
        """What they see of all examined images, float32 (n, numbers)."""
        seen = np.empty((len(self.values), self.of_grown.shape[1]), dtype=np.float32)
        rest = np.setdiff1d(np.arange(len(seen)), self.grown)
        seen[self.grown] = self.of_grown
        if len(rest):
            seen[rest] = self._of(rest)
        return seen

    def classes(self, fewest: int) -> list[int]:
        """Return the numbers of the classes of which so many images choose."""
        labels = self.examined.labels[self.examined.choosing & ~np.isnan(self.values).any(1)]
        return [number for number in np.unique(labels).tolist() if (labels == number).sum() >= fewest]

    def look(self, image: Tensor, place: int) -> Values:
        """Return what they see of an image, float32 (numbers,)."""
        del place
        return np.asarray(self.layers.see([image])[0])

    def edit(self, way: Way, strength: float) -> EditOf:
        """Return how a way changes an image, wherever it is in the set."""
        edit = way.edit(strength)
        return lambda image, _: edit(image)

    def whole(self, way: Way, strength: float) -> Edit | None:
        """Return the same for an image of no set."""
        return way.edit(strength)

    def _of(self, places: NDArray[np.int64]) -> Values:
        images, progress = self.examined.images, self.examined.progress
        seen = []
        for start in range(0, len(places), TOGETHER):
            progress.count("asking inner layers what they see of images", start, len(places))
            seen.append(self.layers.see([images.image(i) for i in places[start : start + TOGETHER].tolist()]))
        progress.count("asking inner layers what they see of images", len(places), len(places))
        return np.concatenate(seen)
