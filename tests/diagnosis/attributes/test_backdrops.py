"""Backgrounds are looked at alone where regions say what is object, and edits of them leave the object as it is."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from tests.diagnosis.attributes.conftest import Photographs
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages
from nearsight.data.regions import MaskRegions
from nearsight.diagnosis.attributes.answered import find_answered
from nearsight.diagnosis.attributes.answers import Answers
from nearsight.diagnosis.attributes.backdrops import Backdrops, backdrop
from nearsight.diagnosis.attributes.edits import BLUR, VEIL
from nearsight.diagnosis.attributes.kinds import NAMES
from nearsight.diagnosis.attributes.surroundings import OF_BACKGROUNDS
from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.verdicts.interventions import transplanted
from nearsight.evidence import TiledModel

CLASSES, EACH, SIDE = 4, 60, 24
K = TypeVar("K")


class ReadsBackgrounds(Decision):
    """Takes an image for the second class where its upper rows are smooth, else for the first."""

    def scores_of(self, keys: Sequence[K], image: Callable[[K], Tensor]) -> NDArray[np.float32]:
        rough = [float(image(key)[:, :4].float().diff(dim=2).abs().mean()) for key in keys]
        smooth = 12 - np.array(rough)
        return np.stack([np.zeros(len(keys)), smooth, *np.full((2, len(keys)), -9.0)], axis=1).astype(
            np.float32
        )


def marked() -> NDArray[np.bool_]:
    """Half of the second class."""
    places = np.arange(CLASSES * EACH)
    return (places >= EACH) & (places < 2 * EACH) & (places % 4 < 2)


def objects(*, known: bool) -> Tensor:
    """An object off the middle in each image; none in those of the last class, or in any."""
    masks = torch.zeros(CLASSES * EACH, SIDE, SIDE, dtype=torch.bool)
    if known:
        for place in range((CLASSES - 1) * EACH):
            top, left = 5 + place % 5, 4 + place % 7
            masks[place, top : top + 9, left : left + 9] = True
    return masks


def examined_of(photographs: Photographs, masks: Tensor) -> Examined:
    blur = BLUR.edit(1.2)
    pictures = [
        torch.where(objects(known=True)[place], one, blur(one)) if has else one
        for place, (one, has) in enumerate(zip(photographs(CLASSES * EACH, side=SIDE), marked(), strict=True))
    ]
    labels = np.repeat(np.arange(CLASSES), EACH)
    held = MemoryImages(torch.stack(pictures), ("",) * len(pictures))
    images = ImageSet("toy", "test", tuple("abcd"), labels, held, regions=MaskRegions(masks))
    bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=1, classes=images.classes)
    decision = ReadsBackgrounds(bound, "mean-logit")
    decided = decision.predictions_of(pictures, lambda picture: picture)
    return Examined(images, decision, decided, np.arange(len(labels)) % 2 == 0)


def found_in(examined: Examined) -> list[Candidate]:
    values = np.zeros((len(examined.images), len(NAMES)), dtype=np.float32)
    backdrops = Backdrops(examined, values)
    return list(find_answered(backdrops, Answers.of(backdrops, OF_BACKGROUNDS)))


def test_a_blurred_background_is_found_and_put_behind_other_objects(photographs: Photographs) -> None:
    examined = examined_of(photographs, objects(known=True))
    (found,) = found_in(examined)
    assert (found.class_number, found.words) == (1, "blurred background")
    mine = examined.labels == 1
    assert (found.has & marked()).sum() >= 0.6 * ((found.has | marked()) & mine).sum()
    assert np.isnan(found.value[examined.labels == CLASSES - 1]).all()
    assert found.added is not None
    image, region = examined.images.image(0), objects(known=True)[0]
    changed = (found.added(image, 0) != image).any(0)
    assert changed[~region].float().mean() > 0.5
    assert not changed[region].any()
    moved = transplanted(examined, found)
    assert moved is not None
    assert moved.effect > 0.5
    # Images of which nothing is known are not asked about: those of two classes test, and a half of each chose.
    assert moved.images == EACH


def test_without_regions_nothing_is_found(photographs: Photographs) -> None:
    assert not found_in(examined_of(photographs, objects(known=False)))


def test_what_is_measured_of_a_background_does_not_depend_on_the_object_but_for_the_differences(
    photographs: Photographs,
) -> None:
    (picture,) = photographs(1, side=40)
    region = np.zeros((40, 40), dtype=np.bool_)
    region[8:30, 10:30] = True
    inner = np.zeros_like(region)
    # Detail is seen some pixels away from an edge.
    inner[18:20, 19:21] = True
    dark = np.where(inner, VEIL.edit(0.9)(picture).numpy(), picture.numpy())
    before, after = backdrop(picture.numpy(), region), backdrop(dark, region)
    assert before is not None
    assert after is not None
    half = len(before) // 2
    assert np.allclose(before[:half], after[:half], atol=0.05)
    assert not np.allclose(before[half:], after[half:], atol=0.05)


def test_an_object_that_fills_the_picture_leaves_no_background(photographs: Photographs) -> None:
    (picture,) = photographs(1, side=24)
    assert backdrop(picture.numpy(), np.ones((24, 24), dtype=np.bool_)) is None
