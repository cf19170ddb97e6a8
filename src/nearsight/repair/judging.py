"""What a repair changed: the classifiers before and after are applied to the same test images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearsight.data import ImageSet
from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.reliance.asking import SWAPPED
from nearsight.diagnosis.reliance.part import RELIANCE
from nearsight.diagnosis.reliance.verdict import BACKGROUND as DECIDES
from nearsight.diagnosis.verdicts.part import VERDICTS
from nearsight.diagnosis.verdicts.rule import SHORTCUT
from nearsight.numbers import counted
from nearsight.progress import SILENT, Progress
from nearsight.repair.edited import edit_image
from nearsight.repair.result import SHOWN, Change, Example, FoundAgain
from nearsight.repair.shortcut import BACKGROUND, EditIn, Shortcut
from nearsight.statistics import accuracy_estimate, change_estimate, jaccard

# The number of images of other classes to which a shortcut is added.
MOST_MOVED = 200
# A verdict on test images is of a shortcut if it has the same name, or shares this much of their images.
SAME_IMAGES = 0.5


@dataclass(frozen=True, eq=False)
class Judged:
    """What changed on the test images; the fields are those of `Repair`."""

    overall: Change
    groups: tuple[Change, ...]
    moved: tuple[Change, ...]
    beside: tuple[Change, ...]
    by_class: tuple[Change, ...]
    examples: tuple[Example, ...]


def judge(
    before: Decision,
    after: Decision,
    test: ImageSet,
    shortcuts: Sequence[Shortcut],
    *,
    known: tuple[NDArray[np.int64] | None, NDArray[np.int64] | None] = (None, None),
    seed: int = 0,
    progress: Progress = SILENT,
) -> Judged:
    """Apply two classifiers to the same test images, and say what changed, paired by image.

    >>> judge(Decision.of(old), Decision.of(new), sets["test"], shortcuts).overall.change  # doctest: +SKIP

    For each shortcut, its class's images with it and without it are reported separately; and it is added to at
    most `MOST_MOVED` images of other classes, drawn with `seed`: how many of them become the class, and how many are
    right, with it and as they are? For a background, the class's images as they are count as with it, and the same
    images on a background of another class as without it. `known` are the predictions of both on `test`, int64 (n,),
    if they are already known.
    """
    return _Judging(before, after, test, seed, progress).judged(shortcuts, known)


@dataclass(frozen=True, eq=False)
class _Judging:
    before: Decision
    after: Decision
    test: ImageSet
    seed: int
    progress: Progress

    def judged(
        self,
        shortcuts: Sequence[Shortcut],
        known: tuple[NDArray[np.int64] | None, NDArray[np.int64] | None],
    ) -> Judged:
        test = self.test
        if any(one is None for one in known):
            self.progress.say(f"both networks are evaluated on {counted(len(test), 'test image')}")
        old, new = (
            decision.predictions(test.image(i) for i in range(len(test))) if told is None else told
            for decision, told in zip((self.before, self.after), known, strict=True)
        )
        was, now = old == test.labels, new == test.labels
        everything = np.ones(len(test), dtype=np.bool_)
        groups: list[Change] = []
        moved: list[Change] = []
        beside: list[Change] = []
        for place, shortcut in enumerate(shortcuts):
            groups += self._groups(place, shortcut, was, now)
            others = test.labels != shortcut.class_number
            beside.append(_change("other classes", was, now, others, None, place, False))
            if shortcut.put_on is not None and shortcut.seen_in != BACKGROUND:
                for found, row in zip(
                    (moved, beside), self._moved(place, shortcut, shortcut.put_on), strict=True
                ):
                    found.append(row)
        return Judged(
            overall=_change("all", was, now, everything),
            groups=tuple(groups),
            moved=tuple(moved),
            beside=tuple(beside),
            by_class=tuple(
                _change(test.classes[number], was, now, test.labels == number, number)
                for number in np.unique(test.labels).tolist()
            ),
            examples=tuple(
                example
                for place, shortcut in enumerate(shortcuts)
                for example in self._examples(place, shortcut, old, new)
            ),
        )

    def _groups(
        self, place: int, shortcut: Shortcut, was: NDArray[np.bool_], now: NDArray[np.bool_]
    ) -> Iterator[Change]:
        number, name = shortcut.class_number, self.test.classes[shortcut.class_number]
        mine = self.test.labels == number
        if shortcut.seen_in != BACKGROUND:
            for having, word in ((True, "with"), (False, "without")):
                some = mine & (shortcut.in_test == having)
                yield _change(f"{name} {word} it", was, now, some, number, place, having)
            return
        yield _change(f"{name} on its own background", was, now, mine, number, place, True)
        regions = self.test.regions
        if regions is None or shortcut.put_on is None:
            return
        asked = np.flatnonzero(mine & regions.known)
        old, new = self._put_on(shortcut.put_on, asked)
        every = np.ones(len(asked), dtype=np.bool_)
        swapped = f"{name} on a background of another class"
        yield _change(swapped, old == number, new == number, every, number, place, False)

    def _moved(self, place: int, shortcut: Shortcut, put_on: EditIn) -> tuple[Change, Change]:
        """Return how many images of other classes become the class with a shortcut put on, and how many are right."""
        number = shortcut.class_number
        random = np.random.default_rng((self.seed, 32, place))
        others = np.flatnonzero((self.test.labels != number) & ~shortcut.in_test)
        asked = np.sort(random.permutation(others)[:MOST_MOVED])
        old, new = self._put_on(put_on, asked)
        every, labels = np.ones(len(asked), dtype=np.bool_), self.test.labels[asked]
        become = f"become {self.test.classes[number]}"
        return (
            _change(become, old == number, new == number, every, number, place),
            _change("other classes with it put on", old == labels, new == labels, every, None, place, True),
        )

    def _put_on(
        self, put_on: EditIn, asked: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the predictions for images with a shortcut added, before and after."""
        old, new = (
            decision.predictions(edit_image(self.test, i, (put_on,)) for i in asked.tolist())
            for decision in (self.before, self.after)
        )
        return old, new

    def _examples(
        self, place: int, shortcut: Shortcut, old: NDArray[np.int64], new: NDArray[np.int64]
    ) -> Iterator[Example]:
        random = np.random.default_rng((self.seed, 33, place))
        mine = self.test.labels == shortcut.class_number
        for having in (True, False):
            some = random.permutation(np.flatnonzero(mine & (shortcut.in_test == having)))[:SHOWN]
            for i in some.tolist():
                yield Example(i, shortcut.class_number, place, having, int(old[i]), int(new[i]))


