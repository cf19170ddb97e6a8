"""Finders make their rules on the images that choose, and several processes find what one does."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.diagnosis.conftest import bound_function
from tests.processes import in_processes

from nearsight.data import ImageSet, MemoryImages
from nearsight.data.joined_images import chosen_of
from nearsight.diagnosis.attributes import answers, groups, likeness
from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.verdicts.finders import find_candidates
from nearsight.together import ONE_PROCESS, Processes, all_processes

EACH, SIDE = 40, 32
CHOOSING = np.arange(2 * EACH) % 2 == 0


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


def candidates(
    images: ImageSet, choosing: NDArray[np.bool_], processes: Processes = ONE_PROCESS
) -> list[Candidate]:
    bound = bound_function(lambda tiles: tiles.mean((2, 3))[:, :2], images, tile=8)
    decision = Decision(bound, "mean-logit", processes)
    return find_candidates(Examined(images, decision, np.asarray(images.labels), choosing), None, None)


def told(found: list[Candidate]) -> dict[tuple[int, str, str], NDArray[np.bool_]]:
    return {(one.class_number, one.attribute, one.words): one.has[: 2 * EACH] for one in found}


@pytest.fixture(scope="module", autouse=True)
def fewer_edits() -> Iterator[None]:
    """Look for a part of the edits: how rules are made, and by how many processes, is the same for each."""
    with pytest.MonkeyPatch.context() as patch:
        for looking in (answers, groups, likeness):
            patch.setattr(looking, "LIKENESSES", likeness.LIKENESSES[::4])
        yield


@pytest.fixture(scope="module")
def alone() -> list[Candidate]:
    """Return what is found in `pictures((SIDE, SIDE), seed=0)`, of which every other one chooses."""
    found = candidates(pictures((SIDE, SIDE), seed=0), CHOOSING)
    assert found
    return found


def test_images_that_do_not_choose_change_no_rule_whatever_their_size_and_tone(
    alone: list[Candidate],
) -> None:
    own = pictures((SIDE, SIDE), seed=0)
    others = pictures((60, 48), seed=1, low=60)
    joined = chosen_of([own, others], np.arange(4 * EACH))
    beside = told(candidates(joined, np.concatenate([CHOOSING, np.zeros(2 * EACH, dtype=bool)])))
    expected = told(alone)
    assert beside.keys() == expected.keys()
    for name, has in expected.items():
        assert np.array_equal(beside[name], has), name


def test_several_processes_find_what_one_does(
    alone: list[Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = pictures((SIDE, SIDE), seed=0)

    def find(_: int) -> list[tuple[object, ...]]:
        with all_processes() as processes:
            return [values_of(one, images) for one in candidates(images, CHOOSING, processes)]

    expected = [values_of(one, images) for one in alone]
    assert in_processes(monkeypatch, 3, find) == [expected] * 3


def values_of(one: Candidate, images: ImageSet) -> tuple[object, ...]:
    """Return all that is known of a candidate, and what its edits make of an image, to the last bit."""
    edited = [edit(images.image(50)).numpy().tobytes() for edit in (one.put_on, one.take_off) if edit]
    said = one.class_number, one.attribute, one.words, one.artefact, one.effect, one.place, one.pictured
    return (*said, one.has.tobytes(), one.value.tobytes(), *edited)
