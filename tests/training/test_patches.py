"""Cutout, CutMix and mixup against their published forms, and the same whatever redraws, splits or resumes a step."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms import v2

from nearsight.settings import Recipe
from nearsight.training.batches import Batch
from nearsight.training.patches import PARTS, SIDES, draw_patches, patch

GREY = torch.tensor([1, 2, 3], dtype=torch.uint8)


def batch_of(images: int, many: int = 1, size: tuple[int, int] = (12, 10)) -> Batch:
    draw = torch.Generator().manual_seed(1)
    tiles = torch.randint(10, 256, (images, many, 3, *size), generator=draw, dtype=torch.uint8)
    return Batch(tiles, torch.arange(images))


@given(seed=st.integers(0, 1000), side=st.integers(1, 9), many=st.integers(1, 3))
def test_a_square_of_each_tile_is_erased_and_nothing_else(seed: int, side: int, many: int) -> None:
    recipe = Recipe(batch_size=4, tiles_per_image=many, cutout=side, seed=seed)
    batch = batch_of(4, many)
    drawn = draw_patches(recipe, 7, (12, 10))
    tiles = patch(batch, drawn, recipe, GREY).tiles
    rows, columns = drawn.reshape(2, 4, many).tolist()
    for image in range(4):
        for tile in range(many):
            wanted = batch.tiles[image, tile].clone()
            top, left = rows[image][tile] - side // 2, columns[image][tile] - side // 2
            wanted[:, max(top, 0) : top + side, max(left, 0) : left + side] = GREY[:, None, None]
            assert tiles[image, tile].equal(wanted)


@given(seed=st.integers(0, 1000))
def test_images_are_mixed_as_torchvision_mixes_them(seed: int) -> None:
    recipe = Recipe(batch_size=5, cutmix=1.0, seed=seed)
    batch, drawn = batch_of(5), draw_patches(recipe, 3, (12, 10))
    mixed = patch(batch, drawn, recipe, GREY)
    top, bottom, left, right = drawn.tolist()
    kept = 1 - (bottom - top) * (right - left) / 120
    assert mixed.kept == pytest.approx(kept)
    theirs = v2.CutMix(num_classes=5)
    params = {"box": (left, top, right, bottom), "lam_adjusted": kept, "labels": batch.labels}
    params |= {"batch_size": 5}
    assert mixed.tiles[:, 0].equal(theirs.transform(batch.tiles[:, 0], params))
    assert mixed.partners is not None
    targets = kept * torch.eye(5)[mixed.labels] + (1 - kept) * torch.eye(5)[mixed.partners]
    assert torch.allclose(targets, theirs.transform(batch.labels, params), atol=1e-6)


def test_a_share_of_the_steps_is_mixed_and_the_share_kept_is_uniform() -> None:
    recipe = Recipe(batch_size=2, cutmix=0.3)
    boxes = torch.stack([draw_patches(recipe, step, (1000, 1000)) for step in range(3000)])
    mixes = boxes.any(1)
    assert mixes.double().mean() == pytest.approx(0.3, abs=0.03)
    inner = boxes[mixes & (boxes[:, [0, 2]] > 0).all(1) & (boxes[:, [1, 3]] < 1000).all(1)]
    assert (inner[:, 1] - inner[:, 0] == inner[:, 3] - inner[:, 2]).all()
    untouched = patch(batch_of(2), torch.zeros(SIDES, dtype=torch.int64), recipe, GREY)
    assert untouched.tiles.equal(batch_of(2).tiles)
    assert untouched.kept == 1


@given(seed=st.integers(0, 1000))
def test_images_are_blended_as_torchvision_blends_them(seed: int) -> None:
    recipe = Recipe(batch_size=5, mixup=1.0, seed=seed)
    batch, drawn = batch_of(5), draw_patches(recipe, 3, (12, 10))
    blended = patch(batch, drawn, recipe, GREY)
    kept = int(drawn) / PARTS
    assert blended.kept == pytest.approx(kept)
    assert blended.partners is not None
    assert blended.partners.equal(batch.labels.roll(1))
    params = {"lam": kept, "labels": batch.labels, "batch_size": 5}
    theirs = v2.MixUp(num_classes=5).transform(batch.tiles[:, 0].float(), params)
    assert torch.allclose(blended.tiles[:, 0].float(), theirs, atol=0.51)


def test_shares_that_are_kept_follow_mixups_beta_distribution() -> None:
    drawn = np.array([int(draw_patches(Recipe(mixup=0.5), step, (8, 8))) / PARTS for step in range(3000)])
    # A half of the steps blends nothing and keeps all.
    for kept in (0.001, 0.1, 0.5, 0.9, 0.99):
        assert (drawn < kept).mean() == pytest.approx(0.5 * scipy.stats.beta(0.2, 0.2).cdf(kept), abs=0.03)


def test_a_step_that_exchanges_rectangles_blends_nothing() -> None:
    recipe = Recipe(batch_size=2, cutmix=0.5, mixup=1.0)
    for step in range(50):
        *rectangle, kept = draw_patches(recipe, step, (12, 10)).tolist()
        assert any(rectangle) <= (kept == PARTS)
        done = patch(batch_of(2), torch.tensor([*rectangle, kept]), recipe, GREY)
        assert done.kept is not None
        assert 0 <= done.kept <= 1


def test_of_several_processes_each_erases_what_one_alone_would() -> None:
    recipe = Recipe(batch_size=6, tiles_per_image=2, cutout=4)
    batch, drawn = batch_of(6, 2), draw_patches(recipe, 0, (12, 10))
    whole = patch(batch, drawn, recipe, GREY).tiles
    for rank in range(3):
        part = patch(batch.part_of(rank, 3), drawn, recipe, GREY, rank=rank, world=3).tiles
        assert part.equal(whole[rank::3])


def test_patches_are_those_of_their_seed_and_step() -> None:
    recipe = Recipe(batch_size=8, cutout=3, cutmix=1.0)
    drawn = draw_patches(recipe, 5, (32, 32))
    assert drawn.equal(draw_patches(recipe, 5, (32, 32)))
    assert not drawn.equal(draw_patches(recipe, 6, (32, 32)))
    assert not drawn.equal(draw_patches(replace(recipe, seed=1), 5, (32, 32)))
    # What one draws does not depend on whether the other is there.
    assert drawn[:-SIDES].equal(draw_patches(replace(recipe, cutmix=None), 5, (32, 32)))
    assert drawn[-SIDES:].equal(draw_patches(replace(recipe, cutout=None), 5, (32, 32)))
