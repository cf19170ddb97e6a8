"""The images of a class that the classifier takes for it as it takes those that are known to have something."""

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.candidates import TABLE, UNASKED, Candidate, Examined
from nearsight.statistics import more_often

Values = NDArray[np.float32]
Mask = NDArray[np.bool_]

# With fewer images on either side nothing is learned.
FEWEST = 8
FOLDS = 5
# Of so many classes at most the scores count, the highest.
CLASSES = 32
# The two groups must lie this many spreads apart (Ashman, Bird and Zepf, Astronomical Journal 108, 1994). So many
# images of the upper one must be known to have it, and they may be as many by chance with this probability.
APART, MOSTLY, SIGNIFICANT = 2.5, 1 / 3, 1e-3


def alike(examined: Examined, candidate: Candidate, explained: Mask | None = None) -> Mask:
    """Return which images that seem to lack a candidate the classifier takes for its class like those with it.

    How something looks differs from image to image, so that a threshold misses some that have it. The classifier,
    which goes by it, knows them. Its scores tell the images of the class that have the candidate from those that
    seem not to (linear discriminant analysis, each image judged without itself). If what it says of them falls into
    two groups, and a third of the upper one is known to have the candidate, the rest of that group is alike. No image
    is if nothing shows in pictures, if images are read in parts, or if the classifier was not asked about those that
    choose. Nor is one of those `explained`, bool (n,), which have another shortcut. As the scores choose these
    images, no accuracy is measured on them. Returns bool (n,).
    """
    found = np.zeros(len(candidate.has), dtype=np.bool_)
    mine = examined.labels == candidate.class_number
    unasked = examined.decided is not None and bool((examined.decided[mine] == UNASKED).any())
    if candidate.seen_in == TABLE or examined.parted is not None or unasked:
        return found
    places = np.flatnonzero(mine)
    has = candidate.has[places]
    if min(has.sum(), (~has).sum()) < FEWEST:
        return found
    found[places] = upper_group(examined.scores_of(places), has, seed=examined.seed) & ~has
    return found if explained is None else found & ~explained


def upper_group(scores: Values, has: Mask, *, seed: int = 0) -> Mask:
    """Return the images whose scores are like those of some of them, bool (n,); none if they are not set apart.

    >>> random = np.random.default_rng(0)
    >>> scores = random.normal(size=(100, 3)).astype(np.float32)
    >>> scores[:40, 0] += 9
    >>> found = upper_group(scores, np.arange(100) < 20)
    >>> found[:40].mean() > 0.9, found[40:].mean() < 0.1
    (np.True_, np.True_)
    >>> upper_group(scores, np.arange(100) >= 90).any()
    np.False_

    `scores` are float32 (n, classes), and `has`, bool (n,), says which are known to have it, eight of each side or
    more.
    """
    told = _told(_relative(scores), has, seed)
    if told.min() == told.max():
        # Scores that do not spread say nothing.
        return np.zeros(len(has), dtype=np.bool_)
    upper, apart = _split(told, seed)
    if apart < APART or has[upper].mean() < MOSTLY or more_often(upper[has], upper[~has]) > SIGNIFICANT:
        return np.zeros(len(has), dtype=np.bool_)
    return upper


def _relative(scores: Values) -> NDArray[np.float64]:
    """Return scores beside the mean of their image; of many classes, those that score highest here."""
    highest = np.argsort(-scores.mean(0), kind="stable")[:CLASSES]
    return np.asarray(scores - scores.mean(1, keepdims=True), dtype=np.float64)[:, np.sort(highest)]


def _told(scores: NDArray[np.float64], has: Mask, seed: int) -> NDArray[np.float64]:
    """Return how far each image is on the side of those that have it, judged by a rule that has not seen it."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    rule = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=[0.5, 0.5])
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return np.asarray(cross_val_predict(rule, scores, has, cv=folds, method="decision_function"))


def _split(numbers: NDArray[np.float64], seed: int) -> tuple[Mask, float]:
    """Return which numbers belong to the higher of two normal distributions, and how many spreads these are apart."""
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(2, n_init=2, random_state=seed).fit(numbers[:, None])
    lower, higher = np.sort(mixture.means_[:, 0])
    upper = mixture.predict(numbers[:, None]) == mixture.means_[:, 0].argmax()
    # The tails of a wide distribution reach beyond a narrow one on both sides.
    upper = (upper | (numbers >= higher)) & (numbers > lower)
    return upper, float((higher - lower) / np.sqrt(mixture.covariances_.mean()))
