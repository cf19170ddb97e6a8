"""Annotation files as people have them: COCO's JSON, Pascal VOC's XML, YOLO's text, and folders of masks."""

import re
from collections.abc import Sequence
from pathlib import Path

from nearsight.data.coco import read_coco
from nearsight.data.shapes import Annotated, Annotations
from nearsight.data.tree import path_within
from nearsight.data.voc import read_voc
from nearsight.data.yolo import read_yolo
from nearsight.errors import InputError

_MASKS = (".png", ".bmp", ".tif", ".tiff", ".gif", ".jpg", ".jpeg", ".webp")
# Files beside YOLO's that contain something else.
_NO_YOLO = re.compile(
    r"(classes|readme.*|requirements|labels|obj|train|val|valid|test|license.*)\.txt", re.IGNORECASE
)
# Usual names of directories with annotations, and of those with the images beside them.
ANNOTATION_DIRECTORIES = frozenset(
    [
        "annotation",
        "annotations",
        "annots",
        "bboxes",
        "ground_truth",
        "groundtruth",
        "gt",
        "label",
        "labels",
        "mask",
        "masks",
        "segmentation",
        "segmentationclass",
        "segmentationobject",
        "segmentations",
        "trimaps",
        "xml",
        "xmls",
    ]
)
IMAGE_DIRECTORIES = frozenset(["image", "images", "img", "imgs", "jpegimages", "photos", "pictures"])
COCO_NAMES = re.compile(r"_?annotations?(\.coco)?\.json|instances.*\.json|coco.*\.json", re.IGNORECASE)
_MOST_SPLITS = 20
_LONGEST_LINE = 2**20
# A file is searched for COCO's names in parts of this many bytes, and in no more of them.
_PART, _MOST_PARTS = 2**24, 256
_EXPECTED = (
    "expected a COCO file, or a directory of Pascal VOC's .xml, YOLO's .txt or masks, each named as its image"
)


def read_annotations(place: Path) -> Annotations:
    """Read a COCO file, or a directory of COCO's, Pascal VOC's or YOLO's files or of masks, at any depth.

    Paths of images are relative to the directory, or to that of the file. Raises `InputError`, naming the file,
    if one cannot be read, and if a directory holds none of these or more than one kind.
    """
    if not place.exists():
        raise InputError(f"there is no file or directory {place} for `regions`; {_EXPECTED}")
    if place.is_file():
        return read_coco([place], place.parent)
    found = _kinds(_files(place))
    if len(found) != 1:
        held = " and ".join(found) if found else "none of these"
        raise InputError(f"{place}, given for `regions`, holds {held}; {_EXPECTED}")
    ((kind, chosen),) = found.items()
    return _read(kind, chosen, place)


def annotations_beside(root: Path, images: Sequence[str]) -> Annotations | None:
    """Read the annotations in the usual places of a folder of images, None if there are none.

    These places are: a directory called annotations, labels or masks, or a COCO file, in the folder, beside it if
    it is called images, or in one of its splits; or Pascal VOC's or YOLO's files next to the images. COCO comes
    before Pascal VOC, YOLO and masks. Raises `InputError` if they cannot be read.
    """
    base = root.parent if root.name.casefold() in IMAGE_DIRECTORIES else root
    within = [base, *_directories(root)[:_MOST_SPLITS]]
    inside = [place for top in within for place in _directories(top)]
    places = [place for place in inside if place.name.casefold() in ANNOTATION_DIRECTORIES]
    # A directory that contains images is not one of annotations, but perhaps a class of that name.
    holding = {parent for image in images for parent in Path(image).parents}
    files = [file for place in dict.fromkeys(places) if place not in holding for file in _files(place)]
    files += [
        file for top in within for file in sorted(top.glob("*.json")) if COCO_NAMES.fullmatch(file.name)
    ]
    first = {Path(image).parent: Path(image) for image in reversed(images)}
    for suffix in (".xml", ".txt"):
        files += [
            file
            for place, image in first.items()
            if image.with_suffix(suffix).is_file()
            for file in sorted(place.glob(f"*{suffix}"))
        ]
    found = _kinds(list(dict.fromkeys(files)))
    return next((_read(kind, chosen, base) for kind, chosen in found.items()), None)


def _read(kind: str, files: Sequence[Path], root: Path) -> Annotations:
    if kind == "COCO":
        return read_coco(files, root)
    if kind == "Pascal VOC":
        return read_voc(files, root)
    if kind == "YOLO":
        return read_yolo(files, root)
    return Annotations("masks", tuple(Annotated(path_within(file, root), mask=str(file)) for file in files))


def _kinds(files: Sequence[Path]) -> dict[str, list[Path]]:
    """The files of each kind. Text or JSON that is not YOLO's or COCO's counts only if there is nothing else."""
    by_suffix: dict[str, list[Path]] = {".json": [], ".xml": [], ".txt": []}
    for file in files:
        by_suffix.setdefault(file.suffix.casefold(), []).append(file)
    by_suffix[".txt"] = [file for file in by_suffix[".txt"] if not _NO_YOLO.fullmatch(file.name)]
    if sum(bool(by_suffix[suffix]) for suffix in (".json", ".xml", ".txt")) > 1:
        by_suffix[".txt"] = [file for file in by_suffix[".txt"] if _is_yolo(file)]
        by_suffix[".json"] = [file for file in by_suffix[".json"] if _is_coco(file)]
    named = {"COCO": by_suffix[".json"], "Pascal VOC": by_suffix[".xml"], "YOLO": by_suffix[".txt"]}
    found = {kind: of_kind for kind, of_kind in named.items() if of_kind}
    drawn = [file for file in files if file.suffix.casefold() in _MASKS]
    return found or ({"masks": drawn} if drawn else {})


def _is_yolo(file: Path) -> bool:
    with file.open(errors="replace") as stream:
        line = stream.readline(_LONGEST_LINE)
    return re.fullmatch(r"\d+(\s+[-+.\deE]+){4,}\s*|\s*", line) is not None


def _is_coco(file: Path) -> bool:
    wanted = {b'"annotations"', b'"images"'}
    before = b""
    with file.open("rb") as stream:
        for _ in range(_MOST_PARTS):
            part = stream.read(_PART)
            if not part:
                break
            wanted = {name for name in wanted if name not in before + part}
            if not wanted:
                return True
            before = part[-len(b'"annotations"') :]
    return False


def _files(place: Path) -> list[Path]:
    return sorted(file for file in place.rglob("*") if file.is_file() and not file.name.startswith("."))


def _directories(place: Path) -> list[Path]:
    return sorted(each for each in place.iterdir() if each.is_dir() and not each.name.startswith("."))
