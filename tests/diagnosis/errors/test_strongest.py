"""Tiles whose removal changes a prediction, under every pooling, against all sets of tiles."""

from itertools import combinations

import pytest
import torch

from nearsight.diagnosis.errors.flip import ADDITIVE_PROTOCOLS, additive_values, smallest_flip
from nearsight.diagnosis.errors.image_errors import tile_error
from nearsight.diagnosis.errors.strongest import strongest_flip
from nearsight.evidence import EvidenceMap
from nearsight.models.several_tiles import attended_mean, noisy_or_odds, top_k_mean
from nearsight.settings.pooled import Pooling, PoolingName
from nearsight.tiles import TileGrid

GRID = TileGrid(4, 14, tile=4, stride=2, kind="aligned")


def random_map(seed: int, pooling: Pooling) -> EvidenceMap:
    generator = torch.Generator().manual_seed(seed)
    logits, attention = (
        torch.randn(3, *GRID.shape, generator=generator),
        torch.randn(GRID.shape, generator=generator),
    )
    return EvidenceMap(2 * logits, GRID, ("a", "b", "c"), pooling=pooling, attention=attention)


def predicted(tiles: EvidenceMap, kept: list[int]) -> int:
    logits = tiles.logits.flatten(1).T[kept].double()
    match tiles.pooling.name:
        case "noisy-or":
            return int(noisy_or_odds(logits).argmax())
        case "attention":
            assert tiles.attention is not None
            return int(attended_mean(logits, tiles.attention.flatten()[kept].double()).argmax())
        case _:
            return int(top_k_mean(logits, 1 if tiles.pooling.name == "max" else 2).argmax())


@pytest.mark.parametrize("name", ["max", "top-k", "noisy-or", "attention"])
@pytest.mark.parametrize("seed", range(4))
def test_without_these_tiles_another_class_wins_and_without_fewer_none(name: PoolingName, seed: int) -> None:
    tiles = random_map(seed, Pooling(name, top_k=2))
    prediction = tiles.predicted()
    if tiles.protocol in ADDITIVE_PROTOCOLS:
        found = smallest_flip(additive_values(tiles.protocol, tiles), prediction)
    else:
        found = strongest_flip(tiles, prediction)
    assert found is not None
    every = range(len(GRID))
    assert predicted(tiles, [tile for tile in every if tile not in found.tiles]) == found.to != prediction
    assert found.smallest == (name != "top-k")
    if found.smallest:
        for gone in combinations(every, len(found.tiles) - 1):
            assert predicted(tiles, [tile for tile in every if tile not in gone]) == prediction


@pytest.mark.parametrize("name", ["max", "top-k", "noisy-or", "attention"])
def test_an_error_is_that_of_the_pooling_and_explained_by_the_tiles_that_count(name: PoolingName) -> None:
    tiles = random_map(1, Pooling(name, top_k=2))
    prediction = tiles.predicted()
    assert tile_error(tiles, prediction, 0, "0.png") is None
    error = tile_error(tiles, (prediction + 1) % 3, 0, "0.png")
    assert error is not None
    scores = tiles.scores()
    assert error.prediction == prediction
    assert error.margin == pytest.approx(float(scores[prediction] - scores[error.label]), abs=1e-5)
    counting = tiles.counting(prediction)
    if name in ("max", "top-k"):
        assert counting is not None
        assert {tile.index for tile in error.deciding} <= set(counting)
