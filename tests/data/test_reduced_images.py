"""Images too large to be held are reduced once, to what the same images become that are held whole."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.processes import in_processes

from nearsight.data import image_set
from nearsight.data import reduced_images as module
from nearsight.data.decode_memory import VARIABLE
from nearsight.data.image_set import ImageSet
from nearsight.data.joined_images import chosen_of
from nearsight.data.loading import load
from nearsight.data.reduced_images import reduced_large
from nearsight.data.regions import MaskRegions
from nearsight.errors import InputError
from nearsight.models import Preprocessing
from nearsight.together import all_processes

pyvips = pytest.importorskip("pyvips")

HALF = (0.5, 0.5, 0.5)
LITTLE = str(32 * 2**20 + 50_000)
TO_40 = Preprocessing(HALF, HALF, resize_short=40)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven TIFFs of two sizes that are large, and two small pictures."""
    random = np.random.default_rng(0)
    for number in range(9):
        height, width = ((110, 130), (120, 100), (50, 60))[2 if number > 6 else number % 2]
        values = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        path = tmp_path / "slides" / "test" / "ab"[number % 2] / f"{number}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(path)
    return tmp_path / "slides"


def images(folder: Path) -> ImageSet:
    return load(folder, progress=False)["test"]


def test_each_is_the_whole_image_resized(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = images(folder)
    held = [whole.image(i) for i in range(len(whole))]
    monkeypatch.setenv(VARIABLE, LITTLE)
    large = images(folder)
    calls: list[int] = []
    reduce = module._Reduce.__call__
    monkeypatch.setattr(
        module._Reduce, "__call__", lambda self, batch: calls.append(1) or reduce(self, batch)
    )

    found, note = reduced_large(large, TO_40)

    assert note is not None
    assert note.startswith("7 images of test too large to be held are reduced")
    assert len(calls) == 7
    assert found.first_large() is None
    small = 0
    for i, expected in enumerate(held):
        small += min(expected.shape[1:]) == 50
        if min(expected.shape[1:]) > 50:
            expected = TO_40.resize(expected)
        assert found.image(i).equal(expected)
        assert found.sizes[i].tolist() == list(expected.shape[1:])
        assert found.tile(i, 3, 4, (8, 9)).equal(expected[:, 3:11, 4:13])
        assert found.path(i) == whole.path(i)
    assert small == 2
    assert found.identity.digests.tolist() == whole.identity.digests.tolist()
    order = np.arange(len(whole))[::-2].copy()
    assert found.select(order).image(1).equal(found.image(int(order[1])))
    assert pickle.loads(pickle.dumps(found)).image(0).equal(found.image(0))
    reduced_large(large, TO_40)
    assert len(calls) == 7
    assert reduced_large(found, TO_40) == (found, None)


def test_processes_share_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, LITTLE)
    large = images(folder)

    def reduce(_: int) -> list[list[int]]:
        with all_processes():
            found, _note = reduced_large(large, TO_40)
            return [found.image(i).flatten().tolist() for i in range(len(found))]

    [alone] = in_processes(monkeypatch, 1, reduce)
    assert in_processes(monkeypatch, 3, reduce) == [alone] * 3


def test_of_joined_sets_those_are_reduced_that_are_in_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, LITTLE)
    large = images(folder)
    expected, _ = reduced_large(large, TO_40)
    order = np.array([10, 2, 9, 0])
    found, note = reduced_large(chosen_of([large, large], order), TO_40)
    assert note is not None
    assert note.startswith(f"{int((expected.sizes[order % 9].min(1) == 40).sum())} image")
    for place, i in enumerate(order.tolist()):
        assert found.image(place).equal(expected.image(i % 9))


def test_regions_are_reduced_with_their_images(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, LITTLE)
    [first] = (images(folder).select(np.array([i])) for i in (0,))
    height, width = first.sizes[0].tolist()
    mask = torch.zeros(1, height, width, dtype=torch.bool)
    mask[:, : height // 2] = True
    found, _ = reduced_large(replace(first, regions=MaskRegions(mask)), TO_40)
    region = found.region(0)
    assert region is not None
    assert region.shape == found.image(0).shape[1:]
    assert float(region.float().mean()) == pytest.approx(0.5, abs=0.02)
    assert region[0].all()


def test_none_is_decoded_to_find_the_large_ones(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, LITTLE)
    large = images(folder)

    def decode(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(image_set, "decode_image", decode)
    _, note = reduced_large(large, TO_40)
    assert note is not None
    assert note.startswith("7 images of test")


def test_what_is_large_at_the_size_that_it_has_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, LITTLE)
    large = images(folder)
    tall = large.select(np.flatnonzero(large.sizes[:, 0] == 110))
    for some in (tall, chosen_of([tall, tall], np.array([0, len(tall)]))):
        with pytest.raises(InputError, match="too large to be held, also at the size"):
            reduced_large(some, Preprocessing(HALF, HALF, resize_short=110))


def test_what_stays_large_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, LITTLE)
    large = images(folder)
    assert reduced_large(large, Preprocessing(HALF, HALF)) == (large, None)
    with pytest.raises(
        InputError, match="too large to be held, also at the size at which the classifier sees it"
    ):
        reduced_large(large, Preprocessing(HALF, HALF, resize_short=100))
