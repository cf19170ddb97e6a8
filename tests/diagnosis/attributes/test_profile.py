"""A profile has a number for what is at each place and at each frequency."""

import numpy as np
import pytest
import torch
from scipy.ndimage import black_tophat, white_tophat
from tests.diagnosis.attributes.conftest import Photographs
from torch import Tensor

from nearsight.diagnosis.attributes.edits import HAIRED
from nearsight.diagnosis.attributes.profile import profile, profile_all, top_hats

# Of thin dark things, and of thin light ones.
THIN_NUMBERS = 18


def noise(height: int, width: int, seed: int = 0) -> Tensor:
    values = np.random.default_rng(seed).integers(60, 200, (3, height, width), dtype=np.uint8)
    return torch.from_numpy(values)


def test_profiles_of_all_sizes_are_as_long_and_known() -> None:
    found = profile_all([noise(16, 16), noise(33, 47), noise(200, 300)])
    assert found.shape[0] == 3
    assert np.isfinite(found).all()


def test_a_picture_too_small_has_no_profile() -> None:
    found = profile(noise(15, 40))
    assert np.isnan(found).all()
    assert len(found) == len(profile(noise(16, 16)))


@pytest.mark.parametrize("shape", [(16, 16), (33, 47), (3, 1), (1, 1)])
def test_top_hats_are_those_of_scipy(shape: tuple[int, int]) -> None:
    luma = np.random.default_rng(1).uniform(0, 255, shape).astype(np.float32)
    dark, light = top_hats(luma)
    np.testing.assert_array_equal(dark, black_tophat(luma, (3, 3)))
    np.testing.assert_array_equal(light, white_tophat(luma, (3, 3)))


def test_what_is_changed_at_one_place_changes_few_numbers_most() -> None:
    plain, lined = noise(48, 48), noise(48, 48)
    lined[:, :, -1] = 255
    away = np.abs(profile(lined) - profile(plain))
    # The strip along the right edge: its mean is white.
    assert (away > 60).sum() >= 3
    assert np.median(away) < 1


def test_a_thin_dark_curve_reaches_farther_than_what_a_picture_has_anyway(photographs: Photographs) -> None:
    hair = HAIRED.edit(1)
    plain, haired = (
        np.stack([profile(change(one)) for one in photographs(12, side=48)])[:, -THIN_NUMBERS:]
        for change in (lambda one: one, hair)
    )
    dark, light = np.split((haired - plain).mean(0) / plain.std(0), 2)
    assert dark.max() > 1
    assert np.abs(light).max() < dark.max() / 2
