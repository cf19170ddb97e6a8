"""An attribute of images that were only edited is told from that of images of a subject of their own."""

import numpy as np
import pytest
import torch
from tests.diagnosis.attributes.conftest import Photographs
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.attributes.edits import BLUR, CASTS, COMPRESSED, DARK_GAMMA, Way, waves
from nearsight.diagnosis.attributes.kinds import EDITED, NAMES
from nearsight.diagnosis.attributes.measuring import measure_all
from nearsight.diagnosis.attributes.pictured import CHANGE, FEWEST, TRACES, pictured
from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.decision import Decision
from nearsight.evidence import TiledModel

CLASSES, EACH, SIDE = 3, 50, 48
OF_CLASS = np.repeat(np.arange(CLASSES), EACH) == 1
EDITS: list[tuple[str, Way, float]] = [
    ("cast", CASTS[0][1], 35),
    ("midtones", DARK_GAMMA, -1.2),
    ("sharpness", BLUR, 1.3),
]
# What no object has.
TRACED = (("lines down", waves((0.0, 0.5))[0]), ("blocks", COMPRESSED))


def told(pictures: list[Tensor], has: np.ndarray, attribute: str, way: Way, strength: float) -> bool:
    """Edit the images that have it, and ask whether they may picture it."""
    edit = way.edit(strength)
    edited = [edit(image) if mark else image for image, mark in zip(pictures, has, strict=True)]
    held = MemoryImages(torch.stack(edited), ("",) * len(edited))
    images = ImageSet("toy", "test", tuple("abc"), np.repeat(np.arange(CLASSES), EACH), held)
    bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=1, classes=images.classes)
    choosing = np.arange(len(images)) % 2 == 0
    examined = Examined(images, Decision(bound, "mean-logit"), images.labels, choosing)
    values = measure_all(edited)
    value = values[:, NAMES.index(attribute)] if attribute in NAMES else has.astype(np.float32)
    if np.median(value[has]) < np.median(value[~has]):
        value = -value
    found = Candidate(1, attribute, "", artefact=True, has=has, value=value, effect=0.9, put_on=edit)
    return pictured(examined, values, found)


def crops(photograph: Tensor, count: int) -> list[Tensor]:
    """Images of one subject."""
    places = np.random.default_rng(1).integers(photograph.shape[1] - SIDE, size=(count, 2))
    return [photograph[:, top : top + SIDE, left : left + SIDE].clone() for top, left in places.tolist()]


@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize(("attribute", "way", "strength"), EDITS, ids=[edit[0] for edit in EDITS])
def test_images_that_only_were_edited_differ_in_nothing_else(
    photographs: Photographs, attribute: str, way: Way, strength: float, share: float
) -> None:
    has = OF_CLASS & (np.random.default_rng(2).random(CLASSES * EACH) < share)
    assert not told(photographs(CLASSES * EACH, side=SIDE), has, attribute, way, strength)


@pytest.mark.parametrize(("attribute", "way", "strength"), EDITS, ids=[edit[0] for edit in EDITS])
def test_images_of_one_subject_differ_in_all(
    photographs: Photographs, attribute: str, way: Way, strength: float
) -> None:
    [one] = photographs(1, side=4 * SIDE, seed=4)
    soft = BLUR.edit(2.0)(one.float().mul(0.5).add(20).round().to(torch.uint8))
    pictures = photographs(CLASSES * EACH, side=SIDE)
    pictures[EACH : 2 * EACH] = crops(soft, EACH)
    assert told(pictures, OF_CLASS, attribute, way, strength)
    # What no object has is none of what they picture, if it is there; only its measure says so.
    for trace, made in TRACED:
        assert trace in TRACES
        assert not told(pictures, OF_CLASS, trace, made, made.strengths[-1])
        assert told(pictures, OF_CLASS, trace, way, strength)


def test_the_farthest_of_a_class_that_is_so_are_no_group(photographs: Photographs) -> None:
    # Each image of the class is darker than those of others, by as much as it happens to be.
    random, pictures = np.random.default_rng(5), photographs(CLASSES * EACH, side=SIDE)
    for place in range(EACH, 2 * EACH):
        pictures[place] = DARK_GAMMA.edit(-random.uniform(1.2, 2.0))(pictures[place])
    dark = measure_all(pictures)[:, NAMES.index("midtones")]
    farthest = OF_CLASS & (dark < np.quantile(dark[OF_CLASS], 0.3))
    assert told(pictures, farthest, "midtones", DARK_GAMMA, 0.0)


def test_with_too_few_images_to_compare_nothing_is_said(photographs: Photographs) -> None:
    few = OF_CLASS & (np.cumsum(OF_CLASS) < FEWEST)
    assert not told(photographs(CLASSES * EACH, side=SIDE), few, *EDITS[0])


def test_every_measured_attribute_is_of_a_kind_and_no_kind_has_another() -> None:
    assert set(NAMES) | {"cast", "light spot", "thin lines", *EDITED} == set().union(*CHANGE)
    assert set(NAMES) > TRACES
