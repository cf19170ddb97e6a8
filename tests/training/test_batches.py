"""Batches: the same whether gone through or come back to, cut and flipped as a slow oracle does."""

import io
import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

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
from nearsight.settings import Recipe
from nearsight.settings.tile_schedule import Size, TileSizes
from nearsight.tiles import random_corners
from nearsight.training.batches import (
    Batch,
    StreamedTiles,
    resized_pixels,
    streamed_batches,
    training_size,
)
from nearsight.training.memory_tiles import MemoryTiles
from nearsight.training.order import Positions, generator, positions

PLAIN = Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
NUMBERED = torch.arange(20 * 3 * 6 * 5).remainder(251).to(torch.uint8).reshape(20, 3, 6, 5)
LABELS = torch.arange(20)


def memory_batches(
    pixels: torch.Tensor, labels: torch.Tensor, recipe: Recipe, sizes: TileSizes, start: int, stop: int
) -> Iterator[Batch]:
    tiles = MemoryTiles(pixels, labels, recipe, sizes)
    for step, drawn in enumerate(tiles.draws(start, stop), start):
        yield tiles.cut(drawn, sizes.at(step))


def same(ours: list[Batch], theirs: list[Batch]) -> bool:
    return len(ours) == len(theirs) and all(
        a.tiles.equal(b.tiles) and a.labels.equal(b.labels) for a, b in zip(ours, theirs, strict=True)
    )


def windows(image: torch.Tensor, size: Size) -> list[torch.Tensor]:
    height, width = size
    return [
        image[:, top : top + height, left : left + width]
        for top in range(image.shape[1] - height + 1)
        for left in range(image.shape[2] - width + 1)
    ]


def is_one_of(tile: torch.Tensor, some: list[torch.Tensor]) -> bool:
    return any(tile.equal(one) for one in some)


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
                assert is_one_of(image, windows(source, (height, width)))


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


