"""Reading an image folder: a directory for each class, with or without a directory for each split."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nearsight.data.splits import usual_split
from nearsight.data.table import Table
from nearsight.errors import InputError

_DESKTOP_FILES = ("thumbs.db", "desktop.ini")
_LAYOUT = (
    "expected a directory for each class (cats/, dogs/), or for each split with those in it (train/cats/)"
)


def read_folder(path: Path) -> tuple[dict[str, Table], list[str]]:
    """List the images of a folder as tables by split, and say in notes what was passed over.

    Every file in a class's directory, at any depth, counts as an image, but for hidden and desktop files. A
    split directory without class directories has no labels. Raises `InputError` on a folder or class without
    files, and on a class that train lacks.
    """
    places = _splits(path)
    classes_of = {split: [place.name for place in _directories(at)] for split, at in places.items()}
    train = next((split for split in places if usual_split(split) == "train"), None)
    union = sorted({name for names in classes_of.values() for name in names})
    if not union:
        raise InputError(f"no split of {path} has class directories; {_LAYOUT}")
    tables, notes = {}, []
    for split, place in places.items():
        if train is not None and (unknown := sorted(set(classes_of[split]) - set(classes_of[train]))):
            raise InputError(
                f"{place / unknown[0]} is a class that {places[train]} lacks ({len(unknown)} such); "
                "the splits of a set share their classes"
            )
        tables[split] = _table(place, classes_of[split], tuple(union))
        if classes_of[split] and (stray := _visible_files(place)):
            more = f" and {len(stray) - 1} more" if len(stray) > 1 else ""
            notes.append(f"{split}: not read, as beside the class directories: {stray[0].name}{more}")
    return tables, notes


def _splits(path: Path) -> dict[str, Path]:
    inside = _directories(path)
    if not inside:
        held = "holds files but no directories" if _visible_files(path) else "is empty"
        raise InputError(f"the folder {path} {held}; {_LAYOUT}")
    usual = [place for place in inside if usual_split(place.name)]
    # A class may be called `test`: it is a split if it holds directories, or if all have such names.
    if len(usual) == len(inside) or any(_directories(place) for place in usual):
        return {place.name: place for place in inside}
    return {"train": path}


def _table(place: Path, names: list[str], classes: tuple[str, ...]) -> Table:
    from datasets import Dataset, Features, Image

    files: list[str] = []
    labels: list[int] = []
    for name in names:
        found = files_below(place / name)
        if not found:
            raise InputError(f"the class directory {place / name} holds no images; fill it or remove it")
        files += found
        labels += [classes.index(name)] * len(found)
    if not names:
        files = files_below(place)
        labels = [-1] * len(files)
    if not files:
        raise InputError(f"the folder {place} is empty; {_LAYOUT}")
    # Sizes and times are part of the cache's key, so that a changed file is looked at again.
    stamps = [(status.st_size, status.st_mtime_ns) for status in map(os.stat, files)]
    rows = Dataset.from_generator(
        _rows, features=Features(image=Image(decode=False)), gen_kwargs={"files": files, "stamps": (stamps,)}
    )
    return Table(rows, np.array(labels, dtype=np.int64), classes)


def _rows(files: list[str], stamps: object) -> Iterator[dict[str, Any]]:
    del stamps
    for file in files:
        yield {"image": {"bytes": None, "path": file}}


def _directories(path: Path) -> list[Path]:
    return sorted(place for place in path.iterdir() if place.is_dir() and not place.name.startswith("."))


def _visible_files(path: Path) -> list[Path]:
    return sorted(place for place in path.iterdir() if place.is_file() and _is_visible(place.name))


def files_below(path: Path) -> list[str]:
    """List the files of a directory at any depth, sorted, without hidden and desktop files."""
    return sorted(
        str(Path(at, name))
        for at, _, names in os.walk(path, followlinks=True)
        for name in names
        if _is_visible(name)
    )


def _is_visible(name: str) -> bool:
    return not name.startswith(".") and name.casefold() not in _DESKTOP_FILES
