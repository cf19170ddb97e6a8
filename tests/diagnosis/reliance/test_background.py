"""Background reliance: maps whose answer is known, and the averages over images."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nearsight.data import draw_scenes
from nearsight.diagnosis.overlap import object_shares
from nearsight.diagnosis.reliance.background import ImageReliance, image_reliance, summarise_reliance
from nearsight.errors import InputError
from nearsight.evidence import EvidenceMap
from nearsight.statistics import Estimate, mean_estimate
from nearsight.tiles import TileGrid

CLASSES = ("cat", "dog", "owl")
GRID = TileGrid(12, 16, tile=4, stride=2)


def region() -> Tensor:
    mask = torch.zeros(12, 16, dtype=torch.bool)
    mask[3:9, 2:11] = True
    return mask


def reliance(logits: Tensor, label: int = 0, mask: Tensor | None = None) -> ImageReliance:
    mask = region() if mask is None else mask
    tiles = EvidenceMap(logits, GRID, CLASSES)
    return image_reliance(tiles, label, object_shares(mask, GRID), mask)


def random_logits(seed: int = 0) -> Tensor:
    return torch.randn(3, *GRID.shape, generator=torch.Generator().manual_seed(seed))


def leaning(evidence: Tensor) -> Tensor:
    """Logits whose relative evidence for the first class is `evidence`, of which the others hold the opposite."""
    return torch.stack([evidence, -evidence / 2, -evidence / 2])


@given(st.integers(0, 200))
def test_the_share_is_the_sum_over_tiles_pixel_by_pixel(seed: int) -> None:
    logits, mask = random_logits(seed), region()
    off = total = 0.0
    for row, top in enumerate(GRID.tops):
        for column, left in enumerate(GRID.lefts):
            tile = logits[:, row, column].double()
            positive = max(0.0, float(tile[1] - tile.mean()))
            pixels = mask[top : top + 4, left : left + 4]
            off += positive * float((~pixels).double().mean())
            total += positive
    assert reliance(logits, label=1).off_share == pytest.approx(off / total)


def test_evidence_on_the_object_alone_and_beside_it_alone() -> None:
    shares = object_shares(region(), GRID)
    on = reliance(leaning((shares == 1).float()))
    beside = reliance(leaning((shares == 0).float()))
    assert (on.off_share, on.pointed, on.object) == (0, True, True)
    assert (beside.off_share, beside.pointed, beside.background) == (1, False, True)


def test_even_evidence_lies_off_the_object_as_the_area_does() -> None:
    found = reliance(leaning(torch.ones(GRID.shape)))
    assert found.off_share == pytest.approx(found.off_area)
    assert found.off_area == pytest.approx(1 - float(object_shares(region(), GRID).mean()))


def test_the_area_and_the_chance_of_pointing_are_the_values_of_shuffled_maps() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = random_logits()
    shuffled = [
        reliance(logits.flatten(1)[:, torch.randperm(len(GRID), generator=generator)].reshape(logits.shape))
        for _ in range(600)
    ]
    assert np.mean([each.off_share for each in shuffled]) == pytest.approx(shuffled[0].off_area, abs=0.02)
    assert np.mean([each.pointed for each in shuffled]) == pytest.approx(shuffled[0].pointed_chance, abs=0.06)


def test_a_number_added_to_the_logits_of_each_tile_changes_nothing() -> None:
    logits = random_logits().double()
    shift = torch.randn(GRID.shape, generator=torch.Generator().manual_seed(1)).double() * 20
    one, other = reliance(logits), reliance(logits + shift)
    assert (one.off_share, one.pointed) == (pytest.approx(other.off_share), other.pointed)


def test_background_and_object_are_mean_logit_of_their_own_tiles() -> None:
    answers = set()
    shares = object_shares(region(), GRID)
    for seed in range(30):
        logits = random_logits(seed)
        found = reliance(logits, label=2)
        assert found.background == (int(logits[:, shares == 0].mean(1).argmax()) == 2)
        assert found.object == (int(logits[:, shares >= 0.5].mean(1).argmax()) == 2)
        answers.add((found.background, found.object))
    assert len(answers) == 4


def test_what_has_no_tiles_and_no_evidence_is_not_known() -> None:
    everywhere = torch.ones(12, 16, dtype=torch.bool)
    speck = torch.zeros(12, 16, dtype=torch.bool)
    speck[6, 6] = True
    assert reliance(random_logits(), mask=everywhere).background is None
    assert reliance(random_logits(), mask=speck).object is None
    against = reliance(leaning(-torch.ones(GRID.shape)))
    assert math.isnan(against.off_share)
    assert not math.isnan(against.off_area)


def test_the_strongest_tile_points_at_its_own_centre() -> None:
    evidence = torch.zeros(GRID.shape)
    evidence[1, 2] = 1
    for row, column, hit in ((4, 6, True), (3, 6, False), (4, 5, False)):
        mask = torch.zeros(12, 16, dtype=torch.bool)
        mask[row, column] = True
        # Tile (1, 2) covers rows 2 to 5 and columns 4 to 7; below and right of its middle is pixel (4, 6).
        assert reliance(leaning(evidence), mask=mask).pointed is hit
    assert reliance(leaning(evidence)).pointed_chance == pytest.approx(15 / 35)


def test_a_region_of_the_unresized_image_gives_the_same() -> None:
    mask = region()
    double = mask.repeat_interleave(2, 0).repeat_interleave(2, 1)
    assert reliance(random_logits(), mask=double) == reliance(random_logits(), mask=mask)


def test_what_does_not_belong_together_is_refused() -> None:
    tiles = EvidenceMap(random_logits(), GRID, CLASSES)
    with pytest.raises(InputError, match=r"on_object has shape \(2, 2\), but the map has \(5, 7\) tiles"):
        image_reliance(tiles, 0, torch.zeros(2, 2), region())
    with pytest.raises(InputError, match="the proportions differ"):
        image_reliance(tiles, 0, torch.zeros(5, 7), torch.ones(12, 40, dtype=torch.bool))
    with pytest.raises(InputError, match="class 3 does not exist"):
        image_reliance(tiles, 3, torch.zeros(5, 7), region())


RECORDS = [
    ImageReliance(0, 0.2, 0.5, True, True, True, 0.25),
    ImageReliance(0, 0.6, 0.7, False, None, False, 0.35),
    ImageReliance(2, math.nan, 0.1, None, True, True, 0.75),
]


def test_rows_are_means_over_the_images_that_count() -> None:
    found = summarise_reliance(RECORDS, CLASSES, "boxes", images=5, notes=("first",))
    row = found.overall
    assert (row.name, row.images, found.known, found.images) == ("all", 3, 3, 5)
    assert row.off_share.value == pytest.approx(0.4)
    # The chance is the area of the two images whose share is known, not of all three.
    assert (row.off_share.n, row.off_share.chance) == (2, pytest.approx(0.6))
    assert row.off_area.value == pytest.approx(1.3 / 3)
    assert (row.background.value, row.background.n, row.background.chance) == (0.5, 2, 1 / 3)
    assert (row.object.value, row.object.n) == (1.0, 2)
    assert (row.pointing.value, row.pointing.chance) == (pytest.approx(2 / 3), pytest.approx(0.45))
    assert row.excess == mean_estimate([0.2 - 0.5, 0.6 - 0.7, math.nan], chance=0.0)
    assert [note.split()[0] for note in found.notes] == ["first", "boxes", "2"]


def test_a_class_has_a_row_like_a_set_of_its_own_also_without_images() -> None:
    found = summarise_reliance(RECORDS, CLASSES, "mask", images=3)
    assert [row.name for row in found.classes] == list(CLASSES)
    alone = summarise_reliance(RECORDS[:2], CLASSES, "mask", images=2).overall
    assert found.classes[0].off_share == alone.off_share
    empty = found.classes[1]
    assert (empty.images, empty.background) == (0, Estimate(None, None, None, 0, None))
    assert empty.excess.value is empty.pointing.chance is None
    assert len(found.notes) == 1


def test_the_sentence_says_what_is_not_known() -> None:
    nothing = summarise_reliance([], CLASSES, "cells", images=4)
    assert nothing.sentence() == "background reliance is unknown: no image has a region"
    assert "4 of 4 images have no region" in nothing.notes[-1]
    assert summarise_reliance(RECORDS[2:], CLASSES, "mask", images=1).sentence() == (
        "unknown of the evidence for the true class lies off the object, as does 10 % of the area; tiles off "
        "the object alone (mean-logit) are right for no image, tiles on it for 100 % of 1 image (chance 33 %)"
    )


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 1))
def test_evidence_that_is_a_mixture_of_scene_and_object_has_the_share_of_the_mixture(part: float) -> None:
    """On drawn scenes, tiles wholly on one side carry `part` of the evidence off the object."""
    scenes = draw_scenes("test", count=8)
    grid = TileGrid(64, 64, tile=8, stride=8)
    for mask in scenes.masks:
        shares = object_shares(mask, grid)
        on, off = (shares == 1).float(), (shares == 0).float()
        if not on.any():
            continue
        evidence = off * part / off.sum() + on * (1 - part) / on.sum()
        tiles = EvidenceMap(leaning(evidence), grid, CLASSES)
        assert image_reliance(tiles, 0, shares, mask).off_share == pytest.approx(part, abs=1e-5)
