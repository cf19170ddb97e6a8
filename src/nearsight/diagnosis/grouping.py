"""Sorting embeddings into groups, as many as the evidence supports."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nearsight.statistics import jaccard

if TYPE_CHECKING:
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

AXES = 8
SMALLEST_GROUP = 10
STARTS = 4
# By chance, the largest of 19 draws is exceeded once in 20 times.
REFERENCES = 19
REDRAWN = 20


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of embeddings: their centres (groups, axes) on the principal axes of what was grouped.

    `pca` projects embeddings of length 1 onto those axes; None if there is a single group.
    """

    centres: NDArray[np.float64]
    pca: "PCA | None"

    def __len__(self) -> int:
        return len(self.centres)

    def nearest(self, embeddings: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the number of the group whose centre is nearest to each embedding (n, features), int64 (n,)."""
        from sklearn.metrics import pairwise_distances_argmin

        if self.pca is None or not len(embeddings):
            return np.zeros(len(embeddings), dtype=np.int64)
        placed = self.pca.transform(_unit(embeddings))
        return np.asarray(pairwise_distances_argmin(placed, self.centres), dtype=np.int64)


def group(
    embeddings: NDArray[np.float32], weights: NDArray[np.float32], *, most: int = 5, seed: int = 0
) -> Groups:
    """Group embeddings by k-means, into at most `most` groups; into a single one if nothing separates them.

    >>> random = np.random.default_rng(0)
    >>> cloud = random.normal(size=(40, 16)).astype(np.float32)
    >>> two = np.concatenate([cloud + 5, cloud[:20] - 5])
    >>> len(group(cloud, np.ones(40, np.float32))), len(group(two, np.ones(60, np.float32)))
    (1, 2)

    `embeddings` is (n, features), `weights` (n,) positive. Each embedding is divided by its length, because how
    strongly a tile excites the network is its evidence, while what it excites is the reason. It is then projected
    onto the first eight principal axes, because distances over hundreds of directions are mostly noise. The
    number of groups, from 2 on and with at least ten embeddings per group on average, is the one with the largest
    silhouette (Rousseeuw, J. Comput. Appl. Math. 20, 1987). Every cloud has a silhouette above 0, so the groups
    are accepted only if their silhouette exceeds that of all of 19 single Gaussian clouds with the same spread
    along each axis, grouped in the same way: by chance, this happens once in 20 times.
    """
    from sklearn.decomposition import PCA

    points = _unit(embeddings)
    # There cannot be more groups than points that differ by more than rounding; some networks see tiles in only
    # two ways.
    largest = min(most, len(points) // SMALLEST_GROUP, len(np.unique(points.round(9), axis=0)))
    if largest < 2:
        return Groups(np.zeros((1, 0)), None)
    pca = PCA(min(AXES, *points.shape), random_state=seed).fit(points)
    placed = pca.transform(points)
    score, centres = max(
        (_grouped(placed, weights, count, seed) for count in range(2, largest + 1)), key=lambda pair: pair[0]
    )
    random = np.random.default_rng(seed)
    for _ in range(REFERENCES):
        cloud = random.normal(size=placed.shape) * placed.std(0)
        if _grouped(cloud, weights, len(centres), seed)[0] >= score:
            return Groups(np.zeros((1, 0)), None)
    return Groups(centres, pca)


def stability(
    groups: Groups, embeddings: NDArray[np.float32], weights: NDArray[np.float32], *, seed: int = 0
) -> NDArray[np.float64]:
    """Return how well each group is found again when other embeddings are drawn: from 0 to 1, (groups,).

    >>> random = np.random.default_rng(0)
    >>> cloud = random.normal(size=(40, 16)).astype(np.float32)
    >>> two, ones = np.concatenate([cloud + 5, cloud - 5]), np.ones(80, np.float32)
    >>> stability(group(two, ones), two, ones).round(2).tolist()
    [1.0, 1.0]

    `embeddings` and `weights` are those that were grouped. They are drawn with replacement 20 times and grouped
    again into as many groups. For each draw, the largest overlap (Jaccard) of a group with a new one counts, over
    the embeddings drawn; the mean over draws is returned (Hennig, Comput. Stat. Data Anal. 52, 2007). Above 0.75
    a group is real, below 0.5 it dissolves. A single group is certain, 1.
    """
    if groups.pca is None:
        return np.ones(1)
    placed, of = groups.pca.transform(_unit(embeddings)), groups.nearest(embeddings)
    random = np.random.default_rng(seed)
    found = np.zeros((REDRAWN, len(groups)))
    for draw in range(REDRAWN):
        places = np.unique(random.integers(len(placed), size=len(placed)))
        again = _kmeans(placed[places], weights[places], len(groups), seed).labels_
        for number in range(len(groups)):
            inside = of[places] == number
            overlaps = [jaccard(inside, again == other) for other in np.unique(again)]
            found[draw, number] = max(overlaps)
    return np.asarray(found.mean(0), dtype=np.float64)


def _kmeans(points: NDArray[np.float64], weights: NDArray[np.float32], count: int, seed: int) -> "KMeans":
    from sklearn.cluster import KMeans

    return KMeans(count, n_init=STARTS, random_state=seed).fit(points, sample_weight=weights)


def _grouped(
    points: NDArray[np.float64], weights: NDArray[np.float32], count: int, seed: int
) -> tuple[float, NDArray[np.float64]]:
    """Group points by k-means; returns the silhouette and the centres."""
    from sklearn.metrics import silhouette_score

    found = _kmeans(points, weights, count, seed)
    centres: NDArray[np.float64] = found.cluster_centers_
    if len(np.unique(found.labels_)) < count:
        return -1.0, centres
    return float(silhouette_score(points, found.labels_)), centres


def _unit(embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    points = embeddings.astype(np.float64)
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    return points / np.where(lengths > 0, lengths, 1)
