"""Finding the same mark at different places: tiles of a class that show it are aligned with each other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.place import Place, typical_place
from nearsight.diagnosis.repeats.alike import Ground, strongest_group
from nearsight.diagnosis.repeats.anchors import Anchor
from nearsight.diagnosis.repeats.overlay import Overlay
from nearsight.diagnosis.repeats.pattern import more_common, patterns_of
from nearsight.diagnosis.repeats.steps import Usual
from nearsight.diagnosis.repeats.wording import ANYWHERE, said_of
from nearsight.statistics import area_under_curve
from nearsight.tiles import TileGrid

# Tiles of a class that are aligned with each other, and tiles of other classes.
TILES = 80
OTHER_TILES = 160
FEWEST = 5
BELONGS = 0.4
# Of more classes, each is too small a part of all tiles to matter among those that show what is usual.
FEW_CLASSES = 50
# A group of tiles at their best shifts must be this much larger than one of tiles of all classes by chance.
UNUSUAL = 3.0
OTHERS = 0.99
# Root of the mean squared difference, of 255, at which nothing of a mark is visible any more.
UNLIKE = 128.0
SURE = 0.75
# Values of images that are matched at a time.
TOGETHER = 2**18


class TileAt(NamedTuple):
    """A tile of an image: the image's place in the set, its corner and side in pixels."""

    image: int
    top: int
    left: int
    side: int


def find_repeated_marks(examined: Examined, tiles: Mapping[int, Sequence[TileAt]]) -> Iterator[Candidate]:
    """Yield the marks that tiles of a class show again and again, wherever they are in their images.

    `tiles` maps the number of each class to tiles that speak for it in images that choose, such as the strongest
    of each, all with the same side. Those of other classes show what is usual. At most 80 tiles of a class are
    compared, each with each other at all shifts. If there are more than 50 classes, the same tiles of all classes
    show what is usual for each. Several processes each search some of the classes.
    """
    every = [tile for some in tiles.values() for tile in some]
    of_class = np.repeat([*tiles], [len(some) for some in tiles.values()])

    def others(number: int | None, random: np.random.Generator) -> "_Others | None":
        rest = np.arange(len(every)) if number is None else np.flatnonzero(of_class != number)
        drawn = [every[rest[i]] for i in random.permutation(len(rest))[:OTHER_TILES]]
        return None if len(drawn) < FEWEST else _Others.of(_crops(examined.images, drawn))

    common = (
        others(None, np.random.default_rng((examined.seed, 3)))
        if sum(len(some) >= FEWEST for some in tiles.values()) > FEW_CLASSES
        else None
    )

    def search(number: int) -> tuple["RoamingMark", NDArray[np.float32]] | None:
        own, random = tiles[number], np.random.default_rng((examined.seed, number, 3))
        mine = [own[i] for i in random.permutation(len(own))[:TILES]]
        if len(mine) < FEWEST:
            return None
        compared = common or others(number, random)
        mark = None if compared is None else _mark(examined.images, mine, compared)
        return None if mark is None else (mark, mark.values(examined.images))

    found = examined.decision.processes.for_each([*tiles], search)
    for number, one in zip(tiles, found, strict=True):
        candidate = None if one is None else candidate_of(examined, number, one[0], value=one[1])
        if candidate is not None:
            yield candidate


