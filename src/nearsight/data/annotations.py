"""Annotation files, as people have them: COCO's JSON, Pascal VOC's XML, YOLO's text, and folders of masks."""

import re
from pathlib import Path

from nearsight.data.coco import read_coco
from nearsight.data.shapes import Annotated, Annotations, path_within
from nearsight.data.voc import read_voc
from nearsight.data.yolo import read_yolo
from nearsight.errors import InputError

_MASKS = (".png", ".bmp", ".tif", ".tiff", ".gif", ".jpg", ".jpeg", ".webp")
# Files beside YOLO's that say something else.
_NO_YOLO = re.compile(
    r"(classes|readme.*|requirements|labels|obj|train|val|valid|test|license.*)\.txt", re.IGNORECASE
)
_EXPECTED = (
    "expected a COCO file, or a directory of Pascal VOC's .xml, YOLO's .txt or masks, each named as its image"
)


def read_annotations(place: Path) -> Annotations:
    """Read a COCO file, or a directory of COCO's, Pascal VOC's or YOLO's files or of masks, at any depth.

    Paths of images are relative to the directory, or to that of the file. Raises `InputError`, naming the file, where
    one cannot be read, and where a directory holds none of these or more than one kind.
    """
    if not place.exists():
        raise InputError(f"there is no file or directory {place} for `regions`; {_EXPECTED}")
    if place.is_file():
        return read_coco([place], place.parent)
    files = sorted(file for file in place.rglob("*") if file.is_file() and not file.name.startswith("."))
    kinds = {
        "COCO": [file for file in files if file.suffix.casefold() == ".json"],
        "Pascal VOC": [file for file in files if file.suffix.casefold() == ".xml"],
        "YOLO": [
            file for file in files if file.suffix.casefold() == ".txt" and not _NO_YOLO.fullmatch(file.name)
        ],
    }
    found = {kind: of_kind for kind, of_kind in kinds.items() if of_kind}
    if not found:
        found = {"masks": [file for file in files if file.suffix.casefold() in _MASKS]}
    if len(found) > 1 or not any(found.values()):
        held = " and ".join(found) if len(found) > 1 else "none of these"
        raise InputError(f"{place}, given for `regions`, holds {held}; {_EXPECTED}")
    ((kind, chosen),) = found.items()
    if kind == "COCO":
        return read_coco(chosen, place)
    if kind == "Pascal VOC":
        return read_voc(chosen, place)
    if kind == "YOLO":
        return read_yolo(chosen, place)
    return Annotations("masks", tuple(Annotated(path_within(file, place), mask=str(file)) for file in chosen))
