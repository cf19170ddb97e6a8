"""The recipe that is used if none is requested: from what is known of a set and a machine to a recipe."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from nearsight.settings.models import ONE_TILE, TIMM, is_weights_file
from nearsight.settings.recipe import Recipe, recipe_from_values
from nearsight.settings.recipes import RECIPES

# Published weights were trained on photographs; smaller images show too little for them.
LEAST_PUBLISHED = 64
# The network whose published weights are looked for.
PUBLISHED: Mapping[bool, str] = {False: f"{TIMM}resnet18", True: f"{TIMM}resnet50"}

# Sides to which whole images are resized, on a processor and on a GPU.
_SIDES = {False: 128, True: 224}
# Smaller images are not cut into tiles.
_LEAST_CUT = 16
_LARGEST_TILE = 64
# The least number of optimizer steps of a recipe. On 1,000 training images of CIFAR-10, with tiles of 16 and a
# quarter of the width, `fast` was right on 53.3 % of 1,000 other training images after 610 steps of 64 images, on
# 51.4 % at rate 0.05 instead of 0.12, and on 41.9 % after its own 32 steps of 500; one seed.
_LEAST_STEPS = {"finetune": 200, "fast": 600, "standard": 2000}
# The most images that it sees, on a processor and on a GPU.
_MOST_SEEN = {False: 1_000_000, True: 20_000_000}
_STANDARD_EPOCHS = 30.0
_BATCHES = {"finetune": 64, "fast": 512, "standard": 128}
_SMALLEST_BATCH = 16
# A batch is at most this share of the set, so that an epoch has some steps.
_OF_THE_SET = 1 / 16

Weights = Literal["published", "fetched", "own", "file", "offline", "silent", "refused", "none"]
_SAID: Mapping[Weights, str] = {
    "published": "published weights on this machine",
    "fetched": "published weights that can be downloaded",
    "own": "weights of a run of yours",
    "file": "weights in a file of yours",
    "offline": "no published weights on this machine, where HF_HUB_OFFLINE forbids to download them",
    "silent": "no published weights on this machine, and the hub that has them does not answer",
    "refused": "no published weights on this machine, and the hub that should have them answers with an error",
    "none": "no published weights for what was asked for",
}
_MISSED: Mapping[Weights, str] = {
    "offline": "unset HF_HUB_OFFLINE once",
    "silent": "connect this machine to huggingface.co once",
    "refused": "make sure that this machine may download from huggingface.co",
}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known before training: how many images, their shorter side in pixels, the device, the weights.

    `short` is the median over images of the shorter side; `one_size` says that all have the same height and
    width. For `weights`, "published" means that they are on this machine and "fetched" that they can be
    downloaded; with "offline", "silent" and "refused" they exist, but cannot be downloaded now.
    """

    images: int
    short: int
    one_size: bool
    gpu: bool
    weights: Weights = "none"

    def reason(self) -> str:
        """Say what a choice is based on.

        >>> Facts(images=1000, short=224, one_size=True, gpu=False, weights="published").reason()
        '1,000 images of 224 px and published weights on this machine, on a processor'
        """
        large = self.short >= LEAST_PUBLISHED
        what = f"{self.images:,} {'images' if large else 'small images'} of {self.short} px"
        weights = f" and {_SAID[self.weights]}" if large or self.weights != "none" else ""
        return f"{what}{weights}, on a {'GPU' if self.gpu else 'processor'}"


def way_to_weights(facts: Facts, asked: Mapping[str, Any] | None = None) -> str:
    """Say how to start from the published weights that a choice had to do without; empty if there was no need.

    >>> way_to_weights(Facts(images=1000, short=224, one_size=True, gpu=False, weights="silent")).partition(": ")[2]
    'connect this machine to huggingface.co once, or give a run of yours, or a file of weights, as `weights_of`'
    >>> way_to_weights(Facts(images=1000, short=224, one_size=True, gpu=False, weights="published"))
    ''
    """
    if facts.weights not in _MISSED:
        return ""
    name = asks_for_published(asked or {}, facts.short, facts.gpu)
    return (
        f"photographs are learned much faster from the published weights of {name}, which are kept once they are "
        f"downloaded: {_MISSED[facts.weights]}, or give a run of yours, or a file of weights, as `weights_of`"
    )


