"""Edits of a repair: learned from all training images, and varied about the strength that was found."""

from dataclasses import replace
from weakref import WeakSet

import numpy as np
import pytest
import torch
from tests.half_edited import EACH, half_edited

from nearsight.data import ImageSet
from nearsight.diagnosis.attributes.curves import ToneCurves
from nearsight.diagnosis.attributes.edits import WARMER, WayEdit
from nearsight.diagnosis.attributes.likened import Likened
from nearsight.diagnosis.candidates import Candidate
from nearsight.repair import likened as likened_module
from nearsight.repair.likened import likened_candidate, varied


def test_a_curve_is_learned_again_from_all_images_that_have_it() -> None:
    """A diagnosis learns from half of few images, and what these depict is in its curve."""
    images, has = half_edited(WARMER.edit(0.4))
    levels = torch.arange(256.0, dtype=torch.float64)
    darker = ToneCurves((levels * 0.7).expand(3, -1))
    one = Candidate(0, "warm", "warm", True, has, has.astype(np.float32), 1.0, put_on=darker)
    found = likened_candidate(one, images, has)
    assert found is not None
    assert found.told < 0.8 < found.before
    warm = WARMER.edit(0.4)
    of = [images.image(i).double() for i in np.flatnonzero(~has).tolist()]
    wanted = torch.stack([warm(image.byte()).double().mean((1, 2)) for image in of])
    made = torch.stack([found.edit.times(found.factor)(image.byte()).double().mean((1, 2)) for image in of])
    assert (made - wanted).abs().mean() < 12


def test_the_images_that_it_is_learned_from_are_not_held_together(monkeypatch: pytest.MonkeyPatch) -> None:
    images, has = half_edited(WARMER.edit(0.4))
    levels = torch.arange(256.0, dtype=torch.float64)
    one = Candidate(
        0, "warm", "warm", True, has, has.astype(np.float32), 1.0, put_on=ToneCurves(levels.expand(3, -1))
    )
    alive: WeakSet[torch.Tensor] = WeakSet()
    held = []
    image = ImageSet.image

    def watched(self: ImageSet, i: int) -> torch.Tensor:
        found = image(self, i)
        alive.add(found)
        held.append(len(alive))
        return found

    monkeypatch.setattr(ImageSet, "image", watched)
    monkeypatch.setattr(likened_module, "likened", lambda edits, *_, **__: edits)
    assert len(likened_candidate(one, images, has)) == 3  # type: ignore[arg-type]
    assert len(held) == 4 * EACH
    assert max(held) <= 3


def test_strengths_vary_from_image_to_image_on_both_sides_of_what_was_found() -> None:
    images, _ = half_edited(lambda image: image)
    asked: list[float] = []

    class Listening(WayEdit):
        def times(self, factor: float) -> WayEdit:
            asked.append(factor)
            return super().times(factor)

    edit = varied(Likened(Listening(WARMER, 0.4), 1.5, 0.9, 0.6), 0.5, (7,))
    made = [edit(images, i) for i in range(len(images))]
    assert min(asked) >= 1.5 / 2**0.5
    assert max(asked) <= 1.5 * 2**0.5
    assert min(asked) < 1.2
    assert max(asked) > 1.9
    # The same image is edited in the same way, and one of another split in another.
    assert torch.equal(edit(images, 3), made[3])
    assert asked[-1] == asked[3]
    edit(replace(images, split="test"), 3)
    assert asked[-1] != asked[3]
