"""Arms: the ways of training that a study compares, each a recipe made from one base recipe."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import cast, get_args

from nearsight.data import ImageSet
from nearsight.errors import InputError, shortened, unknown_name
from nearsight.numbers import whole
from nearsight.settings import RECIPES, Budget, Recipe
from nearsight.settings.choices import ARM_ADDITIONS, ARM_POOLINGS
from nearsight.settings.pooled import MEAN, Pooling, PoolingName
from nearsight.settings.protocols import FULL_PASS
from nearsight.settings.recipe import FULL
from nearsight.training.batches import training_size

STANDARD = "full+standard"
TILE = "tile-"
USUAL_PADDING = 4
# How often the authors of CutMix mix on CIFAR; we blend equally often.
USUAL_MIXING = 0.5
# The headline protocol of an arm, fixed here before any result is known.
TILE_HEADLINE = "mean-logit"
FULL_HEADLINE = FULL_PASS
# Tiles per image in a step of an arm that pools them, if the base recipe has one.
SEVERAL_TILES = 8
_FLIP, _CROP, _STANDARD, _CUTOUT, _CUTMIX, _MIXUP, _FINETUNE, *_ = ARM_ADDITIONS
_WHOLE_ONLY = (_CROP, _STANDARD)


# What a fine-tuned arm keeps of the base recipe: the source of its weights, if any, and everything that is not
# training.
_BEGUN_FROM = ("model", "width", "model_tile", "pretrained", "weights_of")
_HELD_EQUAL = (
    *("data", "seed", "validation", "resize_short", "tiles_per_image", "class_weights"),
    *("pooling", "top_k"),
    *("epochs", "steps", "batch_size", "accumulate", "precision", "compile"),
)


@dataclass(frozen=True)
class Arm:
    """One way of training: its name, its recipe at the study's first seed, and its augmentation in words."""

    name: str
    recipe: Recipe
    augmentation: str

    @property
    def headline(self) -> str:
        """Its headline protocol."""
        return headline(self.recipe.tile, self.recipe.pooling)


def label(arm: str) -> str:
    """Return an arm's name as a sentence has it.

    >>> label("tile-16+top-k"), label("full+standard")
    ('tile 16+top-k', 'full+standard')
    """
    return arm.replace("-", " ", 1)


def headline(tile: int | None, pooling: PoolingName = MEAN) -> str:
    """Return the headline protocol of an arm, fixed in advance and never chosen on results.

    >>> headline(16), headline(None), headline(16, "max")
    ('mean-logit', 'full-pass', 'max')

    For tiles it is that of the `pooling` by which they were trained.
    """
    return FULL_HEADLINE if tile is None else Pooling(pooling).protocol


def order_tiles(tiles: Iterable[int | None]) -> tuple[int | None, ...]:
    """Return tile sizes from small to large, whole images last, each once.

    >>> order_tiles([None, 24, 16, 24])
    (16, 24, None)

    Raises `InputError` if they do not make two arms: whole images make two, a tile size one.
    """
    given = {None if tile is None else whole("tiles", tile) for tile in tiles}
    sides = sorted(tile for tile in given if tile is not None)
    if None not in given and len(sides) < 2:
        named = f"{sides[0]} alone" if sides else "nothing"
        raise InputError(f"tiles must give two arms to compare, got {named}; add full or another size")
    return (*sides, None) if None in given else tuple(sides)


def usual_arms(base: Recipe, tiles: Iterable[int | None]) -> tuple[str, ...]:
    """Return the names of the arms that are compared by default: like with like, and the usual baseline.

    >>> usual_arms(Recipe(flip="none"), [16, None])
    ('full', 'full+standard', 'tile-16')
    >>> usual_arms(Recipe(flip="random"), [16, None])
    ('full+flip', 'full+standard', 'tile-16+flip')

    Whole images and tiles have the flips of the base recipe, and whole images come with the usual augmentation
    too. If the base recipe fine-tunes, all but the latter are fine-tuned, with its own augmentation.
    """
    flip = f"+{_FINETUNE}" if tunes(base) else "" if base.flip == "none" else f"+{_FLIP}"
    ordered = order_tiles(tiles)
    whole_arms = (f"{FULL}{flip}", STANDARD) if None in ordered else ()
    return (*whole_arms, *(f"{TILE}{tile}{flip}" for tile in ordered if tile is not None))


