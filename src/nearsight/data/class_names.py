"""Class names: made distinct, and matched where lists name the same classes in another order or spelling."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nearsight.errors import InputError, listed
from nearsight.numbers import counted


@dataclass(frozen=True)
class Agreed:
    """The class names of several lists: `classes`, and for each list the places of its own names in them.

    `notes` say how they were obtained.
    """

    classes: tuple[str, ...]
    places: dict[str, tuple[int, ...]]
    notes: tuple[str, ...]


def plain(name: str) -> str:
    """Return a name in the form in which it is compared: composed Unicode, without surrounding space, single spaces.

    >>> plain("  cafe\\u0301  au lait ") == "café au lait"
    True
    """
    return " ".join(unicodedata.normalize("NFC", name).split())


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Distinguish equal names by a number.

    >>> distinct(["crane", "owl", "crane", "crane (2)"])
    ('crane', 'owl', 'crane (3)', 'crane (2)')
    """
    taken, seen, found = set(names), set[str](), []
    # Where to go on counting, as a name may occur a hundred thousand times.
    numbers: dict[str, int] = {}
    for name in names:
        own = name
        if name in seen:
            number = numbers.get(name, 2)
            while (own := f"{name} ({number})") in taken:
                number += 1
            taken.add(own)
            numbers[name] = number + 1
        seen.add(own)
        found.append(own)
    return tuple(found)


def agree(lists: Mapping[str, Sequence[str]], base: str, where: str) -> Agreed:
    """Match the class names of several lists, each a split or a shard, by name.

    >>> found = agree({"train": ["cat", "dog"], "test": ["Dog ", "cat", "owl"]}, "train", "'toy'")
    >>> found.classes, found.places["test"]
    (('cat', 'dog', 'owl'), (1, 0, 2))

    The classes come in the order of the list `base`, then those that only others name. Names are the same if they
    are `plain` alike, or if they differ only in case and neither list has both. Raises `InputError`, naming
    `where`, if two lists have no name in common, or if a name that a list has twice must be matched.
    """
    notes: list[str] = []
    order = [base, *(name for name in lists if name != base)]
    classes: list[str] = []
    places: dict[str, tuple[int, ...]] = {}
    for name in order:
        own = [plain(each) for each in lists[name]]
        repeated = [each for each, count in Counter(own).items() if count > 1]
        first = lists[base]
        if name != base and repeated and tuple(lists[name]) != tuple(first):
            raise InputError(
                f"'{base}' and '{name}' of {where} list different classes, and '{repeated[0]}' is the name of more "
                "than one, so they cannot be matched by name; give both the same list"
            )
        told = distinct(own)
        if repeated and name == base:
            notes.append(
                f"{len(repeated)} class names are given more than once and get a number: {listed(repeated)}"
            )
        found = _matches(told, classes)
        if name != base and told and classes and not any(place is not None for place in found):
            raise InputError(
                f"the classes of '{base}' and '{name}' of {where} have no name in common "
                f"({listed(lists[base])} and {listed(lists[name])}); give them the same list"
            )
        new = [each for each, place in zip(told, found, strict=True) if place is None]
        before = tuple(classes)
        classes += new
        numbered = iter(range(len(before), len(classes)))
        places[name] = tuple(next(numbered) if place is None else place for place in found)
        if name != base:
            notes += _told(name, base, lists, told, before, new, places[name])
    return Agreed(tuple(classes), places, tuple(notes))


def lookup(words: Iterable[str], classes: Sequence[str]) -> dict[str, int | None]:
    """Return the place of each word in `classes`, None if it names none of them.

    >>> lookup(["dog ", "Cat", "owl"], ["cat", "dog"])
    {'dog ': 1, 'Cat': 0, 'owl': None}
    """
    each = list(dict.fromkeys(words))
    return dict(
        zip(each, _matches([plain(word) for word in each], [plain(name) for name in classes]), strict=True)
    )


def _matches(names: Sequence[str], classes: Sequence[str]) -> list[int | None]:
    exact = {name: place for place, name in enumerate(classes)}
    theirs, ours = Counter(map(str.casefold, classes)), Counter(map(str.casefold, set(names)))
    by_case = {
        name.casefold(): place
        for place, name in enumerate(classes)
        if theirs[name.casefold()] == 1 and ours[name.casefold()] == 1
    }
    return [exact.get(name, by_case.get(name.casefold())) for name in names]


def _told(
    name: str,
    base: str,
    lists: Mapping[str, Sequence[str]],
    told: Sequence[str],
    before: Sequence[str],
    new: Sequence[str],
    places: Sequence[int],
) -> list[str]:
    notes = []
    respelt = [
        own
        for own, plainly, place in zip(lists[name], told, places, strict=True)
        if place < len(before) and before[place] != own and plainly not in new and own not in lists[base]
    ]
    if respelt:
        notes.append(
            f"{name}: class names spelt in another way than in {base}, and taken for the same: "
            f"{listed([repr(own) for own in respelt])}"
        )
    shared = [place for place in places if place < len(before)]
    if shared != sorted(shared):
        notes.append(f"{name}: its classes are in another order than those of {base}; matched by name")
    if new:
        notes.append(
            f"{name}: names {counted(len(new), 'class', 'classes')} that {base} does not: {listed(new)}"
        )
    missing = len(before) - len(set(shared))
    if missing:
        notes.append(f"{name}: does not name {missing} of the {len(before)} classes; matched by name")
    return notes
