"""The result of a repair, as typed rows: what changed on the test images, and what it cost."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from nearsight.arguments import checked
from nearsight.diagnosis.pictures import PICTURES, Picture, Pictures, load_pictures, save_pictures
from nearsight.diagnosis.verdicts.rule import SHORTCUT
from nearsight.digest import BESIDE
from nearsight.lock import writes
from nearsight.notebook import Shown, Summary
from nearsight.numbers import agreeing, counted
from nearsight.progress import duration
from nearsight.read import belonging_together, check_beside
from nearsight.repair.weighing import SayingNothing, saying_nothing
from nearsight.rows import from_values, read_result, to_values
from nearsight.schema import numbered
from nearsight.statistics import Estimate, difference_of_estimates
from nearsight.statistics.writing import interval, points, whole_per_cent, with_interval
from nearsight.write import seals_of, write_json

REPAIR = "repair.json"
# Images with each shortcut that are shown, as many without it; and the pixels of their longer side.
SHOWN, SIDE = 6, 128
# With fewer images, nothing is concluded.
LEAST = 10
# What repair.json does not contain: its own place, and what is in files beside it.
_ELSEWHERE = ("directory", "pictures")


@dataclass(frozen=True)
class Repaired:
    """A shortcut that was to be removed.

    `verdict`, `attribute` and `words` are the diagnosis's. `train_images` is how many training images of its
    class have it and `train_without` how many do not; `test_images` and `test_without` are the same for the test
    split.
    """

    class_number: int
    number: int
    verdict: str
    attribute: str
    words: str
    train_images: int
    train_without: int
    test_images: int
    test_without: int


@dataclass(frozen=True)
class Change:
    """Accuracy, or another share of test images, before and after, on the same images.

    `name` says of which images; `class_number` is their class, None for all; `having` is whether they have the
    shortcut at the place `shortcut` of `Repair.shortcuts`, from 0, None if that does not matter. `change` is
    after minus before, paired by image.
    """

    name: str
    class_number: int | None
    shortcut: int | None
    having: bool | None
    images: int
    before: Estimate
    after: Estimate
    change: Estimate


@dataclass(frozen=True)
class FoundAgain:
    """A verdict on the test images, before or after; `repaired` says whether it is one that was to be removed.

    If so, `shortcut` is its place in `Repair.shortcuts`, from 0; None otherwise, and in older files.
    """

    class_number: int
    verdict: str
    attribute: str
    words: str
    share: Estimate
    accuracy_with: Estimate
    accuracy_without: Estimate
    repaired: bool
    shortcut: int | None = None


@dataclass(frozen=True)
class Example:
    """A test image of a shortcut's class, `having` it or not, to be shown with its predictions before and after.

    `index` is its place in the test split, `shortcut` that of `Repair.shortcuts`, both from 0; `before` and
    `after` are numbers of classes.
    """

    index: int
    class_number: int
    shortcut: int
    having: bool
    before: int
    after: int


@dataclass(frozen=True)
class Cost:
    """What a training took: its optimizer steps, the seconds of these steps, and its floating-point operations."""

    steps: int
    seconds: float
    flops: int


@dataclass(frozen=True, repr=False)
class Repair(Shown):
    """A repaired run compared with the old one: what was removed, how, and what it changed on the test images.

    `directory` is where the repair is and `run` is the old run's directory; the new one is in `directory`/run.
    `method` says how the shortcuts were removed, and `from_scratch` whether the run was trained again.
    `chosen_on` says in words which training images chose. `groups` are the classes of shortcuts with and without
    each, `moved` is how many images of other classes become the class when its shortcut is added to them, and
    `classes` are all classes. `before` and `after` are the verdicts on the test images; None if they were not
    wanted. `examples` are at most `SHOWN` images with each shortcut and as many without it, drawn with the seed;
    `pictures` gives them, at most `SIDE` pixels per side. `left` says which shortcuts were found but left alone
    because they cost nothing. `beside` is how many images of other classes are right, for each shortcut as they are
    and, if it can be added, with it put on; empty in older files. `command` is what was typed to make it; empty if
    Python did, and in older files.
    """

    directory: Path
    run: str
    data: str
    classes: tuple[str, ...]
    method: str
    from_scratch: bool
    decision: str
    chosen_on: str
    seed: int
    shortcuts: tuple[Repaired, ...]
    overall: Change
    groups: tuple[Change, ...]
    moved: tuple[Change, ...]
    by_class: tuple[Change, ...]
    before: tuple[FoundAgain, ...] | None
    after: tuple[FoundAgain, ...] | None
    cost_before: Cost | None
    cost: Cost
    notes: tuple[str, ...]
    examples: tuple[Example, ...]
    pictures: Pictures
    left: tuple[str, ...] = ()
    beside: tuple[Change, ...] = ()
    command: str = ""

    @property
    def lost(self) -> tuple[Change, ...]:
        """The classes whose accuracy fell, by the whole interval."""
        return tuple(row for row in self.by_class if _sign(row.change) < 0)

    @property
    def worst(self) -> tuple[Change, Change] | None:
        """The group that is right least often before, and the one after; None if no group has `LEAST` images."""
        large = [one for one in self.groups if one.images >= LEAST and one.before.value is not None]
        if not large:
            return None
        before = min(large, key=lambda one: one.before.value or 0.0)
        return before, min(large, key=lambda one: one.after.value or 0.0)

    @property
    def still_shortcuts(self) -> tuple[str, ...] | None:
        """The classes of which a shortcut is found on the test images after the repair; None if not asked."""
        if self.after is None:
            return None
        return tuple(
            dict.fromkeys(self.classes[row.class_number] for row in self.after if row.verdict == SHORTCUT)
        )

    @checked
    def of_shortcut(self, number: int, having: bool) -> Change | None:
        """Return what changed on images of a shortcut's class with or without it, by its place in `shortcuts`.

        >>> Repair.load("repairs/scenes").of_shortcut(0, having=False).change.value  # doctest: +SKIP
        0.83

        None if the test split has no such image.
        """
        return next((row for row in self.groups if (row.shortcut, row.having) == (number, having)), None)

    @property
    def conclusion(self) -> tuple[str, ...]:
        """What is said first, each a sentence without its full stop.

        It is what is still there, if anything, gain and cost, and the sentence that weighs them.
        """
        return (*self.still_there, *self.gain_and_cost, self.weighed)

    @property
    def still_there(self) -> tuple[str, ...]:
        """A sentence about the shortcuts that were to be removed and are still found; none if none is."""
        still = [one for one in self.after or () if one.repaired and one.verdict == SHORTCUT]
        names = ", ".join(f"{self.classes[one.class_number]} ({one.words})" for one in still)
        return (f"Still a shortcut on the test images: {names}",) if still else ()

    @property
    def gain_and_cost(self) -> tuple[str, str]:
        """What was gained and what that cost, a sentence each; a proven loss comes first."""
        before, after = whole_per_cent(self.overall.before), whole_per_cent(self.overall.after)
        of_all = (
            f"of all test images, {after} are right, and {before} were before{_proven(self.overall.change)}"
        )
        if self.loses:
            return f"Cost: {of_all}", f"Gain: {self._gained()}"
        if _sign(self.overall.change) > 0:
            return f"Gain: {self._gained()}; {of_all}", "Cost: no loss of all test images"
        return f"Gain: {self._gained()}", f"Cost: no loss is proven; {of_all}"

    @property
    def loses(self) -> bool:
        """Whether fewer of all test images are right than before, by the whole interval."""
        return _sign(self.overall.change) < 0

    @property
    def pays(self) -> bool:
        """Whether the new run is worth what it costs, on the test images.

        It is if no loss is proven. It also is if more images would be right if half of every class's had the shortcut
        (`weighing`), by the whole interval; of several shortcuts, for more than it is the other way round. Where that
        is unknown, a proven gain is enough.
        """
        if not self.loses:
            return True
        signs = [_sign(one.change) for one in self.saying_nothing]
        return sum(signs) > 0 if signs else bool(self._gains())

    @property
    def weighed(self) -> str:
        """The sentence that weighs gain and cost."""
        if not self.loses:
            if self._gains() or _sign(self.overall.change) > 0:
                return "It pays: a gain is proven, and no loss of all test images"
            return "Neither a gain nor a loss of all test images is proven"
        found = self.saying_nothing
        signs = [_sign(one.change) for one in found]
        if self.pays:
            begun = "It pays where the shortcut does not go with the class"
        elif sum(signs) < 0 or not self._gains():
            begun = "It costs more than it gains"
        else:
            begun = "No proven gain outweighs its cost"
        if not found:
            return f"{begun}: a loss is proven, {'and a gain as well' if self.pays else 'and no gain'}"
        if len(self.shortcuts) > 1:
            return (
                f"{begun}: if half of every class's images had one of them, more images would be right than before "
                f"for {signs.count(1)} of {counted(len(self.shortcuts), 'shortcut')}, and fewer for {signs.count(-1)}"
            )
        [one] = found
        after, before = (f"{points(each.numbers[0], 0)} %" for each in (one.after, one.before))
        return (
            f"{begun}: if half of every class's images had it, so that it said nothing, {after} would be right, and "
            f"{before} before{_proven(one.change)}"
        )

    @property
    def saying_nothing(self) -> tuple[SayingNothing, ...]:
        """How often images would be right if a shortcut said nothing, for each of which that is known."""
        found = []
        for number in range(len(self.shortcuts)):
            own = [self.of_shortcut(number, having) for having in (True, False)]
            others = [row for row in self.beside if row.shortcut == number]
            known = [row for row in own if row is not None]
            if len(known) == len(own) and others and self.overall.images:
                of_class = 1 - others[0].images / self.overall.images
                found.append(saying_nothing(known, others, of_class))
        return tuple(one for one in found if one is not None)

    def sentences(self) -> tuple[str, ...]:
        """Say what the repair did, the conclusion first.

        >>> Repair.load("repairs/scenes").sentences()[-1]  # doctest: +SKIP
        'it took 29 steps and 0:15 of training, 60 % of the operations of the run before'
        """
        each = [self._won_back(number) for number in range(len(self.shortcuts))]
        concluded = ". ".join(self.conclusion)
        return (
            concluded,
            *(self._worst() if len(each) > 1 else ()),
            *self.left,
            *(
                told
                for told in (*each, *(told for told, _ in (*self._put_on(), *self._ahead())))
                if told not in concluded
            ),
            *self._found_again(),
            self._elsewhere(),
            self._cost(),
        )

    def _gained(self) -> str:
        """Say what is proven to be gained, or that nothing is."""
        return "; ".join(self._gains()) or f"none is proven; {self._won_of_all()}"

    def _gains(self) -> list[str]:
        """Say what is proven: that more images without a shortcut are right; otherwise, what shortcuts do less."""
        return [self._won_of_all()] if 1 in self._won() else self._weaker()

    def _won(self) -> list[int]:
        """Return for each shortcut whether more (1) or fewer (-1) images without it are right, or neither (0)."""
        changes = [self.of_shortcut(number, False) for number in range(len(self.shortcuts))]
        return [0 if one is None or one.images < LEAST else _sign(one.change) for one in changes]

    def _won_of_all(self) -> str:
        if len(self.shortcuts) == 1:
            return self._won_back(0)
        return (
            f"more images without the shortcut are right than before for {self._won().count(1)} of "
            f"{counted(len(self.shortcuts), 'shortcut')}"
        )

    def _weaker(self) -> list[str]:
        """Say what is proven of the shortcuts themselves: they do less than before."""
        moving = [told for told, less in self._put_on() if less]
        if len(self.shortcuts) == 1:
            return [*(told for told, less in self._ahead() if less), *moving]
        several = counted(len(self.shortcuts), "shortcut")
        said = (
            f"when the repair's own edits add them to images of other classes, {len(moving)} of {several} "
            f"{agreeing(len(moving), 'moves', 'move')} fewer of these than before"
        )
        return [said] if moving else []

    def _worst(self) -> Iterator[str]:
        if self.worst is None:
            return
        before, after = self.worst
        told = (
            f"the worst group of at least {LEAST} images was {before.name}: {whole_per_cent(before.before)} before, "
            f"{whole_per_cent(before.after)} now, {written_change(before.change)}"
        )
        if after is before:
            yield f"{told}; it is still the worst"
        else:
            yield f"{told}; the worst is now {after.name}, {whole_per_cent(after.after)}"

    def _won_back(self, number: int) -> str:
        one = self.shortcuts[number]
        name = self.classes[one.class_number]
        without, having = self.of_shortcut(number, False), self.of_shortcut(number, True)
        if without is None or without.change.value is None:
            return f"no test image of {name} is without it ({one.words}), so what was won back is unknown"
        if without.images < LEAST:
            return (
                f"only {counted(without.images, 'test image')} of {name} "
                f"{agreeing(without.images, 'is', 'are')} without it ({one.words}), too few to say what was "
                "won back"
            )
        told = (
            f"of images of {without.name}{f' ({one.words})' if one.number else ''}, {whole_per_cent(without.after)} "
            f"are right, and {whole_per_cent(without.before)} were before{_proven(without.change)}"
        )
        if _sign(without.change) <= 0 or having is None or having.before.value is None:
            return told
        gap = having.before.value - (without.before.value or 0.0)
        if gap <= 0:
            return told
        all_of = ", more than" if without.change.value > gap else " of"
        return f"{told}{all_of} the {points(gap)} by which {having.name} was ahead"

    def _put_on(self) -> Iterator[tuple[str, bool]]:
        """Say how many images of other classes each shortcut moves, and whether it is proven that these are fewer."""
        for row in self.moved:
            if row.shortcut is not None:
                one = self.shortcuts[row.shortcut]
                after, before = whole_per_cent(row.after), whole_per_cent(row.before)
                yield (
                    f"when the repair's own edit adds {one.words} to {counted(row.images, 'image')} of other "
                    f"classes, {after} are taken for {self.classes[one.class_number]}, and {before} were before",
                    row.images >= LEAST and _sign(row.change) < 0,
                )

    def _ahead(self) -> Iterator[tuple[str, bool]]:
        """Say how far images with a shortcut are ahead of those without it: none of these is edited.

        With each sentence comes whether they are ahead by less than before, by two intervals that do not meet.
        """
        for number, one in enumerate(self.shortcuts):
            without, having = self.of_shortcut(number, False), self.of_shortcut(number, True)
            if not one.number or without is None or having is None:
                continue
            if min(without.images, having.images) < LEAST:
                continue
            before, after = (
                difference_of_estimates(*some)
                for some in ((having.before, without.before), (having.after, without.after))
            )
            name = self.classes[one.class_number]
            yield (
                f"unedited images of {name} with {one.words} are right {_how_often(after, 'those without it')}, "
                f"and before the repair they were right {_how_often(before)}",
                before.low is not None and after.high is not None and after.high < before.low,
            )

    def _found_again(self) -> Iterator[str]:
        if self.before is None or self.after is None:
            return
        after = {_which(row): row for row in self.after if row.repaired}
        for row in self.before:
            if not row.repaired:
                continue
            still = after.get(_which(row))
            name = self.classes[row.class_number]
            if still is None:
                yield f"on the test images nothing is found any more of {name} ({row.words}), a {row.verdict} before"
            else:
                yield f"still found on the test images: {name} ({still.words}), a {still.verdict}"
        before = {_which(row) for row in self.before}
        for row in self.after:
            if _which(row) not in before:
                yield (
                    f"found after and not before: {self.classes[row.class_number]} ({row.words}), a {row.verdict}"
                )

    def _elsewhere(self) -> str:
        if not self.lost:
            return "no class is proven to have lost accuracy"
        told = ", ".join(f"{row.name} {written_change(row.change)}" for row in self.lost)
        said = (
            f"{len(self.lost)} of {counted(len(self.classes), 'class', 'classes')} lost accuracy, by the whole "
            f"interval: {told}"
        )
        repaired = {one.class_number for one in self.shortcuts}
        own = [row.name for row in self.lost if row.class_number in repaired]
        if not own:
            return said
        names = " and ".join(own)
        return f"{said}; images of {names} with what was removed may have been right because of that alone"

    def _cost(self) -> str:
        told = f"it took {counted(self.cost.steps, 'step')} and {duration(self.cost.seconds)} of training"
        if self.cost_before is None or not self.cost_before.flops:
            return told
        share = points(self.cost.flops / self.cost_before.flops, 0)
        return f"{told}, {share} % of the operations of the run before"

    def _summary(self) -> Summary:
        rows = [
            [
                row.name,
                f"{row.images:,}",
                *(with_interval(one) for one in (row.before, row.after, row.change)),
            ]
            for row in (self.overall, *self.groups)
        ]
        return Summary(
            f"Repair of {self.run} by {self.method}",
            ("images", "number", "before %", "after %", "change"),
            rows,
            self.sentences(),
        )

    def to_json(self) -> dict[str, Any]:
        """Return all numbers and sentences as plain values: the content of repair.json."""
        rows = {
            spec.name: to_values(getattr(self, spec.name))
            for spec in fields(self)
            if spec.name not in _ELSEWHERE
        }
        return numbered("repair", {"sentences": self.sentences(), **rows})

    @checked
    @writes("directory")
    def save(self, directory: str | Path) -> list[Path]:
        """Write repair.json and pictures.parquet, which `load` reads, whole or not at all; return the paths."""
        directory = Path(directory)
        save_pictures(
            directory / PICTURES, self.pictures, (Picture(one.index, SIDE) for one in self.examples)
        )
        write_json(directory / REPAIR, {**self.to_json(), BESIDE: seals_of(directory, [PICTURES])})
        return [directory / REPAIR, directory / PICTURES]

    @staticmethod
    @checked
    def load(directory: str | Path) -> "Repair":
        """Read the repair that `save` left in a directory; neither the data set nor a run is needed.

        >>> Repair.load("repairs/scenes").overall.change  # doctest: +SKIP

        Raises `InputError` if there is none, and for files that are damaged or of a newer version.
        """
        directory = Path(directory)
        schema, rows = read_result("repair", directory / REPAIR, "repair")
        check_beside(directory / REPAIR, rows, "run `nearsight repair` again")
        rows.pop("sentences", None)
        kept = {"directory": str(directory), "pictures": load_pictures(directory / PICTURES)}
        found = from_values(Repair, rows | kept, directory / REPAIR, schema=schema)
        with belonging_together(directory / REPAIR, "run `nearsight repair` again"):
            # The text uses numbers of classes and of shortcuts.
            found.sentences()
            for one in found.examples:
                _ = found.classes[one.before], found.classes[one.after], found.shortcuts[one.shortcut]
        return found


def _which(row: FoundAgain) -> tuple[int, int | None, str]:
    """Return what distinguishes a verdict from others: the shortcut that it is of, or else its class and words."""
    return row.class_number, row.shortcut, row.attribute if row.shortcut is None else ""


def _sign(change: Estimate) -> int:
    """Return 1 for a gain and -1 for a loss by the whole interval, otherwise 0."""
    if change.low is None or change.high is None:
        return 0
    return (change.low > 0) - (change.high < 0)


def _begun(sentence: str) -> str:
    """Return a sentence with a capital at its beginning."""
    return sentence[0].upper() + sentence[1:]


def _proven(change: Estimate) -> str:
    return (
        f": {written_change(change)}"
        if _sign(change)
        else f", which proves no change: {written_change(change)}"
    )


def _how_often(ahead: Estimate, than: str = "") -> str:
    """Say by how much some images are right more or less often than others, in a number without a sign.

    >>> _how_often(Estimate(0.31, 0.2, 0.4), "those"), _how_often(Estimate(-0.21, -0.4, -0.02))
    ('more often than those, by 31.0 points (20.0 to 40.0)', 'less often, by 21.0 points (2.0 to 40.0)')
    >>> _how_often(Estimate(-0.021, -0.09, 0.05), "those")
    'less often than those, by 2.1 points (−5.0 to 9.0), which proves no difference'
    >>> _how_often(Estimate(0.0, -0.1, 0.1), "those")
    'as often as those (−10.0 to 10.0 points)'
    """
    value, low, high = ahead.numbers
    if points(value) == points(0.0):
        return f"as often{than and f' as {than}'}{interval(ahead)[:-1]} points)"
    size = replace(ahead, value=-value, low=-high, high=-low) if value < 0 else ahead
    proves = "" if _sign(ahead) else ", which proves no difference"
    often = f"{'less' if value < 0 else 'more'} often{than and f' than {than}'}"
    return f"{often}, by {points(abs(value))} points{interval(size)}{proves}"


def written_change(change: Estimate) -> str:
    """Write a change in points, with its interval.

    >>> written_change(Estimate(0.31, 0.2, 0.4, 100))
    '+31.0 points (20.0 to 40.0)'
    """
    if change.value is None:
        return "unknown"
    plus = "+" if change.value > 0 else ""
    return f"{plus}{points(change.value)} points{interval(change)}"
