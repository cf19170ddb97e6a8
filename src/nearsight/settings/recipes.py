"""The named recipes, and finding the one that is asked for."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from nearsight.errors import InputError, unknown_name
from nearsight.read import is_file
from nearsight.settings.models import TILENET, TILENET_POOLED
from nearsight.settings.recipe import Recipe, read_recipe, recipe_from_values

_FAST = Recipe(
    name="fast",
    model="airbench",
    epochs=16,
    batch_size=500,
    optimizer="muon",
    learning_rate=0.12,
    momentum=0.6,
    weight_decay=1e-3,
    schedule="linear",
    flip="alternating",
    crop_padding=2,
    label_smoothing=0.2,
    whiten=True,
)

# The mean over an image's tiles is smaller than the maximum that airbench's head takes, and how far a step of the
# head moves the logits goes with its square. 64 times the rate did best of those tried (docs/notebook/training.md).
_HEAD_OF_A_MEAN = 43.0

RECIPES: dict[str, Recipe] = {
    "paper": Recipe(name="paper", flip="none", crop_padding=0, nesterov=False),
    "standard": Recipe(name="standard"),
    "fast": _FAST,
    # As published, in bfloat16 where the original has half precision.
    "airbench94": replace(
        _FAST,
        name="airbench94",
        model="airbench94",
        epochs=8,
        batch_size=2000,
        learning_rate=0.24,
        weight_decay=4e-3,
        crop_fill="reflect",
    ),
    "tilenet": replace(_FAST, name="tilenet", model=TILENET, tile=16),
    # An image holds hundreds of tiles, so fewer images make a step.
    "tilenet-whole": replace(
        _FAST,
        name="tilenet-whole",
        model=TILENET,
        model_tile=16,
        epochs=2,
        batch_size=125,
        head_learning_rate=_HEAD_OF_A_MEAN,
    ),
    # Rates, batch and decay were tried on a validation cut of CIFAR-10 (docs/notebook/training.md).
    "tilenet-pooled": replace(
        _FAST,
        name="tilenet-pooled",
        model=TILENET_POOLED,
        model_tile=16,
        batch_size=250,
        learning_rate=0.24,
        head_learning_rate=_HEAD_OF_A_MEAN,
        weight_decay=5e-4,
        crop_fill="reflect",
    ),
}


def find_recipe(name: str) -> Recipe:
    """Return the recipe of a name (`paper`, `standard`, `fast`) or of a TOML file.

    >>> find_recipe("paper").crop_padding
    0
    """
    if name in RECIPES:
        return RECIPES[name]
    path = Path(name)
    if path.suffix == ".toml" or is_file(path):
        if not is_file(path):
            raise InputError(f"no recipe file at {name}; write one with the fields of recipe.toml")
        return read_recipe(path)
    raise unknown_name("recipe", name, RECIPES)


def make_recipe(data: str | Path, recipe: str | Recipe, fields: dict[str, Any]) -> Recipe:
    """Return a recipe for a data set: a named one, a TOML file or a `Recipe`, with some fields changed.

    >>> make_recipe("digits", "paper", {"tile": 4}).tile
    4
    """
    base = recipe if isinstance(recipe, Recipe) else find_recipe(recipe)
    return recipe_from_values(fields | {"data": str(data)}, base)
