"""Swap: a shortcut is put on images of the other classes too, so that it says nothing any more."""

import numpy as np
from numpy.typing import NDArray

from nearsight.errors import InputError
from nearsight.repair.edited import edit_image, edited
from nearsight.repair.shortcut import BACKGROUND, EditIn, Shortcut
from nearsight.repair.task import Task
from nearsight.training.material import Material

# The largest share of its class's images that may have a shortcut which can be taken off: a network that sees a class
# with it and hardly without learns little of the images that it is to be right about.
MOST_WITH = 0.5
# The share of each class's images on which nothing is put: what is never trained on as it is, is not known so.
AS_THEY_ARE = 0.2

_Draw = tuple[NDArray[np.int64], EditIn]


def swap(task: Task) -> Material:
    """Return training images in which each shortcut is as frequent in every class as in its own.

    >>> import torch
    >>> from nearsight.data import ImageSet, MemoryImages
    >>> from nearsight.evidence import TiledModel
    >>> pixels = torch.zeros(8, 3, 4, 4, dtype=torch.uint8)
    >>> pixels[:2, :, 0, 0] = 255
    >>> labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    >>> images = ImageSet("toy", "train", ("cat", "dog"), labels, MemoryImages(pixels, tuple("abcdefgh")))
    >>> def stamp(images, i):
    ...     image = images.image(i).clone()
    ...     image[:, 0, 0] = 255
    ...     return image
    >>> has = images.pixels[:, 0, 0, 0].numpy() > 0
    >>> mark = Shortcut(0, 1, "shortcut", "overlay", "a white dot", "image", has, has, put_on=stamp)
    >>> bound = TiledModel(lambda images: images.mean((2, 3))[:, :2], classes=("cat", "dog"))
    >>> swapped = swap(Task(bound, images, (mark,))).images
    >>> (swapped.pixels[:, 0, 0, 0] > 0).numpy().reshape(2, 4).sum(1).tolist()
    [2, 2]

    Of every other class so many images get a shortcut that as large a share of them has it as of its own class.
    Which ones, the seed draws, for each shortcut apart. Where more than `MOST_WITH` of its own class's images have it
    and it can be taken off, it is taken off as many as are too many; as large a share of the other classes' images
    gets it and loses it again, so that what the edit leaves behind says nothing either. On `AS_THEY_ARE` of
    each class's images nothing is put, whatever there is to put on: a shortcut that all images of its class have then
    says next to nothing, and images as they are are still trained on.

    Backgrounds are put behind the objects of all classes: of K classes, in a share of 1 - 1/K of each one's images,
    so that a class is as often on its own background as on any other's. Images whose object is not known stay
    as they are.

    Edited images take the place of their originals: beside them, a shortcut that nearly all images of its class have
    would need many copies of every other image to be as frequent there. A set in memory is edited there;
    of a streamed one, images are edited as they are read. Raises `InputError` for a shortcut that cannot be put on.
    """
    edits: dict[int, list[EditIn]] = {}
    # What lies behind the object first: it would cover what was put on before.
    draws, changed = _backgrounds(task), _changed(task)
    for shortcut in task.shortcuts:
        if shortcut.put_on is None:
            raise InputError(
                f"{task.name(shortcut)} cannot be put on other images; repair it with "
                "`method='last-layer'` or `method='groups'`"
            )
        if shortcut.seen_in != BACKGROUND:
            draws += _alike(task, shortcut, shortcut.put_on, changed)
    for places, edit in draws:
        for i in places.tolist():
            edits.setdefault(i, []).append(edit)
    return Material(edited(task.train, edits, task.bound.resize))


def _changed(task: Task) -> NDArray[np.bool_]:
    """Draw which images something may be put on, the same ones for all shortcuts."""
    random = np.random.default_rng((task.seed, 26))
    changed = np.ones(len(task.train.labels), dtype=np.bool_)
    for number in np.unique(task.train.labels).tolist():
        mine = np.flatnonzero(task.train.labels == number)
        changed[random.permutation(mine)[: round(AS_THEY_ARE * len(mine))]] = False
    return changed


def _alike(task: Task, shortcut: Shortcut, put_on: EditIn, changed: NDArray[np.bool_]) -> list[_Draw]:
    """Draw which images get a shortcut, lose it, or get it and lose it again; it is put on `changed` ones alone."""
    random = np.random.default_rng((task.seed, 17, shortcut.class_number, shortcut.number))
    labels, has = task.train.labels, shortcut.in_train
    own = labels == shortcut.class_number
    share = float(has[own].mean()) if own.any() else 0.0
    take_off = shortcut.take_off
    taken = max(0.0, share - MOST_WITH) if take_off is not None else 0.0
    if share == 1 and take_off is None:
        task.progress.warn(
            f"{task.name(shortcut)} is in every training image of its class and cannot be taken off: no image of the "
            "class without it is trained on"
        )
    draws: list[_Draw] = []
    if take_off is not None and taken:
        off, there_and_back = take_off, _there_and_back(put_on, take_off)
        count = round(taken * int(own.sum()))
        draws.append((random.permutation(np.flatnonzero(own & has))[:count], off))
        task.progress.say(f"{task.name(shortcut)} is taken off {count:,} images of its class")
    given = 0
    for number in np.unique(labels[~own]).tolist():
        mine = labels == number
        free = random.permutation(np.flatnonzero(mine & ~has & changed))
        missing = max(0, round((share - taken) * int(mine.sum())) - int((mine & has).sum()))
        draws.append((free[:missing], put_on))
        given += len(free[:missing])
        if take_off is not None and taken:
            draws.append((free[missing:][: round(taken * int(mine.sum()))], there_and_back))
    task.progress.say(f"{task.name(shortcut)} is put on {given:,} images of other classes")
    return draws


def _there_and_back(put_on: EditIn, take_off: EditIn) -> EditIn:
    return lambda images, i: edit_image(images, i, (put_on, take_off))


def _backgrounds(task: Task) -> list[_Draw]:
    """Draw which images get another background."""
    by_class = {
        shortcut.class_number: shortcut.put_on
        for shortcut in task.shortcuts
        if shortcut.seen_in == BACKGROUND and shortcut.put_on is not None
    }
    if not by_class:
        return []
    random = np.random.default_rng((task.seed, 18))
    labels, regions = task.train.labels, task.train.regions
    known = np.ones(len(labels), dtype=np.bool_) if regions is None else regions.known
    present = np.unique(labels).tolist()
    draws: list[_Draw] = []
    for number in present:
        places = random.permutation(np.flatnonzero((labels == number) & known))
        swapped = places[: round(len(places) * (1 - 1 / len(present)))]
        edit = by_class.get(number, next(iter(by_class.values())))
        draws.append((swapped, edit))
    count = sum(len(places) for places, _ in draws)
    task.progress.say(f"{count:,} images get the background of an image of another class")
    return draws