def order_arms(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of arms in their usual order and form, each once: whole images first, then tiles by size.

    >>> order_arms(["tile-16+flip", "tile-8", "full+crop+flip", "full"])
    ('full', 'full+standard', 'tile-8', 'tile-16+flip')

    A name is `full` or `tile-N`, followed by what is added: `+flip`, `+crop`, `+standard` (both), `+cutout`,
    `+cutmix`, `+mixup` and `+finetune`, which also flips. Raises `InputError` for another name, for a crop of
    tiles or of fine-tuned images, and for fewer than two arms.
    """
    parsed = {_parsed(name) for name in names}
    if len(parsed) < 2:
        named = " and ".join(map(_written, parsed)) or "nothing"
        raise InputError(f"arms must name two to compare, got {named}; add another, such as {STANDARD}")
    return tuple(_written(arm) for arm in sorted(parsed, key=_place))


def added_to(name: str) -> tuple[str, ...]:
    """Return what the name of an arm adds to its plain form, with `standard` as its two parts.

    >>> added_to("full+standard"), added_to("tile-16")
    (('flip', 'crop'), ())
    """
    return _parsed(name)[1]


def reference_size(base: Recipe, names: Iterable[str], images: ImageSet) -> tuple[int, int]:
    """Return the height and width that set the pixel budget: of whole images, or else of the largest tile.

    Raises `InputError` if a tile does not fit the images or whole images cannot be stacked.
    """
    tiles = sorted({_parsed(name)[0] for name in names}, key=lambda tile: (tile is None, tile or 0))
    return [training_size(images, replace(base, tile=tile)) for tile in tiles][-1]


def make_arms(base: Recipe, names: Iterable[str], budget: Budget, size: tuple[int, int]) -> tuple[Arm, ...]:
    """Return the arms of a study by their names, in the order of `order_arms`.

    >>> arms = make_arms(Recipe(epochs=10), ["full", "full+standard", "tile-16+flip"], "pixels", size=(32, 32))
    >>> [(arm.name, arm.recipe.epochs) for arm in arms]
    [('full', 10.0), ('full+standard', 10.0), ('tile-16+flip', 40.0)]

    An arm has exactly the augmentation that its name says. How much of it is the base recipe's, or, if that has
    none, the usual: random flips, a crop after padding by 4 pixels, Cutout of half the side, CutMix or mixup in
    half the steps. `+finetune` starts from the base recipe's weights, or else from the published ones of the
    recipe `finetune`, and trains as the base recipe does if that fine-tunes, or else as `finetune` does; steps
    and batch size stay those of the base. `+top-k`, `+max`, `+noisy-or` and `+attention` are for tiles: the tiles
    of an image make one prediction, 8 per image if the base recipe has one, with as many tiles per step. Under
    the budget `steps`, all arms keep the base recipe's steps. Under `pixels`, a tile arm trains longer by the
    ratio of `size`, height and width from `reference_size`, to its tile. Raises `InputError` for an unknown
    budget, and for a recipe with a `tile_schedule`, because each arm has one tile.
    """
    if base.tile_schedule is not None:
        raise InputError(
            "the arms of a comparison have one tile each, so tile_schedule must be left out, "
            f"got '{base.tile_schedule}'"
        )
    if budget not in get_args(Budget):
        raise unknown_name("budget", budget, get_args(Budget))
    return tuple(_made(base, name, budget, size) for name in order_arms(names))


def _made(base: Recipe, name: str, budget: Budget, size: tuple[int, int]) -> Arm:
    tile, added = _parsed(name)
    tuned = _FINETUNE in added
    if tuned:
        base = _tuning(base)
    smaller = min(size) if tile is None else tile
    recipe = replace(
        base,
        tile=tile,
        flip="none" if _FLIP not in added and not tuned else "random" if base.flip == "none" else base.flip,
        # For tiles, which are not padded, it has no meaning and stays as it is.
        crop_padding=base.crop_padding if tile is not None else usual_padding(base) * (_CROP in added),
        cutout=(base.cutout or max(1, smaller // 2)) if _CUTOUT in added else None,
        cutmix=(base.cutmix or USUAL_MIXING) if _CUTMIX in added else None,
        mixup=(base.mixup or USUAL_MIXING) if _MIXUP in added else None,
        resized_crop=base.resized_crop if tuned and tile is None else None,
        augmentation=base.augmentation if tuned else "none",
        pooling=MEAN if tile is None else base.pooling,
    )
    pooled = [cast(PoolingName, one) for one in added if one in ARM_POOLINGS]
    if pooled:
        recipe = _pooling(recipe, pooled[0])
    if tile is not None and budget == "pixels":
        recipe = _at_equal_pixels(recipe, tile, size)
    return Arm(name, recipe, _augmentation(recipe, added))


def tunes(recipe: Recipe) -> bool:
    """Say whether a recipe starts from existing weights and augments as for fine-tuning.

    >>> tunes(RECIPES["finetune"]), tunes(Recipe(model="timm:resnet18", pretrained=True))
    (True, False)
    """
    begun = recipe.pretrained or recipe.weights_of is not None
    return begun and (recipe.resized_crop is not None or recipe.augmentation != "none")


def _tuning(base: Recipe) -> Recipe:
    """Return the recipe of a fine-tuned arm, before its augmentation, with everything that a budget holds equal."""
    if tunes(base):
        return base
    begun = base.pretrained or base.weights_of is not None
    kept = (*_HELD_EQUAL, *(_BEGUN_FROM if begun else ()))
    return replace(RECIPES["finetune"], **{name: getattr(base, name) for name in kept})


def _pooling(recipe: Recipe, pooling: PoolingName) -> Recipe:
    """Return a recipe with several tiles per image, but as many tiles per step, and as many steps."""
    if recipe.tiles_per_image > 1:
        return replace(recipe, pooling=pooling)
    batch = max(2, recipe.batch_size // SEVERAL_TILES)
    return replace(
        recipe,
        pooling=pooling,
        tiles_per_image=SEVERAL_TILES,
        batch_size=batch,
        accumulate=min(recipe.accumulate, batch),
        epochs=recipe.epochs * batch / recipe.batch_size,
    )


def usual_padding(base: Recipe) -> int:
    """Return by how many pixels whole images are padded before they are shifted: the recipe's, or the usual 4."""
    return base.crop_padding or USUAL_PADDING


def _augmentation(recipe: Recipe, added: Sequence[str]) -> str:
    said = [] if recipe.tile is None else ["random position of the tile"]
    if recipe.pooling != MEAN:
        said += [f"{recipe.tiles_per_image} tiles of an image make one prediction by {recipe.pooling}"]
    said += [_cut(recipe.resized_crop)] if recipe.resized_crop is not None else []
    said += [f"{recipe.flip} flip"] if recipe.flip != "none" else []
    said += [f"random crop after padding by {recipe.crop_padding} px"] if _CROP in added else []
    said += [f"Cutout of a square of {recipe.cutout} px"] if _CUTOUT in added else []
    said += [f"CutMix in {100 * (recipe.cutmix or 0):g} % of the steps"] if _CUTMIX in added else []
    said += [f"mixup in {100 * (recipe.mixup or 0):g} % of the steps"] if _MIXUP in added else []
    said += [f"colours by {recipe.augmentation}"] if recipe.augmentation != "none" else []
    return ", ".join(said) or "none"


def _cut(share: float) -> str:
    return f"a random part of at least {100 * share:g} % of the area, resized"


def _at_equal_pixels(recipe: Recipe, tile: int, size: tuple[int, int]) -> Recipe:
    height, width = size
    if recipe.steps is not None:
        return replace(recipe, steps=max(1, round(recipe.steps * (height * width) / (tile * tile))))
    return replace(recipe, epochs=recipe.epochs * (height * width) / (tile * tile))


# The tile, None for whole images, and what is added, in the order of ARM_ADDITIONS with `standard` split up.
_Parsed = tuple[int | None, tuple[str, ...]]


def _parsed(name: str) -> _Parsed:
    base, *more = name.strip().split("+")
    side = base.removeprefix(TILE)
    if base != FULL and not (base.startswith(TILE) and side.isdecimal() and len(side) < 10 and int(side)):
        raise InputError(
            f"arms are {FULL} or {TILE}N, such as {TILE}16, and after it +{', +'.join(ARM_ADDITIONS)}; "
            f"got '{shortened(name)}'"
        )
    tile = None if base == FULL else int(side)
    for one in more:
        if one not in ARM_ADDITIONS:
            raise unknown_name("addition to an arm", one, ARM_ADDITIONS)
        if tile is not None and one in _WHOLE_ONLY:
            raise InputError(
                f"a tile already has a random place, and is not cropped again, got the arm '{name}'; leave +{one} out"
            )
        if tile is None and one in ARM_POOLINGS:
            raise InputError(f"+{one} is of the tiles of an image, got the arm '{name}'; leave +{one} out")
        if _FINETUNE in more and one in _WHOLE_ONLY:
            raise InputError(
                f"fine-tuning already sees random parts of the images, and is not cropped again, got the arm "
                f"'{name}'; "
                f"leave +{one} out"
            )
    added = {*more, *((_FLIP, _CROP) if _STANDARD in more else ())} - {_STANDARD}
    if len(added & set(ARM_POOLINGS)) > 1:
        raise InputError(f"an arm takes one pooling, got '{shortened(name)}'; leave one out")
    # It already flips.
    added -= {_FLIP} if _FINETUNE in added else set()
    return tile, tuple(one for one in ARM_ADDITIONS if one in added)


def _written(arm: _Parsed) -> str:
    tile, added = arm
    both = _FLIP in added and _CROP in added
    named = [_STANDARD, *(one for one in added if one not in (_FLIP, _CROP))] if both else list(added)
    return "+".join([FULL if tile is None else f"{TILE}{tile}", *named])


def _place(arm: _Parsed) -> tuple[bool, int, int]:
    tile, added = arm
    return tile is not None, tile or 0, sum(1 << ARM_ADDITIONS.index(one) for one in added)
