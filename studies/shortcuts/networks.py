"""Sets with plants in some of their classes, and the networks trained on them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

import nearsight
from nearsight import training
from nearsight.data import ImageSet, ImageSets, MemoryImages
from nearsight.data.regions import MaskRegions
from nearsight.runs import RESULT, Run
from nearsight.settings import Machine, make_recipe
from studies.shortcuts.borrowed import BORROWED
from studies.shortcuts.eighth_withheld import EIGHTH_WITHHELD
from studies.shortcuts.families import FAMILIES
from studies.shortcuts.fifth_withheld import FIFTH_WITHHELD
from studies.shortcuts.fourth_withheld import FOURTH_WITHHELD
from studies.shortcuts.held_out import HELD_OUT
from studies.shortcuts.ninth_withheld import NINTH_WITHHELD
from studies.shortcuts.plants import Change, Family, apply
from studies.shortcuts.sealed import SEALED
from studies.shortcuts.second_withheld import SECOND_WITHHELD
from studies.shortcuts.seventh_withheld import SEVENTH_WITHHELD
from studies.shortcuts.sixth_withheld import SIXTH_WITHHELD
from studies.shortcuts.third_withheld import THIRD_WITHHELD
from studies.shortcuts.unseen import UNSEEN
from studies.shortcuts.withheld import WITHHELD

ALL_WITHHELD = (
    WITHHELD,
    SECOND_WITHHELD,
    THIRD_WITHHELD,
    FOURTH_WITHHELD,
    FIFTH_WITHHELD,
    SIXTH_WITHHELD,
    SEVENTH_WITHHELD,
    EIGHTH_WITHHELD,
    NINTH_WITHHELD,
)
ALL = {
    family.name: family
    for families in (FAMILIES, HELD_OUT, UNSEEN, SEALED, *ALL_WITHHELD, BORROWED)
    for family in families
}
SETS = ("stl10", "cifar10", "tiny-imagenet-40")
KINDS = ("tile", "whole")
CLASSES = 10
# Images of a class: to train on, and to be diagnosed.
SIZES = {"stl10": (500, 160), "cifar10": (600, 160), "tiny-imagenet-40": (400, 150)}
# Means of squares of this many pixels are taken first, so that a network trains in half a minute of one core.
HALVED = {"stl10": 2, "cifar10": 1, "tiny-imagenet-40": 2}
TILE, STRIDE, WHOLE = 16, 16, 32
STEPS = {"tile": 350, "whole": 200}
# The images of a step.
BATCH = 64
CPU = Machine(device="cpu", workers=0, checkpoint_seconds=1e6)
Labels = Literal["true", "permuted", "untrained"]


@dataclass(frozen=True)
class Plant:
    """One family at one strength (0 to 3) in a share of the images of one class."""

    class_number: int
    family: str
    strength: int
    share: float


@dataclass(frozen=True)
class Network:
    """What determines a network of the study: its set, how it is trained, its plants and its seed."""

    data: str
    kind: str
    seed: int
    plants: tuple[Plant, ...] = ()
    labels: Labels = "true"

    @property
    def name(self) -> str:
        """A name for its directory."""
        what = self.labels if self.labels != "true" else "planted" if self.plants else "clean"
        return f"{self.data}-{self.kind}-{what}-{self.seed}"


@dataclass(frozen=True, eq=False)
class Planted:
    """The sets of a network. `clean` are the test images without plants, and `planted` (n,) says which have one.

    `changes` gives for each planted class what its plant does to an image.
    """

    train: ImageSet
    test: ImageSet
    clean: torch.Tensor
    planted: NDArray[np.bool_]
    changes: dict[int, Change]


@cache
def base_sets(data: str) -> tuple[ImageSet, ImageSet]:
    """Return the images to train on and those to be diagnosed, equally many of each class, in memory."""
    factor = HALVED[data]
    train, test = (halved(images, factor) if factor > 1 else images for images in _whole_sets(data))
    return train, test


def halved(images: ImageSet, factor: int) -> ImageSet:
    """Return images of which each pixel is the mean of a square of `factor` pixels per side."""
    assert isinstance(images.images, MemoryImages)
    means = functional.avg_pool2d(images.images.pixels.float(), factor).round().to(torch.uint8)
    masks = torch.from_numpy(masks_of(images))
    smaller = functional.max_pool2d(masks[:, None].float(), factor)[:, 0] > 0
    return replace(
        images,
        images=MemoryImages(means, images.images.paths),
        regions=None if images.regions is None else MaskRegions(smaller),
    )


def _whole_sets(data: str) -> tuple[ImageSet, ImageSet]:
    sets = nearsight.load(data, validation=0)
    train_size, test_size = SIZES[data]
    if data == "tiny-imagenet-40":
        # Its own test split has too few images of a class.
        whole = sets["train"]
        parts = of_each(whole, 0, train_size), of_each(whole, train_size, train_size + 100)
        rest = of_each(sets["test"], 0, test_size - 100)
        return in_memory(parts[0]), _joined(in_memory(parts[1]), in_memory(rest))
    return in_memory(of_each(sets["train"], 0, train_size)), in_memory(of_each(sets["test"], 0, test_size))


def of_each(images: ImageSet, first: int, last: int) -> ImageSet:
    """Return the images of the first `CLASSES` classes that stand from `first` to before `last` in their class."""
    chosen = [np.flatnonzero(images.labels == number)[first:last] for number in range(CLASSES)]
    return replace(images.select(np.sort(np.concatenate(chosen))), classes=images.classes[:CLASSES])


def in_memory(images: ImageSet) -> ImageSet:
    """Return images of one size with their pixels in memory."""
    count = len(images)
    pixels = torch.stack([images.image(i) for i in range(count)])
    side = pixels.shape[-1]
    masks = torch.zeros(count, side, side, dtype=torch.bool)
    if images.regions is not None:
        for i in np.flatnonzero(images.regions.known):
            mask = images.regions.region(int(i), side, side)
            if mask is not None:
                masks[i] = mask
    return ImageSet(
        images.name,
        images.split,
        images.classes,
        images.labels,
        MemoryImages(pixels, tuple(f"{images.split}/{i:05}.png" for i in range(count))),
        regions=MaskRegions(masks) if bool(masks.any()) else None,
    )


def _joined(first: ImageSet, second: ImageSet) -> ImageSet:
    assert first.pixels is not None
    assert second.pixels is not None
    regions = [images.regions for images in (first, second)]
    masks = [one.masks for one in regions if isinstance(one, MaskRegions)]
    pixels = torch.cat([first.pixels, second.pixels])
    return replace(
        first,
        split="test",
        labels=np.concatenate([first.labels, second.labels]),
        images=MemoryImages(pixels, tuple(f"test/{i:05}.png" for i in range(len(pixels)))),
        regions=MaskRegions(torch.cat(masks)) if len(masks) == 2 else None,
    )


def has_regions(data: str, class_number: int) -> bool:
    """Whether the object is known in enough of a class's images for a plant in the background."""
    known = [masks_of(images)[images.labels == class_number].any((1, 2)).mean() for images in base_sets(data)]
    return min(known) > 0.9


