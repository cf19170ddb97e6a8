"""How well training tiles cover the space of tiles: distances, their decrease with more images, and labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearsight.dimension.neighbours import Neighbours
from nearsight.statistics import Estimate, absent, accuracy_interval, column_estimate

# A slope through fewer sizes of training set could not show whether it is straight.
LEAST_SIZES = 3
_ONE_CLASS = "all images carry one class, so every label agrees"


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """What happens as training images are added, for each test image.

    `images` (sizes,) is the number of training images. `distances` and `right` are (test images, sizes): the
    means, over an image's tiles, of the distance to the nearest training tile and of whether that tile has the
    image's label. Below the largest size, both are also means over disjoint training sets of that size.
    """

    images: NDArray[np.float64]
    distances: NDArray[np.float64]
    right: NDArray[np.float64]


@dataclass(frozen=True)
class CurvePoint:
    """Mean distance to the nearest of the tiles of this many training images, and how often its label is right."""

    images: float
    distance: float
    agreement: float


@dataclass(frozen=True)
class Coverage:
    """How near the nearest training tile of a test tile is, and how good its label is.

    `nearest` and `random` are mean distances of a test tile to the nearest and to a random training tile, and
    `relative` is the first over the second. `slope` is that of log `nearest` against log training images.
    `tile_agreement` is the share of test tiles whose nearest training tile has their image's label, and
    `image_agreement` that of images whose tiles find it most often. `repeated` is the share of test tiles that
    equal some training tile.
    """

    nearest: Estimate
    random: Estimate
    relative: Estimate
    slope: Estimate
    tile_agreement: Estimate
    image_agreement: Estimate
    repeated: float
    curve: tuple[CurvePoint, ...]


def measure_curve(found: Neighbours) -> LearningCurve:
    """Return the curve of the nearest tiles in unions of 1, 2, 4, … blocks of training images.

    >>> nearest = Neighbours(
    ...     np.array([0]), np.array([7]), np.array([[3.0, 1.0]]), np.array([[5, 7]]), np.array([4.0]), (10, 10), 20
    ... )
    >>> curve = measure_curve(nearest)
    >>> curve.images.tolist(), curve.distances.tolist(), curve.right.tolist()
    ([10.0, 20.0], [[2.0, 1.0]], [[0.5, 1.0]])
    """
    tiles, blocks = found.distances.shape
    own = found.labels[found.owners][:, None]
    images, distances, right = [], [], []
    width = 1
    while width <= blocks:
        near = found.distances.reshape(tiles, -1, width)
        labels = found.neighbour_labels.reshape(near.shape)
        choice = near.argmin(2)[:, :, None]
        images.append(width * sum(found.block_images) / blocks)
        distances.append(by_image(np.take_along_axis(near, choice, 2)[:, :, 0].mean(1), found))
        right.append(by_image((np.take_along_axis(labels, choice, 2)[:, :, 0] == own).mean(1), found))
        width *= 2
    return LearningCurve(np.array(images), np.stack(distances, 1), np.stack(right, 1))


def measure_coverage(found: Neighbours, curve: LearningCurve, classes: int) -> Coverage:
    """Return the coverage that the neighbours show; `curve` is theirs.

    Intervals cover test images, but not the choice of training images. Values that cannot be measured have a
    reason: all tiles alike, too few training images for a slope, all images of one class.
    """
    per_image = np.stack([curve.distances[:, -1], by_image(found.random, found)], 1)
    nearest, random = (column_estimate(column[:, None], _only) for column in per_image.T)
    alike = not per_image[:, 1].any()
    one_class = len(np.unique(np.append(found.labels, found.neighbour_labels))) < 2
    return Coverage(
        nearest=nearest,
        random=random,
        relative=absent("all tiles are alike: random tiles are at no distance")
        if alike
        else column_estimate(
            per_image, lambda means: means[:, 0] / np.maximum(means[:, 1], np.finfo(float).tiny)
        ),
        slope=_slope(curve),
        tile_agreement=absent(_ONE_CLASS) if one_class else _accuracy(curve.right[:, -1]),
        image_agreement=absent(_ONE_CLASS) if one_class else _accuracy(image_votes(found, classes)),
        repeated=float((found.distances.min(1) == 0).mean()),
        curve=tuple(
            CurvePoint(float(images), float(distance), float(right))
            for images, distance, right in zip(
                curve.images, curve.distances.mean(0), curve.right.mean(0), strict=True
            )
        ),
    )


def image_votes(found: Neighbours, classes: int) -> NDArray[np.float64]:
    """Return for each test image whether most of its tiles' nearest training tiles have its label.

    >>> two = Neighbours(
    ...     np.array([0, 0]), np.array([7]), np.ones((2, 1)), np.array([[5], [7]]), np.ones(2), (10,), 20
    ... )
    >>> image_votes(two, classes=10).tolist()
    [0.5]

    float64 (images,): 0 or 1; if several classes have equally many, the probability of a fair draw between them.
    """
    nearest = found.distances.argmin(1)
    votes = np.zeros((len(found.labels), classes))
    np.add.at(votes, (found.owners, found.neighbour_labels[np.arange(len(nearest)), nearest]), 1)
    first = votes == votes.max(1, keepdims=True)
    shares: NDArray[np.float64] = first[np.arange(len(votes)), found.labels] / first.sum(1)
    return shares


def by_image(of_tiles: NDArray[np.float64], found: Neighbours) -> NDArray[np.float64]:
    """Return the mean over each test image's tiles, float64 (images,), of one number per tile.

    >>> two = Neighbours(np.array([0, 0]), np.array([7]), np.ones((2, 1)), np.ones((2, 1)), np.ones(2), (10,), 20)
    >>> by_image(np.array([1.0, 4.0]), two).tolist()
    [2.5]
    """
    count = len(found.labels)
    sums = np.bincount(found.owners, weights=of_tiles, minlength=count)
    means: NDArray[np.float64] = sums / np.bincount(found.owners, minlength=count)
    return means


def line_slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the least-squares slope of each row of y (n, points) against x, (points,) or (n, points).

    >>> line_slope(np.array([1.0, 2.0, 3.0]), np.array([[2.0, 4.0, 6.0]]))
    array([2.])
    """
    centred = x - x.mean(-1, keepdims=True)
    slopes: NDArray[np.float64] = (centred * y).sum(-1) / np.square(centred).sum(-1)
    return slopes


def _slope(curve: LearningCurve) -> Estimate:
    if len(curve.images) < LEAST_SIZES:
        return absent(f"{curve.images[-1]:.0f} training images are too few for a curve")
    if not curve.distances.mean(0).all():
        return absent("every test tile repeats a training tile: a distance of zero does not fall")
    images = np.log(curve.images)

    def slope(means: NDArray[np.float64]) -> NDArray[np.float64]:
        return line_slope(images, np.log(np.maximum(means, np.finfo(float).tiny)))

    return column_estimate(curve.distances, slope)


def _only(means: NDArray[np.float64]) -> NDArray[np.float64]:
    return means[:, 0]


def _accuracy(right: NDArray[np.float64]) -> Estimate:
    return Estimate(float(right.mean()), *accuracy_interval(right), len(right))
