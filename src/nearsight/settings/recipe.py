"""The recipe: everything that determines a run, as one typed and frozen dataclass."""

import types
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from nearsight.errors import InputError, shortened, unknown_name
from nearsight.numbers import settle_numbers
from nearsight.read import parse_toml, read_toml
from nearsight.schema import SCHEMA, SCHEMAS, default_at, numbered, read_schema
from nearsight.settings.choices import DEFAULT_VALIDATION
from nearsight.settings.models import MODELS, ONE_TILE
from nearsight.settings.pooled import DEFAULT_TOP_K, Pooling
from nearsight.settings.tile_schedule import parse_schedule

FULL = "full"


def _option(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that determines a run: data, network, tile, schedule, seed.

    >>> Recipe(tile=16, epochs=30).tile_name
    '16'

    The command line derives its options from these fields. `tile` and the other sizes are in pixels; `None`
    stands for "full" in `tile` and for "off" elsewhere. Raises `InputError` if a field is out of its range.
    """

    name: str = _option("standard", "name of the recipe this one started from")
    data: str = _option("", "data set, as given to `nearsight.load`")
    model: str = _option("resnet18", f"network: {', '.join(MODELS)}, or timm:NAME")
    pretrained: bool = _option(False, "start from timm's pretrained weights")
    weights_of: str | None = _option(
        None,
        "start from the weights of a run of yours, given by its directory, and use its network; or from those in a "
        "file, safetensors or from torch.save, for the model that is named",
    )
    width: float = _option(1.0, "multiplies the channels of our networks")
    tile: int | None = _option(None, "side of the training tiles in pixels, or 'full' for whole images")
    model_tile: int | None = _option(
        None, "tilenets on whole images: side in pixels of the tiles that are averaged"
    )
    tile_schedule: str | None = _option(
        None,
        "smaller tiles first, such as 16@0.5,24@0.8: each until that share of the steps, then the full tile",
    )
    tiles_per_image: int = _option(
        1, "tiles of each image in a step; the loss is that of their joint prediction"
    )
    pooling: Literal["mean", "top-k", "max", "noisy-or", "attention"] = _option(
        "mean",
        "how several tiles of an image make one prediction, in training and later; for small objects, not mean",
    )
    top_k: float = _option(
        DEFAULT_TOP_K, "for top-k: how many tiles count for a class, a share below 1 or a number from 1"
    )
    resize_short: int | None = _option(
        None, "first resize every image so that its shorter side has this many pixels"
    )
    seed: int = _option(0, "fixes initial weights, order of images, tiles, flips and the validation split")
    validation: float = _option(
        DEFAULT_VALIDATION, "share of train held out for validation if the set has no such split"
    )
    epochs: float = _option(200.0, "passes over the training images")
    steps: int | None = _option(None, "optimizer steps, instead of epochs")
    batch_size: int = _option(128, "images in an optimizer step, over all processes")
    accumulate: int = _option(1, "process a batch in this many parts, to save memory")
    optimizer: Literal["sgd", "adamw", "muon"] = _option("sgd", "muon: Muon for filters, SGD for the rest")
    learning_rate: float = _option(0.1, "peak learning rate; with muon, that of the filters")
    bias_learning_rate: float = _option(
        0.053, "with muon: learning rate of biases and norms, per image in the batch"
    )
    head_learning_rate: float = _option(
        0.67, "with muon: learning rate of the linear head, per image in the batch"
    )
    momentum: float = _option(0.9, "momentum of sgd and muon's filters")
    nesterov: bool = _option(True, "Nesterov momentum")
    weight_decay: float = _option(5e-4, "weight decay; with muon, on all but the filters")
    decay_norms: bool = _option(True, "weight decay on norms and biases too; for sgd and adamw")
    layer_decay: float | None = _option(
        None, "multiplies the learning rate from each block to the previous one; for sgd and adamw"
    )
    head_first: float = _option(
        0.0, "share of the steps that train only the last layer, first; for sgd and adamw"
    )
    schedule: Literal["cosine", "linear", "constant"] = _option("cosine", "decay of the learning rate to 0")
    warmup: float = _option(0.0, "share of the steps over which the learning rate rises from 0")
    flip: Literal["none", "random", "alternating"] = _option("random", "left-right flips")
    crop_padding: int = _option(4, "whole images only: random crop after padding with this many pixels")
    crop_fill: Literal["black", "reflect"] = _option("black", "how that padding is filled")
    resized_crop: float | None = _option(
        None,
        "whole images only: random crop of at least this share of the area, resized; replaces the padded crop",
    )
    augmentation: Literal["none", "jitter", "randaugment"] = _option(
        "none", "jitter: random brightness, contrast and saturation; randaugment: two of 14 changes"
    )
    cutout: int | None = _option(
        None, "Cutout: side in pixels of a square erased at a random place of each image or tile"
    )
    cutmix: float | None = _option(
        None, "CutMix: share of the steps in which a part of each image, and of its label, comes from another"
    )
    mixup: float | None = _option(
        None, "mixup: share of the steps in which each image, and its label, is blended with another"
    )
    label_smoothing: float = _option(0.0, "share of the target that is spread over all classes")
    class_weights: Literal["none", "balanced"] = _option("none", "balanced: weight classes by 1/frequency")
    ema: float | None = _option(None, "use a moving average of the weights as the result; decay per step")
    clip: float | None = _option(None, "clip the gradient's norm, over the whole network, to this value")
    whiten: bool = _option(False, "set the first layer to whiten training patches (airbench and tilenets)")
    precision: Literal["auto", "float32", "bfloat16"] = _option(
        "auto", "auto: bfloat16 if it is correct and fast here"
    )
    compile: bool = _option(False, "compile the network with torch.compile; if that fails, train without")

    def __post_init__(self) -> None:
        settle_numbers(self)
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InputError(f"{name} must lie between {low:g} and {high:g}, got {value:g}")
        for spec in fields(self):
            allowed = get_args(spec.type) if get_origin(spec.type) is Literal else ()
            if allowed and getattr(self, spec.name) not in allowed:
                raise unknown_name(spec.name, str(getattr(self, spec.name)), allowed)
        if self.model_tile is not None and self.model not in ONE_TILE:
            wanted = " and ".join(f"'{name}'" for name in ONE_TILE)
            raise InputError(f"model_tile is for the models {wanted}, not '{self.model}'; leave it out")
        own_groups = (self.layer_decay, self.head_first, self.decay_norms) != (None, 0, True)
        if self.optimizer == "muon" and own_groups:
            raise InputError(
                "muon has rates of its own for filters, norms and head, and takes neither layer_decay, head_first "
                "nor decay_norms; leave them out, or give `optimizer='adamw'`"
            )
        if self.pretrained and self.weights_of is not None:
            raise InputError("`pretrained` and `weights_of` are both weights to start from; give one of them")
        parse_schedule(self.tile_schedule)
        _ = self.pooled
        if self.accumulate > self.batch_size:
            raise InputError(
                f"accumulate must not exceed batch_size ({self.batch_size}), got {self.accumulate}"
            )

    @property
    def pooled(self) -> Pooling:
        """How several tiles of an image make one prediction; raises `InputError` for an invalid `top_k`."""
        return Pooling(self.pooling, self.top_k)

    @property
    def tile_name(self) -> str:
        """`full`, or the tile's side as text."""
        return FULL if self.tile is None else str(self.tile)


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("tile", 1, 1e6),
    ("model_tile", 1, 1e6),
    ("tiles_per_image", 1, 1e6),
    ("resize_short", 1, 1e6),
    ("seed", 0, 2**62),
    ("validation", 0, 0.9),
    ("width", 0.01, 100),
    ("epochs", 1e-6, 1e9),
    ("steps", 1, 1e12),
    ("batch_size", 2, 1e9),
    ("accumulate", 1, 1e9),
    ("learning_rate", 0, 1e6),
    ("bias_learning_rate", 0, 1e6),
    ("head_learning_rate", 0, 1e6),
    ("momentum", 0, 1),
    ("weight_decay", 0, 1e3),
    ("layer_decay", 0.01, 1),
    ("head_first", 0, 1),
    ("warmup", 0, 1),
    ("crop_padding", 0, 1e4),
    ("resized_crop", 0.01, 1),
    ("cutout", 1, 1e6),
    ("cutmix", 0, 1),
    ("mixup", 0, 1),
    ("label_smoothing", 0, 1),
    ("ema", 0, 1),
    ("clip", 1e-12, 1e12),
)


