"""Batches: the same whether gone through or come back to, cut and flipped as a slow oracle does."""

import io
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import binomtest

from nearsight.data import ImageSet
from nearsight.errors import InputError
from nearsight.models import Preprocessing
from nearsight.tiles import random_corners
from nearsight.training import Recipe
from nearsight.training.batches import (
    Batch,
    StreamedTiles,
    memory_batches,
    resized_pixels,
    streamed_batches,
    training_size,
)
from nearsight.training.order import generator, positions
from nearsight.training.tile_schedule import TileSizes

PLAIN = Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
NUMBERED = torch.arange(20 * 3 * 6 * 5).remainder(251).to(torch.uint8).reshape(20, 3, 6, 5)
LABELS = torch.arange(20)


def same(ours: list[Batch], theirs: list[Batch]) -> bool:
    return len(ours) == len(theirs) and all(
        a.tiles.equal(b.tiles) and a.labels.equal(b.labels) for a, b in zip(ours, theirs, strict=True)
    )


@settings(max_examples=40)
@given(
    start=st.integers(0, 12),
    tile=st.sampled_from([None, 1, 4, 5]),
    flip=st.sampled_from(["none", "random", "alternating"]),
    seed=st.integers(0, 50),
)
def test_coming_back_at_a_step_gives_the_batches_of_going_through(
    start: int, tile: int | None, flip: str, seed: int
) -> None:
    recipe = Recipe(tile=tile, flip=flip, seed=seed, batch_size=7, crop_padding=2)
    size = (tile, tile) if tile else (6, 5)
    whole = list(memory_batches(NUMBERED, LABELS, recipe, TileSizes(size), 0, 12))
    assert same(list(memory_batches(NUMBERED, LABELS, recipe, TileSizes(size), start, 12)), whole[start:])
    assert all(batch.tiles[:, 0].shape == (7, 3, *size) for batch in whole)


def test_tiles_lie_in_their_images_and_whole_images_are_cut_from_black_padding() -> None:
    for tile, padding in ((4, 0), (None, 2)):
        recipe = Recipe(tile=tile, flip="none", batch_size=7, crop_padding=2)
        height, width = (tile, tile) if tile else (6, 5)
        for step, batch in enumerate(
            memory_batches(NUMBERED, LABELS, recipe, TileSizes((height, width)), 0, 6)
        ):
            rows = positions(recipe.seed, step * 7, step * 7 + 7, 20).index
            assert batch.labels.equal(rows)
            for image, row in zip(batch.tiles[:, 0], rows, strict=True):
                source = F.pad(NUMBERED[row], (padding,) * 4)
                windows = [
                    source[:, top : top + height, left : left + width]
                    for top in range(source.shape[1] - height + 1)
                    for left in range(source.shape[2] - width + 1)
                ]
                assert any(window.equal(image) for window in windows)


def test_the_full_arm_without_augmentation_is_the_images_themselves() -> None:
    recipe = Recipe(flip="none", crop_padding=0, batch_size=10)
    for batch in memory_batches(NUMBERED, LABELS, recipe, TileSizes((6, 5)), 0, 4):
        assert batch.tiles[:, 0].equal(NUMBERED[batch.labels])


def test_alternating_flips_show_every_image_both_ways_in_turn() -> None:
    recipe = Recipe(flip="alternating", crop_padding=0, batch_size=10)
    mirrored = torch.zeros(6, 20, dtype=torch.bool)
    for step, batch in enumerate(memory_batches(NUMBERED, LABELS, recipe, TileSizes((6, 5)), 0, 12)):
        for image, row in zip(batch.tiles[:, 0], batch.labels, strict=True):
            mirrored[step // 2, row] = image.equal(NUMBERED[row].flip(-1))
            assert mirrored[step // 2, row] or image.equal(NUMBERED[row])
    assert all(a.equal(~b) for a, b in pairwise(mirrored))
    assert 0 < mirrored[0].sum() < 20


def test_random_flips_are_fair() -> None:
    recipe = Recipe(flip="random", crop_padding=0, batch_size=200)
    batches = memory_batches(NUMBERED, LABELS, recipe, TileSizes((6, 5)), 0, 10)
    flipped = sum(
        int((batch.tiles[:, 0] != NUMBERED[batch.labels]).any(dim=(1, 2, 3)).sum()) for batch in batches
    )
    # One chance in a thousand of failing if flips are fair; the seed is fixed.
    assert binomtest(flipped, 2000).pvalue > 1e-3


def noise(count: int, *sizes: tuple[int, int]) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (*sizes[i % len(sizes)], 3), dtype=np.uint8) for i in range(count)]


Stream = Callable[[list[np.ndarray | bytes]], ImageSet]


