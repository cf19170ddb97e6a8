"""Finders make their rules on the images that choose: whatever else is examined changes none of them."""

import numpy as np
import torch
from numpy.typing import NDArray

from nearsight.data import ImageSet, MemoryImages
from nearsight.data.joined_images import chosen_of
from nearsight.diagnosis.candidates import Examined
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.verdicts.finders import find_candidates
from nearsight.evidence import TiledModel

EACH, SIDE = 40, 32


def pictures(sides: tuple[int, int], seed: int, low: int = 0) -> ImageSet:
    """Two classes of blurred noise; half of the first has a black frame and a cast."""
    random = np.random.default_rng(seed)
    height, width = sides
    drawn = random.normal(128, 50, (2 * EACH, 3, height // 4, width // 4))
    pixels = np.repeat(np.repeat(drawn, 4, 2), 4, 3) + random.normal(0, 6, (2 * EACH, 3, height, width)) + low
    pixels[: EACH // 2] += np.array([-20, -20, 40])[:, None, None]
    pixels[: EACH // 2, :, :2] = pixels[: EACH // 2, :, -2:] = 0
    whole = torch.from_numpy(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
    images = MemoryImages(whole, tuple(f"{seed}-{i}" for i in range(2 * EACH)))
    return ImageSet("framed", "train", ("a", "b"), np.repeat([0, 1], EACH), images)


def told(images: ImageSet, choosing: NDArray[np.bool_]) -> dict[tuple[int, str, str], NDArray[np.bool_]]:
    bound = TiledModel(lambda tiles: tiles.mean((2, 3))[:, :2], tile=8, classes=images.classes)
    labels = np.asarray(images.labels)
    found = find_candidates(Examined(images, Decision(bound, "mean-logit"), labels, choosing), None, None)
    return {(one.class_number, one.attribute, one.words): one.has[: 2 * EACH] for one in found}


def test_images_that_do_not_choose_change_no_rule_whatever_their_size_and_tone() -> None:
    own = pictures((SIDE, SIDE), seed=0)
    choosing = np.arange(2 * EACH) % 2 == 0
    alone = told(own, choosing)
    assert alone
    others = pictures((60, 48), seed=1, low=60)
    joined = chosen_of([own, others], np.arange(4 * EACH))
    beside = told(joined, np.concatenate([choosing, np.zeros(2 * EACH, dtype=bool)]))
    assert beside.keys() == alone.keys()
    for name, has in alone.items():
        assert np.array_equal(beside[name], has), name
