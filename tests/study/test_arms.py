"""Arms: what each changes of the base recipe, and what a budget holds equal."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nearsight.data import ImageSet, MemoryImages
from nearsight.errors import InputError
from nearsight.settings import RECIPES, Recipe
from nearsight.study import make_arms, order_tiles, reference_size
from nearsight.training import total_steps


def image_set(height: int, width: int) -> ImageSet:
    pixels = torch.zeros(4, 3, height, width, dtype=torch.uint8)
    return ImageSet(
        "toy", "train", ("cat", "dog"), np.array([0, 1, 0, 1]), MemoryImages(pixels, tuple("abcd"))
    )


@pytest.mark.parametrize(
    ("name", "standard", "tile_flip"),
    [("paper", ("random", 4), "none"), ("fast", ("alternating", 2), "alternating")],
)
def test_arms_differ_in_tile_and_augmentation_alone(
    name: str, standard: tuple[str, int], tile_flip: str
) -> None:
    base = RECIPES[name]
    arms = {arm.name: arm for arm in make_arms(base, (24, 16, None), "steps", (32, 32))}
    assert list(arms) == ["full", "full+standard", "tile-16", "tile-24"]
    assert arms["full"].recipe == replace(base, tile=None, flip="none", crop_padding=0)
    assert arms["full+standard"].recipe == replace(base, flip=standard[0], crop_padding=standard[1])
    for side in (16, 24):
        assert arms[f"tile-{side}"].recipe == replace(base, tile=side)
        assert arms[f"tile-{side}"].recipe.flip == tile_flip
    assert arms["full"].augmentation == "none"
    assert f"{standard[0]} flip" in arms["full+standard"].augmentation
    assert f"padding by {standard[1]} px" in arms["full+standard"].augmentation
    assert ("flip" in arms["tile-16"].augmentation) == (tile_flip != "none")


sizes = st.integers(4, 200)


@given(
    size=st.tuples(sizes, sizes),
    share=st.floats(0.05, 1),
    images=st.integers(10, 200_000),
    batch=st.integers(2, 5000),
    epochs=st.floats(0.5, 300),
)
def test_under_pixels_arms_see_as_many_pixels_to_within_one_step(
    size: tuple[int, int], share: float, images: int, batch: int, epochs: float
) -> None:
    height, width = size
    tile = max(1, int(share * min(size)))
    base = Recipe(epochs=epochs, batch_size=batch)
    arms = make_arms(base, (tile, None), "pixels", size)
    full, _, tiled = (total_steps(arm.recipe, images) * batch for arm in arms)
    # One step of whole images, and one image for rounding epochs to images.
    assert abs(tiled * tile**2 - full * height * width) <= (batch + 1) * height * width


@given(size=st.tuples(sizes, sizes), share=st.floats(0.05, 1), steps=st.integers(1, 10**6))
def test_a_budget_of_pixels_scales_steps_where_the_recipe_gives_steps(
    size: tuple[int, int], share: float, steps: int
) -> None:
    height, width = size
    tile = max(1, int(share * min(size)))
    full, _, tiled = make_arms(Recipe(steps=steps), (tile, None), "pixels", size)
    assert full.recipe.steps == steps
    assert tiled.recipe.steps is not None
    assert abs(tiled.recipe.steps * tile**2 - steps * height * width) <= height * width


@given(
    tiles=st.lists(st.one_of(st.none(), st.integers(1, 64)), min_size=2, unique=True),
    images=st.integers(10, 10**6),
    epochs=st.floats(0.1, 300),
)
def test_under_steps_arms_make_the_steps_of_the_base(
    tiles: list[int | None], images: int, epochs: float
) -> None:
    base = Recipe(epochs=epochs)
    steps = {total_steps(arm.recipe, images) for arm in make_arms(base, tiles, "steps", (64, 64))}
    assert steps == {total_steps(base, images)}


def test_the_budget_refers_to_whole_images_or_else_to_the_largest_tile() -> None:
    images = image_set(20, 30)
    assert reference_size(Recipe(), (8, None), images) == (20, 30)
    assert reference_size(Recipe(), (12, 8), images) == (12, 12)
    small, large = make_arms(Recipe(epochs=3), (12, 6), "pixels", (12, 12))
    assert (small.name, small.recipe.epochs, large.name, large.recipe.epochs) == ("tile-6", 12, "tile-12", 3)


@pytest.mark.parametrize("tiles", [[], [16], [16, 16]])
def test_one_arm_is_no_comparison(tiles: list[int | None]) -> None:
    with pytest.raises(InputError, match="tiles must give two arms"):
        order_tiles(tiles)


def test_an_unknown_budget_is_refused() -> None:
    with pytest.raises(InputError, match="unknown budget 'pixel'; did you mean 'pixels'"):
        make_arms(Recipe(), (8, None), "pixel", (32, 32))  # type: ignore[arg-type]


def test_a_schedule_of_tile_sizes_is_refused_because_an_arm_has_one() -> None:
    with pytest.raises(InputError, match=r"tile_schedule must be left out, got '16@0\.5'"):
        make_arms(Recipe(tile_schedule="16@0.5"), [16, None], "pixels", size=(32, 32))
