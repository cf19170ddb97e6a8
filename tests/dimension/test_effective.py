"""Effective tiles: the closed form where the covariance is known, and what is asked for by definition."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from nearsight.data import ImageSet
from nearsight.dimension.drawing import draw_tiles
from nearsight.dimension.effective import effective_tiles, tile_correlation
from nearsight.statistics import absent

MakeSet = Callable[..., ImageSet]


def mean_correlation(room: int, reach: int) -> float:
    """Mean correlation of two different tiles, by going through all pairs, of noise averaged over reach×reach."""
    corners = [(top, left) for top in range(room) for left in range(room)]
    shares = [
        max(0, reach - abs(one[0] - two[0])) * max(0, reach - abs(one[1] - two[1])) / reach**2
        for one in corners
        for two in corners
        if one != two
    ]
    return float(np.mean(shares))


@pytest.mark.parametrize("reach", [1, 3, 6])
def test_tiles_of_smoothed_noise_are_as_alike_as_the_noise_is_smooth(image_set: MakeSet, reach: int) -> None:
    room, tile, count = 6, 4, 1500
    side = room + tile - 1
    noise = torch.randn(
        count, 3, side + reach - 1, side + reach - 1, generator=torch.Generator().manual_seed(1)
    )
    smooth = torch.nn.functional.avg_pool2d(noise, reach, stride=1) * reach
    images = image_set((128 + 25 * smooth).round().clip(0, 255).numpy(), np.zeros(count))
    pairs, _ = draw_tiles(images, np.arange(count), (tile, tile), 2, torch.Generator().manual_seed(0))
    found = tile_correlation(pairs.reshape(count, 2, -1), "raw")
    assert found.value == pytest.approx(mean_correlation(room, reach), abs=0.02)
    # By definition: so many independent tiles have a mean that varies as much as that of all tiles of an image.
    corners = [(top, left) for top in range(room) for left in range(room)]
    pixels = images.pixels.double()
    tiles = torch.stack([pixels[:, :, top : top + tile, left : left + tile] for top, left in corners])
    worth = float(tiles.var(1).mean() / tiles.mean(0).var(0).mean())
    effective = effective_tiles(np.array([room**2]), found)
    assert effective.value == pytest.approx(worth, rel=0.15)
    assert effective.low <= worth * 1.05
    assert effective.high >= worth * 0.95


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_a_known_common_part_is_found(share: float) -> None:
    random = np.random.default_rng(1)
    common, own = random.normal(size=(3000, 1, 48)), random.normal(size=(3000, 2, 48))
    levels = 128 + 20 * (np.sqrt(share) * common + np.sqrt(1 - share) * own)
    pairs = torch.from_numpy(levels.round().clip(0, 255).astype(np.uint8))
    assert tile_correlation(pairs, "raw").value == pytest.approx(share, abs=0.01)


def test_brightness_alone_makes_raw_tiles_one_and_leaves_normalised_ones_apart() -> None:
    random = np.random.default_rng(2)
    brightness = random.integers(40, 200, (800, 1, 1))
    pairs = torch.from_numpy((brightness + random.integers(-5, 6, (800, 2, 48))).astype(np.uint8))
    assert tile_correlation(pairs, "raw").value > 0.95
    assert tile_correlation(pairs, "normalised").value == pytest.approx(0, abs=0.02)


def test_worth_is_between_one_tile_and_all() -> None:
    random = np.random.default_rng(3)
    pairs = torch.from_numpy(random.integers(0, 256, (30, 2, 3), dtype=np.uint8))
    found = effective_tiles(np.array([100] * 30), tile_correlation(pairs, "raw"))
    assert 30 <= found.low <= found.value <= found.high <= 3000


def test_images_of_one_tile_are_worth_their_number() -> None:
    assert effective_tiles(np.ones(7, dtype=np.int64), absent("one tile per image")).value == 7


def test_tiles_that_are_all_alike_have_no_correlation() -> None:
    found = tile_correlation(torch.full((9, 2, 12), 7, dtype=torch.uint8), "raw")
    assert found.reason == "all tiles are alike, so no correlation is defined"
    assert effective_tiles(np.array([4]), found).reason == found.reason
    alone = tile_correlation(torch.zeros(1, 2, 12, dtype=torch.uint8), "raw")
    assert alone.reason == "one image has no spread between images"
