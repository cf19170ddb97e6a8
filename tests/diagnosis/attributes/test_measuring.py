"""What is measured of whole images."""

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from tests.diagnosis.attributes.conftest import Photographs

from nearsight.diagnosis.attributes.edits import APART_LEFT, APART_RIGHT, REDDER
from nearsight.diagnosis.attributes.kinds import NAMES
from nearsight.diagnosis.attributes.measuring import measure, measure_all, measure_one


@pytest.mark.parametrize("name", NAMES)
def test_one_attribute_is_the_same_as_among_all(photographs: Photographs, name: str) -> None:
    pictures = photographs(2) + photographs(1, side=210)
    assert np.array_equal(measure_one(pictures, name), measure_all(pictures)[:, NAMES.index(name)])


@pytest.mark.parametrize("shape", [(3, 16, 16), (3, 17, 400), (3, 300, 20), (3, 700, 500)])
@pytest.mark.parametrize("value", [0, 77, 255])
def test_flat_pictures_of_any_size_have_attributes(shape: tuple[int, int, int], value: int) -> None:
    found = measure(torch.full(shape, value, dtype=torch.uint8))
    assert np.isfinite(found).all()
    for name in ("blocks", "pixelation", "noise", "specks", "pattern", "warm edges", "dark corners"):
        assert abs(found[NAMES.index(name)]) < 1e-3


def test_pictures_too_small_have_none() -> None:
    assert np.isnan(measure(torch.zeros(3, 15, 40, dtype=torch.uint8))).all()


def test_nothing_to_measure_is_an_empty_table() -> None:
    assert measure_all([]).shape == (0, len(NAMES))


def test_blocks_grow_as_quality_falls(photographs: Photographs) -> None:
    (picture,) = photographs(1, side=96)

    def blocks(quality: int) -> float:
        file = BytesIO()
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
        again = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)
        return float(measure_one([again], "blocks")[0])

    found = [float(measure_one([picture], "blocks")[0]), *(blocks(quality) for quality in (90, 60, 30))]
    assert found == sorted(found)
    assert abs(found[0]) < 0.2
    assert found[-1] > 1


def test_a_tint_shows_in_edges_as_large_as_it_is(photographs: Photographs) -> None:
    pictures = photographs(4)
    gains = torch.tensor([1.1, 1.0, 0.9])[:, None, None]
    tinted = [(picture * gains).round().clamp(0, 255).to(torch.uint8) for picture in pictures]
    moved = measure_one(tinted, "warm edges") - measure_one(pictures, "warm edges")
    assert moved == pytest.approx(np.log2(1.1 / 0.9), abs=0.05)


def test_noise_is_measured_in_grey_levels(photographs: Photographs) -> None:
    pictures = photographs(4, side=128)
    generator = np.random.default_rng(0)
    noisy = [
        torch.from_numpy(
            np.clip(np.rint(picture.numpy() + generator.normal(0, 20, picture.shape)), 0, 255).astype(
                np.uint8
            )
        )
        for picture in pictures
    ]
    assert measure_one(noisy, "colour noise") == pytest.approx(np.full(4, 17.5), abs=2.5)


@pytest.mark.parametrize("levels", [3, 4, 6, 9])
def test_few_levels_are_seen_however_few(photographs: Photographs, levels: int) -> None:
    pictures = photographs(4)
    step = 255 / (levels - 1)
    few = [(torch.round(picture / step) * step).round().to(torch.uint8) for picture in pictures]
    assert np.median(measure_one(few, "few values")) > 0.3
    assert measure_one(pictures, "few values").max() < 0.05


@pytest.mark.parametrize("by", [0.5, 1, 2, 3, 4])
def test_colours_that_lie_apart_are_told_however_far(photographs: Photographs, by: float) -> None:
    plain = photographs(12, side=40)
    usual = np.abs(measure_one(plain, "colour fringes across")).max()
    assert measure_one(map(APART_RIGHT.edit(by), plain), "colour fringes across").min() > usual
    assert measure_one(map(APART_LEFT.edit(-by), plain), "colour fringes across").max() < -usual


def test_things_with_sides_of_other_colours_are_not_shifted(photographs: Photographs) -> None:
    for seed, picture in enumerate(photographs(6, side=64)):
        # Each thing is red on its left and blue on its right, as wide as it happens to be.
        random = np.random.default_rng(seed)
        for top in range(0, 64, 16):
            left, wide, red = random.integers(0, 20), random.integers(10, 30), torch.tensor([200, 60, 50])
            for colour in (red, red.flip(0)):
                picture[:, top : top + 16, left : left + wide] = colour[:, None, None]
                left += wide
        assert measure_one([picture], "colour fringes across") == 0


def test_a_cast_takes_neutral_pixels_away_and_colours_of_things_do_not(photographs: Photographs) -> None:
    (plain,) = photographs(1, side=40)
    thing = plain.clone()
    thing[0, 10:35, 5:30] += 60
    cast = REDDER.edit(40)(plain)
    of_plain, of_thing, of_cast = measure_one([plain, thing, cast], "warm everywhere")
    assert of_cast > of_plain + 30
    assert abs(of_thing - of_plain) < 5