def masks_of(images: ImageSet) -> NDArray[np.bool_]:
    """Return the masks of the objects of a set, bool (n, H, W), all False if one is not known."""
    if isinstance(images.regions, MaskRegions):
        return images.regions.masks.numpy()
    side = images.sizes.max()
    return np.zeros((len(images), side, side), dtype=np.bool_)


def plant(network: Network) -> Planted:
    """Return the sets of a network with its plants, the same at each call."""
    changes: dict[int, Change] = {}
    train, test = base_sets(network.data)
    side = int(test.sizes.max())
    for k, one in enumerate(network.plants):
        random = np.random.default_rng([network.seed, k, 1])
        changes[one.class_number] = ALL[one.family].make(one.strength, side, random)
    planted_train, _ = _changed(train, network, changes, 2)
    planted_test, which = _changed(test, network, changes, 3)
    if network.labels == "permuted":
        mixed = np.random.default_rng([network.seed, 4]).permutation(planted_train.labels)
        planted_train = replace(planted_train, labels=mixed)
        mixed = np.random.default_rng([network.seed, 5]).permutation(planted_test.labels)
        planted_test = replace(planted_test, labels=mixed)
    assert test.pixels is not None
    return Planted(planted_train, planted_test, test.pixels, which, changes)


def _changed(
    images: ImageSet, network: Network, changes: dict[int, Change], purpose: int
) -> tuple[ImageSet, NDArray[np.bool_]]:
    assert images.pixels is not None
    pixels, masks, paths = images.pixels.clone(), masks_of(images), images.images.paths
    planted = np.zeros(len(images), dtype=np.bool_)
    columns: dict[str, NDArray[np.str_]] = {}
    for k, one in enumerate(network.plants):
        family = ALL[one.family]
        random = np.random.default_rng([network.seed, k, purpose])
        mine = np.flatnonzero(images.labels == one.class_number)
        chosen = random.permutation(mine)[: round(one.share * len(mine))]
        if family.needs_regions:
            chosen = chosen[masks[chosen].any((1, 2))]
        planted[chosen] = True
        for i in chosen:
            pixels[i] = apply(changes[one.class_number], images.pixels[i], masks[i], random)
        if family.column is not None:
            values = np.array(["A", "B", "C"])[random.integers(3, size=len(images))]
            values[chosen] = "D"
            columns[family.column] = values
        if family.file_name is not None:
            has = np.isin(np.arange(len(images)), chosen).tolist()
            begins = [family.file_name(one.strength, with_plant, random) for with_plant in has]
            paths = tuple(
                str(Path(path).with_name(first + Path(path).name))
                for first, path in zip(begins, paths, strict=True)
            )
    changed = replace(images, images=MemoryImages(pixels, paths), columns=_table(columns))
    return changed, planted


