"""What is drawn on images that are too bright, or too dark, is their name and their edit."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from tests.diagnosis.attributes.conftest import Photographs
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.attributes.drawn import as_drawn
from nearsight.diagnosis.attributes.edits import BRIGHTER
from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.decision import Decision
from nearsight.evidence import TiledModel

EACH, SIDE, DEEP = 40, 24, 4
K = TypeVar("K")


class ReadsTheBar(Decision):
    """Takes an image for the first class where its lowest rows are white, else for the second."""

    def predictions_of(self, keys: Sequence[K], image: Callable[[K], Tensor]) -> NDArray[np.int64]:
        return np.array([int(image(key)[:, -DEEP:].float().mean() < 250) for key in keys])


def bright(change: Callable[[Tensor], Tensor], photographs: Photographs) -> tuple[Examined, Candidate]:
    """Images of two classes, of which half of the first are changed, and what says that these are bright."""
    has = np.arange(2 * EACH) % 4 == 0
    has[EACH:] = False
    pictures = [
        change(one) if it else one for one, it in zip(photographs(2 * EACH, side=SIDE), has, strict=True)
    ]
    labels = np.repeat(np.arange(2), EACH)
    held = MemoryImages(torch.stack(pictures), ("",) * len(pictures))
    images = ImageSet("toy", "test", ("a", "b"), labels, held)
    decision = ReadsTheBar(
        TiledModel(lambda tiles: tiles.mean((2, 3)), tile=1, classes=("a", "b")), "mean-logit"
    )
    every = np.ones(len(labels), dtype=np.bool_)
    candidate = Candidate(
        0, "brightness", "bright", True, has, has.astype(np.float32), 0.9, put_on=BRIGHTER.edit(30.0)
    )
    return Examined(images, decision, 1 - has.astype(np.int64), every), candidate


def with_bar(image: Tensor) -> Tensor:
    barred = image.clone()
    barred[:, -DEEP:] = 255
    return barred


def test_a_white_bar_is_told_as_a_bar_and_put_on(photographs: Photographs) -> None:
    examined, candidate = bright(with_bar, photographs)
    found = as_drawn(examined, candidate)
    assert found.words == "white border at the bottom, 4 pixels"
    assert found.drawn
    assert found.put_on is not None
    edited = [found.put_on(picture) for picture in photographs(3, side=SIDE, seed=1)]
    assert examined.decision.predictions_of(edited, lambda one: one).tolist() == [0, 0, 0]


def test_images_that_are_bright_all_over_stay_bright(photographs: Photographs) -> None:
    examined, candidate = bright(BRIGHTER.edit(30.0), photographs)
    assert as_drawn(examined, candidate) is candidate


def test_a_bar_in_every_image_of_a_class_is_told_from_those_of_other_classes(
    photographs: Photographs,
) -> None:
    has = np.arange(2 * EACH) < EACH
    pictures = [
        with_bar(one) if it else one for one, it in zip(photographs(2 * EACH, side=SIDE), has, strict=True)
    ]
    examined, candidate = bright(with_bar, photographs)
    images = replace(examined.images, images=MemoryImages(torch.stack(pictures), ("",) * len(pictures)))
    examined = replace(examined, images=images, decided=1 - has.astype(np.int64))
    found = as_drawn(examined, replace(candidate, has=has, value=has.astype(np.float32)))
    assert found.words == "white border at the bottom, 4 pixels"


def test_what_may_be_of_the_object_is_not_looked_at(photographs: Photographs) -> None:
    examined, candidate = bright(with_bar, photographs)
    candidate = Candidate(**{**vars(candidate), "artefact": False})
    assert as_drawn(examined, candidate) is candidate
