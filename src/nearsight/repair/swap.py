"""Swap: a shortcut is added to images of the other classes too, so that it no longer says anything."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nearsight.data import ImageSet
from nearsight.errors import InputError
from nearsight.numbers import agreeing, counted
from nearsight.repair.edited import edited
from nearsight.repair.shortcut import BACKGROUND, EditIn, Shortcut
from nearsight.repair.task import Task
from nearsight.training.material import Material

# The share of each class's images that stay unchanged: images that are never trained on as they are would not be
# recognised as they are. Measured on two development networks of three plants each (STL-10 by tiles, CIFAR-10 by
# whole images). Classes without a plant were right 0.54 and 0.63 before, and 0.50 and 0.61 at the ceiling. After
# fine-tuning with plants on top of one another in all but 0.2 of the images, they were right 0.46 and 0.59. With
# at most one plant per image, they were right 0.46 and 0.57 if 0.3 stayed unchanged, 0.47 and 0.61 if 0.5 did,
# 0.45 and 0.63 if 0.7 did. Images without their plant were right 0.48 and 0.42, 0.51 and 0.47, 0.51 and 0.43,
# 0.52 and 0.41. The edits were the plants' own, and left no trace.
AS_THEY_ARE = 0.5

# At most this often, an image without a shortcut is drawn in place of those that have it, as it is or edited.
MOST_GIVEN = 4

# Which images are edited, and by what, one edit after the other.
_Draw = tuple[NDArray[np.int64], tuple[EditIn, ...]]


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

    In every other class, a shortcut is added to as many images as are needed for it to be as frequent there as in
    its own class. The seed draws which. Nothing is added to `AS_THEY_ARE` of each class's images, and at most one
    shortcut to the others: images that are never trained on as they are would not be recognised as they are, and
    several shortcuts on top of one another make images that do not exist. Several shortcuts share the available
    images.

    Images of its own class that have a shortcut are replaced by images of the class that do not, to as many of which
    it is added as to those of the others. So whatever an edit has that the real thing has not, it has in every
    class; a network that can tell them apart has no use for it, and never sees that the real thing goes with the
    class. An image is drawn at most `MOST_GIVEN` times; if too few are without any shortcut of the class, some of
    those that have one are drawn as they are. If hardly any are, a shortcut is removed if possible, so that half of
    the available images have it everywhere; on the other half it is added and removed again, so that the traces of
    the edit say little either. One that cannot be removed stays more frequent in its own class than elsewhere.

    Backgrounds are put behind the objects of all classes: with K classes, in a share of 1 - 1/K of each one's
    images, so that a class is as often on its own background as on any other's. Images whose object is not known
    stay as they are.

    Edited images replace their originals. If they were added, a shortcut that nearly all images of its class have
    would need many copies of every other image to be as frequent there. A set in memory is edited there; images
    of a streamed set are edited as they are read. Raises `InputError` for a shortcut that cannot be added.
    """
    return Material(swapped(task)[0])


def swapped(task: Task) -> tuple[ImageSet, NDArray[np.int64]]:
    """Return the images of `swap`, and of which training image each is, int64 (n,), as many of a class as it has."""
    edits: dict[int, list[EditIn]] = {}
    # What is behind the object comes first, because it would cover what was added before.
    behind, free = _backgrounds(task), _free(task)
    draws: list[_Draw] = []
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
    for places, some in (*behind, *draws):
        for i in places.tolist():
            edits.setdefault(i, []).extend(some)
    taken = np.isin(np.arange(len(free)), [i for places, _ in draws for i in places.tolist()])
    drawn = _drawn(task, {one: share for one, share in kept.items() if share is not None}, edits, taken)
    of = np.array([i for i, _ in drawn], dtype=np.int64)
    by_place = {k: some for k, (_, some) in enumerate(drawn) if some}
    return edited(task.train, by_place, task.bound.resize, of), of


def _kept_share(task: Task, shortcut: Shortcut, most: float) -> float | None:
    """Return the share of a shortcut's class's drawn images that should have it; None if each is drawn once.

    It is at most `most`, if enough images are without any of the class's shortcuts to be drawn instead. If not, it is
    removed.
    """
    own = task.train.labels == shortcut.class_number
    mine = [
        one
        for one in task.shortcuts
        if one.class_number == shortcut.class_number and one.seen_in != BACKGROUND
    ]
    share = float(shortcut.in_train[own].mean()) if own.any() else 0.0
    if share in (0, 1):
        return None
    bare = 1 - float(np.logical_or.reduce([one.in_train[own] for one in mine]).mean())
    if shortcut.take_off is not None and 1 - MOST_GIVEN * bare > most * len(mine):
        return None
    return max(min(share, most), 1 - MOST_GIVEN * (1 - share))


