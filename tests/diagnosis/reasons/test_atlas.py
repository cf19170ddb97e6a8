"""The atlas of sets whose reasons are planted, under a network that is known to see them."""

import dataclasses

import numpy as np
import pytest
import torch
from tests.diagnosis.conftest import bound_function
from torch import Tensor, nn

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.choosing import choosing_half
from nearsight.diagnosis.reasons.atlas import Atlas, build_atlas
from nearsight.diagnosis.reasons.strongest import ImageTiles, strongest_tiles
from nearsight.evidence import evidence
from nearsight.models import Preprocessing
from nearsight.statistics import Estimate
from nearsight.tiles import TileGrid
from nearsight.write import plain

SIDE, TILE, STRIDE = 16, 8, 4
CLASSES = ("apple", "berry", "cherry")
AS_IT_IS = Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
MARKED = 24


class Colours(nn.Module):
    """Red and green speak for apples, blue for berries; nothing speaks for cherries."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 3, bias=False)
        self.head.weight = nn.Parameter(
            torch.tensor([[9.0, 6.0, -3.0], [-3.0, -3.0, 9.0], [-6.0, -3.0, -6.0]])
        )

    def forward(self, tiles: Tensor) -> Tensor:
        return self.head(tiles.mean((2, 3)))


def planted() -> ImageSet:
    """Forty apples, 24 with a red corner and the others green at the top left, and forty blue berries."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 12, (80, 3, SIDE, SIDE), generator=generator).to(torch.uint8)
    pixels[:MARKED, 0, 12:, 12:] = 255
    pixels[MARKED:40, 1, :6, :6] = 255
    pixels[40:, 2, 4:12, 4:12] = 200
    labels = np.repeat([0, 1], 40)
    return ImageSet(
        "fruit", "test", CLASSES, labels, MemoryImages(pixels, tuple(f"{i}.png" for i in range(80)))
    )


def passed(images: ImageSet, model: nn.Module) -> tuple[list[TileGrid], list[ImageTiles]]:
    generator = torch.Generator().manual_seed(0)
    maps = evidence(model, AS_IT_IS.normalise(images.pixels), tile=TILE, stride=STRIDE, classes=CLASSES)
    tiles = [
        strongest_tiles(one, int(label), generator) for one, label in zip(maps, images.labels, strict=True)
    ]
    return [one.grid for one in maps], tiles


def atlas_of(images: ImageSet, **options: object) -> Atlas:
    model = Colours().eval()
    bound = bound_function(model, images, AS_IT_IS, tile=TILE, stride=STRIDE)
    return build_atlas(bound, images, *passed(images, model), **options)


def left_half(_image: int) -> Tensor:
    """Shares of the tiles on an object that is the left half: three columns of tiles at 0, 4 and 8 pixels."""
    return torch.tensor([1.0, 0.5, 0.0]).expand(3, 3)


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    return atlas_of(planted(), on_object=left_half)


def test_a_mark_in_a_corner_is_the_first_reason_with_its_place(atlas: Atlas) -> None:
    apples = atlas.classes[0]
    assert (apples.name, apples.images) == ("apple", 40)
    first, second = apples.reasons
    assert (first.count, second.count) == (MARKED, 40 - MARKED)
    assert first.place.name == "bottom right corner"
    assert second.place.name == "top left corner"
    assert first.appearance.endswith("always red at the bottom right")
    assert {tile.index for tile in first.examples} <= set(range(MARKED))
    assert all((tile.top, tile.left) == (8, 8) for tile in first.examples)


def test_the_main_reason_has_the_most_of_all_evidence_and_need_not_be_first(atlas: Atlas) -> None:
    corner, wide = atlas.classes[0].reasons
    corner, wide = (
        dataclasses.replace(one, total_share=Estimate(share, None, None))
        for one, share in ((corner, 0.2), (wide, 0.8))
    )
    assert dataclasses.replace(atlas.classes[0], reasons=(corner, wide)).main is wide
    assert atlas.classes[2].main is None


def test_shares_are_of_the_evidence_of_the_strongest_tiles(atlas: Atlas) -> None:
    images, model = planted(), Colours().eval()
    maps = evidence(model, AS_IT_IS.normalise(images.pixels[:40]), tile=TILE, stride=STRIDE)
    strongest = [float((one.logits[0] - one.logits.mean(0)).max()) for one in maps]
    first, second = atlas.classes[0].reasons
    tested = np.flatnonzero(~choosing_half(images.labels)[:40])
    marked = sum(strongest[image] for image in tested if image < MARKED)
    whole = sum(strongest[image] for image in tested)
    assert first.share.value == pytest.approx(marked / whole, abs=1e-5)
    assert first.share.value + second.share.value == pytest.approx(1)
    assert first.share.low < first.share.value < first.share.high
    assert (first.share.chance, first.share.n) == (0.5, 20)
    assert first.total_share.value + second.total_share.value == pytest.approx(1)
    assert [tile.evidence for tile in first.examples] == pytest.approx(
        sorted(strongest[:MARKED], reverse=True)[:12], abs=1e-5
    )


