"""ImageNet and Tiny-ImageNet as published: classes by WordNet's numbers, validation in one directory."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nearsight.data.class_names import distinct
from nearsight.data.image_rows import image_rows
from nearsight.data.split_names import usual_split
from nearsight.data.table import Table
from nearsight.data.tree import Folder
from nearsight.errors import InputError
from nearsight.read import belonging_together, read_text

_NUMBER = re.compile(r"n\d{8}")
_NAMES = ("words.txt", "LOC_synset_mapping.txt", "synset_words.txt", "imagenet_synset_words.txt")
_ANNOTATIONS, _SOLUTION, _TRUTH = (
    "val_annotations.txt",
    "LOC_val_solution.csv",
    "ILSVRC2012_validation_ground_truth.txt",
)
_META = "meta.mat"
_MEND = "download it again"
# The classes of the challenge; `meta.mat` also lists those above them.
_CHALLENGE = 1000


@dataclass(frozen=True)
class _Home:
    """Where the splits are, and the files that mention them by name."""

    splits: dict[str, Folder]
    classes: tuple[str, ...]
    files: Mapping[str, Path]


def read_wordnet(root: Folder) -> tuple[dict[str, Table], list[str]] | None:
    """Read such a folder as tables by split, None if it is not one.

    Classes are named after a list of words. Boxes are in pixels, both corners included. Raises `InputError` if
    the ground truth of validation does not match its images, and if a file of it is damaged.
    """
    home = _home(root)
    if home is None:
        return None
    with belonging_together(root.path, _MEND):
        names, notes = _class_names(home)
        tables = {}
        for split, folder in home.splits.items():
            if folder.filled and all(_NUMBER.fullmatch(each.name) for each in folder.filled):
                files = [file for each in folder.filled for file in each.files()]
                own: list[str | None] = [each.name for each in folder.filled for _ in range(each.count)]
                boxes = _boxes(folder)
            else:
                files = folder.files()
                own, boxes, told = _truth(home, split, files)
                notes += told
            tables[split] = _table(files, own, boxes, home.classes, names)
    return tables, notes


def _home(root: Folder) -> _Home | None:
    for folder in root.walk():
        splits = {each.name: each for each in folder.filled if usual_split(each.name)}
        train = next((each for name, each in splits.items() if usual_split(name) == "train"), None)
        if train is None or len(train.filled) < 2:
            continue
        classes = [each.name for each in train.filled]
        if not all(map(_NUMBER.fullmatch, classes)):
            continue
        files = {name: each.path / name for each in root.walk() for name in each.others}
        if not {*_NAMES, _ANNOTATIONS, _SOLUTION, _TRUTH, "wnids.txt"} & set(files):
            return None
        return _Home(splits, tuple(classes), files)
    return None


def _class_names(home: _Home) -> tuple[tuple[str, ...], list[str]]:
    for name in _NAMES:
        if name not in home.files:
            continue
        lines = read_text(home.files[name], _MEND).splitlines()
        words = dict(re.split(r"\s+", line, maxsplit=1) for line in lines if " " in line or "\t" in line)
        if all(number in words for number in home.classes):
            plain = [words[number].split(",")[0].strip() for number in home.classes]
            told = [f"classes are called what {name} calls them"]
            repeated = len(plain) - len(set(plain))
            if repeated:
                told.append(f"{repeated} class names are given more than once and get a number")
            return distinct(plain), told
    return home.classes, ["classes are called by their WordNet numbers, as no list of words is there"]


def _truth(
    home: _Home, split: str, files: Sequence[str]
) -> tuple[list[str | None], dict[str, list[int]], list[str]]:
    """The WordNet number of each image in one directory, and the boxes, by the name of the file."""
    nothing: list[str | None] = [None] * len(files)
    if usual_split(split) != "val":
        return nothing, {}, []
    names = [Path(file).name for file in files]
    boxes: dict[str, list[int]] = {}
    if _ANNOTATIONS in home.files:
        rows = [line.split("\t") for line in read_text(home.files[_ANNOTATIONS], _MEND).splitlines() if line]
        found = {row[0]: row[1] for row in rows}
        boxes = {row[0]: [int(float(value)) for value in row[2:6]] for row in rows if len(row) >= 6}
        source = _ANNOTATIONS
    elif _SOLUTION in home.files:
        lines = read_text(home.files[_SOLUTION], _MEND).splitlines()[1:]
        found = {f"{name}.JPEG": said.split()[0] for name, _, said in (line.partition(",") for line in lines)}
        source = _SOLUTION
    elif _TRUTH in home.files and _META in home.files:
        numbers = [int(line) for line in read_text(home.files[_TRUTH], _MEND).split()]
        if len(numbers) != len(files):
            raise InputError(
                f"{home.files[_TRUTH]} has {len(numbers)} labels for {len(files)} images of {split}; download both"
            )
        by_id = _synsets(home.files[_META])
        # One per line, in the order of the images' names.
        found = {name: by_id[number] for name, number in zip(sorted(names), numbers, strict=True)}
        source = f"{_TRUTH} and {_META}"
    else:
        told = (
            f"{split}: its {len(files)} images have no labels without {_SOLUTION}, or {_TRUTH} and the development "
            f"kit's {_META}; put these into the folder"
        )
        return nothing, {}, [told]
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(
            f"{source} names no class of {len(missing)} of the {len(files)} images of {split}, such as {missing[0]}"
        )
    return [found[name] for name in names], boxes, [f"{split}: labels from {source}"]


def _synsets(file: Path) -> dict[int, str]:
    from scipy.io import loadmat

    rows = loadmat(file, squeeze_me=True)["synsets"]
    found = {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in rows}
    return {number: name for number, name in found.items() if number <= _CHALLENGE}


def _boxes(train: Folder) -> dict[str, list[int]]:
    found = {}
    for folder in train.filled:
        for place in folder.walk():
            for name in place.others:
                if name == f"{folder.name}_boxes.txt":
                    for line in read_text(place.path / name, _MEND).splitlines():
                        image, *corners = line.split()
                        found[image] = [int(float(value)) for value in corners[:4]]
    return found


def _table(
    files: Sequence[str],
    own: Sequence[str | None],
    boxes: Mapping[str, list[int]],
    numbers: Sequence[str],
    names: tuple[str, ...],
) -> Table:
    from datasets import List, Value

    rows = image_rows(files)
    if boxes:
        column = [boxes.get(Path(file).name) for file in files]
        rows = rows.add_column("box", column, feature=List(Value("int64")))
    table = Table(rows, None, None)
    if any(each is not None for each in own):
        place = {number: k for k, number in enumerate(numbers)}
        unknown = next((each for each in own if each not in place), None)
        if unknown is not None:
            raise InputError(f"the class {unknown} of {files[list(own).index(unknown)]} is none of train's")
        labels = np.array([place[each] for each in own if each is not None], dtype=np.int64)
        return replace(table, labels=labels, classes=names)
    return table
