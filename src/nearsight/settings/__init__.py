"""What can be requested: recipes, where they run, and names, using nothing but the standard library.

The command line's options come from here, so that help and misspelt options need no PyTorch.
"""

from nearsight.settings.choices import FAITHFULNESS_IMAGES, Budget, EvidenceKind, Fill, GridKind
from nearsight.settings.machine import Machine
from nearsight.settings.pooled import Pooling
from nearsight.settings.reading import Reading, ReadingOptions
from nearsight.settings.recipe import Recipe, recipe_from_toml, recipe_from_values, recipe_to_toml
from nearsight.settings.recipes import RECIPES, find_recipe, make_recipe
from nearsight.settings.sampling import Sampling

__all__ = [
    "FAITHFULNESS_IMAGES",
    "RECIPES",
    "Budget",
    "EvidenceKind",
    "Fill",
    "GridKind",
    "Machine",
    "Pooling",
    "Reading",
    "ReadingOptions",
    "Recipe",
    "Sampling",
    "find_recipe",
    "make_recipe",
    "recipe_from_toml",
    "recipe_from_values",
    "recipe_to_toml",
]