@pytest.mark.filterwarnings(
    "ignore:This DataLoader will create 2 worker processes"
)  # on a machine of one core
def test_streamed_batches_are_the_same_for_any_workers_start_and_processes(stream: Stream) -> None:
    recipe = Recipe(tile=4, batch_size=6)
    tiles = StreamedTiles(stream(noise(9, (6, 8), (9, 5))), recipe, TileSizes((4, 4)), PLAIN)
    whole = list(streamed_batches(tiles, 6, 0, 4, workers=0))
    assert same(list(streamed_batches(tiles, 6, 0, 4, workers=2)), whole)
    assert same(list(streamed_batches(tiles, 6, 3, 4, workers=0)), whole[3:])
    assert list(streamed_batches(tiles, 6, 4, 4, workers=0)) == []
    halves = zip(*(streamed_batches(tiles, 6, 0, 4, 0, rank, world=2) for rank in range(2)), strict=True)
    for batch, (first, second) in zip(whole, halves, strict=True):
        assert batch.tiles[0::2].equal(first.tiles)
        assert batch.tiles[1::2].equal(second.tiles)
        assert batch.labels[1::2].equal(second.labels)


@pytest.mark.parametrize("flip", ["none", "random", "alternating"])
def test_streamed_tiles_are_windows_of_their_image(stream: Stream, flip: str) -> None:
    pixels = noise(6, (6, 8), (9, 5))
    tiles = StreamedTiles(stream(list(pixels)), Recipe(tile=4, flip=flip), TileSizes((4, 4)), PLAIN)
    mirrored = []
    for position in range(12):
        (tile,), label = tiles[position]
        row = int(positions(0, position, position + 1, 6).index)
        source = torch.from_numpy(pixels[row]).permute(2, 0, 1)
        windows = list(source.unfold(1, 4, 1).unfold(2, 4, 1).permute(1, 2, 0, 3, 4).flatten(0, 1))
        plain = any(tile.equal(window) for window in windows)
        mirrored.append(not plain)
        assert plain or (flip != "none" and any(tile.equal(window.flip(-1)) for window in windows))
        assert label == row % 2
    assert any(mirrored) == (flip != "none")


def test_a_streamed_tile_is_cut_where_its_seed_and_position_say(stream: Stream) -> None:
    file = io.BytesIO()
    Image.fromarray(noise(1, (8, 8))[0]).save(file, "JPEG")
    images = stream([*noise(3, (6, 8), (9, 5)), file.getvalue()])
    tiles = StreamedTiles(images, Recipe(tile=4, flip="none", seed=3), TileSizes((4, 4)), PLAIN)
    for position in range(12):
        whole = images.image(int(positions(3, position, position + 1, 4).index))
        draw = generator(3, "corner", position)
        top, left = map(int, random_corners(1, *whole.shape[1:], (4, 4), draw))
        assert tiles[position][0][0].equal(whole[:, top : top + 4, left : left + 4])


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_cannot_be_decoded_ends_the_stream_in_one_line(stream: Stream, workers: int) -> None:
    images = stream([*noise(3, (8, 8)), b"no image"])
    tiles = StreamedTiles(images, Recipe(tile=4, batch_size=4), TileSizes((4, 4)), PLAIN)
    with pytest.raises(InputError) as caught:
        list(streamed_batches(tiles, 4, 0, 1, workers))
    with pytest.raises(InputError) as plain:
        images.image(3)
    assert str(caught.value) == str(plain.value)
    assert "\n" not in str(caught.value)


def test_images_are_resized_before_they_are_cut(stream: Stream) -> None:
    pixels = noise(4, (6, 9), (12, 8))
    preprocessing = replace(PLAIN, resize_short=10)
    recipe = Recipe(tile=None, resize_short=10, flip="none", crop_padding=0)
    images = stream(list(pixels))
    assert training_size(images, recipe) == (10, 10)
    (tile,), _ = StreamedTiles(images, recipe, TileSizes((10, 10)), preprocessing)[0]
    row = int(positions(0, 0, 1, 4).index)
    resized = preprocessing.resize(torch.from_numpy(pixels[row]).permute(2, 0, 1))
    assert any(tile.equal(window) for window in _squares(resized, 10))


def _squares(image: torch.Tensor, side: int) -> list[torch.Tensor]:
    return list(image.unfold(1, side, 1).unfold(2, side, 1).permute(1, 2, 0, 3, 4).flatten(0, 1))


def test_a_set_in_memory_is_resized_once_and_trained_in_its_own_shape(
    make_images: Callable[..., ImageSet],
) -> None:
    images = make_images(4, height=6, width=9)
    assert images.pixels is not None
    resize = replace(PLAIN, resize_short=12)
    assert resized_pixels(images.pixels, PLAIN) is images.pixels
    assert resized_pixels(images.pixels, resize).shape == (4, 3, 12, 18)
    assert training_size(images, Recipe(resize_short=12)) == (12, 18)
    assert training_size(images, Recipe(resize_short=12, tile=12)) == (12, 12)
    assert training_size(images, Recipe()) == (6, 9)


def test_sizes_that_cannot_be_trained_are_refused(
    stream: Stream, make_images: Callable[..., ImageSet]
) -> None:
    varied = stream(list(noise(4, (6, 8), (9, 5))))
    with pytest.raises(
        InputError, match="2 sizes and whole images are trained in one; give --resize-short N"
    ):
        training_size(varied, Recipe())
    assert training_size(varied, Recipe(tile=5)) == (5, 5)
    with pytest.raises(InputError, match=r"a tile of 6 pixels does not fit 1.png \(9×5\)"):
        training_size(varied, Recipe(tile=6))
    with pytest.raises(InputError, match="a tile of 9 does not fit images resized to a short side of 8"):
        training_size(make_images(4), Recipe(tile=9, resize_short=8))
