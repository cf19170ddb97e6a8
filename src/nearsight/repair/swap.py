"""Swap: a shortcut is put on images of the other classes too, so that it says nothing any more."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from nearsight.data import ImageSet
from nearsight.errors import InputError
from nearsight.repair.edited import edit_image, edited
from nearsight.repair.groups import draw_alike
from nearsight.repair.shortcut import BACKGROUND, EditIn, Shortcut
from nearsight.repair.task import Task
from nearsight.training.material import Material

# The share of each class's images on which nothing is put: what is never trained on as it is, is not known so. On
# two development networks of three plants each (STL-10 by tiles, CIFAR-10 by whole images) classes without a plant
# were right 0.54 and 0.63 before, and at the ceiling 0.50 and 0.61. After fine-tuning with plants put one over the
# other in all but 0.2 of the images they were right 0.46 and 0.59; with one an image at most, 0.46 and 0.57 where
# 0.3 stayed as they are, 0.47 and 0.61 where 0.5 did, 0.45 and 0.63 where 0.7 did. Images without their plant were
# right 0.48 and 0.42, 0.51 and 0.47, 0.51 and 0.43, 0.52 and 0.41. The edits were the plants' own, and left no
# trace.
AS_THEY_ARE = 0.5

# An image without a shortcut is given so often at most in place of those that have it.
MOST_GIVEN = 4

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
    Which ones, the seed draws. On `AS_THEY_ARE` of each class's images nothing is put, and on the others one
    shortcut at most: what is never trained on as it is, is not known so, and shortcuts put on one over the other
    make images that nobody has. Several shortcuts share what there is room for.

    Where more of its own class's images have a shortcut than there is room for in others, fewer of them are drawn,
    and those without it more often, `MOST_GIVEN` times at most. Where there are too few without it, it is taken off
    if it can be, so that half of the room has it everywhere; on the other half it is put and taken off again, so
    that what the edit leaves behind says little either. What cannot be taken off stays more frequent in its own
    class than elsewhere.

    Backgrounds are put behind the objects of all classes: of K classes, in a share of 1 - 1/K of each one's images,
    so that a class is as often on its own background as on any other's. Images whose object is not known stay
    as they are.

    Edited images take the place of their originals: beside them, a shortcut that nearly all images of its class have
    would need many copies of every other image to be as frequent there. A set in memory is edited there;
    of a streamed one, images are edited as they are read. Raises `InputError` for a shortcut that cannot be put on.
    """
    images, drawn = swapped(task)
    return Material(images if drawn is None else images.select(drawn))


def swapped(task: Task) -> tuple[ImageSet, NDArray[np.int64] | None]:
    """Return the edited images of `swap`, in the order of the training images, and which of them are drawn.

    Places, int64 (n,), as many of each class as it has images; None where each is drawn once.
    """
    edits: dict[int, list[EditIn]] = {}
    # What lies behind the object first: it would cover what was put on before.
    draws, free = _backgrounds(task), _free(task)
    most = (1 - AS_THEY_ARE) / max(1, sum(one.seen_in != BACKGROUND for one in task.shortcuts))
    kept = {one: _kept_share(task, one, most) for one in task.shortcuts if one.seen_in != BACKGROUND}
    for shortcut in task.shortcuts:
        if shortcut.put_on is None:
            raise InputError(
                f"{task.name(shortcut)} cannot be added to other images; repair it with "
                "`method='last-layer'` or `method='groups'`"
            )
        if shortcut.seen_in != BACKGROUND:
            draws += _alike(task, shortcut, shortcut.put_on, free, most, kept[shortcut])
    for places, edit in draws:
        for i in places.tolist():
            edits.setdefault(i, []).append(edit)
    fewer = {one: share for one, share in kept.items() if share is not None}
    return edited(task.train, edits, task.bound.resize), _drawn(task, fewer) if fewer else None


