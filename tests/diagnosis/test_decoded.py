"""Pictures that finders look at are held within a bound, whatever their number, and what is found does not change."""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.diagnosis.repeats.test_coloured import drawn
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.attributes.curves import CurvesOfClass
from nearsight.diagnosis.attributes.means import mean_of
from nearsight.diagnosis.attributes.spectrum import strongest_wave
from nearsight.diagnosis.attributes.transfers import place_transfer, spectrum_transfer
from nearsight.diagnosis.candidates import Examined
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.repeats import find_marks_anywhere
from nearsight.evidence import TiledModel

COUNT, SIDE = 40, 16
ONE = 3 * SIDE**2


@dataclass(frozen=True)
class Counted(MemoryImages):
    """Images that are decoded each time that they are asked for, and how many of them there are at once."""

    alive: dict[str, int] = field(default_factory=lambda: {"now": 0, "most": 0})

    def image(self, i: int) -> Tensor:
        made = super().image(i).clone()
        self.alive["now"] += 1
        self.alive["most"] = max(self.alive.values())
        weakref.finalize(made, self._gone)
        return made

    def _gone(self) -> None:
        self.alive["now"] -= 1


def counted(images: ImageSet) -> tuple[ImageSet, dict[str, int]]:
    assert images.pixels is not None
    store = Counted(images.pixels, ("",) * len(images))
    return replace(images, images=store), store.alive


@pytest.fixture
def pixels() -> Tensor:
    """Noise, of which every other picture is stamped and darker."""
    made = np.random.default_rng(0).integers(40, 220, (COUNT, 3, SIDE, SIDE), dtype=np.uint8)
    made[::2] = made[::2] // 2 + 10
    made[::2, :, :4, :5] = 250
    return torch.from_numpy(made)


def examined(pixels: Tensor, room: int) -> tuple[Examined, dict[str, int]]:
    labels = np.zeros(len(pixels), dtype=np.int64)
    images, alive = counted(
        ImageSet("toy", "test", ("a", "b"), labels, MemoryImages(pixels, ("",) * len(pixels)))
    )
    bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=1, classes=("a", "b", "c"), memory=room)
    return Examined(images, Decision(bound, "mean-logit"), labels, labels == 0), alive


@pytest.mark.parametrize("kept", [0, 1, 5, COUNT])
def test_what_is_kept_is_bounded_and_every_picture_is_the_sets(pixels: Tensor, kept: int) -> None:
    given, alive = examined(pixels, ONE * max(kept, 1) - (kept == 0))
    pictures = given.pictures(np.ones(COUNT, dtype=np.bool_), COUNT)
    for place in np.random.default_rng(1).integers(COUNT, size=3 * COUNT).tolist():
        assert pictures[place].equal(pixels[pictures.places[place]])
    for picture, place in zip(pictures[3:9], pictures.places[3:9], strict=True):
        assert picture.equal(pixels[place])
    del picture
    assert alive["now"] == min(kept, COUNT)
    assert alive["most"] <= kept + 2


def _found(change: Any, like: Any) -> Iterator[Tensor]:
    """Yield what is learned of pictures, by what it makes of one of them."""
    one = like[0]
    for edit in (place_transfer(change, like), spectrum_transfer(change, like)):
        assert edit is not None
        yield edit(one)
        yield edit.back(one)
    yield torch.tensor(strongest_wave(change, "pattern"))


def test_what_is_learned_of_pictures_is_the_same_as_of_all_at_once(pixels: Tensor) -> None:
    given, alive = examined(pixels, 3 * ONE)
    having = np.arange(COUNT) % 2 == 0
    change, like = (given.pictures(which, COUNT) for which in (~having, having))
    held = [list(some) for some in (change, like)]
    alive["most"] = 0
    for one, other in zip(_found(change, like), _found(*held), strict=True):
        assert one.equal(other)
    curves = CurvesOfClass(given, 0, having)
    everything, _ = examined(pixels, 2**30)
    for on in (True, False):
        edits = (curves.edit(on=on), CurvesOfClass(everything, 0, having).edit(on=on))
        assert edits[0] is not None
        assert edits[1] is not None
        assert edits[0](pixels[0]).equal(edits[1](pixels[0]))
    del held
    assert alive["now"] <= 3 + 1


def test_places_differ_by_the_means_and_spreads_of_all(pixels: Tensor) -> None:
    change, like = pixels[1::2], pixels[::2]
    found = place_transfer(list(change), list(like))
    assert found is not None
    torch.testing.assert_close(found.before, change.double().mean(0).float())
    torch.testing.assert_close(found.after, like.double().mean(0).float())
    wanted = ((like.double().std(0) + 0.5) / (change.double().std(0) + 2)).clamp(1 / 36, 6)
    torch.testing.assert_close(found.gain, wanted.float())


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_mean_is_numpys_to_the_last_bit(kind: Any) -> None:
    arrays = np.random.default_rng(0).lognormal(0, 9, (37, 5, 6)).astype(kind)
    found = mean_of(iter(arrays))
    assert found.dtype == kind
    assert np.array_equal(found, np.mean(list(arrays), axis=0))


def test_marks_of_one_colour_keep_no_pictures_beyond_the_bound() -> None:
    given, _ = drawn(0)
    (wanted,) = find_marks_anywhere(given)
    images, alive = counted(given.images)
    bound = TiledModel(given.decision.bound.model, tile=8, classes=images.classes, memory=2**12)
    bounded = replace(given, images=images, decision=Decision(bound, "mean-logit"))
    (found,) = find_marks_anywhere(bounded)
    assert alive["now"] <= 2**12 // given.images.image(0).nbytes + 1
    assert np.array_equal(found.has, wanted.has)
    assert found.put_on is not None
    assert wanted.put_on is not None
    clean = given.images.image(100)
    assert found.put_on(clean).equal(wanted.put_on(clean))
