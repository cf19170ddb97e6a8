"""Networks with plants of the shortcuts study, for which each image is known with and without the plant."""

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import nearsight
from nearsight.data import ImageSet, ImageSets, MemoryImages
from nearsight.repair.shortcut import EditIn
from nearsight.settings import make_recipe
from studies.repair.cases import TOLD, Case, Known, Look
from studies.shortcuts import networks
from studies.shortcuts.held_out import HELD_OUT
from studies.shortcuts.networks import ALL, CLASSES, STRIDE, TILE, Network, Plant, base_sets, plant
from studies.shortcuts.plants import Change, apply

# Fixed before any result: two plants in most images of their classes, and a third, in every image or held out.
FAMILIES = ("border", "tint", "blocks", "noise", "digits", "watermark")
OTHERS = ("caption", "grey", "vignette", "scan lines", "fringe", "flare")
PLACES = (("stl10", "tile"), ("cifar10", "whole"), ("cifar10", "tile"), ("stl10", "whole"))
SHARE = 0.6
# Images of other classes to which a plant is added.
TRANSPLANTED = 200
# Images of a class that were neither trained on nor tested.
HELD = 100


def planted_networks(seeds: int, first_seed: int = 500) -> list[Network]:
    """Return the networks in the order in which they are measured: each set and kind, seed by seed, and once more
    with other families.

    >>> len(planted_networks(3)), planted_networks(1)[0].plants[0].family
    (24, 'border')
    """
    found = []
    for turn in range(2):
        for k in range(seeds * len(PLACES)):
            data, kind = PLACES[k % len(PLACES)]
            # Pairs take turns in six, so that each family meets each set and kind.
            first = (k + k // len(FAMILIES) + 3 * turn) % len(FAMILIES)
            pair = FAMILIES[first], FAMILIES[(first + 1 + k % 2) % len(FAMILIES)]
            third = (
                FAMILIES[(first + 4) % len(FAMILIES)]
                if (k + k // len(PLACES) + turn) % 2
                else OTHERS[k // 2 % len(OTHERS)]
            )
            seed = first_seed + k // len(PLACES)
            classes = np.random.default_rng([seed, k, turn]).permutation(CLASSES)
            plants = [
                Plant(int(classes[i]), name, 2 + (k + i + turn) % 2, SHARE) for i, name in enumerate(pair)
            ]
            plants.append(Plant(int(classes[2]), third, 3, 1.0 if third in FAMILIES else SHARE))
            found.append(Network(data, kind, seed, tuple(plants)))
    return found


def planted_name(network: Network) -> str:
    """Return a name of its own for a network; those with one seed differ by their plants."""
    families = "-".join(one.family.replace(" ", "_") for one in network.plants)
    return f"{network.data}-{network.kind}-{network.seed}-{families}"


def planted_case(network: Network, images: int | None = None) -> Case:
    """Return a network with its sets, and where its figures are read; `images` is the most to train on per class."""
    planted = plant(network)
    train, test = base_sets(network.data)
    if images is not None:
        first = of_each_class(train.labels, images)
        train, planted = train.select(first), replace(planted, train=planted.train.select(first))
    held = held_images(network.data)
    labels = test.labels
    told = of_each_class(labels, TOLD)
    plain = np.flatnonzero(~planted.planted)
    unplanted = ~np.isin(labels, [one.class_number for one in network.plants])
    assert planted.test.pixels is not None
    assert planted.train.pixels is not None
    assert train.pixels is not None
    views: dict[str, Tensor] = {"test": planted.test.pixels, "clean": planted.clean}
    of_views = {"test": labels, "clean": labels}
    held_pixels = held.images.pixels.clone() if isinstance(held.images, MemoryImages) else torch.empty(0)
    changed = (planted.train.pixels != train.pixels).flatten(1).any(1).numpy()
    known = []
    for k, one in enumerate(network.plants):
        mine = labels == one.class_number
        others = plain[labels[plain] != one.class_number]
        random = np.random.default_rng([network.seed, k, 11])
        some = random.permutation(others)[:TRANSPLANTED]
        change = planted.changes[one.class_number]
        view = f"put on {k}"
        views[view] = torch.stack([_put(change, planted.clean[i], random) for i in some])
        of_views[view] = labels[some]
        in_held = _half(held.labels == one.class_number, random)
        for i in np.flatnonzero(in_held):
            held_pixels[i] = _put(change, held_pixels[i], random)
        known.append(
            Known(
                one.class_number,
                one.family,
                one.strength,
                one.share,
                ALL[one.family] in HELD_OUT,
                Look("test", np.flatnonzero(mine & planted.planted)),
                Look("clean", np.flatnonzero(mine)),
                Look(view, np.arange(len(some))),
                changed & (train.labels == one.class_number),
                in_held,
                put_on=edit(change, network.seed),
                take_off=clean_of(train),
            )
        )
    return Case(
        planted_name(network),
        f"{network.data}-{network.kind}-{network.seed}-ceiling",
        network.data,
        network.kind,
        network.seed,
        make_recipe(network.data, "fast", networks.recipe_fields(network)),
        # Plants are drawn over pixels that were read, and no file holds them: an edit must not be compressed either.
        ImageSets(
            planted_name(network),
            {
                "train": replace(planted.train, files=None),
                "test": replace(planted.test.select(told), files=None),
            },
        ),
        train,
        replace(held, images=MemoryImages(held_pixels, tuple(held.paths())), files=None),
        tuple(known),
        views,
        of_views,
        Look("test", np.arange(len(labels))),
        Look("clean", np.flatnonzero(unplanted)),
        TILE,
        STRIDE,
    )


def of_each_class(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the places of the first images of each class, this many.

    >>> of_each_class(np.array([0, 1, 1, 0, 1]), 2).tolist()
    [0, 1, 2, 3]
    """
    return np.sort(np.concatenate([np.flatnonzero(labels == k)[:count] for k in np.unique(labels)]))


def _put(change: Change, image: Tensor, random: np.random.Generator) -> Tensor:
    return apply(change, image, np.zeros(image.shape[1:], dtype=np.bool_), random)


def edit(change: Change, seed: int) -> EditIn:
    """Return a plant's change as an edit of image i of a set."""

    def put_on(images: ImageSet, i: int) -> Tensor:
        return _put(change, images.image(i), np.random.default_rng([seed, i, 12]))

    return put_on


def clean_of(train: ImageSet) -> EditIn:
    """Return what removes any plant from a training image without a trace: the image as it was before."""

    def take_off(images: ImageSet, i: int) -> Tensor:
        assert len(images) == len(train)
        return train.image(i)

    return take_off


def _half(which: NDArray[np.bool_], random: np.random.Generator) -> NDArray[np.bool_]:
    places = np.flatnonzero(which)
    chosen = np.zeros(len(which), dtype=np.bool_)
    chosen[random.permutation(places)[: len(places) // 2]] = True
    return chosen


@cache
def held_images(data: str) -> ImageSet:
    """Return `HELD` images per class that are in neither part of `base_sets`, made as small as these."""
    sets = nearsight.load(data, validation=0)
    # STL-10 has no more training images than are trained on.
    split = "test" if data == "stl10" else "train"
    begin = networks.SIZES[data][1 if split == "test" else 0]
    whole = networks.in_memory(networks.of_each(sets[split], begin, begin + HELD))
    factor = networks.HALVED[data]
    return networks.halved(whole, factor) if factor > 1 else whole
