"""What is put in the place of pixels: nothing of what was there, and nothing elsewhere is touched."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from nearsight.diagnosis.reliance.fills import covering, fill_from_image, fill_with_surroundings, grow


def random_image(seed: int, height: int = 13, width: int = 17) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, height, width), generator=random, dtype=torch.uint8)


def hole(seed: int, height: int = 13, width: int = 17) -> torch.Tensor:
    top, left, down, across = torch.randint(
        1, 8, (4,), generator=torch.Generator().manual_seed(seed)
    ).tolist()
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[top : top + down, left : left + across] = True
    return mask


@given(st.integers(0, 100))
def test_surroundings_use_nothing_of_the_hole_and_change_nothing_else(seed: int) -> None:
    image, gone = random_image(seed), hole(seed)
    filled = fill_with_surroundings(image, gone)
    other = fill_with_surroundings(torch.where(gone, random_image(seed + 1), image), gone)
    assert torch.equal(filled, other)
    assert torch.equal(filled[:, ~gone], image[:, ~gone])
    around = image[:, ~gone]
    assert (filled.amin((1, 2)) >= around.amin(1)).all()
    assert (filled.amax((1, 2)) <= around.amax(1)).all()


def test_surroundings_of_two_colours_meet_in_the_hole() -> None:
    image = torch.zeros(3, 8, 24, dtype=torch.uint8)
    image[:, :, 12:] = 200
    gone = torch.zeros(8, 24, dtype=torch.bool)
    gone[:, 8:16] = True
    row = fill_with_surroundings(image, gone)[0, 4].int()
    assert (row.diff() >= 0).all()
    assert row[8] < 100 < row[15]


def test_where_all_is_hole_nothing_is_known() -> None:
    filled = fill_with_surroundings(random_image(0), torch.ones(13, 17, dtype=torch.bool))
    assert not filled.any()


@given(st.integers(0, 100))
def test_a_grown_region_holds_the_region_and_its_neighbours(seed: int) -> None:
    region = hole(seed)
    grown = grow(region, "mask")
    assert bool((grown | ~region).all())
    rows, columns = torch.where(region)
    inner = grown[rows.min() - 1 : rows.max() + 2, columns.min() - 1 : columns.max() + 2]
    assert bool(inner.all())
    assert int(grow(region, "cells").sum()) >= int(grown.sum())


@given(st.integers(1, 30), st.integers(1, 30))
def test_another_image_covers_any_size(height: int, width: int) -> None:
    donor = random_image(0)
    assert covering(donor, height, width).shape == (3, height, width)
    assert covering(donor, 13, 17) is donor


def test_a_hole_shows_the_same_place_of_another_image() -> None:
    image, donor, gone = random_image(0), random_image(1), hole(0)
    filled = fill_from_image(image, gone, donor)
    assert torch.equal(filled[:, gone], donor[:, gone])
    assert torch.equal(filled[:, ~gone], image[:, ~gone])
