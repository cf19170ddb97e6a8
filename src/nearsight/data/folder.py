"""Reading an image folder: one directory per class, with or without a directory per split."""

from pathlib import Path

import numpy as np

from nearsight.data.class_pattern import labels_by_pattern, suggested_pattern
from nearsight.data.image_rows import image_rows
from nearsight.data.layout import EXPECTED, Division, Layout, recognise
from nearsight.data.metadata import NAMES, Metadata, apply_metadata, find_metadata, told_missing
from nearsight.data.table import Table
from nearsight.data.tree import ARCHIVES, Folder, read_tree, told_left
from nearsight.data.webdataset import read_webdataset, tars_in
from nearsight.data.wordnet import read_wordnet
from nearsight.errors import InputError, listed
from nearsight.settings import Reading

_TABLES = (".csv", ".tsv", ".jsonl")


def read_folder(path: Path, reading: Reading) -> tuple[dict[str, Table], list[str]]:
    """List the images of a folder as tables by split, with notes on how it was read and what was skipped.

    Every image in a class's directory, at any depth, belongs to that class. A split directory without class
    directories has no labels, unless `class_pattern` finds them in the names of files. Raises `InputError` for a
    folder or class without images, and if directories could be splits or classes.
    """
    root = read_tree(path)
    if not root.count:
        if tars := tars_in(root):
            return read_webdataset(tars, path)
        raise _without_images(root)
    if reading.class_pattern is None and (home := read_wordnet(root)) is not None:
        return home
    layout = recognise(root)
    metadata = find_metadata(root)
    if reading.class_pattern is not None:
        tables, notes = _by_pattern(root, layout, reading.class_pattern)
    elif metadata is not None and (layout.has_classes or metadata.label is not None):
        tables, notes = _with_metadata(metadata, layout)
        notes += told_missing(metadata, root.files())
    elif layout.has_classes:
        tables = {division.name: _table(division) for division in layout.divisions}
        notes = list(layout.notes)
    else:
        raise _without_classes(root, layout)
    return tables, notes + told_left(root, list(root.walk()), () if metadata is None else NAMES)


def files_below(path: Path) -> list[str]:
    """List the images of a directory at any depth, sorted, without hidden and service files."""
    return read_tree(path).files()


def _with_metadata(metadata: Metadata, layout: Layout) -> tuple[dict[str, Table], list[str]]:
    tables, notes = {}, list(layout.notes)
    for division in layout.divisions:
        files = [file for _, folder in division.classes for file in folder.files()]
        if not files or metadata.label is not None:
            files = division.place.files()
        found, told = apply_metadata(metadata, division.name, files, _table(division))
        tables[division.name] = found
        notes += told
    return tables, notes


def _table(division: Division) -> Table:
    if not division.classes:
        return Table(image_rows(division.place.files()), None, None)
    files: list[str] = []
    labels: list[int] = []
    for number, (_, folder) in enumerate(division.classes):
        found = folder.files()
        files += found
        labels += [number] * len(found)
    names = tuple(name for name, _ in division.classes)
    return Table(image_rows(files), np.array(labels, dtype=np.int64), names)


def _by_pattern(root: Folder, layout: Layout, pattern: str) -> tuple[dict[str, Table], list[str]]:
    whole = len(layout.divisions) == 1 and layout.divisions[0].name == "train"
    places = {"train": root} if whole else {each.name: each.place for each in layout.divisions}
    tables = {}
    for split, place in places.items():
        files = place.files()
        tables[split] = Table(image_rows(files), labels_by_pattern(pattern, files, split), None)
    if all(table.labels is None for table in tables.values()):
        names = [Path(file).name for file in root.files()]
        raise InputError(
            f"`class_pattern` '{pattern}' matches no file of {root.path}, such as {listed(names[:3])}"
        )
    notes = [] if whole else [note for note in layout.notes if "guess" in note]
    return tables, [*notes, f"classes are what '{pattern}' finds in the names of files"]


def _without_images(root: Folder) -> InputError:
    if root.is_bare:
        return InputError(f"the folder {root.path} is empty; {EXPECTED}")
    names = [name for folder in root.walk() for name in folder.others]
    archive = next((name for name in names if Path(name).suffix.casefold() in ARCHIVES), None)
    if archive is not None:
        return InputError(
            f"the folder {root.path} holds no images, but an archive, {archive}; unpack it, and give the directory"
        )
    return InputError(f"the folder {root.path} holds no images, but {listed(names)}; {EXPECTED}")


def _without_classes(root: Folder, layout: Layout) -> InputError:
    files = [file for division in layout.divisions for file in division.place.files()]
    suggested = suggested_pattern([Path(file).name for file in files])
    if suggested is None and (train := [each for each in layout.divisions if each.name == "train"]):
        # Test images of a competition have no class in their names.
        files = [file for division in train for file in division.place.files()]
        suggested = suggested_pattern([Path(file).name for file in files])
    splits = [division.name for division in layout.divisions]
    told = (
        f"the folder {root.path} holds files but no directories for classes"
        if splits == ["train"]
        else f"no split of {root.path} has class directories ({listed(splits)})"
    )
    ways = [EXPECTED]
    if suggested is not None:
        pattern, classes = suggested
        ways.append(
            f"or, if its class is in the name of a file ({Path(files[0]).name}), give `class_pattern={pattern!r}`, "
            f"which finds {len(classes)} classes: {listed(classes)}"
        )
    table = next(
        (
            folder.path / name
            for folder in root.walk()
            for name in folder.others
            if Path(name).suffix.casefold() in _TABLES
        ),
        None,
    )
    if table is not None:
        ways.append(f"or, if {table} lists the images and their labels, give that file")
    regions = next(
        (
            folder.path / name
            for folder in root.walk()
            for name in folder.others
            if name.casefold().endswith((".coco.json", ".xml"))
        ),
        None,
    )
    if regions is not None:
        # What gives the classes, a pattern or a table, was said before if it was found.
        first = "" if suggested or table else "list files and labels in a table, and "
        ways.append(
            f"{regions} says where objects are, and not what class an image is of: {first}give "
            f"`regions={str(regions if regions.suffix == '.json' else regions.parent)!r}` with it"
        )
    return InputError(f"{told}; {'; '.join(ways)}")