def found_again(
    diagnosis: Diagnosis, test: ImageSet, shortcuts: Sequence[Shortcut]
) -> tuple[FoundAgain, ...]:
    """Return the verdicts of a diagnosis of all images of `test`, each with the shortcut that it is of, if any.

    >>> found_again(diagnosis, sets["test"], shortcuts)  # doctest: +SKIP

    A verdict is of the shortcut of its class that has the same name, or the same images, by `SAME_IMAGES`. Of
    several, it is of the one that shares most images with it, with those of the same name first. Backgrounds that
    decide a class are reported as well.
    """
    told, reliance = VERDICTS.of(diagnosis), RELIANCE.of(diagnosis)
    found = []
    for one in () if told is None else told.verdicts:
        has = np.zeros(diagnosis.images, dtype=np.bool_)
        has[list(one.ruled)] = True
        mine = test.labels == one.class_number
        overlaps = {
            place: jaccard(each.in_test & mine, has)
            + ((each.attribute, each.words) == (one.attribute, one.told))
            for place, each in enumerate(shortcuts)
            if each.class_number == one.class_number and each.seen_in != BACKGROUND
        }
        best = max(overlaps, key=lambda place: overlaps[place], default=None)
        place = best if best is not None and overlaps[best] >= SAME_IMAGES else None
        found.append(
            FoundAgain(
                one.class_number,
                one.verdict,
                one.attribute,
                one.told,
                one.share,
                one.accuracy_with,
                one.accuracy_without,
                place is not None,
                place,
            )
        )
    if reliance is None or reliance.asked is None:
        return tuple(found)
    for number, row in enumerate(reliance.asked.classes):
        if row.verdict == DECIDES:
            behind = (
                place
                for place, each in enumerate(shortcuts)
                if each.seen_in == BACKGROUND and each.class_number == number
            )
            place = next(behind, None)
            [swapped] = [each for each in row.fills if (each.side, each.fill) == (SWAPPED.side, SWAPPED.fill)]
            found.append(
                FoundAgain(
                    number,
                    SHORTCUT,
                    BACKGROUND,
                    "its background",
                    accuracy_estimate(np.ones(row.images)),
                    row.original,
                    swapped.accuracy,
                    place is not None,
                    place,
                )
            )
    return tuple(found)


def _change(
    name: str,
    was: NDArray[np.bool_],
    now: NDArray[np.bool_],
    some: NDArray[np.bool_],
    class_number: int | None = None,
    shortcut: int | None = None,
    having: bool | None = None,
) -> Change:
    before, after = was[some].astype(np.float64), now[some].astype(np.float64)
    return Change(
        name,
        class_number,
        shortcut,
        having,
        len(before),
        accuracy_estimate(before),
        accuracy_estimate(after),
        change_estimate(before, after),
    )
