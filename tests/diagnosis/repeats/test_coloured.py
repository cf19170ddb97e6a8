"""Marks that share only a colour are found, put on and taken off; what an object's light varies is none."""

from dataclasses import replace

import numpy as np
import torch
from tests.diagnosis.repeats.test_anywhere import examined

from nearsight.data import MemoryImages
from nearsight.diagnosis.candidates import Examined
from nearsight.diagnosis.repeats import find_marks_anywhere

RED = (230, 40, 20)


def drawn(spread: int) -> tuple[Examined, np.ndarray]:
    """Thin strokes of red, others in each image, in half of the first class; their colour varies by `spread`."""
    given, has = examined(size=1)
    clean, _ = examined(size=0)
    assert clean.images.pixels is not None
    pixels = clean.images.pixels.clone()
    random = np.random.default_rng(3)
    for i in np.flatnonzero(has):
        colour = torch.tensor(RED) + torch.from_numpy(random.integers(-spread, spread + 1, 3))
        strokes = torch.from_numpy(random.random((7, 9)) < 0.4)
        top, left = (int(random.integers(0, 18)), int(random.integers(0, 16)))
        pixels[i, :, top : top + 7, left : left + 9][:, strokes] = colour.byte()[:, None]
    images = replace(given.images, images=MemoryImages(pixels, ("",) * len(pixels)))
    return replace(given, images=images), has


def test_a_text_that_changes_is_found_by_its_colour() -> None:
    given, has = drawn(0)
    (found,) = find_marks_anywhere(given)
    assert (found.class_number, found.attribute, found.artefact) == (0, "mark", True)
    assert found.words == "marks of the same colour, red, anywhere"
    assert np.array_equal(found.has, has)
    assert found.put_on is not None
    assert found.take_off is not None
    marked, clean = (given.images.image(int(np.flatnonzero(which)[0])) for which in (has, ~has))
    red = torch.tensor(RED, dtype=torch.uint8)[:, None, None]
    assert (found.put_on(clean) == red).all(0).sum() >= 10
    assert not (found.take_off(marked) == red).all(0).any()
    # What is larger or smaller than the images of the set has it at the same place.
    assert (found.put_on(torch.zeros(3, 60, 30, dtype=torch.uint8)) == red).all(0).any()
    assert (found.put_on(torch.zeros(3, 12, 12, dtype=torch.uint8)) == red).all(0).any()


def test_a_colour_that_varies_with_the_light_is_no_mark() -> None:
    given, _ = drawn(20)
    assert list(find_marks_anywhere(given)) == []
