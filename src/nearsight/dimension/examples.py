"""Are more tiles more examples? What several tiles of each image are worth, in images with one tile each."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearsight.dimension.coverage import CurvePoint, by_image, line_slope, measure_curve
from nearsight.dimension.several_tiles import SeveralTiles
from nearsight.statistics import Estimate, absent, crossed_interval

COVERS = "test and training images"
# More images must be shown to help, by this many standard errors, before the worth is measured.
_CERTAIN = 3.0

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Worth:
    """What `tiles` tiles of each of `images` training images are worth, in times the images with one tile each.

    `distance` is the mean distance of a test tile to the nearest of them, and `agreement` how often that tile has
    the right label. `by_distance` is how many times as many images give as small a distance with one tile each,
    `by_label` how many give the right label as often. At most `most` times could be found, because there are no
    more images.
    """

    tiles: int
    images: float
    distance: float
    agreement: float
    by_distance: Estimate
    by_label: Estimate
    most: float


@dataclass(frozen=True)
class Examples:
    """What several tiles of an image are worth in images, for some numbers of images and of tiles.

    `single` is the curve for one tile of each image. `worth` has a row for each number of images and tiles, and
    is empty if nothing could be measured, for the `reason`.
    """

    single: tuple[CurvePoint, ...]
    worth: tuple[Worth, ...]
    reason: str | None = None

    @property
    def most_tiles(self) -> Worth | None:
        """What the most tiles of each image are worth, for the fewest images; None if nothing was measured."""
        return max(self.worth, key=lambda row: (row.tiles, -row.images), default=None)


def unweighed(reason: str) -> Examples:
    """Return what is known if nothing could be measured, with the reason."""
    return Examples((), (), reason)


def weigh_tiles(found: SeveralTiles) -> Examples:
    """Return what several tiles of an image are worth in images, by the distances and labels of nearest tiles.

    With one tile each of more and more images, the distance falls and the label is right more often. Several
    tiles of each of n images are worth one tile each of m · n images if the curve has their distance, or their
    share of right labels, there. Copies of one tile have m = 1; k tiles that differ as much as those of different
    images have m = k. Both curves start at one tile each of the same n images, so it hardly matters which images
    these are.

    Between two sizes of the training set, the distance is interpolated with logarithms of both, and labels
    linearly in the logarithm of the images. Intervals are 95 %, from crossed random effects over the test images
    and over the disjoint sets of n training images, linearised in the logarithm of m.
    """
    blocks, several = found.single.distances.shape[1], found.distances.shape[1]
    if found.distances.shape[2] < 2:
        return unweighed("each image has one tile of this size")
    if blocks < 2 * several:
        return unweighed(
            f"{sum(found.single.block_images)} training images are too few to weigh tiles against"
        )
    curve = measure_curve(found.single)
    if not curve.distances.mean(0).all():
        return unweighed("every test tile repeats a training tile: a distance of zero does not fall")
    points = tuple(
        CurvePoint(float(images), float(distance), float(right))
        for images, distance, right in zip(
            curve.images, curve.distances.mean(0), curve.right.mean(0), strict=True
        )
    )
    rows = []
    for doublings in range(several.bit_length() - 1):
        nearest = {tiles: _joined(found, tiles, 1 << doublings) for tiles in _numbers(found)}
        first_distance, first_right = nearest[1]
        for tiles, (distance, right) in nearest.items():
            if tiles > 1:
                most = float(curve.images[-1] / curve.images[doublings])
                rows.append(
                    Worth(
                        tiles,
                        float(curve.images[doublings]),
                        float(distance.mean()),
                        float(right.mean()),
                        _by_distance(curve.distances, doublings, distance, first_distance, most),
                        _by_label(curve.right, right, first_right, most),
                        most,
                    )
                )
    return Examples(points, tuple(rows))


def _numbers(found: SeveralTiles) -> Iterator[int]:
    tiles = 1
    while tiles <= found.distances.shape[2]:
        yield tiles
        tiles *= 2


def _joined(found: SeveralTiles, tiles: int, width: int) -> tuple[Table, Table]:
    """Return distance and right labels, (sets, test images), with `tiles` of each image of sets of `width` blocks."""
    queries = len(found.distances)
    near = found.distances[:, :, :tiles].reshape(queries, -1, width * tiles)
    labels = found.neighbour_labels[:, :, :tiles].reshape(near.shape)
    choice = near.argmin(2)[:, :, None]
    own = found.single.labels[found.single.owners][:, None]
    distance = np.take_along_axis(near, choice, 2)[:, :, 0]
    right = (np.take_along_axis(labels, choice, 2)[:, :, 0] == own).astype(np.float64)
    return _by_set(distance, found), _by_set(right, found)


def _by_set(of_tiles: Table, found: SeveralTiles) -> Table:
    return np.stack([by_image(of_set, found.single) for of_set in of_tiles.T])


def _by_distance(curve: Table, start: int, distance: Table, first: Table, most: float) -> Estimate:
    """Return m by distance; `curve` is (test images, sizes), `distance` and `first`, of one tile, (sets, images)."""
    means = curve.mean(0)
    logs = np.log(means)
    fallen = distance.mean() / first.mean()
    sought = logs[start] + np.log(fallen) if fallen > 0 else -np.inf
    if sought < logs[-1]:
        return absent(f"they cover as well as one tile each of more than {most:.3g} times the images")
    after = int(np.clip(np.searchsorted(-logs, -sought), start + 1, len(logs) - 1))
    before = after - 1
    fall = logs[before] - logs[after]
    if not fall > 0:
        return absent("more images do not bring the nearest tile nearer")
    part = (logs[before] - sought) / fall
    shares = curve / means
    moved = (1 - part) * shares[:, before] + part * shares[:, after] - shares[:, start]
    effects = (moved - distance / distance.mean() + first / first.mean()) / fall
    return _power(before + part - start, effects)


def _by_label(curve: Table, right: Table, first: Table, most: float) -> Estimate:
    doublings = np.arange(curve.shape[1], dtype=np.float64)
    slopes = line_slope(doublings, curve)
    slope = slopes.mean()
    if slope <= _CERTAIN * slopes.std(ddof=1) / len(slopes) ** 0.5:
        return absent("that the nearest tile's label is right more often with more images is not certain")
    gained = right - first
    value = gained.mean() / slope
    if value > np.log2(most):
        return absent(f"their labels are right as often as of more than {most:.3g} times the images")
    return _power(value, (gained - value * slopes) / slope)


def _power(doublings: float, effects: Table) -> Estimate:
    """Return 2 to the power of a mean, whose effects of sets and test images, (sets, images), differ from its own."""
    half = crossed_interval(effects)
    value, low, high = (float(2.0 ** (doublings + end)) for end in (0.0, -half, half))
    return Estimate(value, low, high, effects.shape[1], covers=COVERS)
