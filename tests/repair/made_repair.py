"""A repair with numbers made up for it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nearsight.data import ImageSet, MemoryImages, draw_scenes
from nearsight.diagnosis.pictures import ExaminedPictures
from nearsight.repair.result import Change, Cost, Example, FoundAgain, Repair, Repaired
from nearsight.statistics import Estimate, absent


def share(right: int, images: int) -> Estimate:
    value = right / images
    return Estimate(value, max(0.0, value - 0.1), min(1.0, value + 0.1), images)


def change(
    name: str,
    before: int,
    after: int,
    images: int,
    *,
    of: int | None = None,
    shortcut: int | None = None,
    having: bool | None = None,
) -> Change:
    moved = (after - before) / images
    return Change(
        name,
        of,
        shortcut,
        having,
        images,
        share(before, images),
        share(after, images),
        Estimate(moved, moved - 0.08, moved + 0.08, images),
    )


def make_repair(**changes: Any) -> Repair:
    """Return the repair of a made-up run on scenes; keywords replace its fields."""
    scenes = draw_scenes("test", count=80)
    classes = changes.get("classes", scenes.classes)
    images = ImageSet("scenes", "test", classes, scenes.labels, MemoryImages(scenes.pixels, ("",) * 80))
    first, other = np.flatnonzero(scenes.labels == 0), np.flatnonzero(scenes.labels == 3)
    made = Repair(
        directory=Path("repairs/scenes"),
        run="scenes-tile-16",
        data="scenes",
        classes=classes,
        method="swap",
        from_scratch=False,
        decision="mean-logit",
        chosen_on="half of the images of train, drawn by seed 0",
        seed=0,
        shortcuts=(
            Repaired(0, 1, "shortcut", "tint", f"a green tint of {classes[0]}", 540, 360, 48, 32),
            Repaired(3, 2, "suspect", "border", "a white border", 300, 0, 40, 0),
        ),
        overall=change("all", 700, 720, 1000),
        groups=(
            change(f"{classes[0]} with it", 46, 44, 48, of=0, shortcut=0, having=True),
            change(f"{classes[0]} without it", 6, 24, 32, of=0, shortcut=0, having=False),
            change(f"{classes[3]} with it", 38, 38, 40, of=3, shortcut=1, having=True),
        ),
        moved=(change(f"become {classes[0]}", 160, 20, 200, of=0, shortcut=0),),
        by_class=tuple(
            change(name, 70, 60 if number == 5 else 72, 100, of=number) for number, name in enumerate(classes)
        ),
        before=(
            FoundAgain(
                0, "shortcut", "tint", "a green tint", share(48, 80), share(46, 48), share(6, 32), True
            ),
            FoundAgain(
                3,
                "suspect",
                "border",
                "a white border",
                share(40, 40),
                share(38, 40),
                absent("all"),
                True,
            ),
        ),
        after=(
            FoundAgain(2, "suspect", "blur", "blurred", share(30, 80), share(28, 30), share(20, 50), False),
        ),
        cost_before=Cost(4000, 812.0, 3 * 10**14),
        cost=Cost(800, 160.0, 6 * 10**13),
        notes=("2 images could not be read",),
        examples=tuple(
            Example(int(index), label, number, having, (label + 1) % 8 if not having else label, label)
            for number, label, having, indices in (
                (0, 0, True, first[:3]),
                (0, 0, False, first[3:6]),
                (1, 3, True, other[:3]),
            )
            for index in indices
        ),
        pictures=ExaminedPictures(images, lambda image: image),
    )
    return replace(made, **changes)
