"""The named recipes, and finding the requested one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from nearsight.errors import InputError, unknown_name
from nearsight.read import is_file
from nearsight.schema import FIRST
from nearsight.settings.choices import AUTO
from nearsight.settings.models import SAFETENSORS, TILENET, TILENET_POOLED, TIMM, is_weights_file
from nearsight.settings.recipe import Recipe, parse_value, read_recipe, recipe_from_values

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
# head moves the logits depends on its square. 64 times the rate did best of those tried
# (docs/notebook/training.md).
_HEAD_OF_A_MEAN = 43.0

# The file name of a recipe in the directory of a run.
_RECIPE_OF_A_RUN = "recipe.toml"

RECIPES: dict[str, Recipe] = {
    "paper": Recipe(name="paper", flip="none", crop_padding=0, nesterov=False),
    "standard": Recipe(name="standard"),
    "fast": _FAST,
    # From existing weights: few epochs, the first layers changed least.
    "finetune": Recipe(
        name="finetune",
        model="timm:resnet18",
        pretrained=True,
        epochs=10,
        batch_size=64,
        optimizer="adamw",
        learning_rate=1e-3,
        layer_decay=0.75,
        weight_decay=0.05,
        decay_norms=False,
        head_first=0.1,
        warmup=0.1,
        crop_padding=0,
        resized_crop=0.35,
        augmentation="jitter",
        label_smoothing=0.1,
        ema=0.98,
    ),
    # As published, but in bfloat16 where the original uses half precision.
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
    # An image has hundreds of tiles, so a step has fewer images.
    "tilenet-whole": replace(
        _FAST,
        name="tilenet-whole",
        model=TILENET,
        model_tile=16,
        epochs=2,
        batch_size=125,
        head_learning_rate=_HEAD_OF_A_MEAN,
    ),
    # Rates, batch size and decay were tried on a validation split of CIFAR-10 (docs/notebook/training.md).
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
    """Return the recipe with a name (`paper`, `standard`, `fast`) or from a TOML file.

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
    raise unknown_name("recipe", name, (AUTO, *RECIPES))


def make_recipe(data: str | Path, recipe: str | Recipe, fields: dict[str, Any]) -> Recipe:
    """Return a recipe for a data set: a named one, a TOML file or a `Recipe`, with some fields changed.

    "auto" is `standard` here, to check the fields; the verbs choose by the set (`settings.auto`).

    >>> make_recipe("digits", "paper", {"tile": 4}).tile
    4
    """
    if recipe == AUTO:
        # What `auto` makes of these fields is only known with the set.
        recipe = Recipe()
    base = recipe if isinstance(recipe, Recipe) else find_recipe(recipe)
    return recipe_from_values(with_run_taken(fields) | {"data": str(data)}, base)


def with_run_taken(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields of a recipe, with those that follow from the weights that `weights_of` names.

    >>> with_run_taken({"tile": 16})
    {'tile': 16}

    There are no published weights then, and of a run it is the network, too, if no other is requested. Raises
    `InputError` if there is neither a run nor a name of a file of weights.
    """
    given = fields.get("weights_of")
    run = None if given is None else parse_value("weights_of", str(given))
    if run is None:
        return fields
    if is_weights_file(run):
        if not is_file(Path(run)):
            raise InputError(f"`weights_of` names a file of weights, and {run} is no file; give one of yours")
        return {"pretrained": False} | fields
    path = Path(run) / _RECIPE_OF_A_RUN
    if not is_file(path):
        saved = is_file(Path(run) / "config.json")
        mend = f"`model='{TIMM}local-dir:{run}'`, if timm saved it" if saved else "one of yours"
        raise InputError(
            f"`weights_of` takes the directory of a run, or a file of weights such as FILE{SAFETENSORS}, and {path} "
            f"is no file; give {mend}"
        )
    held = read_recipe(path, unnumbered=FIRST)
    taken = {"model": held.model, "width": held.width, "model_tile": held.model_tile, "pretrained": False}
    return taken | fields