@dataclass(frozen=True, eq=False)
class RoamingMark:
    """An opaque mark that may be anywhere: what is drawn, and where its corner typically is.

    `place` is that of the middle of the mark, as shares of height and width.
    """

    overlay: Overlay
    place: Place

    def best(self, pixels: Tensor) -> tuple[float, int, int]:
        """Return how well an image matches the mark at its best place, and the top and left of that place.

        1 for the same pixels, 0 if they differ by at least half the range (root of the mean square). `pixels` is
        uint8 (3, height, width); an image smaller than the mark matches by 0.
        """
        if not self._fits(pixels):
            return 0.0, 0, 0
        likeness = self._likeness(pixels[None])[0]
        top, left = divmod(int(likeness.argmax()), likeness.shape[1])
        return float(likeness.max()), top, left

    def values(self, images: ImageSet) -> NDArray[np.float32]:
        """Return how well each image of a set matches the mark at its best place, float32 (n,)."""
        found = [np.zeros(0, dtype=np.float32)]
        for pixels in _stacks(images):
            if self._fits(pixels[0]):
                found.append(self._likeness(pixels).flatten(1).amax(1).numpy().astype(np.float32))
            else:
                found.append(np.zeros(len(pixels), dtype=np.float32))
        return np.concatenate(found)

    def _fits(self, pixels: Tensor) -> bool:
        height, width = self.overlay.alpha.shape
        return pixels.shape[1] >= height and pixels.shape[2] >= width

    def _likeness(self, pixels: Tensor) -> Tensor:
        """Return how well images (n, 3, H, W) match at each place, float64 (n, rows, columns)."""
        mask, light = self.overlay.alpha.double(), self.overlay.light.double()
        sides = (pixels.shape[2], pixels.shape[3])
        values = pixels.double()
        # Products of transforms, because a mark may be as large as half an image, and sums over its places would
        # take long.
        layers = torch.fft.rfft2(torch.cat([values, (values**2).sum(1, keepdim=True)], 1))
        weights = torch.fft.rfft2(torch.cat([-2 * light, mask[None]]), s=sides)
        sums = torch.fft.irfft2((layers * weights.conj()).sum(1), s=sides)
        places = sums[:, : sides[0] - mask.shape[0] + 1, : sides[1] - mask.shape[1] + 1]
        error = ((places + (light**2).sum()).clamp(min=0) / (3 * mask.sum())).sqrt()
        likeness: Tensor = (1 - error / UNLIKE).clamp(min=0)
        return likeness

    def put_on(self, pixels: Tensor) -> Tensor:
        """Return an image with the mark at one of its places; always the same place for the same image."""
        height, width = self.overlay.alpha.shape
        if pixels.shape[1] < height or pixels.shape[2] < width:
            return pixels.clone()
        down, right = np.random.default_rng(int(pixels.sum())).uniform(-(3**0.5), 3**0.5, 2)
        row = self.place.row + down * self.place.spread_row
        column = self.place.column + right * self.place.spread_column
        top = _inside(row * pixels.shape[1] - height / 2, pixels.shape[1] - height)
        left = _inside(column * pixels.shape[2] - width / 2, pixels.shape[2] - width)
        return self._changed(pixels, top, left, put=True)

    def take_off(self, pixels: Tensor, threshold: float) -> Tensor:
        """Return an image without the mark if it matches by at least `threshold`; filled from around it."""
        value, top, left = self.best(pixels)
        return self._changed(pixels, top, left, put=False) if value >= threshold else pixels.clone()

    def _changed(self, pixels: Tensor, top: int, left: int, *, put: bool) -> Tensor:
        height, width = self.overlay.alpha.shape
        # With a margin, from which it is filled.
        above, before = min(top, height), min(left, width)
        below = min(pixels.shape[1] - top - height, height)
        after = min(pixels.shape[2] - left - width, width)
        layers = torch.cat([self.overlay.alpha[None], self.overlay.light, self.overlay.tolerance[None]])
        layers = F.pad(layers, (before, after, above, below))
        placed = Overlay(layers[0], layers[1:4], layers[4])
        part = (
            slice(None),
            slice(top - above, top + height + below),
            slice(left - before, left + width + after),
        )
        result = pixels.clone()
        result[part] = placed.put_on(pixels[part]) if put else placed.take_off(pixels[part])
        return result


def _stacks(images: ImageSet) -> Iterator[Tensor]:
    """Yield all images in their order, uint8 (n, 3, H, W), as many of one size at a time as memory allows."""
    same: list[Tensor] = []
    for i in range(len(images)):
        image = images.image(i)
        if same and (image.shape != same[0].shape or len(same) * image.numel() >= TOGETHER):
            yield torch.stack(same)
            same = []
        same.append(image)
    if same:
        yield torch.stack(same)


def _inside(start: float, last: int) -> int:
    return min(max(0, round(start)), last)


def _crops(images: ImageSet, tiles: Sequence[TileAt]) -> Tensor:
    return torch.stack(
        [images.tile(tile.image, tile.top, tile.left, (tile.side, tile.side)) for tile in tiles]
    )


