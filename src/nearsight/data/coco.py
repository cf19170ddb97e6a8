"""Regions of COCO's instances: one JSON of images, categories and annotations."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nearsight.data.boxes import edges, understand_boxes
from nearsight.data.shapes import (
    LARGEST_SIDE,
    Annotated,
    Annotations,
    Shape,
    Shapes,
    packed_runs,
)
from nearsight.data.tree import path_within
from nearsight.errors import InputError, shortened
from nearsight.read import belonging_together, read_json

_MEND = "write the annotations again"
# The annotations of COCO's training images have half a GiB.
_LARGEST = 4 * 2**30


def read_coco(files: Sequence[Path], root: Path) -> Annotations:
    """Read COCO's instances: boxes, outlines and masks in runs. Crowds are left out."""
    images: list[Annotated] = []
    notes: list[str] = []
    for file in files:
        with belonging_together(file, _MEND):
            images += _edged(_images(file, root, notes), file.name, notes)
    return Annotations("COCO", tuple(images), tuple(notes))


def _images(file: Path, root: Path, notes: list[str]) -> list[Annotated]:
    content = _json(file)
    names = {each.get("id"): str(each.get("name")) for each in content.get("categories") or ()}
    objects: dict[Any, list[Shape]] = {}
    crowds = 0
    for each in content["annotations"]:
        if each.get("iscrowd"):
            crowds += 1
            continue
        shape = _coco_shape(each, names.get(each.get("category_id")), file)
        objects.setdefault(each.get("image_id"), []).append(shape)
    if crowds:
        notes.append(f"{file.name}: {crowds} crowds left out")
    read = []
    for image in content["images"]:
        size = image.get("height"), image.get("width")
        known = size if all(isinstance(side, int) and 0 < side <= LARGEST_SIDE for side in size) else None
        own = tuple(objects.get(image.get("id"), ()))
        for shape in own:
            if shape.runs and (known is None or sum(shape.runs) != known[0] * known[1]):
                raise InputError(
                    f"{file}: the runs of a mask do not cover {image.get('file_name')}; write it again"
                )
        path = path_within(file.parent / str(image.get("file_name")), root)
        read.append(Annotated(path, Shapes(own, known)))
    return read


def _json(file: Path) -> Mapping[str, Any]:
    content = read_json(file, _MEND, largest=_LARGEST, most_values=None)
    lists = ("images", "annotations")
    if not isinstance(content, dict) or not all(isinstance(content.get(name), list) for name in lists):
        raise InputError(f"{file} is no COCO file: it has no lists of 'images' and 'annotations'")
    return content


def _coco_shape(each: Mapping[str, Any], name: str | None, file: Path) -> Shape:
    box, drawn = each.get("bbox"), each.get("segmentation")
    outlines: tuple[tuple[float, ...], ...] = ()
    runs: tuple[int, ...] = ()
    if isinstance(drawn, dict):
        counts = drawn.get("counts")
        runs = packed_runs(counts) if isinstance(counts, str) else tuple(map(int, counts or ()))
    elif drawn:
        flat = [drawn] if _are_numbers(drawn) else drawn
        outlines = tuple(tuple(map(float, outline)) for outline in flat if len(outline) >= 6)
        if any(len(outline) % 2 for outline in outlines):
            raise InputError(f"{file}: an outline of annotation {each.get('id')} is not x, y, x, y, …")
    if box and (len(box) != 4 or not _are_numbers(box)):
        raise InputError(
            f"{file}: the bbox of annotation {each.get('id')} is {shortened(str(box))}, not x, y, width, height"
        )
    return Shape(tuple(map(float, box)) if box else None, outlines, runs, name)  # type: ignore[arg-type]


def _edged(images: Sequence[Annotated], file: str, notes: list[str]) -> list[Annotated]:
    """Make edges of COCO's boxes, x, y, width and height, unless all of them show that they are something else."""
    sized = [
        (each, shape) for each in images if each.shapes.size for shape in each.shapes.objects if shape.box
    ]
    boxes = np.array([shape.box for _, shape in sized], dtype=np.float64).reshape(-1, 4)
    sides = np.array([each.shapes.size for each, _ in sized], dtype=np.float64).reshape(-1, 2)[:, ::-1]
    understood = understand_boxes(boxes, sides, file, "sides")
    if understood.form is None:
        raise InputError(understood.note.replace("left out, as", "cannot be read, as"))
    form = understood.form
    if form.layout != "sides" or form.relative:
        notes.append(understood.note)
    form = replace(form, edges=True)

    def edged(shape: Shape, relative: bool) -> Shape:
        if shape.box is None:
            return shape
        unit = replace(form, relative=False) if relative else form
        return replace(shape, box=tuple(edges([shape.box], 1, 1, unit)[0].tolist()))

    return [
        replace(
            each,
            shapes=replace(
                each.shapes,
                objects=tuple(edged(shape, form.relative) for shape in each.shapes.objects),
                relative=form.relative,
            ),
        )
        for each in images
    ]


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(each, int | float) and not isinstance(each, bool) for each in values)