def jpeg(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


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
        places = windows(source, (4, 4))
        plain = is_one_of(tile, places)
        mirrored.append(not plain)
        assert plain or (flip != "none" and is_one_of(tile.flip(-1), places))
        assert label == row % 2
    assert any(mirrored) == (flip != "none")


def test_a_streamed_tile_is_cut_where_its_seed_and_position_say(stream: Stream) -> None:
    images = stream([*noise(3, (6, 8), (9, 5)), jpeg(noise(1, (8, 8))[0])])
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
    before = multiprocessing.active_children()
    with pytest.raises(InputError) as caught:
        list(streamed_batches(tiles, 4, 0, 1, workers))
    # While the error is kept, as in a notebook, no process is.
    assert set(multiprocessing.active_children()) <= set(before)
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
    assert is_one_of(tile, windows(resized, (10, 10)))


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
    with pytest.raises(InputError, match="2 sizes and whole images are trained in one; give `resize_short`"):
        training_size(varied, Recipe())
    assert training_size(varied, Recipe(tile=5)) == (5, 5)
    with pytest.raises(InputError, match=r"a tile of 6 pixels does not fit 1.png \(9×5\)"):
        training_size(varied, Recipe(tile=6))
    with pytest.raises(InputError, match="a tile of 9 does not fit images resized to a short side of 8"):
        training_size(make_images(4), Recipe(tile=9, resize_short=8))


# Two stages, of two steps each, before a run on whole images or on tiles.
STAGES = ((2, (3, 3)), (4, (4, 4)))
FILLS = {"black": "constant", "reflect": "reflect"}


def padded(image: torch.Tensor, pixels: int, fill: str) -> torch.Tensor:
    """A slow stand-in for `pad`, of one image, by PyTorch's own padding, which does not reflect uint8."""
    return F.pad(image.float(), (pixels,) * 4, mode=FILLS[fill]).to(torch.uint8)


@pytest.mark.parametrize("fill", FILLS)
def test_a_schedule_begins_with_tiles_inside_the_image_and_ends_on_its_padded_crops(fill: str) -> None:
    recipe = Recipe(flip="none", batch_size=7, crop_padding=2, crop_fill=fill)
    reached_padding = 0
    for step, batch in enumerate(memory_batches(NUMBERED, LABELS, recipe, TileSizes((6, 5), STAGES), 0, 7)):
        size = ((3, 3), (4, 4), (6, 5), (6, 5))[step // 2]
        assert batch.tiles.shape == (7, 1, 3, *size)
        for (tile,), row in zip(batch.tiles, batch.labels, strict=True):
            inside, beyond = NUMBERED[row], padded(NUMBERED[row], 2, fill)
            assert is_one_of(tile, windows(inside if step < 4 else beyond, size))
            reached_padding += step >= 4 and not tile.equal(inside)
    assert reached_padding > 0


@settings(max_examples=30)
@given(
    start=st.integers(0, 7),
    tile=st.sampled_from([None, 5]),
    many=st.integers(1, 3),
    fill=st.sampled_from(["black", "reflect"]),
)
def test_coming_back_in_the_middle_of_a_schedule_gives_the_batches_of_going_through(
    start: int, tile: int | None, many: int, fill: str
) -> None:
    sizes = TileSizes((6, 5) if tile is None else (tile, tile), STAGES)
    recipe = Recipe(tile=tile, batch_size=7, crop_padding=2, crop_fill=fill, tiles_per_image=many)
    whole = list(memory_batches(NUMBERED, LABELS, recipe, sizes, 0, 7))
    assert same(list(memory_batches(NUMBERED, LABELS, recipe, sizes, start, 7)), whole[start:])
    assert [batch.tiles.shape for batch in whole] == [(7, many, 3, *sizes.at(step)) for step in range(7)]


@pytest.mark.parametrize("flip", ["random", "alternating"])
@pytest.mark.parametrize("many", [2, 3])
def test_tiles_of_an_image_lie_in_it_side_by_side_and_are_flipped_together(many: int, flip: str) -> None:
    recipe = Recipe(tile=4, batch_size=10, tiles_per_image=many, flip=flip)
    mirrored, different = [], 0
    for step, batch in enumerate(memory_batches(NUMBERED, LABELS, recipe, TileSizes((4, 4)), 0, 4)):
        assert batch.labels.equal(positions(0, step * 10, step * 10 + 10, 20).index)
        for tiles, row in zip(batch.tiles, batch.labels, strict=True):
            places = windows(NUMBERED[row], (4, 4))
            turned = [is_one_of(tile.flip(-1), places) for tile in tiles]
            assert len(set(turned)) == 1
            assert turned[0] or all(is_one_of(tile, places) for tile in tiles)
            mirrored.append(turned[0])
            different += not tiles[0].equal(tiles[1])
    assert 0 < sum(mirrored) < len(mirrored)
    assert different > len(mirrored) / 2


def test_how_many_tiles_an_image_gives_changes_no_flip() -> None:
    sizes = TileSizes((4, 4))
    flips = []
    for many in (1, 2):
        recipe = Recipe(tile=4, batch_size=20, tiles_per_image=many, flip="random")
        (batch,) = memory_batches(NUMBERED, LABELS, recipe, sizes, 0, 1)
        flips.append(
            [
                is_one_of(tiles[0].flip(-1), windows(NUMBERED[row], (4, 4)))
                for tiles, row in zip(batch.tiles, batch.labels, strict=True)
            ]
        )
    assert flips[0] == flips[1]


def streamed_tiles(
    image: torch.Tensor,
    recipe: Recipe,
    sizes: TileSizes,
    position: int,
    place: Positions,
    starting: torch.Tensor,
) -> torch.Tensor:
    """A slow stand-in for a streamed position's tiles, cut one by one from the whole image."""
    size = sizes.at(position // recipe.batch_size)
    if recipe.tile is None and size == sizes.last:
        image = padded(image, recipe.crop_padding, recipe.crop_fill)
    draw = generator(recipe.seed, "corner", position)
    corners = zip(*random_corners(recipe.tiles_per_image, *image.shape[1:], size, draw), strict=True)
    tiles = torch.stack([image[:, top : top + size[0], left : left + size[1]] for top, left in corners])
    return tiles.flip(-1) if bool(starting[place.index] ^ (place.epoch % 2 == 1)) else tiles


@pytest.mark.parametrize("many", [1, 2, 3])
@pytest.mark.parametrize(("tile", "fill"), [(None, "black"), (None, "reflect"), (6, "black")])
def test_streamed_tiles_of_a_schedule_are_cut_where_their_seed_and_position_say(
    many: int, tile: int | None, fill: str, stream: Stream
) -> None:
    """Whole images of one size, or tiles of images of several, in a schedule and with several an image."""
    shapes = ((8, 8),) if tile is None else ((8, 7), (9, 12))
    images = stream([*noise(3, *shapes), jpeg(noise(1, (8, 8))[0])])
    recipe = Recipe(
        tile=tile,
        flip="alternating",
        seed=3,
        batch_size=3,
        crop_padding=2,
        crop_fill=fill,
        tiles_per_image=many,
    )
    sizes = TileSizes((8, 8) if tile is None else (6, 6), STAGES)
    tiles = StreamedTiles(images, recipe, sizes, PLAIN)
    batches = list(streamed_batches(tiles, 3, 0, 6, workers=0))
    assert len(batches) == 6
    for step, batch in enumerate(batches):
        assert batch.tiles.shape == (3, many, 3, *sizes.at(step))
        for position, ours, label in zip(
            range(3 * step, 3 * step + 3), batch.tiles, batch.labels, strict=True
        ):
            place = positions(3, position, position + 1, 4)
            row = int(place.index)
            assert ours.equal(
                streamed_tiles(images.image(row), recipe, sizes, position, place, tiles.starting_flips)
            )
            assert label == row % 2


@pytest.mark.parametrize(("many", "apart", "whole"), [(1, 1, 0), (2, 2, 0), (3, 0, 1), (5, 0, 1)])
def test_few_tiles_of_a_streamed_image_are_decoded_apart_and_many_from_it_whole(
    many: int, apart: int, whole: int, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiles = StreamedTiles(
        stream(list(noise(2, (6, 8)))), Recipe(tile=4, tiles_per_image=many), TileSizes((4, 4)), PLAIN
    )
    decoded = []
    for name in ("tile", "image"):
        real = getattr(ImageSet, name)

        def counting(images: ImageSet, *place: object, name: str = name, real: Any = real) -> torch.Tensor:
            decoded.append(name)
            return real(images, *place)

        monkeypatch.setattr(ImageSet, name, counting)
    assert tiles[0][0].shape == (many, 3, 4, 4)
    assert (decoded.count("tile"), decoded.count("image")) == (apart, whole)


def test_a_schedule_on_images_resized_as_they_stream_begins_inside_them(stream: Stream) -> None:
    pixels = noise(4, (6, 9), (12, 8))
    preprocessing = replace(PLAIN, resize_short=10)
    recipe = Recipe(tile=None, resize_short=10, flip="none", crop_padding=1, batch_size=4)
    tiles = StreamedTiles(stream(list(pixels)), recipe, TileSizes((10, 10), ((1, (4, 4)),)), preprocessing)
    for position in range(8):
        (tile,), _ = tiles[position]
        row = int(positions(0, position, position + 1, 4).index)
        resized = preprocessing.resize(torch.from_numpy(pixels[row]).permute(2, 0, 1))
        size, source = ((4, 4), resized) if position < 4 else ((10, 10), padded(resized, 1, "black"))
        assert is_one_of(tile, windows(source, size))