def test_evidence_on_the_object_is_that_of_sampled_tiles(atlas: Atlas) -> None:
    images, model = planted(), Colours().eval()
    _, tiles = passed(images, model)
    wholes = parts = 0.0
    for image in range(40, 80):
        for number, value in zip(
            tiles[image].sample.tolist(), tiles[image].sample_evidence.tolist(), strict=True
        ):
            wholes += max(value, 0)
            parts += max(value, 0) * (1.0, 0.5, 0.0)[number % 3]
    [berry] = atlas.classes[1].reasons
    assert berry.on_object.value == pytest.approx(parts / wholes, abs=1e-5)
    assert berry.on_object.chance == pytest.approx(0.5)
    assert berry.share.value == berry.total_share.value == 1


def test_imitators_are_the_strongest_tiles_of_other_classes_one_an_image() -> None:
    images = planted()
    images.pixels[40:43, 0, 12:, 12:] = torch.tensor([100, 200, 150], dtype=torch.uint8)[:, None, None]
    imitators = atlas_of(images, imitators=2).classes[0].imitators
    assert [(tile.index, tile.label, tile.top, tile.left) for tile in imitators] == [
        (41, 1, 8, 8),
        (42, 1, 8, 8),
    ]


def test_purity_falls_with_tiles_of_other_classes_that_look_the_same() -> None:
    images = planted()
    alone = atlas_of(images).classes[0].reasons[0].purity
    assert (alone.value, alone.chance) == (1.0, 1.0)
    images.pixels[40 : 40 + MARKED, 2] = 0
    images.pixels[40 : 40 + MARKED, 0, 12:, 12:] = 255
    imitated = atlas_of(images).classes[0].reasons[0].purity
    tested = ~choosing_half(images.labels)
    ours, theirs = int(tested[:MARKED].sum()), int(tested[40 : 40 + MARKED].sum())
    assert imitated.value == pytest.approx(ours / (ours + theirs))
    assert imitated.chance == pytest.approx(20 / (20 + theirs))


def test_each_image_has_one_reason_and_accuracy_is_counted_by_it() -> None:
    images = planted()
    # Right are the marked apples, and one in four of the others; all are stronger than they are right.
    predictions = np.where(np.arange(80) < MARKED, 0, np.where(np.arange(80) % 4 == 0, images.labels, 2))
    first, second = atlas_of(images, predictions=predictions).classes[0].reasons
    assert sorted(first.images) == list(range(MARKED))
    assert set(first.corners) == {(8, 8)}
    assert sorted(second.images) == list(range(MARKED, 40))
    assert first.others == second.others == ()
    tested = ~choosing_half(images.labels)
    without = [image for image in range(MARKED, 40) if tested[image]]
    assert first.accuracy.accuracy_with.value == 1
    assert first.accuracy.accuracy_without.value == pytest.approx(np.mean([i % 4 == 0 for i in without]))
    assert first.accuracy.errors_without.value == 1
    # What the mark itself says is left out of the strength of an image, and the rest of all is as dark.
    assert abs(first.accuracy.difference.chance) < 0.5 < first.accuracy.difference.value
    assert first.carried.value + second.carried.value == 1
    assert first.carried.chance == 0
    assert first.stability > 0.95


def test_images_without_a_tile_that_speaks_for_their_class_lack_all_of_its_reasons() -> None:
    images = planted()
    tested = ~choosing_half(images.labels)
    # Three marked apples become blue, and berries get their mark.
    blue = np.flatnonzero(tested[:MARKED])[:3]
    images.pixels[40:45] = images.pixels[:5].clone()
    images.pixels[blue] = images.pixels[50:53].clone()
    predictions = np.where(np.isin(np.arange(80), blue), 1, images.labels)
    green, marked = atlas_of(images, predictions=predictions).classes[0].reasons
    assert not {*blue.tolist()} & {*green.images, *marked.images}
    assert marked.carried.n == 20
    assert marked.carried.value == pytest.approx((tested[:MARKED].sum() - 3) / 20)
    assert marked.carried.chance == pytest.approx(tested[40:45].sum() / 20)
    right = tested[MARKED:40].sum()
    assert marked.accuracy.accuracy_without.value == pytest.approx(right / (right + 3))
    assert marked.accuracy.errors_without.value == 1


def test_a_class_without_images_and_one_without_evidence_have_no_reasons(atlas: Atlas) -> None:
    cherry = atlas.classes[2]
    assert (cherry.images, cherry.reasons, cherry.imitators) == (0, (), ())
    images = planted()
    images.labels[:5] = 2
    assert atlas_of(images).classes[2].reasons == ()


def test_one_image_of_a_class_is_one_reason_without_interval() -> None:
    images = planted().select(np.array([0, 50]))
    [reason] = atlas_of(images).classes[0].reasons
    assert (reason.share.value, reason.share.low, reason.count) == (1.0, None, 1)
    assert reason.on_object is None


def test_regions_that_are_unknown_are_left_out() -> None:
    images = planted()
    some = atlas_of(images, on_object=lambda image: left_half(image) if image < 45 else None)
    assert some.classes[1].reasons[0].on_object.n <= 5
    none = atlas_of(images, on_object=lambda _: None)
    assert none.classes[1].reasons[0].on_object is None


def test_at_most_so_many_images_of_a_class_take_part_by_the_seed() -> None:
    few, again, other = (atlas_of(planted(), per_class=12, seed=seed) for seed in (0, 0, 1))
    assert sum(reason.count for reason in few.classes[0].reasons) == 12
    assert few == again
    assert few != other


def test_the_whole_is_plain_values(atlas: Atlas) -> None:
    assert (
        plain(dataclasses.asdict(atlas))["classes"][0]["reasons"][0]["place"]["name"] == "bottom right corner"
    )
