"""`scenes`: a generated set with a planted shortcut, so that what a classifier uses is known."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from nearsight.data import scene_backgrounds, scene_shapes
from nearsight.data.scene_objects import Shape, draw_object
from nearsight.data.scene_paint import SIZE, Field
from nearsight.errors import InputError, unknown_name

# A class and its own background have the same place in these lists.
SHAPES: dict[str, Shape] = {
    "bird": scene_shapes.bird,
    "car": scene_shapes.car,
    "cup": scene_shapes.cup,
    "fish": scene_shapes.fish,
    "house": scene_shapes.house,
    "ladder": scene_shapes.ladder,
    "star": scene_shapes.star,
    "tree": scene_shapes.tree,
}
BACKGROUNDS: dict[str, Callable[[Generator], Field]] = {
    "sky": scene_backgrounds.sky,
    "sand": scene_backgrounds.sand,
    "tiles": scene_backgrounds.tiles,
    "water": scene_backgrounds.water,
    "brick": scene_backgrounds.brick,
    "wood": scene_backgrounds.wood,
    "night": scene_backgrounds.night,
    "grass": scene_backgrounds.grass,
}


# Smaller objects would be a pixel or two.
LEAST_SIZE = 0.1


@dataclass(frozen=True)
class SceneSplit:
    """How a split is drawn: its usual size, and the random streams of its objects and of its backgrounds."""

    count: int
    objects: int
    backgrounds: int


# The three test splits show the same objects, so that a drop between them is due to the background alone.
SPLITS = {
    "train": SceneSplit(4000, objects=0, backgrounds=0),
    "val": SceneSplit(400, objects=1, backgrounds=1),
    "test": SceneSplit(1000, objects=2, backgrounds=2),
    "shuffled": SceneSplit(1000, objects=2, backgrounds=3),
    "swapped": SceneSplit(1000, objects=2, backgrounds=4),
}


@dataclass(frozen=True, eq=False)
class SceneImages:
    """One split of `scenes`, in memory.

    `pixels` is uint8 (n, 3, 64, 64). `masks` is bool (n, 64, 64), True where the object covers at least half of
    the pixel. `labels` and `backgrounds` are int64 (n,): places in `classes` and in `background_names`, where a
    class's own background has the class's number.
    """

    pixels: Tensor
    masks: Tensor
    labels: np.ndarray
    backgrounds: np.ndarray
    classes: tuple[str, ...]
    background_names: tuple[str, ...]


def draw_scenes(
    split: str, *, shortcut: float = 0.5, size: float = 1.0, seed: int = 0, count: int | None = None
) -> SceneImages:
    """Draw a split of `scenes`: objects of eight classes on eight kinds of background.

    >>> scenes = draw_scenes("train", shortcut=1, count=16)
    >>> scenes.pixels.shape, scenes.masks.shape
    (torch.Size([16, 3, 64, 64]), torch.Size([16, 64, 64]))
    >>> scenes.classes[scenes.labels[3]], scenes.background_names[scenes.backgrounds[3]]
    ('fish', 'water')

    In `train`, `val` and `test`, the background is the class's own with probability `shortcut`, and otherwise any
    of the eight, its own among them, with equal probability. At 0 it is independent of the class, at 1 the class
    determines it, and it is the class's own in a share `shortcut + (1 - shortcut) / 8` of the images. In
    `shuffled` it is any of the eight whatever the class, in `swapped` any of the other seven; these two show the
    objects of `test`, whatever the shortcut.

    Image i depends only on `seed`, `split`, i and `shortcut`, so fewer images are the first of more. Its object
    does not depend on `shortcut`; its background changes at most once as `shortcut` rises, and then becomes the
    class's own. Classes take turns. `size` is the length of objects relative to the usual one: at 0.35 most fit
    into a tile of 16 pixels. Object and background are otherwise the same at every size. `count` is by default
    4000 for `train`, 400 for `val` and 1000 for each test split.

    Raises `InputError` for an unknown split, a shortcut outside 0..1, a size outside 0.1..1, a negative seed or no
    images.
    """
    if split not in SPLITS:
        raise unknown_name("split of scenes", split, SPLITS)
    if not 0 <= shortcut <= 1:
        raise InputError(
            f"shortcut must be from 0 (no shortcut) to 1 (the background tells the class), got {shortcut}"
        )
    if not LEAST_SIZE <= size <= 1:
        raise InputError(
            f"size must be from {LEAST_SIZE} to 1 (the usual length of an object), got {size}; 0.35 is small"
        )
    if seed < 0:
        raise InputError(f"the seed of scenes must be 0 or more, got {seed}")
    number = SPLITS[split].count if count is None else count
    if number < 1:
        raise InputError(f"the count of scenes must be 1 or more, got {number}")

    shapes, paints = tuple(SHAPES.values()), tuple(BACKGROUNDS.values())
    pixels = np.empty((number, SIZE, SIZE, 3), dtype=np.uint8)
    masks = np.empty((number, SIZE, SIZE), dtype=np.bool_)
    labels = np.arange(number, dtype=np.int64) % len(shapes)
    backgrounds = np.empty(number, dtype=np.int64)
    for i, label in enumerate(labels):
        object_rng = np.random.default_rng([seed, SPLITS[split].objects, i, 0])
        background_rng = np.random.default_rng([seed, SPLITS[split].backgrounds, i, 1])
        drawn = draw_object(shapes[label], object_rng, size=size)
        backgrounds[i] = _choose_background(int(label), split, shortcut, background_rng)
        pixels[i] = drawn.on(paints[backgrounds[i]](background_rng))
        masks[i] = drawn.mask
    return SceneImages(
        torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(),
        torch.from_numpy(masks),
        labels,
        backgrounds,
        tuple(SHAPES),
        tuple(BACKGROUNDS),
    )


def _choose_background(label: int, split: str, shortcut: float, rng: Generator) -> int:
    kinds = len(BACKGROUNDS)
    if split == "swapped":
        return (label + int(rng.integers(1, kinds))) % kinds
    # Both are always drawn, so that what follows in the stream does not depend on the setting.
    threshold, any_kind = rng.random(), int(rng.integers(kinds))
    return label if split != "shuffled" and threshold < shortcut else any_kind