def choose_recipe(facts: Facts, asked: Mapping[str, Any] | None = None, *, largest_tile: int = 1) -> Recipe:
    """Return the recipe for what is known; fields that are `asked` for stay as they are, and the rest fits them.

    >>> chosen = choose_recipe(Facts(images=1000, short=224, one_size=False, gpu=False, weights="published"))
    >>> chosen.name, chosen.model, chosen.tile, chosen.resize_short, chosen.epochs, chosen.batch_size
    ('finetune', 'timm:resnet18', 48, 128, 13.0, 64)
    >>> chosen = choose_recipe(Facts(images=50_000, short=32, one_size=True, gpu=True))
    >>> chosen.name, chosen.model, chosen.tile, chosen.epochs
    ('fast', 'airbench', 16, 16.0)

    Weights to start from mean `finetune`; without weights it is the `fast` family; a network that this cannot
    train means `standard` with fewer epochs. Images of several sizes, and those larger than suits the device, get
    a `resize_short`; so do small ones for published weights, at most twice their side. It is at least
    `largest_tile`, if the images are that large. Tiles are about three eighths of the image; tiny images are used
    whole. A batch is at most a sixteenth of the set, and there are enough epochs for hundreds of steps. Raises
    `InputError` where `Recipe` does.
    """
    asked = dict(asked or {})
    given = recipe_from_values(asked)
    family = _family(facts, asked, given)
    base = RECIPES[family]
    kind = family if family in _LEAST_STEPS else "fast"
    chosen: dict[str, Any] = {}
    if kind == "finetune":
        chosen |= {"model": PUBLISHED[facts.gpu], "pretrained": given.weights_of is None}
    if kind == "fast" and not facts.gpu and facts.short >= LEAST_PUBLISHED:
        # A quarter of the work: what is learned from photographs in minutes is limited by the steps.
        chosen["width"] = 0.5
    largest = max(largest_tile, given.tile or 0)
    # Published networks have seen larger images, and reduce a small tile to a single place.
    known = 2 * facts.short if kind == "finetune" and _are_published(given) else facts.short
    fitting = min(max(_SIDES[facts.gpu], largest), known)
    if not facts.one_size or fitting != facts.short:
        chosen["resize_short"] = fitting
    side = given.resize_short if "resize_short" in asked else chosen.get("resize_short")
    if base.model_tile is None and given.model_tile is None and given.tile_schedule is None:
        chosen["tile"] = tile_for(side or facts.short)
    batch = given.batch_size if "batch_size" in asked else _batch(facts.images, _BATCHES[kind])
    chosen["batch_size"] = batch
    least = _STANDARD_EPOCHS if kind == "standard" else base.epochs
    chosen["epochs"] = _epochs(facts, least, _LEAST_STEPS[kind] * batch)
    return recipe_from_values(asked, replace(base, **{name: chosen[name] for name in chosen.keys() - asked}))


def tile_for(side: int) -> int | None:
    """Return the side of tiles for images with a shorter side, in pixels: None for images too small to be cut.

    >>> [tile_for(side) for side in (8, 32, 64, 96, 128, 224)]
    [None, 16, 24, 32, 48, 64]
    """
    return None if side <= _LEAST_CUT else min(max(_eights(side * 3 / 8), _LEAST_CUT), _LARGEST_TILE)


