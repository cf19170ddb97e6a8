"""From a recipe to a trained run: precision, optimizers, resuming, many processes."""

from nearsight.training.interruption import Interrupted
from nearsight.training.machine import Machine
from nearsight.training.recipe import (
    RECIPES,
    Recipe,
    find_recipe,
    recipe_from_toml,
    recipe_from_values,
    recipe_to_toml,
)
from nearsight.training.reporter import Reporter, Silent, Tick
from nearsight.training.train import total_steps, train

__all__ = [
    "RECIPES",
    "Interrupted",
    "Machine",
    "Recipe",
    "Reporter",
    "Silent",
    "Tick",
    "find_recipe",
    "recipe_from_toml",
    "recipe_from_values",
    "recipe_to_toml",
    "total_steps",
    "train",
]
