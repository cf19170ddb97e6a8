"""Curves and tile drops against slow loops over pixels and tiles."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nearsight.diagnosis.curves import (
    area,
    curve,
    pixel_order,
    rank_correlation,
    steps,
    tile_drops,
    tile_means,
)
from nearsight.tiles import TileGrid

IMAGE = torch.randn(3, 6, 7, generator=torch.Generator().manual_seed(0))
GRID = TileGrid(6, 7, tile=3, stride=2, kind="covering")


def score(images: Tensor) -> Tensor:
    """Logits that depend on every pixel, some places more than others."""
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
    found = steps(IMAGE, order, keep=keep, points=points)
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