def _drawn(
    task: Task,
    kept: Mapping[Shortcut, float],
    edits: Mapping[int, Sequence[EditIn]],
    taken: NDArray[np.bool_],
) -> list[tuple[int, Sequence[EditIn]]]:
    """Draw the images that are trained on, in order, each with its edits.

    Of each class with shortcuts, the kept shares have these, most of them by an edit of an image that has none.
    `taken` is bool (n,): which images have a shortcut by an edit, or had one; no other is added to these.
    """
    labels = task.train.labels
    rest = np.flatnonzero(~np.isin(labels, [one.class_number for one in kept]))
    drawn: list[tuple[int, Sequence[EditIn]]] = [(i, edits.get(i, ())) for i in rest.tolist()]
    for number in sorted({one.class_number for one in kept}):
        mine = [one for one in kept if one.class_number == number]
        random = np.random.default_rng((task.seed, 34, number))
        own = np.flatnonzero(labels == number)
        has = np.logical_or.reduce([one.in_train[own] for one in mine])
        if has.all():
            drawn += [(i, edits.get(i, ())) for i in own.tolist()]
            continue
        able, other = own[~has & ~taken[own]], own[~has & taken[own]]
        wanted = [round(kept[one] * len(own)) for one in mine]
        given, real, also = _counts(
            len(own), int(has.sum()), len(able), len(other), int(taken[own].sum()), sum(wanted)
        )
        having = random.permutation(own[has])
        having = having[np.argsort(taken[having], kind="stable")][:real]
        # One round after the other, so that none is drawn more than once more often than another.
        bare = np.resize(random.permutation(able), len(own) - real - also).tolist()
        others = np.resize(random.permutation(other), also)
        drawn += [(i, edits.get(i, ())) for i in (*having.tolist(), *others.tolist(), *bare[given:])]
        ends = np.cumsum(wanted) * given // max(1, sum(wanted))
        for one, start, end in zip(mine, (0, *ends[:-1].tolist()), ends.tolist(), strict=True):
            added = () if one.put_on is None else (one.put_on,)
            drawn += [(i, (*edits.get(i, ()), *added)) for i in bare[start:end]]
        task.progress.say(_said(task, mine, given, real, len(own) - given - real))
    return sorted(drawn, key=lambda one: one[0])


def _counts(images: int, having: int, able: int, other: int, taken: int, wanted: int) -> tuple[int, int, int]:
    """Return how many of a class's drawn images are given a shortcut, really have one, and were taken by others.

    >>> _counts(100, having=75, able=25, other=0, taken=0, wanted=50)
    (50, 0, 0)
    >>> _counts(100, having=96, able=4, other=0, taken=0, wanted=50)
    (0, 84, 0)

    Of so many `images`, so many are `having` one. The rest are `able` to be given one, or `other`: these have one of
    another class by an edit, as so many of all images do that are `taken`. None is drawn more than `MOST_GIVEN`
    times.
    """
    most = MOST_GIVEN * able
    with_it = min(images, max(wanted, images - MOST_GIVEN * (able + other)))
    also = max(min(images - with_it, MOST_GIVEN * other, taken), images - with_it - most)
    given = min(with_it, most - (images - with_it - also))
    real = min(with_it - given, having)
    return given, real, max(also, images - real - most)


def _said(task: Task, mine: Sequence[Shortcut], given: int, real: int, plain: int) -> str:
    """Say how many images of a class are drawn without its shortcuts, with them added, and with the real ones."""
    words = " or ".join(one.words for one in mine)
    said = f"{counted(plain, 'image')} of {task.train.classes[mine[0].class_number]} without {words} "
    said += f"{agreeing(plain, 'is', 'are')} drawn as they are, and {given:,} with that added"
    return f"{said}; {real:,} with the real thing" if real else said


def _free(task: Task) -> NDArray[np.bool_]:
    """Draw which images may be edited."""
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

    Only images that are `free` are edited, at most the share `most` of each class's; these are free no more.
    `kept` is the share of its own class's drawn images that have it, None if each is drawn once.
    """
    random = np.random.default_rng((task.seed, 17, shortcut.class_number, shortcut.number))
    labels, has = task.train.labels, shortcut.in_train
    own = labels == shortcut.class_number
    share = float(has[own].mean()) if own.any() else 0.0
    take_off = shortcut.take_off
    if share == 1 and take_off is None:
        task.progress.warn(
            f"{task.name(shortcut)} is in every training image of its class and cannot be removed from them, so the "
            "network sees no image of the class without it"
        )
    draws: list[_Draw] = []
    wanted, again = min(share, most), 0.0
    if kept is None and take_off is not None and share > most:
        wanted, again = most / 2, min(most / 2, share - most / 2)
        off = random.permutation(np.flatnonzero(own & has))[: round((share - wanted) * int(own.sum()))]
        draws.append((off, (take_off,)))
        task.progress.say(f"{task.name(shortcut)} is removed from {counted(len(off), 'image')} of its class")
    given = 0
    for number in np.unique(labels[~own]).tolist():
        mine = labels == number
        drawn = random.permutation(np.flatnonzero(mine & ~has & free))
        missing = max(0, round(wanted * int(mine.sum())) - int((mine & has).sum()))
        some = drawn[:missing]
        draws.append((some, (put_on,)))
        back = drawn[missing:][: round(again * int(mine.sum()))]
        if take_off is not None:
            draws.append((back, (put_on, take_off)))
        free[some], free[back] = False, False
        given += len(some)
    task.progress.say(f"{task.name(shortcut)} is added to {counted(given, 'image')} of other classes")
    return draws


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
        draws.append((swapped, (edit,)))
    count = sum(len(places) for places, _ in draws)
    task.progress.say(f"{counted(count, 'image')} get the background of an image of another class")
    return draws
