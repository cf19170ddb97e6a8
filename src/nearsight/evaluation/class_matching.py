"""Which of a model's classes a set's classes are: by name, by a given map, and by ImageNet's identifiers."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearsight.data import ImageSet
from nearsight.errors import InputError, listed, shortened, unknown_name
from nearsight.numbers import counted
from nearsight.read import is_file, read_json, read_text

ClassMap = Mapping[str, str | None] | str | Path
"""Names of a set's classes with the model's: a mapping, `a=b,c=d`, or a file of them."""

_MEND = "give `class_map` as a file of names, or a=b,c=d"
_WNID = re.compile(r"n\d{8}")


@dataclass(frozen=True, eq=False)
class Matched:
    """A set whose labels are numbers of a model's classes, and what was left out for this.

    `left_out` counts the images of each class of the set that the model does not know; `lacking` names the
    model's classes that the set does not have. `notes` report both, and which names were matched. `kept` are the
    places of the images in the set, int64 (n,), if some were left out.
    """

    images: ImageSet
    left_out: Mapping[str, int]
    lacking: tuple[str, ...]
    notes: tuple[str, ...]
    kept: NDArray[np.int64] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """What an evaluation says about it; nothing if all classes are the model's own."""
        if not self.left_out and not self.lacking:
            return {}
        return {"classes_left_out": dict(self.left_out), "classes_lacking": list(self.lacking)}


def match_classes(images: ImageSet, known: Sequence[str], class_map: ClassMap | None = None) -> Matched:
    """Give a set the classes of a model, in the model's order; images of other classes are left out.

    >>> from nearsight.data import load
    >>> digits = load("digits")["test"]
    >>> named = replace(digits, classes=("zero", "One", "two", *"abcdefg"))
    >>> matched = match_classes(named, ("ONE", "zero", "ten"))
    >>> len(matched.images), matched.images.classes, matched.lacking
    (68, ('ONE', 'zero', 'ten'), ('ten',))

    A class of the set becomes the model's class that `class_map` names (None or nothing leaves it out). Otherwise
    it becomes the one with the same name; with the same name except for case, composition of accents, spaces,
    hyphens and underscores; with the same identifier in ImageNet (n01440764), by timm's list; or the only one
    that has its name among several, as in "tench, Tinca tinca". Names that two classes share are never guessed.
    Names that are numbers say nothing: they are only matched with the same numbers, all of them. Several classes
    of a set can become one of the model's. Raises `InputError` if no class is known, and for a `class_map` with
    names that neither has.
    """
    found, known = images.classes, tuple(known)
    said = {} if class_map is None else _said(class_map, found, known)
    if not said and found == known:
        return Matched(images, {}, (), ())
    where = f"{images.name} {images.split}"
    if any(name.isdecimal() for name in (*found, *known)) and set(found) != set(known):
        # A number is not a name: class 3 of ten digits is not class 3 of a thousand.
        places = [known.index(said[name] or "") if said.get(name) in known else None for name in found]
        if not said:
            raise InputError(
                f"the classes of {where} are {_these(found)} and those of the classifier are {_these(known)}, and "
                "numbers are matched only with the same numbers; name the model's own with `classes`, or say which "
                "is which with `class_map`"
            )
    else:
        by_name = _places(found, known)
        places = [
            (None if not said[name] else known.index(said[name] or "")) if name in said else place
            for name, place in zip(found, by_name, strict=True)
        ]
    if all(place is None for place in places):
        raise InputError(
            f"the classifier knows {_these(known)} and {where} has {_these(found)}: no name is the same; say which "
            "is which with `class_map`, or name the model's own with `classes`"
        )
    new = np.array([-1 if place is None else place for place in places])[images.labels]
    kept = np.flatnonzero(new >= 0)
    if not len(kept):
        raise InputError(f"no image of {where} is of a class that the classifier knows; give `class_map`")
    counts = np.bincount(images.labels, minlength=len(found))
    left_out = {name: int(counts[k]) for k, name in enumerate(found) if places[k] is None}
    lacking = tuple(name for k, name in enumerate(known) if k not in set(places))
    chosen = images if len(kept) == len(images) else images.select(kept)
    return Matched(
        replace(chosen, classes=known, labels=new[kept].astype(np.int64)),
        left_out,
        lacking,
        tuple(_notes(found, known, places, left_out, lacking)),
        None if chosen is images else kept,
    )


