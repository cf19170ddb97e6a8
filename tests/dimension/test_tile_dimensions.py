"""The intrinsic dimension of tiles: copies and too few tiles are told, and never a number."""

import numpy as np
import pytest
import torch

from nearsight.dimension.tile_dimensions import intrinsic_dimensions

CPU = torch.device("cpu")


@pytest.fixture
def plane() -> torch.Tensor:
    """Return tiles on a plane, in a space of 32 dimensions, by whole levels."""
    directions = np.array([[1, 1, -1, -1] * 8, [1, -1, 1, -1] * 8]) / np.sqrt(32)
    levels = 128 + 700 * (np.random.default_rng(0).random((250, 2)) - 0.5) @ directions
    return torch.from_numpy(levels.round().clip(0, 255).astype(np.uint8))


def test_a_plane_has_two_dimensions(plane: torch.Tensor) -> None:
    for found in intrinsic_dimensions(plane, 10, device=CPU):
        if found.space == "raw":
            assert found.estimate.value == pytest.approx(2, rel=0.15)
            assert found.matching == pytest.approx((2, 2), rel=0.2)


def test_copies_are_left_out_and_counted(plane: torch.Tensor) -> None:
    alone = intrinsic_dimensions(plane, 10, device=CPU)
    copied = intrinsic_dimensions(torch.cat([plane, plane[:200], plane[:5]]), 10, device=CPU)
    for one, other in zip(alone, copied, strict=True):
        assert (other.estimate, other.points) == (one.estimate, one.points)
        assert other.repeated == one.repeated + 205


def test_copies_in_another_light_are_one_tile_when_normalised(plane: torch.Tensor) -> None:
    dark = plane.clamp(max=200)
    found = intrinsic_dimensions(torch.cat([dark, dark + 9]), 10, device=CPU)
    alone = intrinsic_dimensions(dark, 10, device=CPU)
    assert found[2].points == alone[2].points
    assert found[0].points > alone[0].points


@pytest.mark.parametrize("tiles", [torch.full((50, 12), 9), torch.arange(10).repeat(12, 1).T * 20])
def test_too_few_distinct_tiles_have_no_dimension(tiles: torch.Tensor) -> None:
    for found in intrinsic_dimensions(tiles.to(torch.uint8), 10, device=CPU):
        assert found.estimate.value is None
        assert "distinct tiles are too few: each needs 10 neighbours" in found.estimate.reason
        assert found.known == ()