def best_shifts(steps: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Return how alike tiles are at the best shift of each pair, and that shift.

    >>> tile = torch.zeros(1, 6, 8, 8)
    >>> tile[0, 0, 2:5, 3] = 1.0
    >>> alike, shifts = best_shifts(tile, tile.roll((1, -2), (2, 3)))
    >>> round(float(alike), 3), shifts[0, 0].tolist()
    (1.0, [1, -2])

    `steps` is (n, 6, side, side), `others` (m, 6, side, side). The likeness is (n, m), 1 for the same steps. The
    shift (n, m, 2), at most half a side down and to the right, says where the first tile's content is in the
    other tile.
    """
    side = steps.shape[2]
    size = (2 * side, 2 * side)
    first, second = torch.fft.rfft2(steps, s=size), torch.fft.rfft2(others, s=size)
    lengths = steps.flatten(1).norm(dim=1)[:, None] * others.flatten(1).norm(dim=1)
    most = side // 2
    ways = torch.arange(-most, most + 1)
    alike = torch.empty(len(steps), len(others))
    shifts = torch.empty(len(steps), len(others), 2, dtype=torch.int64)
    for i, one in enumerate(first):
        products = torch.fft.irfft2((one.conj() * second).sum(1), s=size)
        near = products[:, ways][:, :, ways].flatten(1)
        alike[i], best = near.max(1)
        shifts[i] = torch.stack([best // len(ways), best % len(ways)], 1) - most
    return alike / lengths.clamp(min=1e-6), shifts


@dataclass(frozen=True, eq=False)
class _Others:
    """Tiles of other classes, uint8 (n, 3, side, side), their usual steps, and how alike they are at best shifts.

    `chance` is (n, n), and `level` its mean over pairs of two.
    """

    pixels: Tensor
    usual: Usual
    chance: Tensor
    level: Tensor

    @staticmethod
    def of(pixels: Tensor) -> "_Others":
        usual = Usual.of(pixels)
        # Places of a tile have nothing in common; only what is usual of all steps counts.
        usual = Usual(usual.scale, torch.zeros_like(usual.mean))
        steps = usual.unusual(pixels)
        chance, _ = best_shifts(steps, steps)
        return _Others(pixels, usual, chance, chance[~torch.eye(len(chance), dtype=torch.bool)].mean())


def _mark(images: ImageSet, mine: Sequence[TileAt], others: _Others) -> RoamingMark | None:
    steps = others.usual.unusual(_crops(images, mine))
    alike, shifts = best_shifts(steps, steps)
    count = min(len(mine), len(others.chance))
    by_chance, _ = _group((others.chance - others.level)[:count, :count])
    size, belongs = _group(alike - others.level)
    if size < UNUSUAL * max(by_chance, 0.5):
        return None
    centre = int(belongs.argmax())
    members = (belongs > BELONGS * belongs.topk(3).values.mean()).nonzero()[:, 0].tolist()
    moved = [_moved(mine[i], shifts[centre, i].tolist(), images) for i in members]
    aligned = [tile for tile in moved if tile is not None]
    # Fewer than these may be alike because their shifts were chosen.
    if len(aligned) < FEWEST:
        return None
    views = _crops(images, aligned)
    side = aligned[0].side
    ground = Ground(others.pixels, np.zeros(len(others.pixels), dtype=np.int64))
    patterns = [
        pattern for pattern in patterns_of(views, None, ground, Anchor(side, side)) if pattern.overlay.opaque
    ]
    if not patterns:
        return None
    overlay = patterns[0].overlay
    top, left, bottom, right = overlay.box
    part = (slice(top, bottom), slice(left, right))
    cut = Overlay(overlay.alpha[part], overlay.light[:, *part], overlay.tolerance[part])
    having = [tile for tile, has in zip(aligned, overlay.match(views) >= SURE, strict=True) if has]
    smaller = min(bottom - top, right - left)
    grids = [grid_of(images, tile.image, smaller) for tile in having]
    place = typical_place([(tile.top + top, tile.left + left) for tile in having], grids)
    return RoamingMark(cut, place)


def grid_of(images: ImageSet, image: int, side: int) -> TileGrid:
    """Return all places of a square of a given side in an image."""
    height, width = (int(length) for length in images.sizes[image])
    return TileGrid(height, width, tile=side, stride=1)


def _group(alike: Tensor) -> tuple[float, Tensor]:
    own = alike.clone()
    own.fill_diagonal_(1.0)
    size, belongs = strongest_group(own[None])
    return float(size), belongs[0]


def _moved(tile: TileAt, shift: Sequence[int], images: ImageSet) -> TileAt | None:
    height, width = (int(side) for side in images.sizes[tile.image])
    top, left = tile.top + shift[0], tile.left + shift[1]
    if 0 <= top <= height - tile.side and 0 <= left <= width - tile.side:
        return TileAt(tile.image, top, left, tile.side)
    return None


def candidate_of(
    examined: Examined,
    number: int,
    mark: RoamingMark,
    least: float = SURE,
    value: NDArray[np.float32] | None = None,
) -> Candidate | None:
    """Return a mark as a possible shortcut of a class; None if its images do not have it more often.

    An image has it if it matches by at least `least`, and better than 99 % of other classes' images that choose.
    `value` is how well each image matches, if that is known.
    """
    value = mark.values(examined.images) if value is None else value
    own = examined.choosing & (examined.labels == number)
    others = examined.choosing & (examined.labels != number)
    threshold = max(SURE, least, float(np.quantile(value[others], OTHERS)))
    has: NDArray[np.bool_] = value >= threshold
    if not more_common(has[own], has[others]):
        return None
    said = said_of(mark.overlay, mark.place.name)
    return Candidate(
        class_number=number,
        attribute=said.attribute,
        words=said.words,
        artefact=True,
        drawn=True,
        has=has,
        value=value,
        effect=area_under_curve(value[own & has], value[others]),
        put_on=mark.put_on,
        take_off=lambda pixels: mark.take_off(pixels, threshold),
        place=None if ANYWHERE in mark.place.name else _box(mark),
    )


def _box(mark: RoamingMark) -> tuple[float, float, float, float]:
    """Return where the middle of the mark mostly is, two standard deviations to each side."""
    place = mark.place
    down, across = 2 * place.spread_row, 2 * place.spread_column
    return (
        max(0.0, place.row - down),
        max(0.0, place.column - across),
        min(1.0, place.row + down),
        min(1.0, place.column + across),
    )
