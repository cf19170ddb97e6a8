"""Marks that look alike are found anywhere, turned, resized and compressed; nothing is said of spots that differ."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from tests.processes import in_processes
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages
from nearsight.data.regions import MaskRegions
from nearsight.diagnosis.attributes.spots import find_spots, spot_maps
from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.repeats.wording import MARK
from nearsight.evidence import TiledModel
from nearsight.together import all_processes

SIDE, IMAGES, CLASSES = 32, 48, 4
Random = np.random.Generator


def stamp(picture: Image.Image, random: Random) -> Image.Image:
    """A red square, turned, of another size each time, then stored as a JPEG file with coarse colours."""
    size = int(random.integers(6, 10))
    top, left = random.integers(0, SIDE - size, 2)
    mark = Image.new("RGBA", (size, size), (205, 25, 35, 255)).rotate(float(random.uniform(-20, 20)))
    picture.paste(mark, (int(left), int(top)), mark)
    file = BytesIO()
    picture.save(file, "JPEG", quality=80)
    return Image.open(file).convert("RGB")


def lamp(picture: Image.Image, random: Random) -> Image.Image:
    """A spot of another colour each time."""
    top, left = random.integers(0, SIDE - 6, 2)
    colour = [(250, 40, 40), (40, 40, 250), (250, 240, 40), (40, 220, 40)][random.integers(4)]
    ImageDraw.Draw(picture).ellipse((left, top, left + 6, top + 6), fill=colour)
    return picture


def examined(
    change: Callable[[Image.Image, Random], Image.Image], share: float
) -> tuple[Examined, NDArray[np.bool_]]:
    labels = np.repeat(np.arange(CLASSES), IMAGES)
    random = np.random.default_rng(1)
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)) + 1 / SIDE
    noise = np.fft.ifft2(np.fft.fft2(random.normal(size=(len(labels), 3, SIDE, SIDE))) / frequency**1.5).real
    # Light varies more than colour, as in photographs.
    noise = noise[:, :1] + 0.2 * noise
    pixels = np.clip(120 + 40 * noise / noise.std(), 0, 255).astype(np.uint8)
    has = np.zeros(len(labels), dtype=np.bool_)
    has[random.permutation(IMAGES)[: round(share * IMAGES)]] = True
    for i in np.flatnonzero(has):
        pixels[i] = np.asarray(change(Image.fromarray(pixels[i].transpose(1, 2, 0)), random)).transpose(
            2, 0, 1
        )
    images = ImageSet(
        "toy",
        "test",
        tuple("abcd"),
        labels,
        MemoryImages(torch.from_numpy(pixels), ("",) * len(labels)),
    )
    bound = TiledModel(lambda images: images.mean((2, 3))[:, [0, 1, 2, 0]], tile=8, classes=images.classes)
    return Examined(images, Decision(bound, "mean-logit"), labels, np.arange(len(labels)) % 2 == 0), has


@pytest.fixture(scope="module")
def stamped() -> tuple[Examined, NDArray[np.bool_], Candidate]:
    given, has = examined(stamp, 0.5)
    (found,) = find_spots(given)
    return given, has, found


def test_a_turned_and_compressed_stamp_is_found_anywhere(
    stamped: tuple[Examined, NDArray[np.bool_], Candidate],
) -> None:
    _, has, found = stamped
    assert found.class_number == 0
    assert found.attribute == MARK
    assert found.words.startswith("marks that look alike, ")
    assert found.words.endswith("red, anywhere")
    assert found.artefact
    assert (found.has == has).mean() > 0.9


def test_it_is_put_on_as_other_images_have_it(
    stamped: tuple[Examined, NDArray[np.bool_], Candidate],
) -> None:
    given, has, found = stamped
    assert found.put_on is not None
    assert found.beside is not None
    clean = given.images.image(int(np.flatnonzero(~has)[0]))
    assert reddest(found.put_on(clean)) > reddest(clean) + 60
    assert reddest(found.beside(clean)) < reddest(clean) + 30
    # Of an object, too, a part can be removed.
    assert found.take_off is None


def test_several_processes_find_what_one_does(
    stamped: tuple[Examined, NDArray[np.bool_], Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    given, _, alone = stamped

    def find(_: int) -> Candidate:
        with all_processes() as processes:
            (found,) = find_spots(replace(given, decision=replace(given.decision, processes=processes)))
            return found

    for found in in_processes(monkeypatch, 3, find):
        np.testing.assert_array_equal(found.value, alone.value)
        assert found.words == alone.words


def reddest(image: Tensor) -> float:
    return float(torch.quantile(image[0].float() - image[1].float(), 0.98))


def test_all_kinds_of_spots_are_the_strongest_where_they_are() -> None:
    spotted = np.full((3, SIDE, SIDE), 90, dtype=np.float32)
    spotted[0, 6:10, 20:24] = 250
    maps = spot_maps(spotted, np.asarray(spotted.mean(0), dtype=np.float32))
    # Lighter, and redder than green, on all scales.
    for kind in (0, 1, 8, 9, 16, 17, 24, 25):
        row, column = divmod(int(maps[kind].argmax()), SIDE)
        assert 6 <= row < 10
        assert 20 <= column < 24


def test_spots_of_other_colours_each_time_are_no_mark() -> None:
    given, _ = examined(lamp, 0.5)
    assert list(find_spots(given)) == []


def test_nothing_is_found_where_nothing_is() -> None:
    given, _ = examined(stamp, 0)
    assert list(find_spots(given)) == []


def test_images_of_one_class_have_no_others_to_differ_from() -> None:
    given, _ = examined(stamp, 0.5)
    alone = replace(given, images=replace(given.images, labels=np.zeros_like(given.labels)))
    assert list(find_spots(alone)) == []


def test_spots_in_nearly_all_of_a_class_may_be_what_it_pictures_unless_they_are_known_to_lie_off_the_objects(
    stamped: tuple[Examined, NDArray[np.bool_], Candidate],
) -> None:
    assert not stamped[2].pictured
    given, has = examined(stamp, 0.95)
    (found,) = find_spots(given)
    assert (found.artefact, found.pictured) == (True, True)
    regions = torch.zeros(len(has), SIDE, SIDE, dtype=torch.bool)
    for i in np.flatnonzero(has):
        red, green, blue = given.images.image(int(i)).int()
        regions[i] = (red <= green + 60) | (red <= blue + 60)
    (known,) = find_spots(replace(given, images=replace(given.images, regions=MaskRegions(regions))))
    assert (known.artefact, known.pictured) == (True, False)


@pytest.mark.parametrize(("beside", "artefact"), [(False, False), (True, True)])
def test_spots_on_known_objects_are_what_the_class_pictures(
    stamped: tuple[Examined, NDArray[np.bool_], Candidate], beside: bool, artefact: bool
) -> None:
    # The objects are where the stamps are, or everywhere but there.
    given, has, _ = stamped
    regions = torch.zeros(len(has), SIDE, SIDE, dtype=torch.bool)
    for i in np.flatnonzero(has):
        red, green, blue = given.images.image(int(i)).int()
        regions[i] = (red > green + 60) & (red > blue + 60)
    regions = ~regions if beside else regions
    (found,) = find_spots(replace(given, images=replace(given.images, regions=MaskRegions(regions))))
    assert found.artefact is artefact
