"""The names that people give to the directories and files of splits."""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

USUAL = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "eval"),
}
_SPLIT_OF = {name: split for split, names in USUAL.items() for name in names} | {
    "trn": "train",
    "trainval": "train",
    "tr": "train",
    "vld": "val",
    "vali": "val",
    "development": "val",
    "tst": "test",
    "te": "test",
    "evaluation": "test",
    "holdout": "test",
    "holdouts": "test",
    "heldout": "test",
}
# Short ones count only if nothing but filler words is beside them.
_SHORT = ("tr", "te", "vld", "dev", "trn", "tst", "eval")
_FILLING = frozenset(
    [
        "set",
        "sets",
        "data",
        "dataset",
        "datasets",
        "images",
        "image",
        "imgs",
        "img",
        "pics",
        "photos",
        "pictures",
        "split",
        "splits",
        "folder",
        "dir",
        "directory",
        "ds",
        "files",
        "file",
        "samples",
        "sample",
        "batch",
        "new",
        "final",
        "clean",
        "small",
        "full",
        "real",
        "copy",
        "of",
        "the",
        "out",
        "hold",
        "held",
    ]
)
_COMPOUND = re.compile(
    r"(?P<before>data|set|image|images|img|imgs|my|new)?"
    r"(?P<split>training|train|trn|validation|valid|val|development|testing|test|tst|evaluation|eval|holdout|heldout)"
    r"(?P<after>set|sets|data|dataset|images|image|imgs|img|split|folder|dir|ing)?"
)
# Behind "-of-N", as behind eight digits of a hash, anything may stand.
_SHARD = re.compile(r"[-_.]?\d+(-of-\d+(-\w+)?|(-[0-9a-f]{8,}))?$")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+|\d+")


@dataclass(frozen=True)
class SplitName:
    """What a name says about a split: which it is, and the words in it that say something else.

    `exact` is whether it is one of the usual names; otherwise it is a guess.
    """

    split: str
    rest: tuple[str, ...]
    exact: bool


def usual_split(name: str) -> str | None:
    """Return `train`, `val` or `test` for a usual name of that split in any case, None for any other name.

    >>> usual_split("Validation"), usual_split("dev"), usual_split("cats")
    ('val', 'val', None)
    """
    return next((split for split, names in USUAL.items() if name.casefold() in names), None)


def split_in(name: str) -> SplitName | None:
    """Find the one split that a name mentions, None if it mentions none or several.

    >>> split_in("training_set"), split_in("segTest (1)"), split_in("cats"), split_in("train_test_split")
    (SplitName(split='train', rest=(), exact=False), SplitName(split='test', rest=('seg',), exact=False), None, None)
    >>> split_in("bullet train").rest
    ('bullet',)
    """
    usual = usual_split(name)
    if usual is not None:
        return SplitName(usual, (), True)
    words = [word.casefold() for word in _WORD.findall(name)]
    joined = "".join(words)
    if joined in _SPLIT_OF:
        return SplitName(_SPLIT_OF[joined], (), False)
    found, rest, short = set(), [], False
    for word in words:
        split = _SPLIT_OF.get(word) or _compound(word)
        if split is not None:
            found.add(split)
            short = short or word in _SHORT
        elif word not in _FILLING and not word.isdigit():
            rest.append(word)
    if "holdout" in joined or "heldout" in joined:
        found.add("test")
    if len(found) != 1 or (short and rest):
        return None
    return SplitName(found.pop(), tuple(rest), False)


def unnumbered(stem: str) -> str:
    """Return the name of a file without the number that it has as one of several.

    >>> unnumbered("train-00000-of-00002"), unnumbered("val-0007"), unnumbered("0000")
    ('train', 'val', '')
    >>> unnumbered("test-00000-of-00001-abc123")
    'test'
    """
    return _SHARD.sub("", stem)


def keyed(names: Sequence[str], splits: Container[str]) -> tuple[dict[str, str], list[str]]:
    """Return what to call each split, and a note about the guesses: `train`, `val` or `test` if that is guessed.

    >>> keyed(["training_set", "test", "extra"], {"training_set", "test"})[0]
    {'training_set': 'train', 'test': 'test', 'extra': 'extra'}

    Guesses are only made for the names in `splits`; one that another has already taken stays as it is.
    """
    taken, keys, told = set(names), {}, []
    for name in names:
        found = split_in(name) if name in splits else None
        keys[name] = name
        if found is not None and not found.exact:
            told.append(f"{name} for {found.split}")
            if found.split not in taken:
                keys[name] = found.split
                taken.add(found.split)
    return keys, [f"taken for splits by a guess at their names: {', '.join(told)}"] if told else []


def _compound(word: str) -> str | None:
    match = _COMPOUND.fullmatch(word)
    return None if match is None or not (match["before"] or match["after"]) else _SPLIT_OF[match["split"]]
