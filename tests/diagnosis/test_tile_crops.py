"""Tiles cut again against the maps that they were chosen from."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.diagnosis.conftest import bound_function
from torch import Tensor, nn

from nearsight.data import ImageSet
from nearsight.diagnosis.errors.image_errors import KEPT_CLASSES
from nearsight.diagnosis.tile_crops import ChosenTiles, TileSource, kept_classes
from nearsight.evidence import evidence
from nearsight.models import Preprocessing
from nearsight.tiles import TileGrid

SIZES = [(9, 12), (12, 9), (15, 10)]
PREPROCESSING = Preprocessing((0.5, 0.4, 0.6), (0.2, 0.3, 0.25), resize_short=8, interpolation="bilinear")
CHOSEN = ChosenTiles(
    np.array([2, 0, 0, 1, 2]), np.array([3, 0, 2, 1, 0]), np.array([1, 5, 3, 4, 2], dtype=np.float32)
)


class Counted:
    """Images of several sizes that count how often each is decoded."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.pictures = [
            torch.randint(0, 256, (3, *size), generator=generator).to(torch.uint8) for size in SIZES
        ]
        self.sizes = np.array(SIZES, dtype=np.int32)
        self.decoded = [0, 0, 0]

    def image(self, i: int) -> Tensor:
        self.decoded[i] += 1
        return self.pictures[i]

    def path(self, i: int) -> str:
        return f"image-{i}.png"


@pytest.fixture
def images() -> ImageSet:
    return ImageSet("toy", "test", ("cat", "dog"), np.array([0, 1, 1]), Counted())


@pytest.fixture
def model() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2)
        ).eval()


def resized(images: ImageSet) -> list[Tensor]:
    return [PREPROCESSING.resize(images.image(i)) for i in range(3)]


def source_of(images: ImageSet, model: nn.Module, memory: int = 2**20) -> TileSource:
    grids = [TileGrid(*picture.shape[1:], tile=6, stride=2, kind="covering") for picture in resized(images)]
    return TileSource(bound_function(model, images, PREPROCESSING, tile=6, memory=memory), images, grids)


def test_pixels_and_logits_are_those_of_the_maps(images: ImageSet, model: nn.Module) -> None:
    source = source_of(images, model)
    pictures = resized(images)
    maps = evidence(
        model, [PREPROCESSING.normalise(image) for image in pictures], tile=6, stride=2, grid="covering"
    )
    (shown,) = source.shown([(CHOSEN, 0)])
    for tile, pixels, image, number in zip(
        shown, source.pixels(CHOSEN), CHOSEN.images.tolist(), CHOSEN.numbers.tolist(), strict=True
    ):
        assert torch.equal(pixels, maps[image].crop(pictures[image], number))
        logits = maps[image].logits.flatten(1)[:, number]
        assert tile.kept == (0, 1)
        assert tile.logits == pytest.approx(logits.tolist(), abs=1e-5)
        assert (tile.index, tile.path) == (image, f"image-{image}.png")
        assert torch.equal(pixels, pictures[image][:, tile.top : tile.top + 6, tile.left : tile.left + 6])
    assert [tile.label for tile in shown] == [1, 0, 0, 1, 1]
    assert [tile.evidence for tile in shown] == CHOSEN.evidence.tolist()


def test_an_image_is_decoded_once_for_tiles_in_a_row(images: ImageSet, model: nn.Module) -> None:
    source = source_of(images, model)
    images.images.decoded[:] = [0, 0, 0]
    list(source.pixels(CHOSEN))
    assert images.images.decoded == [1, 1, 2]


def test_embeddings_do_not_depend_on_the_memory_for_a_batch(images: ImageSet, model: nn.Module) -> None:
    large, small = (source_of(images, model, memory).embeddings([CHOSEN])[0] for memory in (2**20, 1))
    assert large.shape == (5, 5)
    np.testing.assert_allclose(large, small, atol=1e-6)


def test_parts_are_made_together_as_each_alone(images: ImageSet, model: nn.Module) -> None:
    source, parts = source_of(images, model), [CHOSEN.strongest(2), CHOSEN.strongest(0), CHOSEN.strongest(4)]
    for part, embeddings in zip(parts, source.embeddings(parts), strict=True):
        (alone,) = source.embeddings([part])
        np.testing.assert_allclose(embeddings, alone.reshape(embeddings.shape), atol=1e-6)
    for (part, number), shown in zip(
        zip(parts, (0, 1, 1), strict=True), source.shown([*zip(parts, (0, 1, 1), strict=True)]), strict=True
    ):
        assert [tile.index for tile in shown] == part.images.tolist()
        assert all(number in tile.kept for tile in shown)


def test_nothing_chosen_gives_nothing(images: ImageSet, model: nn.Module) -> None:
    source, nothing = source_of(images, model), CHOSEN.select(np.zeros(5, dtype=bool))
    assert (list(source.shown([(nothing, 0)])), len(source.embeddings([nothing])[0])) == ([()], 0)


def test_the_strongest_come_first() -> None:
    assert CHOSEN.strongest(3).evidence.tolist() == [5, 4, 3]
    assert len(CHOSEN.strongest(9)) == 5


@given(st.lists(st.floats(-9, 9, width=32), min_size=1, max_size=40), st.data())
def test_the_ten_largest_and_the_class_shown_are_kept(logits: list[float], data: st.DataObject) -> None:
    wanted = data.draw(st.integers(0, len(logits) - 1))
    kept = kept_classes(torch.tensor(logits), wanted)
    assert wanted in kept
    assert list(kept) == sorted(set(kept))
    assert len(kept) in {min(KEPT_CLASSES, len(logits)), min(KEPT_CLASSES + 1, len(logits))}
    others = sorted((logits[number] for number in kept if number != wanted), reverse=True)
    assert (
        others[:9]
        == sorted((value for n, value in enumerate(logits) if n != wanted), reverse=True)[:9][: len(others)]
    )