def tiles_for(side: int) -> tuple[int | None, ...]:
    """Return the sides of tiles that are compared with whole images, None, for images with a shorter side.

    >>> [tiles_for(side) for side in (8, 32, 96, 224)]
    [(6, None), (16, 24, None), (32, 48, None), (64, 96, None)]
    """
    tile = tile_for(side)
    if tile is None:
        return (max(1, side * 3 // 4), None)
    larger = _eights(tile * 1.5)
    return (tile, larger, None) if tile < larger < side else (tile, None)


def written_choice(recipe: Recipe, facts: Facts, *, tiles: Iterable[int | None] | None = None) -> str:
    """Say what was chosen and why, in one line; `tiles` are those that are compared.

    >>> facts = Facts(images=1000, short=224, one_size=True, gpu=False, weights="published")
    >>> written_choice(choose_recipe(facts), facts)
    'recipe finetune: 1,000 images of 224 px and published weights on this machine, on a processor; \
timm:resnet18, tile 48 of images resized to 128 px, 13 epochs in batches of 64; give `recipe` to choose another'
    """
    kinds = [recipe.tile] if tiles is None else list(tiles)
    cut = " and ".join("whole images" if tile is None else f"tile {tile}" for tile in kinds)
    if recipe.resize_short is not None:
        cut += f"{' of images' if any(kinds) else ''} resized to {recipe.resize_short} px"
    count, unit = (recipe.epochs, "epoch") if recipe.steps is None else (recipe.steps, "step")
    length = f"{count:,g} {unit}{'' if count == 1 else 's'}"
    return (
        f"recipe {recipe.name}: {facts.reason()}; {recipe.model}, {cut}, {length} in batches of {recipe.batch_size}; "
        "give `recipe` to choose another"
    )


def asks_for_published(asked: Mapping[str, Any], short: int, gpu: bool) -> str | None:
    """Return the network whose published weights a choice depends on, None if it depends on none.

    >>> asks_for_published({}, 224, gpu=False), asks_for_published({"model": "resnet9"}, 224, gpu=False)
    ('timm:resnet18', None)
    """
    given = recipe_from_values(asked)
    if short < LEAST_PUBLISHED or given.weights_of is not None or "pretrained" in asked:
        return None
    if asked.get("optimizer") == "muon" or given.whiten or given.model_tile is not None:
        return None
    name = given.model if "model" in asked else PUBLISHED[gpu]
    return name if name.startswith(TIMM) else None


def _are_published(given: Recipe) -> bool:
    """Say whether weights to start from are those of a published network, also if they are in a file."""
    if given.weights_of is None:
        return True
    return is_weights_file(given.weights_of) and given.model.startswith(TIMM)


def _family(facts: Facts, asked: Mapping[str, Any], given: Recipe) -> str:
    if given.weights_of is not None or given.pretrained:
        return "finetune"
    if asks_for_published(asked, facts.short, facts.gpu) and facts.weights in ("published", "fetched"):
        return "finetune"
    if given.model in ONE_TILE and "model" in asked:
        whole = "tile" not in asked or given.tile is None or given.model_tile is not None
        return f"{given.model}-whole" if whole and f"{given.model}-whole" in RECIPES else given.model
    own_groups = given.layer_decay is not None or given.head_first > 0 or not given.decay_norms
    other_optimizer = "optimizer" in asked and given.optimizer != "muon"
    trained_fast = "model" not in asked or given.model in ("airbench", "airbench94")
    return "fast" if trained_fast and not own_groups and not other_optimizer else "standard"


def _batch(images: int, most: int) -> int:
    fitting = max(_SMALLEST_BATCH, images * _OF_THE_SET)
    return int(min(most, 2 ** round(math.log2(fitting)), max(2, images)))


def _epochs(facts: Facts, least: float, seen: int) -> float:
    images = max(facts.images, 1)
    epochs = max(least, math.ceil(seen / images))
    # If a set is too large for that many epochs, all images are seen once.
    return float(min(epochs, max(1, _MOST_SEEN[facts.gpu] // images)))


def _eights(pixels: float) -> int:
    return 8 * max(1, round(pixels / 8))
