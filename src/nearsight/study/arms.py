"""Arms: the ways of training that a study compares, each a recipe made from one base recipe."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import get_args

from nearsight.data import ImageSet
from nearsight.errors import InputError, unknown_name
from nearsight.numbers import whole
from nearsight.settings import Budget, Recipe
from nearsight.settings.recipe import FULL
from nearsight.training.batches import training_size

STANDARD = "full+standard"
USUAL_PADDING = 4


@dataclass(frozen=True)
class Arm:
    """One way of training: its name, its recipe at the study's first seed, and its augmentation in words."""

    name: str
    recipe: Recipe
    augmentation: str


def order_tiles(tiles: Iterable[int | None]) -> tuple[int | None, ...]:
    """Return tile sizes from small to large, whole images last, each once.

    >>> order_tiles([None, 24, 16, 24])
    (16, 24, None)

    Raises `InputError` when they do not make two arms: whole images make two, a tile size one.
    """
    given = {None if tile is None else whole("tiles", tile) for tile in tiles}
    sides = sorted(tile for tile in given if tile is not None)
    if None not in given and len(sides) < 2:
        named = f"{sides[0]} alone" if sides else "nothing"
        raise InputError(f"tiles must give two arms to compare, got {named}; add full or another size")
    return (*sides, None) if None in given else tuple(sides)


def reference_size(base: Recipe, tiles: Iterable[int | None], images: ImageSet) -> tuple[int, int]:
    """Return height and width that set the pixel budget: of whole images, or else of the largest tile.

    Raises `InputError` when a tile does not fit the images or whole images cannot be stacked.
    """
    return [training_size(images, replace(base, tile=tile)) for tile in order_tiles(tiles)][-1]


def make_arms(
    base: Recipe, tiles: Iterable[int | None], budget: Budget, size: tuple[int, int]
) -> tuple[Arm, ...]:
    """Return the arms of a study: whole images plain and with the usual augmentation, then each tile size.

    >>> arms = make_arms(Recipe(epochs=10), [16, None], "pixels", size=(32, 32))
    >>> [(arm.name, arm.recipe.epochs) for arm in arms]
    [('full', 10.0), ('full+standard', 10.0), ('tile-16', 40.0)]

    `full` has no augmentation. `full+standard` flips and crops after padding as the base recipe does, or at
    random and by 4 pixels where it does not. A tile arm has its tile and the base recipe's flip. Under the
    budget `steps` all arms keep the base recipe's steps; under `pixels` a tile arm trains longer by the ratio
    of `size`, height and width from `reference_size`, to its tile. Raises `InputError` for an unknown budget, and for
    a recipe with a `tile_schedule`: each arm has one tile.
    """
    if base.tile_schedule is not None:
        raise InputError(
            "the arms of a comparison have one tile each, so tile_schedule must be left out, "
            f"got '{base.tile_schedule}'"
        )
    if budget not in get_args(Budget):
        raise unknown_name("budget", budget, get_args(Budget))
    arms = []
    ordered = order_tiles(tiles)
    if None in ordered:
        plain = replace(base, tile=None, flip="none", crop_padding=0)
        standard = replace(
            base,
            tile=None,
            flip="random" if base.flip == "none" else base.flip,
            crop_padding=base.crop_padding or USUAL_PADDING,
        )
        arms += [
            Arm(FULL, plain, "none"),
            Arm(
                STANDARD,
                standard,
                f"{standard.flip} flip, random crop after padding by {standard.crop_padding} px",
            ),
        ]
    for tile in ordered:
        if tile is not None:
            recipe = replace(base, tile=tile)
            flip = "" if base.flip == "none" else f", {base.flip} flip"
            recipe = _at_equal_pixels(recipe, tile, size) if budget == "pixels" else recipe
            arms.append(Arm(f"tile-{tile}", recipe, f"random position of the tile{flip}"))
    return tuple(arms)


def _at_equal_pixels(recipe: Recipe, tile: int, size: tuple[int, int]) -> Recipe:
    height, width = size
    if recipe.steps is not None:
        return replace(recipe, steps=max(1, round(recipe.steps * (height * width) / (tile * tile))))
    return replace(recipe, epochs=recipe.epochs * (height * width) / (tile * tile))