@cache
def field_types() -> dict[str, Any]:
    """Return the type of every field of a recipe, by name."""
    return get_type_hints(Recipe)


def parse_value(name: str, text: str) -> Any:
    """Read the value of a recipe's field from text, as the command line does.

    >>> parse_value("tile", "full"), parse_value("tile", "16"), parse_value("nesterov", "false")
    (None, 16, False)

    Raises `InputError` naming the field, what came and what it takes.
    """
    kind = field_types()[name]
    optional = get_origin(kind) in (types.UnionType, Union)
    if optional and text.lower() in (FULL, "none", "off"):
        return None
    base = next(option for option in get_args(kind) if option is not type(None)) if optional else kind
    if get_origin(base) is Literal:
        if text not in get_args(base):
            raise unknown_name(name, text, get_args(base))
        return text
    if base is bool:
        if text.lower() not in ("true", "false"):
            raise InputError(f"{name} takes true or false, got '{shortened(text)}'")
        return text.lower() == "true"
    try:
        return base(text)
    except ValueError:
        wanted = {int: "a whole number", float: "a number"}[base]
        empty = f" or '{FULL if name == 'tile' else 'none'}'" if optional else ""
        raise InputError(f"{name} takes {wanted}{empty}, got '{shortened(text)}'") from None


