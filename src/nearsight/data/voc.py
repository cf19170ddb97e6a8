"""Regions of Pascal VOC: one XML per image, with a box for each object."""

import math
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from nearsight.data.faults import one_line
from nearsight.data.shapes import LARGEST_SIDE, Annotated, Annotations, Shape, Shapes
from nearsight.data.tree import path_within
from nearsight.errors import InputError
from nearsight.read import read_bytes

_LARGEST = 16 * 2**20
_Box = tuple[float, float, float, float]


def read_voc(files: Sequence[Path], root: Path) -> Annotations:
    """Read Pascal VOC's boxes, whose pixels count from 1 and whose corners are both included.

    If a box starts at 0, they cannot count from 1: then all of them are read as edges that count from 0.
    """
    read = [(file, *_voc(file)) for file in files]
    starts = [min(box[:2]) for _, _, objects in read for _, box in objects]
    from_zero = bool(starts) and min(starts) < 1
    images = []
    for file, size, objects in read:
        shift = 0 if from_zero else 1
        shapes = tuple(
            Shape((x0 - shift, y0 - shift, x1, y1), name=name) for name, (x0, y0, x1, y1) in objects
        )
        images.append(Annotated(path_within(file, root), Shapes(shapes, size)))
    told = "boxes start at 0, and so count from 0 instead of from 1 as in Pascal VOC"
    return Annotations("Pascal VOC", tuple(images), (told,) if from_zero else ())


def _voc(file: Path) -> tuple[tuple[int, int] | None, list[tuple[str | None, _Box]]]:
    content = read_bytes(file, "write the annotation again", largest=_LARGEST)
    # Also in two or four bytes per letter.
    if b"<!ENTITY" in content.replace(b"\0", b""):
        raise InputError(f"cannot read {file}: it declares entities, which no annotation needs")
    try:
        tree = ElementTree.fromstring(content)
        objects = [
            (found.findtext("name"), _voc_box(found))
            for found in tree.iter("object")
            if found.find("bndbox") is not None
        ]
        sides = [int(float(tree.findtext(f"size/{side}") or 0)) for side in ("height", "width")]
    except (ElementTree.ParseError, ValueError, TypeError, ArithmeticError, LookupError) as fault:
        raise InputError(f"cannot read {file}: {one_line(fault)}") from None
    return ((sides[0], sides[1]) if 0 < min(sides) <= max(sides) <= LARGEST_SIDE else None), objects


def _voc_box(found: ElementTree.Element) -> _Box:
    x0, y0, x1, y1 = (
        float(found.findtext(f"bndbox/{edge}") or "") for edge in ("xmin", "ymin", "xmax", "ymax")
    )
    if not all(map(math.isfinite, (x0, y0, x1, y1))):
        raise ValueError(f"a box is at {x0}, {y0}, {x1}, {y1}")
    return x0, y0, x1, y1
