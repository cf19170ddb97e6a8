"""The strongest tiles against a search of every tile."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nearsight.diagnosis.reasons.strongest import strongest_tiles
from nearsight.evidence import EvidenceMap
from nearsight.tiles import TileGrid


def random_map(seed: int, *, whole: bool = False) -> EvidenceMap:
    generator = torch.Generator().manual_seed(seed)
    grid = TileGrid(10, 14, tile=4, stride=3)
    logits = torch.randn(3, *grid.shape, generator=generator) * 2
    return EvidenceMap(logits.round() if whole else logits, grid, ("cat", "dog", "owl"))


@given(st.integers(0, 1000))
def test_each_class_has_the_first_of_its_strongest_tiles(seed: int) -> None:
    tiles = random_map(seed, whole=True)
    found = strongest_tiles(tiles, 0, torch.Generator())
    flat = tiles.logits.flatten(1).tolist()
    for number in range(3):
        differences = [3 * flat[number][k] - sum(row[k] for row in flat) for k in range(len(flat[0]))]
        # Numbers whose thirds are rounded apart may not tie any more.
        best = differences[int(found.index[number])]
        assert best == max(differences)
        assert abs(float(found.evidence[number]) - best / 3) < 1e-5


@given(st.integers(0, 100), st.integers(0, 100))
def test_a_number_added_to_all_logits_of_a_tile_changes_nothing(seed: int, shift: int) -> None:
    tiles = random_map(seed)
    offsets = torch.randn(tiles.grid.shape, generator=torch.Generator().manual_seed(shift))
    shifted = EvidenceMap(tiles.logits + offsets, tiles.grid, tiles.classes)
    one, other = (strongest_tiles(some, 1, torch.Generator().manual_seed(0)) for some in (tiles, shifted))
    assert one.index.tolist() == other.index.tolist()
    torch.testing.assert_close(one.sample_evidence, other.sample_evidence, atol=1e-5, rtol=0)


def test_sampled_tiles_are_equally_likely_and_carry_the_evidence_for_the_label() -> None:
    tiles = random_map(5)
    found = strongest_tiles(tiles, 2, torch.Generator().manual_seed(0), sampled=6000)
    counts = torch.bincount(found.sample.long(), minlength=len(tiles.grid))
    expected = 6000 / len(tiles.grid)
    assert (counts - expected).abs().max() < 5 * expected**0.5
    relative = (tiles.logits[2] - tiles.logits.mean(0)).flatten()
    torch.testing.assert_close(found.sample_evidence, relative[found.sample.long()])


@given(st.integers(0, 100))
def test_elsewhere_are_the_tiles_that_share_no_pixel_with_the_strongest(seed: int) -> None:
    tiles = random_map(seed)
    found = strongest_tiles(tiles, 1, torch.Generator())
    relative = tiles.logits[1] - tiles.logits.mean(0)
    covered = torch.zeros(10, 14, dtype=torch.bool)
    row, column = divmod(int(found.index[1]), tiles.grid.shape[1])
    top, left = tiles.grid.tops[row], tiles.grid.lefts[column]
    covered[top : top + 4, left : left + 4] = True
    apart = [
        float(relative[i, j])
        for i, one in enumerate(tiles.grid.tops)
        for j, other in enumerate(tiles.grid.lefts)
        if not covered[one : one + 4, other : other + 4].any()
    ]
    assert found.elsewhere == pytest.approx(np.mean(apart), abs=1e-5)


def test_if_all_tiles_overlap_with_the_strongest_all_count_but_those_that_were_skipped() -> None:
    logits = torch.tensor([[[6.0, 2.0, torch.nan]], [[0.0, 0.0, torch.nan]]])
    tiles = EvidenceMap(logits, TileGrid(4, 6, tile=4, stride=1), ("cat", "dog"))
    assert strongest_tiles(tiles, 0, torch.Generator()).elsewhere == pytest.approx(2.0)


def test_a_seed_gives_the_same_sample() -> None:
    one, other = (strongest_tiles(random_map(1), 0, torch.Generator().manual_seed(7)) for _ in range(2))
    assert one.sample.tolist() == other.sample.tolist()