def recipe_to_toml(recipe: Recipe) -> str:
    """Write a recipe as TOML; `None` becomes "full" for the tile and "none" elsewhere.

    >>> recipe_from_toml(recipe_to_toml(Recipe(tile=16))) == Recipe(tile=16)
    True
    """
    import tomli_w

    return tomli_w.dumps(recipe_table(recipe))


def recipe_table(recipe: Recipe) -> dict[str, Any]:
    """Return all of a recipe in the form that TOML holds, with the number of its schema.

    >>> [recipe_table(Recipe())[name] for name in ("schema", "tile", "seed")]
    [1, 'full', 0]
    """
    values = {spec.name: getattr(recipe, spec.name) for spec in fields(recipe)}
    empty = {name: FULL if name == "tile" else "none" for name, value in values.items() if value is None}
    return numbered("recipe", values | empty)


def recipe_from_table(
    table: Mapping[str, Any], source: object = "recipe", *, unnumbered: int = SCHEMAS["recipe"]
) -> Recipe:
    """Read a recipe from TOML's values; absent fields have the defaults of the schema in which it is written.

    >>> recipe_from_table({"tile": 16}).learning_rate
    0.1

    `unnumbered` is the schema of a table that gives no number: today's for what people write by hand, the first
    for what a run wrote. Raises `InputError`, naming `source`, for a newer schema, an unknown field or a value of
    the wrong kind.
    """
    schema = read_schema("recipe", table, source, unnumbered=unnumbered)
    base = Recipe(**{spec.name: default_at(spec, schema) for spec in fields(Recipe)})
    try:
        return recipe_from_values({name: value for name, value in table.items() if name != SCHEMA}, base)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None


def recipe_from_toml(text: str, source: object = "recipe", *, unnumbered: int = SCHEMAS["recipe"]) -> Recipe:
    """Read a recipe from TOML as `recipe_from_table` does; raises `InputError` on broken TOML too."""
    return recipe_from_table(parse_toml(text, source, "mend it"), source, unnumbered=unnumbered)


def read_recipe(path: Path, *, unnumbered: int = SCHEMAS["recipe"]) -> Recipe:
    """Read a recipe from a TOML file; raises `InputError`, naming the file, as `recipe_from_toml` does."""
    return recipe_from_table(read_toml(path, "give a recipe in TOML"), path, unnumbered=unnumbered)


def recipe_from_values(values: Mapping[str, Any], base: Recipe | None = None) -> Recipe:
    """Build a recipe from plain values, those of `recipe.toml` or of the command line, over `base`.

    >>> recipe_from_values({"tile": "16", "epochs": 2}, base=Recipe(name="mine")).epochs
    2.0

    `base` is the `standard` recipe by default. Raises `InputError` for an unknown field, with the nearest known.
    """
    known = field_types()
    read: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise unknown_name("recipe field", name, known)
        if value is None:
            read[name] = None
        elif known[name] is str and not isinstance(value, str):
            raise InputError(f"{name} takes text, got {shortened(repr(value))}")
        else:
            # NumPy writes its numbers with their type.
            value = value.item() if getattr(value, "ndim", None) == 0 else value
            read[name] = parse_value(name, value if isinstance(value, str) else repr(value))
    return replace(base or Recipe(), **read)
