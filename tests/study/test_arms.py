"""Arms: what each changes of the base recipe, and what a budget holds equal."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nearsight.data import ImageSet, MemoryImages
from nearsight.errors import InputError
from nearsight.settings import RECIPES, Recipe
from nearsight.study import make_arms, order_arms, order_tiles, reference_size, usual_arms
from nearsight.training import total_steps


def image_set(height: int, width: int) -> ImageSet:
    pixels = torch.zeros(4, 3, height, width, dtype=torch.uint8)
    return ImageSet(
        "toy", "train", ("cat", "dog"), np.array([0, 1, 0, 1]), MemoryImages(pixels, tuple("abcd"))
    )


@pytest.mark.parametrize(
    ("name", "flip", "padding"),
    [("paper", "random", 4), ("fast", "alternating", 2), ("standard", "random", 4)],
)
def test_an_arm_has_the_augmentation_that_its_name_says_and_no_other(
    name: str, flip: Literal["random", "alternating"], padding: int
) -> None:
    base = RECIPES[name]
    plain = replace(base, tile=None, flip="none", crop_padding=0)
    wanted = {
        "full": plain,
        "full+flip": replace(plain, flip=flip),
        "full+crop": replace(plain, crop_padding=padding),
        "full+standard": replace(plain, flip=flip, crop_padding=padding),
        "full+cutout": replace(plain, cutout=16),
        "full+cutmix": replace(plain, cutmix=0.5),
        "full+mixup": replace(plain, mixup=0.5),
        "full+standard+cutmix": replace(plain, flip=flip, crop_padding=padding, cutmix=0.5),
        "tile-16": replace(base, tile=16, flip="none"),
        "tile-16+flip": replace(base, tile=16, flip=flip),
        "tile-16+cutout": replace(base, tile=16, flip="none", cutout=8),
        "tile-24": replace(base, tile=24, flip="none"),
    }
    arms = make_arms(base, reversed(wanted), "steps", (32, 40))
    assert {arm.name: arm.recipe for arm in arms} == wanted
    assert [arm.name for arm in arms] == list(order_arms(wanted))
    for arm in arms:
        said = ("flip" in arm.augmentation, "crop" in arm.augmentation, "CutMix" in arm.augmentation)
        recipe = arm.recipe
        cropped = recipe.tile is None and recipe.crop_padding > 0
        assert said == (recipe.flip != "none", cropped, recipe.cutmix is not None)


def test_the_base_recipe_says_how_much_an_addition_is_of() -> None:
    base = Recipe(cutout=5, cutmix=1.0, crop_padding=7, crop_fill="reflect")
    names = ["full", "full+crop", "full+cutout", "full+cutmix"]
    found = {arm.name: arm.recipe for arm in make_arms(base, names, "steps", (32, 32))}
    assert (found["full"].cutout, found["full"].cutmix, found["full"].crop_padding) == (None, None, 0)
    assert found["full+crop"].crop_padding == 7
    assert (found["full+cutout"].cutout, found["full+cutmix"].cutmix) == (5, 1.0)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "arms must name two to compare, got nothing"),
        (["full", "full"], r"arms must name two to compare, got full; add another, such as full\+standard"),
        (["full", "tile"], "arms are full or tile-N, such as tile-16"),
        (["full", "tile-0"], "got 'tile-0'"),
        (["full", "tile-" + "1" * 5000], r"got 'tile-1{74}…'$"),
        (["full", "full+flop"], "unknown addition to an arm 'flop'; did you mean 'flip'"),
        (["full", "tile-16+standard"], r"is not cropped again, got the arm 'tile-16\+standard'"),
        (["full", "tile-16+crop"], r"leave \+crop out"),
        (["full+max", "tile-16"], r"\+max is of the tiles of an image, got the arm 'full\+max'"),
        (["full", "tile-16+max+top-k"], "an arm takes one pooling"),
    ],
)
def test_what_names_no_arm_is_refused(names: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        order_arms(names)


def test_names_of_one_arm_are_one_arm() -> None:
    assert order_arms(["full+crop+flip", "full+standard", " full+flip+crop+flip", "full"]) == (
        "full",
        "full+standard",
    )


@pytest.mark.parametrize("name", RECIPES)
def test_the_usual_arms_hold_the_like_of_each_tile(name: str) -> None:
    base = RECIPES[name]
    names = usual_arms(base, (16, 24, None))
    arms = {arm.name: arm.recipe for arm in make_arms(base, names, "steps", (32, 32))}
    flips = {recipe.flip for arm, recipe in arms.items() if arm != "full+standard"}
    assert flips == {base.flip}
    assert "full+standard" in names


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
    arms = make_arms(base, usual_arms(base, (tile, None)), "pixels", size)
    full, _, tiled = (total_steps(arm.recipe, images) * batch for arm in arms)
    # One step of whole images, and one image for rounding epochs to images.
    assert abs(tiled * tile**2 - full * height * width) <= (batch + 1) * height * width


@given(size=st.tuples(sizes, sizes), share=st.floats(0.05, 1), steps=st.integers(1, 10**6))
def test_a_budget_of_pixels_scales_steps_where_the_recipe_gives_steps(
    size: tuple[int, int], share: float, steps: int
) -> None:
    height, width = size
    tile = max(1, int(share * min(size)))
    base = Recipe(steps=steps)
    full, _, tiled = make_arms(base, usual_arms(base, (tile, None)), "pixels", size)
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
    steps = {
        total_steps(arm.recipe, images) for arm in make_arms(base, usual_arms(base, tiles), "steps", (64, 64))
    }
    assert steps == {total_steps(base, images)}


def test_the_budget_refers_to_whole_images_or_else_to_the_largest_tile() -> None:
    images = image_set(20, 30)
    assert reference_size(Recipe(), ("tile-8", "full"), images) == (20, 30)
    assert reference_size(Recipe(), ("tile-12", "tile-8"), images) == (12, 12)
    small, large = make_arms(Recipe(epochs=3), ("tile-12", "tile-6"), "pixels", (12, 12))
    assert (small.name, small.recipe.epochs, large.name, large.recipe.epochs) == ("tile-6", 12, "tile-12", 3)


@pytest.mark.parametrize("tiles", [[], [16], [16, 16]])
def test_one_arm_is_no_comparison(tiles: list[int | None]) -> None:
    with pytest.raises(InputError, match="tiles must give two arms"):
        order_tiles(tiles)


def test_an_unknown_budget_is_refused() -> None:
    with pytest.raises(InputError, match="unknown budget 'pixel'; did you mean 'pixels'"):
        make_arms(Recipe(), ("tile-8", "full"), "pixel", (32, 32))  # type: ignore[arg-type]


def test_a_schedule_of_tile_sizes_is_refused_because_an_arm_has_one() -> None:
    with pytest.raises(InputError, match=r"tile_schedule must be left out, got '16@0\.5'"):
        make_arms(Recipe(tile_schedule="16@0.5"), ["full", "tile-16"], "pixels", size=(32, 32))


def test_a_fine_tuned_arm_has_finetunes_training_and_the_steps_of_the_others() -> None:
    base = replace(RECIPES["fast"], epochs=3.0, batch_size=50, seed=4, resize_short=64)
    arms = {
        arm.name: arm.recipe
        for arm in make_arms(base, ["full+finetune", "tile-16+finetune", "full"], "steps", (64, 64))
    }
    whole, tiled = arms["full+finetune"], arms["tile-16+finetune"]
    tuning = RECIPES["finetune"]
    kept = {"epochs": 3.0, "batch_size": 50, "seed": 4, "resize_short": 64}
    assert whole == replace(tuning, **kept)  # type: ignore[arg-type]
    assert tiled == replace(whole, tile=16, resized_crop=None)
    assert (arms["full"].model, arms["full"].pretrained, arms["full"].augmentation) == (
        "airbench",
        False,
        "none",
    )


def test_a_base_that_fine_tunes_is_what_its_tuned_arms_are() -> None:
    base = replace(
        RECIPES["finetune"],
        pretrained=False,
        weights_of="runs/first",
        model="resnet9",
        augmentation="randaugment",
    )
    names = usual_arms(base, [16, None])
    assert names == ("full+finetune", "full+standard", "tile-16+finetune")
    made = {arm.name: arm.recipe for arm in make_arms(base, names, "steps", (32, 32))}
    assert made["full+finetune"] == base
    assert made["tile-16+finetune"] == replace(base, tile=16, resized_crop=None)
    # The usual augmentation, of the same weights trained in the same way.
    assert made["full+standard"] == replace(base, resized_crop=None, augmentation="none", crop_padding=4)


def test_weights_of_the_base_are_those_of_a_tuned_arm() -> None:
    base = replace(RECIPES["fast"], weights_of="runs/first", width=0.5)
    (made,) = (
        arm for arm in make_arms(base, ["full", "full+finetune"], "steps", (32, 32)) if "tune" in arm.name
    )
    assert (made.recipe.model, made.recipe.width, made.recipe.weights_of) == ("airbench", 0.5, "runs/first")
    assert (made.recipe.optimizer, made.recipe.pretrained) == ("adamw", False)


def test_a_tuned_arm_flips_and_is_not_cropped_twice() -> None:
    assert order_arms(["full+flip+finetune", "full"]) == ("full", "full+finetune")
    with pytest.raises(InputError, match="is not cropped again, got the arm 'full\\+finetune\\+crop'"):
        order_arms(["full+finetune+crop", "full"])
