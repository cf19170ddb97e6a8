"""Which verdicts of a diagnosis a repair removes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.reliance.part import RELIANCE
from nearsight.diagnosis.reliance.verdict import BACKGROUND as DECIDES
from nearsight.diagnosis.reliance.verdict import INDIFFERENT
from nearsight.diagnosis.verdicts.part import VERDICTS
from nearsight.diagnosis.verdicts.rule import SHORTCUT, SUSPECT
from nearsight.diagnosis.verdicts.verdict import Verdict
from nearsight.errors import InputError, unknown_name
from nearsight.numbers import counted
from nearsight.repair.cost_of_verdict import costs_nothing, little_depends, usual_accuracies
from nearsight.repair.echoes import echoes
from nearsight.repair.shortcut import BACKGROUND
from nearsight.settings.choices import ALL_VERDICTS
from nearsight.statistics.writing import points, whole_per_cent

# Repairs that gained had at least 58 images of the class without the shortcut to learn from. Of two with fewer (9 and
# 26), one gained.
FEW = 50


@dataclass(frozen=True)
class Chosen:
    """A verdict that is to be removed: of a class, by its number among the class's verdicts, from 1.

    `verdict` is None, and `number` is 0, for the background, which the part reliance reports; `proven` says
    whether it decides the class, or is a shortcut.
    """

    class_number: int
    number: int
    proven: bool
    verdict: Verdict | None = None

    def name(self, classes: Sequence[str]) -> str:
        """Return its name on the command line.

        >>> Chosen(1, 2, True).name(("cat", "deer")), Chosen(0, 0, True).name(("cat", "deer"))
        ('deer:2', 'cat:background')
        """
        return f"{classes[self.class_number]}:{self.number or BACKGROUND}"

    @property
    def words(self) -> str:
        """What a person calls it."""
        return "its background" if self.verdict is None else self.verdict.told


def check_names(verdicts: str | Sequence[str], classes: Sequence[str]) -> None:
    """Raise `InputError` for what cannot name a verdict of these classes, whatever a diagnosis finds.

    >>> check_names("der:1", ("cat", "deer"))
    Traceback (most recent call last):
    nearsight.errors.InputError: unknown class 'der'; did you mean 'deer'? known: cat, deer
    """
    if verdicts == ALL_VERDICTS:
        return
    names = _names(verdicts)
    if not names:
        raise InputError(
            f"`verdicts` names nothing to repair; give '{ALL_VERDICTS}', or names such as '{classes[0]}:1'"
        )
    for name in names:
        of_class, colon, number = name.rpartition(":")
        if not colon:
            raise InputError(
                f"`verdicts` takes '{ALL_VERDICTS}' or CLASS:NUMBER, such as '{classes[0]}:1', got '{name}'"
            )
        if of_class not in classes:
            raise unknown_name("class", of_class, classes)
        if number != BACKGROUND and not (number.isdecimal() and int(number) > 0):
            raise InputError(
                f"`verdicts` numbers the verdicts of a class from 1, or says '{of_class}:{BACKGROUND}', got '{name}'"
            )


def choose(diagnosis: Diagnosis, verdicts: str | Sequence[str] = ALL_VERDICTS) -> tuple[Chosen, ...]:
    """Return the named verdicts, in the order in which they are named, or all that are proven.

    >>> choose(Diagnosis.load("diagnoses/scenes"), ["dog:1"])  # doctest: +SKIP

    All means the shortcuts that cost something (`cost_of_verdict`) and are more than what another one looks like
    (`echoes`), and the background of classes that it decides. Other shortcuts, suspects, and backgrounds that
    suffice without being needed are only chosen by name. Raises `InputError` if nothing is left to repair, and for a
    name that the diagnosis does not have.
    """
    classes = diagnosis.classes
    check_names(verdicts, classes)
    known = {one.name(classes): one for one in verdicts_of(diagnosis)}
    if verdicts != ALL_VERDICTS:
        for name in _names(verdicts):
            if name not in known:
                raise unknown_name("verdict", name, known)
        return tuple(known[name] for name in dict.fromkeys(_names(verdicts)))
    proven = removed_by_default(diagnosis)
    if not proven:
        raise InputError(f"nothing to repair: {_nothing(diagnosis, list(known.values()))}")
    return proven


def removed_by_default(diagnosis: Diagnosis) -> tuple[Chosen, ...]:
    """Return what `choose` returns if no verdict is named, or nothing where it raises.

    >>> removed_by_default(Diagnosis.load("diagnoses/scenes"))  # doctest: +SKIP
    """
    left = [one for one, *_ in (*_costless(diagnosis), *_echoes(diagnosis))]
    return tuple(one for one in verdicts_of(diagnosis) if one.proven and one not in left)


def left_alone(diagnosis: Diagnosis, verdicts: str | Sequence[str] = ALL_VERDICTS) -> tuple[str, ...]:
    """Return a sentence for each shortcut that `choose` leaves, with why; none if verdicts are named.

    >>> left_alone(Diagnosis.load("diagnoses/scenes"))  # doctest: +SKIP
    """
    if verdicts != ALL_VERDICTS:
        return ()
    classes = diagnosis.classes
    costless = (
        f"{one.name(classes)} is left as it is: {one.words} costs nothing that training images "
        f"show; {whole_per_cent(one.verdict.accuracy_with)} of the class's images with it are right and "
        f"{whole_per_cent(one.verdict.accuracy_without)} without it, and {points(low, 0)} to {points(high, 0)} % are "
        "usual for classes without a shortcut"
        for one, (low, high) in _costless(diagnosis)
        if one.verdict is not None
    )
    echoing = (
        f"{one.name(classes)} is left as it is: {both} of the {len(one.verdict.ruled)} images of the class "
        f"with {one.words} have {other.words} as well, so it may be no more than what that looks like; to remove "
        f"both, name them: {other.name(classes)} and {one.name(classes)}"
        for one, other, both in _echoes(diagnosis)
        if one.verdict is not None
    )
    return (*costless, *echoing)


def _names(verdicts: str | Sequence[str]) -> list[str]:
    return [verdicts] if isinstance(verdicts, str) else list(verdicts)


def verdicts_of(diagnosis: Diagnosis) -> Iterator[Chosen]:
    """Yield all that can be chosen: the verdicts in their order, then backgrounds that decide or suffice.

    >>> [one.number for one in verdicts_of(Diagnosis.load("diagnoses/scenes"))]  # doctest: +SKIP
    """
    told = VERDICTS.of(diagnosis)
    count = [0] * len(diagnosis.classes)
    for one in () if told is None else told.verdicts:
        count[one.class_number] += 1
        yield Chosen(one.class_number, count[one.class_number], one.verdict == SHORTCUT, one)
    reliance = RELIANCE.of(diagnosis)
    if reliance is not None and reliance.asked is not None:
        for number, row in enumerate(reliance.asked.classes):
            if row.verdict in (DECIDES, INDIFFERENT):
                yield Chosen(number, 0, row.verdict == DECIDES)


def _costless(diagnosis: Diagnosis) -> list[tuple[Chosen, tuple[float, float]]]:
    """Return the proven shortcuts that cost nothing, each with what is usual for classes without a shortcut."""
    proven = [one for one in verdicts_of(diagnosis) if one.proven]
    usual = usual_accuracies(diagnosis, {one.class_number for one in proven})
    return [
        (one, usual)
        for one in proven
        if usual is not None and one.verdict is not None and costs_nothing(one.verdict, usual)
    ]


def _echoes(diagnosis: Diagnosis) -> list[tuple[Chosen, Chosen, int]]:
    """Return the shortcuts that may be what another one looks like, each with that and how many images have both."""
    costless = [one for one, _ in _costless(diagnosis)]
    proven = [
        (one, one.verdict)
        for one in verdicts_of(diagnosis)
        if one.proven and one.verdict is not None and one not in costless
    ]
    found = []
    removed: list[tuple[Chosen, Verdict]] = []
    for one, verdict in sorted(proven, key=lambda each: len(each[1].ruled), reverse=True):
        images = diagnosis.class_images[verdict.class_number]
        louder = [
            (other, len({*verdict.ruled} & {*told.ruled}))
            for other, told in removed
            if echoes(verdict, told, images)
        ]
        if louder:
            found.append((one, *louder[0]))
        else:
            removed.append((one, verdict))
    return found


def why_to_look(diagnosis: Diagnosis, one: Chosen) -> str:
    """Say why a verdict is to be looked at and not to be removed, and what a repair would need; without a full stop.

    >>> why_to_look(diagnosis, next(verdicts_of(diagnosis)))  # doctest: +SKIP
    """
    verdict, name = one.verdict, diagnosis.classes[one.class_number]
    assert verdict is not None
    right = (
        f"{whole_per_cent(verdict.accuracy_with)} of {name} with it are right, and "
        f"{whole_per_cent(verdict.accuracy_without)} without it"
    )
    if one.proven:
        return f"{one.words} costs nothing that these images show: {right}"
    if little_depends(verdict):
        return (
            f"{one.words} is a suspect on which little depends: {right}; a repair would need images of {name} "
            "without it that are wrong"
        )
    return f"{one.words} is a suspect: does it belong to {name}? a repair would need it in training images"


def left_to_learn(diagnosis: Diagnosis, chosen: Sequence[Chosen]) -> tuple[str, ...]:
    """Say of which classes so few images are without what is to be removed that a repair may lose more than it wins.

    >>> left_to_learn(diagnosis, choose(diagnosis))  # doctest: +SKIP

    The class would be learned from these alone. They are few if there are fewer than `FEW`, and less than half of its
    images.
    """
    said = []
    for number in sorted({one.class_number for one in chosen if one.verdict is not None}):
        having = {
            i for one in chosen if one.class_number == number and one.verdict for i in one.verdict.ruled
        }
        images = diagnosis.class_images[number]
        left = images - len(having)
        if left < min(FEW, images / 2):
            said.append(
                f"{len(having):,} of {counted(images, 'image')} of {diagnosis.classes[number]} have what is to be "
                f"removed, so the class would be learned from {left:,}, and may be right less often than now"
            )
    return tuple(said)


def _nothing(diagnosis: Diagnosis, others: Sequence[Chosen]) -> str:
    if not others:
        told = VERDICTS.of(diagnosis)
        if told is None:
            why = diagnosis.absent.get(VERDICTS.name, "its part 'verdicts' was left out")
            return f"the diagnosis of {diagnosis.split} has no verdicts ({why})"
        possible = told.what_was_possible
        return f"the diagnosis of {diagnosis.split} found no shortcut and no {SUSPECT}: {possible}"
    named = ", ".join(f"'{one.name(diagnosis.classes)}'" for one in others[:3]) + (
        " …" if len(others) > 3 else ""
    )
    if left := _costless(diagnosis):
        return (
            f"the shortcuts that the diagnosis of {diagnosis.split} proves cost no accuracy on training images "
            f"({', '.join(one.name(diagnosis.classes) for one, _ in left)}: the class is as often right with it and "
            f"without it as is usual); to take one away all the same, name it: `verdicts` takes {named}"
        )
    unproven = f"the diagnosis of {diagnosis.split} proves no shortcut"
    if all(one.verdict is not None and little_depends(one.verdict) for one in others):
        first = others[0]
        looked = f"look at {first.name(diagnosis.classes)}: {why_to_look(diagnosis, first)}"
        few = "".join(f"; {said}" for said in left_to_learn(diagnosis, [first]))
        return f"{unproven}; {looked}{few}; to remove it all the same, `verdicts` takes {named}"
    return f"{unproven}; to remove what it only suspects, name it: `verdicts` takes {named}"
