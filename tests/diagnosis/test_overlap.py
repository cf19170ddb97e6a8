"""Shares of tiles on the object, against counting pixels tile by tile."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nearsight.diagnosis import overlap
from nearsight.diagnosis.overlap import fit_region, object_shares, region_at
from nearsight.errors import InputError
from nearsight.models import Preprocessing
from nearsight.tiles import TileGrid, cut_grid


def blob(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(height, width, generator=torch.Generator().manual_seed(seed)) < 0.4


@given(
    height=st.integers(4, 15),
    width=st.integers(4, 15),
    tile=st.integers(1, 4),
    stride=st.integers(1, 6),
    kind=st.sampled_from(["aligned", "covering"]),
    seed=st.integers(0, 99),
)
def test_shares_are_the_means_of_the_cut_tiles(
    height: int, width: int, tile: int, stride: int, kind: str, seed: int
) -> None:
    grid = TileGrid(height, width, tile, stride, kind)
    region = blob(height, width, seed)
    tiles = cut_grid(region[None, None].float(), grid)[0, :, :, 0]
    torch.testing.assert_close(object_shares(region, grid), tiles.mean((2, 3)))


def test_whole_and_empty_regions_are_exactly_one_and_nothing() -> None:
    grid = TileGrid(61, 47, tile=7, stride=3, kind="covering")
    everywhere = torch.ones(61, 47, dtype=torch.bool)
    assert object_shares(everywhere, grid).unique().tolist() == [1]
    assert object_shares(~everywhere, grid).unique().tolist() == [0]


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_a_region_enlarged_by_whole_pixels_keeps_its_shares(factor: int) -> None:
    region = blob(8, 6)
    small = object_shares(region, TileGrid(8, 6, tile=2, stride=1))
    large = TileGrid(8 * factor, 6 * factor, tile=2 * factor, stride=factor)
    torch.testing.assert_close(object_shares(region, large), small)


@given(height=st.integers(8, 60), width=st.integers(8, 60), short=st.integers(4, 70))
def test_the_region_of_an_image_fits_it_however_the_network_resizes(
    height: int, width: int, short: int
) -> None:
    halves = (0.5, 0.5, 0.5)
    resized = Preprocessing(halves, halves, resize_short=short).resize(
        torch.zeros(3, height, width, dtype=torch.uint8)
    )
    grid = TileGrid(*resized.shape[1:], tile=1, stride=1)
    assert fit_region(blob(height, width), grid).shape == resized.shape[1:]


def test_halving_takes_no_pixel_from_outside_its_own_block() -> None:
    region = torch.zeros(8, 8, dtype=torch.bool)
    region[4:, :4] = True
    assert (
        fit_region(region, TileGrid(4, 4, tile=1, stride=1)).int().tolist()
        == [[0] * 4] * 2 + [[1, 1, 0, 0]] * 2
    )


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (torch.zeros(8, 20, dtype=torch.bool), "8×20 pixels does not fit an image of 10×10: the proportions"),
        (torch.zeros(10, 10), r"must be bool \(height, width\), got torch.float32"),
        (torch.zeros(1, 10, 10, dtype=torch.bool), r"of shape \(1, 10, 10\)"),
        (torch.zeros(0, 10, dtype=torch.bool), r"of shape \(0, 10\)"),
    ],
)
def test_a_region_that_does_not_fit_is_refused(region: Tensor, words: str) -> None:
    with pytest.raises(InputError, match=words):
        object_shares(region, TileGrid(10, 10, tile=2, stride=2))


@given(
    factor=st.integers(1, 6),
    tile=st.integers(1, 20),
    stride=st.integers(1, 9),
    kind=st.sampled_from(["aligned", "covering"]),
    seed=st.integers(0, 99),
)
def test_shares_of_a_reduced_region_are_those_of_its_enlarged_pixels(
    factor: int, tile: int, stride: int, kind: str, seed: int
) -> None:
    region = blob(20, 26, seed)
    grid = TileGrid(20 * factor, 26 * factor, tile, stride, kind)  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(overlap, "MOST_PIXELS", 0)
        found = object_shares(region, grid)
    torch.testing.assert_close(found, object_shares(region, grid), atol=2e-6, rtol=0)
    rows, columns = torch.arange(grid.height), torch.arange(grid.width)
    assert region_at(region, grid, rows, columns).equal(fit_region(region, grid))