def _notes(
    found: Sequence[str],
    known: Sequence[str],
    places: Sequence[int | None],
    left_out: Mapping[str, int],
    lacking: Sequence[str],
) -> list[str]:
    notes = []
    taken = [
        f"'{name}' for '{known[place]}'"
        for name, place in zip(found, places, strict=True)
        if place is not None and known[place] != name
    ]
    if taken:
        notes.append(f"classes taken for the model's: {listed(taken)}")
    if several := {name: count for name, count in left_out.items() if count}:
        names = [f"{name} ({count:,})" for name, count in several.items()]
        classes = counted(len(several), "class", "classes")
        notes.append(
            f"left out: {counted(sum(several.values()), 'image')} of {classes} that the model does not know: "
            f"{listed(names)}"
        )
    if lacking:
        notes.append(
            f"the set lacks {len(lacking)} of the model's {counted(len(known), 'class', 'classes')}: "
            f"{listed(lacking)}; the model may "
            "still predict them, and the accuracy among the set's classes is where it may not"
        )
    return notes


def _places(found: Sequence[str], known: Sequence[str]) -> list[int | None]:
    """Find each class by the most certain method that finds a single class."""
    places: list[int | None] = [None] * len(found)
    for key in (_as_it_is, _normal, _identifier):
        theirs, ours = [key(name) for name in known], [key(name) for name in found]
        of_known, of_found = Counter(filter(None, theirs)), Counter(filter(None, ours))
        only = {name: k for k, name in enumerate(theirs) if name and of_known[name] == 1}
        for k, name in enumerate(ours):
            if places[k] is None and name and of_found[name] == 1:
                places[k] = only.get(name)
    return _by_one_of_several(found, known, places)


def _by_one_of_several(
    found: Sequence[str], known: Sequence[str], places: list[int | None]
) -> list[int | None]:
    """Find a class by one of the names that "tench, Tinca tinca" lists."""
    taken = set(places)
    theirs: dict[str, set[int]] = {}
    for place, name in enumerate(known):
        for part in _several(name):
            theirs.setdefault(part, set()).add(place)
    asked = [
        {place for part in _several(name) for place in theirs.get(part, ())} if places[k] is None else set()
        for k, name in enumerate(found)
    ]
    times = Counter(next(iter(one)) for one in asked if len(one) == 1)
    return [
        next(iter(one)) if len(one) == 1 and times[next(iter(one))] == 1 and not one & taken else place
        for one, place in zip(asked, places, strict=True)
    ]


def _several(name: str) -> list[str]:
    return [_normal(part) for part in name.split(",") if part.strip()]


def _as_it_is(name: str) -> str:
    return name


def _normal(name: str) -> str:
    return " ".join(re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFKC", name)).casefold().split())


def _identifier(name: str) -> str:
    """Return the identifier of a class in ImageNet, "" if it has none."""
    plain = name.strip()
    return plain if _WNID.fullmatch(plain) else _of_imagenet().get(_normal(name), "")


@cache
def _of_imagenet() -> Mapping[str, str]:
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    names: Callable[[], list[str]] = info.label_names
    described = [(_normal(info.label_name_to_description(wnid)), wnid) for wnid in names()]
    times = Counter(name for name, _ in described)
    # "crane" is a bird and a machine.
    return {name: wnid for name, wnid in described if times[name] == 1}


def _said(class_map: ClassMap, found: Sequence[str], known: Sequence[str]) -> dict[str, str | None]:
    """Return the given map of the set's classes; raises `InputError` for names that do not exist."""
    given = class_map if isinstance(class_map, Mapping) else _read(class_map)
    said: dict[str, str | None] = {}
    for name, own in given.items():
        if name not in found:
            raise unknown_name("class of the set in `class_map`", str(name), found)
        if own and own not in known:
            raise unknown_name("class of the model in `class_map`", str(own), known)
        said[name] = own or None
    return said


def _read(given: str | Path) -> dict[str, str | None]:
    path = Path(given)
    if isinstance(given, Path) or "=" not in given or is_file(path):
        if path.suffix == ".json":
            return _read_json(path)
        lines = [line for line in read_text(path, _MEND).splitlines() if line.strip()]
        split: Callable[[str], Sequence[str]] = _pair_of(lines)
        pairs = [split(line) for line in lines]
    else:
        pairs = [part.split("=", 1) for part in given.split(",")]
    bad = next((pair for pair in pairs if len(pair) != 2), None)
    if bad is not None:
        raise InputError(
            f"`class_map` has {shortened('='.join(bad))!r}, which names no two classes; write a=b, one after another"
        )
    return {one.strip(): other.strip() or None for one, other in pairs}


def _read_json(path: Path) -> dict[str, str | None]:
    content = read_json(path, _MEND)
    if not isinstance(content, dict) or not all(isinstance(own, str | None) for own in content.values()):
        raise InputError(f"{path} holds no `class_map`; expected a JSON object of names")
    return content


def _pair_of(lines: Sequence[str]) -> Callable[[str], Sequence[str]]:
    """Return the separator of a file's lines: the first of these characters that every line contains."""
    sign = next((sign for sign in ("=", "\t", ";", ",") if all(sign in line for line in lines)), "=")
    return lambda line: line.split(sign, 1)


def _these(names: Sequence[str]) -> str:
    return f"{len(names)} ({listed(names)})"
