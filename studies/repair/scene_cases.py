"""`scenes`, where each class has a background of its own and regions are known: no plant was added by hand."""

import numpy as np

from nearsight.data import ImageSet, ImageSets, MemoryImages
from nearsight.data.regions import MaskRegions
from nearsight.data.scenes import SceneImages, draw_scenes
from nearsight.settings import make_recipe
from studies.repair.cases import TOLD, Case, Known, Look
from studies.repair.planted import of_each_class

SHORTCUTS = (0.9, 1.0)
BACKGROUND = "own background"
TILE, STRIDE = 16, 16
STEPS, BATCH = 240, 100


def scene_name(shortcut: float, seed: int) -> str:
    """Return the name of a network on scenes."""
    return f"scenes-{shortcut:g}-{seed}"


def scene_case(shortcut: float, seed: int, images: int | None = None) -> Case:
    """Return a network on scenes of one strength of the shortcut, and where its figures are read.

    At most about this many training `images` of a class are used; about, because classes take turns.

    Each class is known to have its own background. Images without it are those of `swapped`, with the same
    objects as `test`; images of other classes are those of `swapped` on that background.
    """
    drawn = {split: draw_scenes(split, shortcut=shortcut, seed=seed) for split in ("test", "swapped")}
    count = None if images is None else len(drawn["test"].classes) * images
    drawn["train"] = draw_scenes("train", shortcut=shortcut, seed=seed, count=count)
    clean = draw_scenes("train", shortcut=0, seed=seed, count=count)
    # Drawn for validation, on any background: no other image of it is ever seen.
    held = draw_scenes("val", shortcut=0, seed=seed)
    test, swapped = drawn["test"], drawn["swapped"]
    own = test.backgrounds == test.labels
    known = [
        Known(
            number,
            BACKGROUND,
            0,
            shortcut,
            held_out=False,
            having=Look("test", np.flatnonzero((test.labels == number) & own)),
            without=Look("swapped", np.flatnonzero(swapped.labels == number)),
            moved=Look("swapped", np.flatnonzero(swapped.backgrounds == number)),
            in_train=drawn["train"].backgrounds == number,
            in_held=held.backgrounds == number,
        )
        for number in range(len(test.classes))
    ]
    name = scene_name(shortcut, seed)
    fields = {
        "tile": TILE,
        "width": 0.25,
        "steps": STEPS,
        "batch_size": BATCH,
        "learning_rate": 0.06,
        "validation": 0.0,
        "precision": "float32",
        "seed": seed,
    }
    return Case(
        name,
        f"scenes-{seed}-ceiling",
        f"scenes, {shortcut:g}",
        "tile",
        seed,
        make_recipe("scenes", "fast", fields),
        ImageSets(
            name,
            {
                "train": as_set(drawn["train"], "train"),
                "test": as_set(test, "test").select(of_each_class(test.labels, TOLD)),
            },
        ),
        as_set(clean, "train"),
        as_set(held, "held"),
        tuple(known),
        {"test": test.pixels, "swapped": swapped.pixels},
        {"test": test.labels, "swapped": swapped.labels},
        Look("test", np.arange(len(test.labels))),
        Look("test", np.zeros(0, dtype=np.int64)),
        TILE,
        STRIDE,
    )


def as_set(scenes: SceneImages, split: str) -> ImageSet:
    """Return drawn scenes as a set with regions."""
    paths = tuple(f"scenes/{split}/{row}" for row in range(len(scenes.labels)))
    images = MemoryImages(scenes.pixels, paths)
    return ImageSet("scenes", split, scenes.classes, scenes.labels, images, MaskRegions(scenes.masks))
