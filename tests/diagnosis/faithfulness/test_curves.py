"""Curves and tile drops against slow loops over pixels and tiles."""

import weakref
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nearsight.diagnosis.faithfulness import curves
from nearsight.diagnosis.faithfulness.curves import (
    area,
    curve,
    drop_grid,
    pixel_order,
    rank_correlation,
    square_side,
    squares,
    steps,
    tile_drops,
    tile_means,
    without_tiles,
)
from nearsight.tiles import TileGrid

IMAGE = torch.randn(3, 6, 7, generator=torch.Generator().manual_seed(0))
GRID = TileGrid(6, 7, tile=3, stride=2, kind="covering")


def score(stream: Iterable[Tensor]) -> Tensor:
    """Logits that depend on every pixel, some places more than others."""
    images = torch.stack(list(stream))
    weights = torch.arange(42.0).view(6, 7) / 20
    return torch.stack([(images.mean(1) * weights).sum((1, 2)), images.square().sum((1, 2, 3)) / 9], dim=1)


def test_pixels_are_in_descending_order_and_equal_ones_in_no_order_of_their_own() -> None:
    values = torch.randint(0, 4, (8, 9), generator=torch.Generator().manual_seed(1)).float()
    order = pixel_order(values, torch.Generator().manual_seed(0))
    assert sorted(order.tolist()) == list(range(72))
    assert (values.flatten()[order].diff() <= 0).all()
    other = pixel_order(values, torch.Generator().manual_seed(1))
    assert order.tolist() != other.tolist()


@given(st.integers(0, 100), st.booleans(), st.integers(2, 30))
def test_steps_replace_the_first_pixels_of_the_order(seed: int, keep: bool, points: int) -> None:
    order = torch.randperm(42, generator=torch.Generator().manual_seed(seed))
    found = list(steps(IMAGE, order, keep=keep, points=points))
    mean = IMAGE.mean((1, 2))
    for point in range(points):
        expected = IMAGE.clone()
        first = order[: round(float(np.float32(42 * point / (points - 1))))].tolist()
        for pixel in range(42):
            if (pixel in first) != keep:
                expected[:, pixel // 7, pixel % 7] = mean
        torch.testing.assert_close(found[point], expected, rtol=0, atol=0)


def test_a_curve_runs_from_the_image_to_its_mean_or_back() -> None:
    order = torch.arange(42)
    whole, empty = (
        float(score(image[None]).double().softmax(1)[0, 1])
        for image in (IMAGE, IMAGE.mean((1, 2), keepdim=True).expand_as(IMAGE))
    )
    inserted, deleted = (curve(score, IMAGE, 1, order, keep=keep) for keep in (True, False))
    assert inserted[[0, -1]] == pytest.approx([empty, whole])
    assert deleted[[0, -1]] == pytest.approx([whole, empty])


def test_the_area_is_that_of_trapezoids() -> None:
    values = np.random.default_rng(0).random(21)
    assert area(values) == pytest.approx(sum((a + b) / 2 / 20 for a, b in pairwise(values)))


def test_tile_drops_and_means_are_those_of_tiles_one_by_one() -> None:
    values = torch.randn(6, 7, generator=torch.Generator().manual_seed(2))
    drops, means = [], []
    before = score(IMAGE[None]).double().log_softmax(1)[0, 0]
    for top in GRID.tops:
        for left in GRID.lefts:
            changed = IMAGE.clone()
            for row in range(top, top + 3):
                for column in range(left, left + 3):
                    changed[:, row, column] = IMAGE.mean((1, 2))
            drops.append(float(before - score(changed[None]).double().log_softmax(1)[0, 0]))
            means.append(float(values[top : top + 3, left : left + 3].double().mean()))
    assert tile_drops(score, IMAGE, 0, GRID) == pytest.approx(drops)
    assert tile_means(values, GRID) == pytest.approx(means)


def test_a_rank_correlation_needs_two_values_on_each_side() -> None:
    assert rank_correlation([1.0, 5.0, 9.0], np.array([3.0, 2.0, 1.0])) == pytest.approx(-1)
    assert np.isnan(rank_correlation([1.0, 1.0], np.array([1.0, 2.0])))
    assert np.isnan(rank_correlation([1.0], np.array([1.0])))


def test_equal_tiles_have_equal_means() -> None:
    values = torch.rand(9, 1, generator=torch.Generator().manual_seed(0)).expand(9, 40) * 1e3
    means = tile_means(values, TileGrid(9, 40, tile=3, stride=1)).reshape(7, 38)
    assert (means == means[:, :1]).all()


def test_squares_of_a_large_image_are_replaced_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "MOST_ORDERED", 12)
    assert square_side(6, 7) == 2
    values = torch.arange(42.0).view(6, 7)
    coarse = squares(values, 2)
    assert coarse.shape == (3, 4)
    assert coarse[0].tolist() == [4.0, 6.0, 8.0, 9.5]
    order = pixel_order(coarse, torch.Generator())
    for count, changed in zip((0, 6, 12), steps(IMAGE, order, keep=False, points=3), strict=True):
        replaced = (changed != IMAGE).all(0)
        expected = {
            (row, column)
            for row in range(6)
            for column in range(7)
            if 4 * (row // 2) + column // 2 in order[:count].tolist()
        }
        assert {tuple(place) for place in replaced.nonzero().tolist()} == expected


@given(st.integers(1, 40), st.integers(0, 3000), st.integers(0, 3000))
def test_at_most_so_many_tiles_are_taken_away(tile: int, more_rows: int, more_columns: int) -> None:
    grid = drop_grid(tile + more_rows, tile + more_columns, tile)
    assert len(grid) <= 256
    half = TileGrid(grid.height, grid.width, tile, max(1, tile // 2), "covering")
    assert grid == half or len(half) > 256


def test_changed_images_exist_one_at_a_time() -> None:
    streams = (without_tiles(IMAGE, GRID), steps(IMAGE, torch.randperm(42), keep=True))
    for stream in streams:
        last = None
        for changed in stream:
            assert last is None or last() is None
            last = weakref.ref(changed)
            del changed
