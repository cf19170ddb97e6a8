"""The edit that made images of a group explains how they look; another does not."""

import numpy as np
import torch
from tests.diagnosis.attributes.conftest import Photographs

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.attributes.edits import BLUER, BLUR, PALE
from nearsight.diagnosis.attributes.explaining import Recogniser
from nearsight.diagnosis.candidates import Examined
from nearsight.diagnosis.decision import Decision
from nearsight.evidence import TiledModel


def test_the_edit_that_was_made_explains_all_and_another_hardly_anything(photographs: Photographs) -> None:
    blur = BLUR.edit(1.0)
    has = np.arange(60) % 2 == 0
    pictures = [
        blur(one) if blurred else one for one, blurred in zip(photographs(60, side=24), has, strict=True)
    ]
    images = ImageSet(
        "toy", "test", ("a",), np.zeros(60, np.int64), MemoryImages(torch.stack(pictures), ("",) * 60)
    )
    decision = Decision(TiledModel(lambda tiles: tiles.mean((2, 3)), tile=1, classes=("a",)), "mean-logit")
    every = np.ones(60, dtype=np.bool_)
    examined = Examined(images, decision, np.zeros(60, np.int64), every)
    recogniser = Recogniser.of(examined, has, ~has)
    assert recogniser is not None
    assert recogniser.explained(lambda image, _: blur(image)) > 0.9
    assert recogniser.explained(lambda image, _: BLUER.edit(30.0)(image)) < 0.3
    assert recogniser.explained(lambda image, _: PALE.edit(-0.6)(image)) < 0.3
    assert Recogniser.of(examined, has & (np.arange(60) < 12), ~has) is None