def _kept_share(task: Task, shortcut: Shortcut, most: float) -> float | None:
    """Return the share of the images drawn of a shortcut's class that are to have it; None where each is drawn once.

    At most `most`, where those without it are enough to be drawn in their place. If they are not, it is taken off.
    """
    has = shortcut.in_train[task.train.labels == shortcut.class_number]
    share = float(has.mean()) if len(has) else 0.0
    if share <= most or share == 1:
        return None
    least = 1 - MOST_GIVEN * (1 - share)
    return None if least > most and shortcut.take_off is not None else max(most, least)


def _drawn(task: Task, kept: Mapping[Shortcut, float]) -> NDArray[np.int64]:
    """Draw of each class with shortcuts so many images that the kept shares of them have these."""
    labels = task.train.labels
    drawn = [np.flatnonzero(~np.isin(labels, [one.class_number for one in kept]))]
    for number in sorted({one.class_number for one in kept}):
        mine = [one for one in kept if one.class_number == number]
        random = np.random.default_rng((task.seed, 34, number))
        own = np.flatnonzero(labels == number)
        has = np.logical_or.reduce([one.in_train[own] for one in mine])
        if has.all():
            drawn.append(own)
            continue
        having = random.permutation(own[has])[: round(sum(kept[one] for one in mine) * len(own))]
        bare = draw_alike(own[~has], len(own) - len(having), random)
        drawn += [having, bare]
        task.progress.say(
            f"{len(having):,} images of {task.train.classes[number]} are drawn with "
            f"{' or '.join(one.words for one in mine)}, and {len(bare):,} without"
        )
    return np.sort(np.concatenate(drawn))


def _free(task: Task) -> NDArray[np.bool_]:
    """Draw which images something may be put on."""
    random = np.random.default_rng((task.seed, 26))
    free = np.ones(len(task.train.labels), dtype=np.bool_)
    for number in np.unique(task.train.labels).tolist():
        mine = np.flatnonzero(task.train.labels == number)
        free[random.permutation(mine)[: round(AS_THEY_ARE * len(mine))]] = False
    return free


def _alike(
    task: Task, shortcut: Shortcut, put_on: EditIn, free: NDArray[np.bool_], most: float, kept: float | None
) -> list[_Draw]:
    """Draw which images get a shortcut, lose it, or get it and lose it again.

    Something is put on images that are `free`, on at most the share `most` of each class's; these are free no more.
    `kept` is the share of the images drawn of its own class that have it, None where each is drawn once.
    """
    random = np.random.default_rng((task.seed, 17, shortcut.class_number, shortcut.number))
    labels, has = task.train.labels, shortcut.in_train
    own = labels == shortcut.class_number
    share = float(has[own].mean()) if own.any() else 0.0
    take_off = shortcut.take_off
    if share == 1 and take_off is None:
        task.progress.warn(
            f"{task.name(shortcut)} is in every training image of its class and cannot be removed: no image of "
            f"the class without it is trained on"
        )
    draws: list[_Draw] = []
    wanted, again = min(share, most), 0.0
    if kept is None and take_off is not None and share > most:
        wanted, again = most / 2, min(most / 2, share - most / 2)
        off = random.permutation(np.flatnonzero(own & has))[: round((share - wanted) * int(own.sum()))]
        draws.append((off, take_off))
        task.progress.say(f"{task.name(shortcut)} is removed from {len(off):,} images of its class")
    given = 0
    for number in np.unique(labels[~own]).tolist():
        mine = labels == number
        drawn = random.permutation(np.flatnonzero(mine & ~has & free))
        missing = max(0, round(wanted * int(mine.sum())) - int((mine & has).sum()))
        some = drawn[:missing]
        draws.append((some, put_on))
        back = drawn[missing:][: round(again * int(mine.sum()))]
        if take_off is not None:
            draws.append((back, _there_and_back(put_on, take_off)))
        free[some], free[back] = False, False
        given += len(some)
    task.progress.say(f"{task.name(shortcut)} is added to {given:,} images of other classes")
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
