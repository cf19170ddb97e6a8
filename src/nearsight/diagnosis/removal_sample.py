"""Removal maps of a sample of images, for decisions that tiles alone do not explain."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from nearsight.data import ImageSet
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.draw import draw_of_each
from nearsight.diagnosis.removal import MOST_PIXELS, coarse_removal_map, removal_cost
from nearsight.errors import InputError
from nearsight.evidence import EvidenceMap
from nearsight.progress import SILENT, Progress

# Number of images of all classes together, because each takes a pass for each of its tiles; and the least per
# class.
MOST_IMAGES = 240
FEWEST_IMAGES = 8


def drawn_evenly(labels: NDArray[np.int64], most: int = MOST_IMAGES, *, seed: int = 0) -> NDArray[np.int64]:
    """Return the places of some images, equally many of each class that has any; none if that would be too few.

    >>> labels = np.array([0] * 50 + [2] * 50)
    >>> np.bincount(labels[drawn_evenly(labels, most=20)]).tolist(), len(drawn_evenly(np.arange(99)))
    ([10, 0, 10], 0)

    `labels` is int64 (n,). If a class has fewer images than its share, all are used.
    """
    share = most // max(1, len(np.unique(labels)))
    if share < FEWEST_IMAGES:
        return np.empty(0, dtype=np.int64)
    return draw_of_each(labels, share, np.random.default_rng(seed))


def sampled_removals(
    decision: Decision, images: ImageSet, *, seed: int = 0, progress: Progress = SILENT
) -> Mapping[int, EvidenceMap]:
    """Return the removal maps of some images, by their places: equally many of each class, drawn with `seed`.

    >>> from nearsight.data import load
    >>> from nearsight.evidence import TiledModel
    >>> from nearsight.models import Architecture, Classifier, Preprocessing
    >>> scenes = load("scenes")["test"].select(np.arange(3))
    >>> half, architecture = (0.5, 0.5, 0.5), Architecture("airbench", classes=8, width=0.1)
    >>> toy = Classifier(architecture.build(), architecture, scenes.classes, None, Preprocessing(half, half))
    >>> found = sampled_removals(Decision(TiledModel(toy.eval(), tile=32), "full-pass"), scenes)
    >>> sorted(found), found[0].kind
    ([0, 1, 2], 'removal')

    There are none if there are too many classes, or too large images, for enough of each. `progress` is told how
    many are done.
    """
    if not len(images):
        return {}
    affordable = MOST_PIXELS // removal_cost(decision.bound, images.image(0))
    chosen = drawn_evenly(images.labels, min(MOST_IMAGES, affordable), seed=seed).tolist()
    own = decision.processes.dealt(chosen)

    def removals() -> dict[int, EvidenceMap]:
        found = {}
        for done, place in enumerate(own, start=1):
            try:
                found[place] = coarse_removal_map(decision, images.image(place))
            except InputError:
                # Changed copies of a large image may exceed the memory bound, which the pass over it does not.
                continue
            progress.count("taking tiles away", done, len(own))
        return found

    found = {place: one for each in decision.processes.each(removals) for place, one in each.items()}
    return {place: found[place] for place in chosen if place in found}
