"""Locality against evaluations one by one, under models whose sight is known."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from tests.diagnosis.conftest import PLAIN, bound_function
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.findings import Findings
from nearsight.diagnosis.locality.part import LOCALITY
from nearsight.diagnosis.locality.sizes import Locality, SizeRow, measure_locality
from nearsight.evaluation import evaluate
from nearsight.evidence import TiledModel, evidence
from nearsight.settings.pooled import Pooling
from nearsight.statistics import Estimate


def toy(count: int = 30, side: int = 16) -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, 3, side, side), generator=generator).to(torch.uint8)
    labels = np.random.default_rng(0).integers(0, 3, count)
    return ImageSet("toy", "test", ("a", "b", "c"), labels, MemoryImages(pixels, ("",) * count))


def brightest(images: Tensor) -> Tensor:
    """Logits that are the largest value of each channel, so that a tile says other than the whole."""
    return images.amax((2, 3)) + images.mean((2, 3))


def always_the_first(images: Tensor) -> Tensor:
    return torch.tensor([[1.0, 0.0, 0.0]]).expand(len(images), 3)


def measured(bound: TiledModel, images: ImageSet, protocol: str = "full-pass", **given: Any) -> Locality:
    """Measure against the decision under a protocol, from an evaluation as a diagnosis makes it."""
    if not len(images):
        return measure_locality(Decision(bound, protocol), images, {}, [], **given)
    scores = evaluate(bound, images, protocols=tuple({"full-pass", protocol})).scores
    grids = [one.grid for one in bound.maps(images.image(place) for place in range(len(images)))]
    return measure_locality(Decision(bound, protocol), images, scores, grids, **given)


def test_rows_are_those_of_evidence_maps_one_by_one() -> None:
    images = toy()
    found = measured(bound_function(brightest, images, tile=8), images, sizes=(4, 8))
    prepared = [PLAIN.normalise(images.image(i)) for i in range(30)]
    full = np.array([int(brightest(image[None]).argmax()) for image in prepared])
    assert found.own is not None
    assert found.own.value == pytest.approx((full == images.labels).mean())
    assert (found.decided, found.whole, found.protocol) == ("full-pass", None, "mean-logit")
    for row, size in zip(found.sizes, (4, 8), strict=True):
        maps = evidence(brightest, prepared, tile=size, stride=size // 2, grid="covering")
        predictions = np.array([one.predicted() for one in maps])
        right = predictions == images.labels
        assert (row.tile, row.tiles) == (size, len(maps[0].grid))
        assert row.accuracy.value == pytest.approx(right.mean())
        assert row.agreement.value == pytest.approx((predictions == full).mean())
        single = [one.vote()[label] for one, label in zip(maps, images.labels, strict=True)]
        assert row.single.value == pytest.approx(float(np.mean(single)), abs=1e-6)
        assert row.drop.value == pytest.approx((full == images.labels).mean() - right.mean())


def test_of_a_model_that_decides_by_tiles_the_loss_is_against_these_tiles() -> None:
    images = toy(60)
    bound = bound_function(brightest, images, tile=8, stride=4, grid="covering")
    found = measured(bound, images, "mean-logit", sizes=(4, 8, 12))
    prepared = [PLAIN.normalise(images.image(i)) for i in range(60)]

    def right(size: int) -> np.ndarray:
        maps = evidence(brightest, prepared, tile=size, stride=size // 2, grid="covering")
        return np.array([int(one.predicted()) for one in maps]) == images.labels

    for row in found.sizes:
        each = right(8).astype(float) - right(row.tile)
        assert row.drop.value == pytest.approx(each.mean())
        assert row.drop.low is not None
        assert row.drop.low == pytest.approx(each.mean() - 1.96 * each.std() / 60**0.5, abs=0.06)
    [_, own, _] = found.sizes
    assert (own.drop.value, own.agreement.value) == (0.0, 1.0)
    full = np.array([int(brightest(image[None]).argmax()) for image in prepared])
    assert found.own is not None
    assert found.whole is not None
    assert found.own.value == pytest.approx(right(8).mean())
    assert found.whole.value == pytest.approx((full == images.labels).mean())
    assert found.decided == "mean-logit, tile 8, stride 4"


def test_sizes_are_scored_by_the_pooling_by_which_the_model_decides() -> None:
    images = toy()
    bound = bound_function(brightest, images, tile=8, stride=4, pooling=Pooling("max"))
    found = measured(bound, images, "max", sizes=(4, 8))
    assert found.protocol == "max"
    for row in found.sizes:
        maps = bound.at(row.tile, row.stride, "covering").maps(images.image(i) for i in range(30))
        predictions = np.array([int(one.logits.flatten(1).amax(1).argmax()) for one in maps])
        assert row.accuracy.value == pytest.approx((predictions == images.labels).mean())
    assert found.sizes[1].agreement.value == 1.0


def test_sizes_run_from_half_the_tile_to_the_image_and_the_whole_image_agrees() -> None:
    rows = measured(bound_function(brightest, toy(), tile=4), toy()).sizes
    sizes = [row.tile for row in rows]
    assert (sizes[:2], sizes[-1]) == ([2, 4], 16)
    assert sizes == sorted(set(sizes))
    assert (rows[-1].agreement.value, rows[-1].drop.value, rows[-1].tiles) == (1.0, 0.0, 1)


def test_sizes_that_the_model_refuses_are_left_out() -> None:
    def picky(images: Tensor) -> Tensor:
        if images.shape[2] % 4:
            raise ValueError("patches of 4 pixels")
        return images.mean((2, 3)) if images.shape[2] > 4 else images.mean((2, 3)) * float("nan")

    found = measured(bound_function(picky, toy(), tile=8), toy(), sizes=(4, 6, 8, 12))
    assert [row.tile for row in found.sizes] == [8, 12]


def test_images_are_drawn_by_the_seed_and_an_empty_set_has_no_rows() -> None:
    one, same, other = (
        measured(bound_function(brightest, toy(), tile=8), toy(), sizes=(8,), limit=10, seed=seed)
        for seed in (0, 0, 1)
    )
    assert one.sizes[0].accuracy.n == 10
    assert one == same != other
    assert measured(bound_function(brightest, toy(), tile=8), toy(0)) == Locality(())


def size_row(tile: int, low: float) -> SizeRow:
    known = Estimate(0.5, 0.25, 0.75, n=50, chance=None)
    return SizeRow(tile, 9, known, known, known, Estimate(low + 0.1, low, low + 0.2, n=50, chance=0.0))


def test_the_sentence_names_the_smallest_size_that_may_lose_nothing() -> None:
    rows = (size_row(8, 0.2), size_row(12, -0.05), size_row(16, -0.1))
    found = Locality(rows)
    assert found.smallest is rows[1]
    assert "with tiles of 12 pixels (30 (20 to 40) points lost with tiles of 8 pixels): " in found.sentence()
    assert "at most 15 points below the full pass" in found.sentence()
    assert "at most 1 point below the full pass" in Locality((size_row(8, -0.19),)).sentence()
    assert Locality((rows[0],)).sentence().startswith("it needs whole images")
    assert Locality(()).sentence() == ""


def test_the_first_screen_says_of_what_and_how_surely_no_loss_is_proven() -> None:
    [lead] = LOCALITY.leads(Locality((size_row(8, 0.2), size_row(12, -0.05))), cast(Findings, None))
    assert (lead.title, lead.figure) == ("smallest tiles without a proven loss", "12 px")
    assert (
        lead.says
        == "on 50 images, full-pass minus mean-logit, tile 12, stride 6 is 5.0 (−5.0 to 15.0) points"
    )


SURE = Estimate(0.58, 0.53, 0.63, n=50, chance=0.1)
BY_TILES = "mean-logit, tile 16, stride 8"


def test_of_a_model_that_decides_by_tiles_its_own_tiles_are_named_and_the_full_pass_stands_beside() -> None:
    own = size_row(16, -0.1)
    found = Locality((size_row(8, 0.04), own), whole=SURE, own=SURE, decided=BY_TILES)
    assert found.sentence() == (
        "no loss of accuracy shows with its own tiles of 16 pixels (14 (4 to 24) points lost with tiles of 8 "
        f"pixels): under {BY_TILES} it is 50 % (25 to 75) accurate on 50 images; under full-pass, by which it does "
        "not decide, it is 58 % (53 to 63) accurate"
    )
    [lead] = LOCALITY.leads(found, cast(Findings, None))
    assert (lead.figure, lead.says) == (
        "16 px",
        "as it decides; 14 (4 to 24) points lost with tiles of 8 pixels, on 50 images",
    )
    smaller = Locality((size_row(8, -0.05), own), own=SURE, decided=BY_TILES)
    assert f"at most 15 points below its own decision ({BY_TILES}), and agrees with it" in smaller.sentence()
    [lead] = LOCALITY.leads(smaller, cast(Findings, None))
    assert (
        lead.says
        == f"on 50 images, {BY_TILES} minus mean-logit, tile 8, stride 4 is 5.0 (−5.0 to 15.0) points"
    )


def test_tiles_that_all_lose_against_a_decision_by_tiles_are_not_said_to_need_whole_images() -> None:
    found = Locality((size_row(8, 0.2), size_row(24, 0.1)), own=SURE, decided=BY_TILES)
    said = found.sentence()
    assert said.startswith(
        f"every size of tiles below the image's loses against its own decision, {BY_TILES}:"
    )
    assert "whole images" not in said
    [lead] = LOCALITY.leads(found, cast(Findings, None))
    assert (lead.title, lead.figure) == ("what it needs", "its own tiles")


def test_a_tile_that_is_the_image_is_not_said_to_lose_nothing() -> None:
    image = replace(size_row(32, -0.1), tiles=1)
    found = Locality((size_row(8, 0.3), size_row(16, 0.2), image))
    assert found.smallest is None
    assert found.sentence().startswith("it needs whole images: under mean-logit, tile 16")
    assert found.losses().split(", ")[1] == "40 (30 to 50) points lost with tiles of 8 pixels"
    assert "nothing can be said" in Locality((image,)).sentence()


def test_of_a_network_at_chance_nothing_is_said_of_sizes() -> None:
    at_chance = Estimate(0.12, 0.08, 0.16, n=400, chance=0.1)
    found = Locality((size_row(2, -0.1), size_row(8, -0.1)), own=at_chance)
    assert found.smallest is None
    assert found.sentence().endswith("no more often than by chance (12 % (8 to 16) of 400 images)")
    # Older files hold the full pass alone.
    assert Locality(found.sizes, at_chance).sentence() == found.sentence()
    assert "pixels" not in found.sentence()
    [lead] = LOCALITY.leads(found, cast(Findings, None))
    assert lead.figure == "not known"


def test_one_answer_to_all_images_is_chance_however_frequent_its_class() -> None:
    images = replace(toy(), labels=np.repeat([0, 0, 1, 2, 0], 6))
    found = measured(bound_function(always_the_first, images, tile=8), images, sizes=(4, 8))
    assert found.own is not None
    assert (found.own.value, found.own.chance) == (pytest.approx(0.6), pytest.approx(0.6))
    assert found.at_chance