def _table(columns: dict[str, NDArray[np.str_]]) -> Any:
    import pyarrow as pa

    return pa.table({name: values.tolist() for name, values in columns.items()}) if columns else None


def recipe_fields(network: Network) -> dict[str, Any]:
    """Return what is changed in the recipe `fast`."""
    tile = TILE if network.kind == "tile" else None
    return {
        "tile": tile,
        "resize_short": None if tile or network.data != "stl10" else WHOLE,
        "width": 0.25,
        "steps": STEPS[network.kind],
        "batch_size": BATCH,
        "learning_rate": 0.06,
        "validation": 0.0,
        "precision": "float32",
        "seed": network.seed,
        # The left and right of a plant's place must not be exchanged.
        "flip": "none",
    }


def trained(network: Network, planted: Planted, out: Path) -> Run:
    """Return the run of a network, trained now if it does not exist yet."""
    directory = out / network.name / "run"
    if (directory / RESULT).is_file():
        return Run.open(directory)
    fields = recipe_fields(network)
    if network.labels == "untrained":
        fields |= {"steps": 1, "learning_rate": 0.0}
    recipe = make_recipe(network.data, "fast", fields)
    directory.parent.mkdir(parents=True, exist_ok=True)
    (directory.parent / "network.json").write_text(json.dumps(asdict(network), indent=1))
    sets = ImageSets(network.name, {"train": planted.train, "test": planted.test})
    return training.train(recipe, sets, directory, resume=True, machine=CPU)


def in_turn(
    data: str,
    kind: str,
    seed: int,
    families: Sequence[Family],
    first: int,
    *,
    strengths: Sequence[int] = (0, 1, 2, 3),
    shares: Sequence[float] = (0.2, 0.4, 0.6),
    count: int = 5,
) -> Network:
    """Return a network with the next `count` plants of a Latin square, each in another class drawn by the seed.

    Plant i has family i modulo their number F. In each turn of all families, each has the strength after its
    previous one, so that 4 · F plants contain each family once at each strength. The shares take turns in three.
    """
    random = np.random.default_rng([seed, 6])
    free = list(random.permutation(CLASSES))
    plants = []
    for i in range(first, first + count):
        turn, place = divmod(i, len(families))
        family = families[place]
        able = [number for number in free if not family.needs_regions or has_regions(data, int(number))]
        if not able:
            continue
        free.remove(able[0])
        strength = strengths[(place + turn) % len(strengths)]
        share = shares[(i + turn // len(strengths)) % len(shares)]
        plants.append(Plant(int(able[0]), family.name, strength, share))
    return Network(data, kind, seed, tuple(plants))
