"""The same small picture is found wherever it is in a class's images; of unlike and plain images nothing is."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.candidates import Examined
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.repeats import anywhere, find_marks_anywhere
from nearsight.diagnosis.repeats.anywhere import codes_of
from nearsight.evidence import TiledModel

SIDE, IMAGES, CLASSES = 24, 48, 4


def examined(size: int = 4, share: float = 0.5, sky: int = 0) -> tuple[Examined, NDArray[np.bool_]]:
    """Some classes, some of the first's images with a purple square somewhere; and which.

    `sky` is how many images of the first class have a plain upper third of nearly one colour.
    """
    labels = np.repeat(np.arange(CLASSES), IMAGES)
    random = np.random.default_rng(1)
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)) + 1 / SIDE
    noise = np.fft.ifft2(np.fft.fft2(random.normal(size=(len(labels), 3, SIDE, SIDE))) / frequency**1.5).real
    pixels = np.clip(128 + 50 * noise / noise.std(), 0, 255)
    fading = np.clip(np.linspace(2, -1, SIDE), 0, 1)[:, None]
    light = np.array([150, 190, 240])[:, None, None] + random.normal(0, 8, (sky, 1, 1, 1))
    pixels[:sky] += fading * (light - pixels[:sky])
    has = np.zeros(len(labels), dtype=np.bool_)
    has[random.permutation(IMAGES)[: round(share * IMAGES)]] = size > 0
    for i in np.flatnonzero(has):
        top, left = random.integers(0, SIDE - size + 1, 2)
        pixels[i, :, top : top + size, left : left + size] = np.array([200, 20, 210])[:, None, None]
    images = ImageSet(
        "toy",
        "test",
        tuple("abcd"),
        labels,
        MemoryImages(torch.from_numpy(pixels.astype(np.uint8)), ("",) * len(labels)),
    )
    bound = TiledModel(lambda images: images.mean((2, 3))[:, [0, 1, 2, 0]], tile=8, classes=images.classes)
    return Examined(images, Decision(bound, "mean-logit"), labels, np.arange(len(labels)) % 2 == 0), has


@pytest.mark.parametrize("size", [2, 3, 7])
def test_a_square_anywhere_is_found_and_named_and_put_on_and_taken_off(size: int) -> None:
    given, has = examined(size)
    (found,) = find_marks_anywhere(given)
    assert found.class_number == 0
    assert found.artefact
    assert "mark, purple" in found.words
    assert np.array_equal(found.has, has)
    assert found.put_on is not None
    assert found.take_off is not None
    marked, clean = (given.images.image(int(np.flatnonzero(which)[0])) for which in (has, ~has))
    drawn = (found.put_on(clean) != clean).any(0)
    assert int(drawn.sum()) == size**2
    left = found.take_off(marked)
    assert not torch.equal(left, marked)
    assert not (left == torch.tensor([200, 20, 210], dtype=torch.uint8)[:, None, None]).all(0).any()


def test_images_without_a_mark_have_none() -> None:
    given, _ = examined(size=0)
    assert list(find_marks_anywhere(given)) == []


def test_a_plain_sky_is_no_mark() -> None:
    given, _ = examined(size=0, sky=24)
    assert list(find_marks_anywhere(given)) == []


def test_a_mark_of_every_class_is_none_of_one() -> None:
    given, _ = examined(size=0)
    assert given.images.pixels is not None
    given.images.pixels[:, :, 5:9, 5:9] = 255
    assert list(find_marks_anywhere(given)) == []


def test_too_large_images_are_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    given, _ = examined()
    monkeypatch.setattr(anywhere, "PATCHES", 19 * CLASSES * SIDE**2)
    assert list(find_marks_anywhere(given)) == []


def test_patches_have_one_code_exactly_if_they_are_equal() -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 2, (3, 12, 12), dtype=np.uint8) * 100
    codes = codes_of(pixels, 2)
    patches = (
        np.lib.stride_tricks.sliding_window_view(pixels, (2, 2), (1, 2))
        .transpose(1, 2, 0, 3, 4)
        .reshape(121, -1)
    )
    same = (patches[:, None] == patches).all(2)
    assert np.array_equal(same, codes.ravel()[:, None] == codes.ravel())
