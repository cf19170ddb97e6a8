"""What the directories of an image folder mean: wrapping, splits, classes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from nearsight.data.annotations import ANNOTATION_DIRECTORIES, IMAGE_DIRECTORIES
from nearsight.data.class_names import plain
from nearsight.data.split_names import SplitName, keyed, split_in
from nearsight.data.tree import Folder
from nearsight.errors import InputError, listed

EXPECTED = "expected one directory per class (cats/, dogs/), or for each split with those in it (train/cats/)"
_WAY_OUT = (
    "name the splits train, val and test and put one directory per class into each (train/cats/), or, if these "
    "are classes, put all of them into one directory 'train'"
)
_FOLD = re.compile(r"(fold|part|batch|cv|group|session|day)[-_ ]?\d+", re.IGNORECASE)


@dataclass(frozen=True)
class Division:
    """One split on disk: the directories of each class by its name; without classes, it has no labels.

    `place` is where the class directories, or the images, are; `beside` are images at their level, which are not
    read.
    """

    name: str
    place: Folder
    classes: tuple[tuple[str, Folder], ...]
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """The splits of an image folder, and notes on how they were recognised."""

    divisions: tuple[Division, ...]
    notes: tuple[str, ...]

    @property
    def has_classes(self) -> bool:
        """Whether any split has class directories."""
        return any(division.classes for division in self.divisions)


def recognise(root: Folder) -> Layout:
    """Find out what the directories of an image folder mean.

    Directories that only wrap others are passed through. Those named after splits are splits; if the name is not
    a usual one, that is a guess, and is reported. A class may be called `train` if it is beside others and
    contains images itself. Raises `InputError` if the names of splits would become classes, and for an empty
    split.
    """
    notes: list[str] = []
    place = _unwrapped(root, root, notes)
    splits = _splits(root, place, notes)
    crossed = None if splits else _splits_in_classes(place)
    if crossed is not None:
        notes.append(
            f"every class has directories for splits: {listed([name for name, _ in crossed])}; read as those"
        )
        return Layout(tuple(Division(name, place, classes) for name, classes in crossed), tuple(notes))
    if not splits:
        _refuse_folds(place)
        return Layout((_division("train", place, notes, root),), tuple(notes))
    found = [_division(name, _unwrapped(folder, root, notes, name), notes, root) for name, folder in splits]
    return Layout(tuple(_without_strange_labels(found, notes)), tuple(notes))


def _unwrapped(folder: Folder, root: Folder, notes: list[str], split: str | None = None) -> Folder:
    """Pass through directories that contain only one other, and leave out masks beside `images`."""
    place = folder
    while not place.images:
        inside = _of_pictures(place, root, notes)
        if len(inside) != 1 or place.filled == ():
            break
        (only,) = inside
        named = split_in(only.name)
        same = only.name.casefold() in (place.name.casefold(), *IMAGE_DIRECTORIES)
        if split is None:
            if named is not None or not (only.filled or same):
                break
        elif not (only.filled or same or (named is not None and named.split == _canonical(split))):
            break
        place = only
    if place is not folder:
        notes.append(f"looked through the directory {place.within(root)}, which alone holds the images")
    return place


def _of_pictures(folder: Folder, root: Folder, notes: list[str]) -> tuple[Folder, ...]:
    names = {each.name.casefold() for each in folder.filled}
    if (
        not names & IMAGE_DIRECTORIES
        or not names & ANNOTATION_DIRECTORIES
        or names - IMAGE_DIRECTORIES - ANNOTATION_DIRECTORIES
    ):
        return folder.filled
    left = [each for each in folder.filled if each.name.casefold() in ANNOTATION_DIRECTORIES]
    notes.append(
        f"no classes, as they lie beside images: {listed([each.within(root) for each in left])}; where these say "
        f"where the objects are, and it is not found, give `regions={str(left[0].path)!r}`"
    )
    return tuple(each for each in folder.filled if each not in left)


def _splits(root: Folder, place: Folder, notes: list[str]) -> list[tuple[str, Folder]]:
    """The directories that are splits, by the names to give them; none if they are classes."""
    inside = [folder for folder in place.folders if folder.count or split_in(folder.name)]
    named = {folder.name: name for folder in inside if (name := split_in(folder.name)) is not None}
    sure = _sure(inside, named)
    others = [folder for folder in inside if folder not in sure and folder.count]
    distinct = {named[folder.name].split for folder in sure}
    deep = [folder for folder in sure if folder.filled]
    if deep and (len(distinct) > 1 or not others or not _is_class_beside(deep[0], others)):
        _require_filled(sure)
        again = [folder for folder in others if _holds_splits(folder)]
        if again:
            notes.append(
                f"left out, as they hold splits of their own: {listed([folder.name for folder in again])}; give "
                "such a directory by itself"
            )
        chosen = sure + [folder for folder in others if folder not in again]
    elif sure and not others:
        _require_filled(sure)
        chosen = sure
    else:
        _require_classes(root, place, sure, others, named, notes)
        return []
    chosen = sorted(chosen, key=lambda folder: folder.name)
    keys, told = keyed([folder.name for folder in chosen], {folder.name for folder in sure})
    notes[:0] = told
    return [(keys[folder.name], folder) for folder in chosen]


def _sure(inside: Sequence[Folder], named: dict[str, SplitName]) -> list[Folder]:
    """Those whose names only name the split, or what others name too, or that contain the classes of others."""
    beside: dict[tuple[str, ...], set[str]] = {}
    for name in named.values():
        beside.setdefault(name.rest, set()).add(name.split)
    candidates = [folder for folder in inside if folder.name in named]
    return [
        folder
        for folder in candidates
        if not named[folder.name].rest
        or len(beside[named[folder.name].rest]) > 1
        or any(
            other is not folder
            and named[other.name].split != named[folder.name].split
            and _share(folder, other)
            for other in candidates
        )
    ]


def _holds_splits(folder: Folder) -> bool:
    names = [split_in(each.name) for each in folder.filled]
    return bool(names) and all(name is not None and not name.rest for name in names)


def _share(one: Folder, other: Folder) -> bool:
    ours, theirs = ({plain(each.name).casefold() for each in folder.filled} for folder in (one, other))
    return bool(ours and theirs) and 2 * len(ours & theirs) >= min(len(ours), len(theirs))


def _is_class_beside(folder: Folder, others: Sequence[Folder]) -> bool:
    """Whether a directory called `train` is a class, beside directories of the same kind: railway."""
    name = split_in(folder.name)
    if name is None or not name.exact:
        return False
    return all(other.filled and not _share(folder, other) for other in others)


def _require_filled(splits: Sequence[Folder]) -> None:
    empty = next((folder for folder in splits if not folder.count), None)
    if empty is not None:
        held = "is empty" if empty.is_bare else "holds no images"
        raise InputError(f"the folder {empty.path} {held}; {EXPECTED}")


def _require_classes(
    root: Folder,
    place: Folder,
    sure: Sequence[Folder],
    others: Sequence[Folder],
    named: dict[str, SplitName],
    notes: list[str],
) -> None:
    """Refuse names of splits that would become classes."""
    spoken = [folder for folder in (*sure, *others) if folder.name in named and folder.count]
    if not spoken:
        return
    splits = {named[folder.name].split for folder in sure}
    compound = [folder for folder in sure if not named[folder.name].exact]
    mixed = [folder for folder in others if folder.filled]
    uncertain = [folder for folder in spoken if folder not in sure and folder.filled]
    if len(splits) > 1 or compound or uncertain or (mixed and not all(folder.filled for folder in spoken)):
        raise InputError(
            f"{place.within(root) if place is not root else root.path} holds directories named after splits "
            f"({listed([folder.name for folder in spoken])}) beside others "
            f"({listed([folder.name for folder in others if folder not in spoken]) or 'none'}), and would make "
            f"classes of them; {_WAY_OUT}"
        )
    notes.insert(
        0,
        f"taken for classes, though they are named after splits: {listed([folder.name for folder in spoken])}, as "
        "they lie beside others of their kind",
    )


def _refuse_folds(place: Folder) -> None:
    """Refuse directories of folds, each with all classes in it, that would become classes."""
    folds = [folder for folder in place.filled if _FOLD.fullmatch(folder.name)]
    if len(folds) > 1 and len(folds) == len(place.filled) and all(_share(folds[0], each) for each in folds):
        raise InputError(
            f"{place.path} holds {listed([folder.name for folder in folds])}, each with the same directories in it "
            f"({listed([folder.name for folder in folds[0].filled])}), which may be the classes; put the images of "
            "each class into one directory, or list files and labels in a table"
        )


def _splits_in_classes(place: Folder) -> list[tuple[str, tuple[tuple[str, Folder], ...]]] | None:
    """Splits within each class (cats/train, cats/test), with the two levels exchanged."""
    if len(place.filled) < 2 or place.images:
        return None
    found: dict[str, list[tuple[str, Folder]]] = {}
    for folder in place.filled:
        for inner in folder.filled:
            name = split_in(inner.name)
            if name is None or name.rest or folder.images:
                return None
            found.setdefault(name.split, []).append((folder.name, inner))
    if len(found) < 2 or any(
        len(classes) != len({name for name, _ in classes}) for classes in found.values()
    ):
        return None
    return [(split, tuple(classes)) for split, classes in found.items()]


def _division(name: str, place: Folder, notes: list[str], root: Folder) -> Division:
    if not place.filled:
        return Division(name, place, ())
    bare = [folder for folder in place.folders if folder.is_bare and not folder.left]
    if bare:
        if _canonical(name) in (None, "train"):
            raise InputError(f"the class directory {bare[0].path} holds no images; fill it or remove it")
        notes.append(f"{name}: directories without any file: {listed([folder.name for folder in bare])}")
    idle = [folder for folder in place.folders if not folder.count and folder not in bare]
    if idle:
        notes.append(f"{name}: no class, as they hold no images: {listed([folder.name for folder in idle])}")
    if place.images:
        more = f" and {len(place.images) - 1} more images" if len(place.images) > 1 else ""
        notes.append(f"{name}: not read, as beside the class directories: {place.images[0]}{more}")
    deeper = [
        inner
        for folder in place.filled
        for inner in folder.filled
        if inner.name.casefold() not in IMAGE_DIRECTORIES
    ]
    if deeper:
        notes.append(
            f"{name}: classes are the directories {listed([folder.name for folder in place.filled])}; {len(deeper)} "
            f"{'directory' if len(deeper) == 1 else 'directories'} in them, such as {deeper[0].within(root)}, "
            f"{'is' if len(deeper) == 1 else 'are'} read as part of their class"
        )
    classes = tuple((folder.name, folder) for folder in place.filled)
    return Division(name, place, classes, place.images)


def _without_strange_labels(found: Sequence[Division], notes: list[str]) -> list[Division]:
    """A test split's only directory, for which train has no class, holds images without labels (test/unknown)."""
    train = {
        plain(name).casefold()
        for division in found
        if _canonical(division.name) == "train"
        for name, _ in division.classes
    }
    result = []
    for division in found:
        own = {plain(name).casefold() for name, _ in division.classes}
        if len(train) > 1 and len(own) == 1 and not own & train:
            ((name, folder),) = division.classes
            notes.append(f"{division.name}: its only directory, {name}, is no class of train; without labels")
            division = Division(division.name, folder, ())
        result.append(division)
    return result


def _canonical(name: str) -> str | None:
    found = split_in(name)
    return None if found is None else found.split
