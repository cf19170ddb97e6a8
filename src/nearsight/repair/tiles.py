"""Tiles: those that show a shortcut are trained to say nothing."""

import numpy as np
from numpy.typing import NDArray

from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.repair.groups import draw_alike
from nearsight.repair.task import Task
from nearsight.training.material import Material, SilentTiles

# An image is repeated at most this often, however few of its class's tiles speak.
MOST_GIVEN = 4


def silence_tiles(task: Task) -> Material:
    """Return the training images in which the tiles of a shortcut are silent, in images of all classes.

    >>> import torch
    >>> from nearsight.data import ImageSet, MemoryImages
    >>> from nearsight.evidence import TiledModel
    >>> from nearsight.repair.places import tiles_at
    >>> from nearsight.repair.shortcut import Shortcut
    >>> pixels = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    >>> images = ImageSet("toy", "train", ("a", "b"), np.array([0, 1]), MemoryImages(pixels, ("1", "2")))
    >>> has = np.array([True, False])
    >>> corner = tiles_at([(0, 0, 0.25, 0.25)], has)
    >>> mark = Shortcut(0, 1, "shortcut", "overlay", "a dot", "image", has, has, tiles=corner)
    >>> bound = TiledModel(lambda tiles: tiles.mean((2, 3))[:, :2], tile=2, stride=2)
    >>> [places.tolist() for places in silence_tiles(Task(bound, images, (mark,))).silent.corners]
    [[[True, False], [False, False]], [[False, False], [False, False]]]

    Each shortcut itself says which tiles belong to it (`Shortcut.tiles`). The images of a class whose tiles are
    silenced are repeated, so that its other tiles are as many as those of other classes. Otherwise the network
    would learn that tiles without a shortcut are rarely of the class.

    Raises `InputError` for a network of whole images, for a shortcut that no tiles show, and if every tile of a
    class's images would be silent.
    """
    silent = silent_tiles(task)
    index = speaking_alike(task, silent)
    return Material(task.train.select(index), silent=silent.select(index))


def silent_tiles(task: Task) -> SilentTiles:
    """Return the tiles of each training image that belong to a shortcut; raises where `silence_tiles` does."""
    bound = task.bound
    if not sees_tiles(bound):
        raise no_tiles()
    finders = []
    for shortcut in task.shortcuts:
        if shortcut.tiles is None:
            raise InputError(
                f"no tiles are known to show {task.name(shortcut)}; use `method='swap'` or `method='last-layer'`"
            )
        finders.append(shortcut.tiles)
    corners: list[NDArray[np.bool_]] = []
    every = range(len(task.train))
    for found in zip(*(find(bound, task.train, every) for find in finders), strict=True):
        corners.append(np.logical_or.reduce(found))
        task.progress.count("searching tiles of shortcuts", len(corners), len(task.train))
    _check_left(task, corners)
    share = sum(int(of.sum()) for of in corners) / sum(of.size for of in corners)
    task.progress.say(
        f"{100 * share:.1f} % of all training tiles are trained towards equal probabilities for all classes"
    )
    return SilentTiles(tuple(corners), bound.sides()[1])


def speaking_alike(task: Task, silent: SilentTiles) -> NDArray[np.int64]:
    """Return the training images to use, int64, so that as many tiles speak for each class as for the others.

    A class keeps its images, and some, drawn with the seed, are repeated; each at most `MOST_GIVEN` times.
    """
    labels = task.train.labels
    speaking = np.array([1 - of.mean() for of in silent.corners])
    shares = {number: float(speaking[labels == number].mean()) for number in np.unique(labels).tolist()}
    most = max(shares.values())
    random = np.random.default_rng((task.seed, 25))
    drawn = []
    for number, share in shares.items():
        mine = np.flatnonzero(labels == number)
        drawn.append(draw_alike(mine, round(len(mine) * min(MOST_GIVEN, most / share)), random))
    return np.sort(np.concatenate(drawn))


def sees_tiles(bound: TiledModel) -> bool:
    """Return whether a bound network was trained on tiles, so that tiles can be silenced."""
    return not (isinstance(bound.model, Classifier) and bound.model.tile is None)


def no_tiles() -> InputError:
    """Return the error for a network of whole images whose tiles should be silenced."""
    return InputError(
        "this run was trained on whole images and has no tiles to silence; use `method='swap'` or "
        "`method='last-layer'`"
    )


def _check_left(task: Task, corners: list[NDArray[np.bool_]]) -> None:
    speaking = np.array([not of.all() for of in corners])
    for number in np.unique(task.train.labels):
        if not speaking[task.train.labels == number].any():
            raise InputError(
                f"every tile of every training image of '{task.train.classes[number]}' shows a shortcut, so "
                f"none would be left to learn the class from; use `method='swap'` or `method='last-layer'`"
            )
