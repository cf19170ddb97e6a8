"""Regions of YOLO: one text per image, with one box or outline per line, as shares of the image."""

from collections.abc import Sequence
from pathlib import Path

from nearsight.data.boxes import BoxForm, edges
from nearsight.data.shapes import Annotated, Annotations, Shape, Shapes
from nearsight.data.tree import path_within
from nearsight.errors import InputError, shortened
from nearsight.read import read_text

_LARGEST = 16 * 2**20


def read_yolo(files: Sequence[Path], root: Path) -> Annotations:
    """Read YOLO's lines: a class, then the box's centre and sides or an outline, as shares of the image."""
    names = _yolo_names(root)
    images = []
    for file in files:
        objects = []
        for number, line in enumerate(_lines(file), 1):
            if not line.split():
                continue
            try:
                first, *shares = (float(word) for word in line.split())
                kind = int(first)
            except (ValueError, OverflowError):
                raise _not_yolo(file, number, line) from None
            within = all(-0.01 <= share <= 1.01 for share in shares)
            # A sixth number is a model's confidence.
            if len(shares) in (4, 5) and within:
                box = edges([shares[:4]], 1, 1, BoxForm("centre"))[0].tolist()
                objects.append(Shape(tuple(box), name=names.get(kind)))
            elif len(shares) >= 6 and len(shares) % 2 == 0 and within:
                objects.append(Shape(outlines=(tuple(shares),), name=names.get(kind)))
            else:
                raise _not_yolo(file, number, line)
        images.append(Annotated(path_within(file, root), Shapes(tuple(objects), relative=True)))
    return Annotations("YOLO", tuple(images))


def _not_yolo(file: Path, number: int, line: str) -> InputError:
    return InputError(
        f"line {number} of {file} is '{shortened(line)}'; expected a class, and the centre's x and y, width and "
        "height or an outline, as shares from 0 to 1"
    )


def _yolo_names(root: Path) -> dict[int, str]:
    """The names of YOLO's classes, one per line in classes.txt, there or in the directory above."""
    for place in (root, root.parent):
        for file in (place / "classes.txt", place / "obj.names"):
            if file.is_file():
                return dict(enumerate(line.strip() for line in _lines(file)))
    return {}


def _lines(file: Path) -> list[str]:
    return read_text(file, "write the annotations again", largest=_LARGEST).splitlines()
