"""Annotations as people have them beside their images mark the same object, or are refused with the reason."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nearsight.data.annotated_images import by_image
from nearsight.data.annotations import annotations_beside, read_annotations
from nearsight.data.loading import load
from nearsight.data.shapes import Annotated
from nearsight.errors import InputError

HEIGHT, WIDTH = 20, 30
# Left, top, right and bottom edge of each image's object.
EDGES = [(4, 5, 14, 15), (0, 0, 30, 6), (20, 10, 30, 20), (3, 3, 5, 19)]
CLASSES = ("crack", "patch")


def expected(edges: tuple[int, int, int, int], times: int = 1) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    x0, y0, x1, y1 = edges
    mask[y0:y1, x0:x1] = True
    return mask.repeat(times, 0).repeat(times, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for k in range(4):
        place = tmp_path / "set" / "test" / CLASSES[k % 2] / f"{k}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)).save(place)
    (tmp_path / "set" / "val" / "crack").mkdir(parents=True)
    (tmp_path / "set" / "val" / "crack" / "9.png").write_bytes(place.read_bytes())
    return tmp_path / "set"


def coco(tmp_path: Path, **options: Any) -> Path:
    return write_coco(
        tmp_path, [[{"bbox": [x0, y0, x1 - x0, y1 - y0]}] for x0, y0, x1, y1 in EDGES], **options
    )


def write_coco(
    tmp_path: Path,
    objects: list[list[dict[str, Any]]],
    size: tuple[int, int] = (HEIGHT, WIDTH),
    names: tuple[str, ...] = ("flaw",),
    prefix: str = "",
) -> Path:
    images = [
        {"id": 7 + k, "file_name": f"{prefix}{k}.png", "height": size[0], "width": size[1]}
        for k in range(len(objects))
    ]
    annotations = [
        {"id": 100 * k + n, "image_id": 7 + k, "category_id": 3 + k % len(names), **each}
        for k, own in enumerate(objects)
        for n, each in enumerate(own)
    ]
    categories = [{"id": 3 + k, "name": name} for k, name in enumerate(names)]
    place = tmp_path / "instances.json"
    place.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return place


def outlines(tmp_path: Path) -> Path:
    return write_coco(
        tmp_path,
        [
            [{"bbox": [0, 0, 30, 20], "segmentation": [[x0, y0, x1, y0, x1, y1, x0, y1]]}]
            for x0, y0, x1, y1 in EDGES
        ],
    )


def runs(tmp_path: Path) -> Path:
    objects = []
    for edges in EDGES:
        flat = expected(edges).T.ravel()
        turns = np.flatnonzero(np.diff(np.concatenate([[False], flat]).astype(int))) if flat.any() else []
        counts = np.diff([0, *turns, len(flat)]).tolist()
        objects.append(
            [{"bbox": [0, 0, 30, 20], "segmentation": {"size": [HEIGHT, WIDTH], "counts": counts}}]
        )
    return write_coco(tmp_path, objects)


def voc(tmp_path: Path, first: int = 1, size: tuple[int, int] | None = (HEIGHT, WIDTH)) -> Path:
    place = tmp_path / "Annotations"
    place.mkdir()
    for k, (x0, y0, x1, y1) in enumerate(EDGES):
        sides = f"<size><width>{size[1]}</width><height>{size[0]}</height></size>" if size else ""
        box = "".join(
            f"<{name}>{value}</{name}>"
            for name, value in (("xmin", x0 + first), ("ymin", y0 + first), ("xmax", x1), ("ymax", y1))
        )
        (place / f"{k}.xml").write_text(
            f"<annotation><filename>{k}.jpg</filename>{sides}<object><name>{CLASSES[k % 2]}</name>"
            f"<bndbox>{box}</bndbox></object></annotation>"
        )
    return place


def yolo(tmp_path: Path, outline: bool = False) -> Path:
    place = tmp_path / "labels" / "test"
    place.mkdir(parents=True)
    for k, (x0, y0, x1, y1) in enumerate(EDGES):
        left, top, right, bottom = x0 / WIDTH, y0 / HEIGHT, x1 / WIDTH, y1 / HEIGHT
        if outline:
            numbers = [left, top, right, top, right, bottom, left, bottom]
        else:
            numbers = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
        (place / f"{k}.txt").write_text(f"0 {' '.join(f'{number:.6f}' for number in numbers)}\n\n")
    (place.parent / "classes.txt").write_text("flaw\n")
    return place.parent


def masks(tmp_path: Path, suffix: str = "", kind: str = "png") -> Path:
    place = tmp_path / "masks"
    place.mkdir()
    for k, edges in enumerate(EDGES):
        Image.fromarray((expected(edges) * 255).astype(np.uint8)).save(place / f"{k}{suffix}.{kind}")
    return place


READERS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "COCO boxes": (coco, "boxes"),
    "COCO outlines": (outlines, "mask"),
    "COCO runs": (runs, "mask"),
    "COCO with directories": (lambda place: coco(place, prefix="images/"), "boxes"),
    "VOC": (voc, "boxes"),
    "VOC from 0": (lambda place: voc(place, first=0), "boxes"),
    "YOLO boxes": (yolo, "boxes"),
    "YOLO outlines": (lambda place: yolo(place, outline=True), "mask"),
    "masks": (masks, "mask"),
    "masks by suffix": (lambda place: masks(place, "_mask", "bmp"), "mask"),
}


@pytest.mark.parametrize("name", READERS)
def test_annotations_of_every_kind_mark_the_same_object(folder: Path, tmp_path: Path, name: str) -> None:
    write, kind = READERS[name]
    sets = load(folder, regions=write(tmp_path))
    sample = sets["test"]
    assert sample.regions is not None
    assert sample.regions.kind == kind
    for i in range(4):
        k = int(Path(sample.path(i)).stem)
        np.testing.assert_array_equal(sample.region(i).numpy(), expected(EDGES[k]))
    assert sample.box_faults() == (0, 0)
    assert any(note.startswith("test: 4 of 4 images have regions from annotations") for note in sets.notes)
    assert not sets["val"].has_regions


@pytest.mark.parametrize("write", [coco, voc])
def test_resized_images_have_resized_regions_and_others_none(
    folder: Path, tmp_path: Path, write: Callable[..., Path]
) -> None:
    for place in folder.rglob("[12].png"):
        Image.open(place).resize((WIDTH * 2, HEIGHT * 2) if place.stem == "1" else (HEIGHT, WIDTH)).save(
            place
        )
    sets = load(folder, regions=write(tmp_path))
    sample = sets["test"]
    names = [int(Path(sample.path(i)).stem) for i in range(4)]
    np.testing.assert_array_equal(sample.region(names.index(1)).numpy(), expected(EDGES[1], 2))
    assert sample.region(names.index(2)) is None
    assert "the annotations of 1 image are of an image of another shape, and are left out" in str(sets.notes)
    assert "1 image was resized after annotation" in str(sets.notes)


def test_objects_of_an_images_own_class_are_its_region(folder: Path, tmp_path: Path) -> None:
    both = [
        [{"bbox": [0, 0, 9, 9], "category_id": 3}, {"bbox": [10, 10, 9, 9], "category_id": 4}]
        for _ in range(4)
    ]
    sets = load(folder, regions=write_coco(tmp_path, both, names=("Crack", "patch ")))
    sample = sets["test"]
    for i in range(4):
        start = 10 * int(sample.labels[i])
        np.testing.assert_array_equal(
            sample.region(i).numpy(), expected((start, start, start + 9, start + 9))
        )
    assert any("the objects of its own class" in note for note in sets.notes)
    sets = load(folder, regions=write_coco(tmp_path, both, names=("flaw", "dirt")))
    assert sets["test"].region(0).sum() == 162
    assert any("all objects, which are dirt, flaw" in note for note in sets.notes)


def test_corners_in_a_coco_file_are_noticed(folder: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    start = rng.integers(0, [24, 14], (4, 10, 2))
    boxes = np.concatenate([start, start + rng.integers(2, 6, (4, 10, 2))], axis=2)
    place = write_coco(tmp_path, [[{"bbox": box.tolist()} for box in own] for own in boxes])
    sets = load(folder, regions=place)
    sample = sets["test"]
    for i in range(4):
        marks = np.any([expected(tuple(box)) for box in boxes[int(Path(sample.path(i)).stem)]], axis=0)
        np.testing.assert_array_equal(sample.region(i).numpy(), marks)
    assert any("read as x0, y0, x1, y1 in pixels" in note for note in sets.notes)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"a.json": '{"images": []}'},
            "a.json is no COCO file: it has no lists of 'images' and 'annotations'",
        ),
        ({"a.json": "{"}, r"a\.json cannot be read"),
        ({"a.xml": "<annotation><object>"}, r"cannot read .*a\.xml"),
        ({"a.xml": "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>"}, "it declares entities"),
        ({"a.xml": "<a><object><bndbox><xmin>1</xmin></bndbox></object></a>"}, r"cannot read .*a\.xml"),
        (
            {"0.txt": "0 0.5 0.5 12 9"},
            r"line 1 of .*0\.txt is '0 0.5 0.5 12 9'; expected a class, and the centre",
        ),
        ({"0.txt": "cat 0.5 0.5 0.1 0.1"}, r"line 1 of .*0\.txt"),
        (
            {"0.txt": "0 0.5 0.5 0.1 0.1", "0.xml": "<a/>", "list.txt": "0 a"},
            "holds Pascal VOC and YOLO; expected a COCO file",
        ),
        ({"notes.md": "nothing"}, "holds none of these; expected a COCO file"),
        (
            {"77.txt": "0 0.5 0.5 0.1 0.1"},
            r"none of 1 image that the annotations \(YOLO\) speak of is in the set",
        ),
    ],
)
def test_annotations_that_cannot_be_used_are_refused(
    folder: Path, tmp_path: Path, files: dict[str, str], message: str
) -> None:
    place = tmp_path / "annotations"
    place.mkdir()
    for name, content in files.items():
        (place / name).write_text(content)
    with pytest.raises(InputError, match=message) as error:
        load(folder, regions=place)
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="there is no file or directory"):
        read_annotations(tmp_path / "nowhere")


def test_masks_that_cannot_be_understood_are_refused_when_they_are_asked_for(
    folder: Path, tmp_path: Path
) -> None:
    place = masks(tmp_path)
    for file in place.iterdir():
        Image.fromarray(np.asarray(Image.open(file)) // 255 + 1).save(file)
    with pytest.raises(
        InputError, match="the regions of test cannot be used: mask: left out, as its 4 masks hold 1, 2"
    ):
        load(folder, regions=place)
    # A mask that changes is looked at again.
    for k, edges in enumerate(EDGES):
        Image.fromarray((expected(edges) * 9).astype(np.uint8)).save(place / f"{k}.png")
    assert load(folder, regions=place)["test"].has_regions


def test_a_table_of_images_takes_annotations_by_name(
    tmp_path: Path, write_parquet: Callable[..., Path]
) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(buffer, "PNG")
    box = [[1, 1, 2, 2]] * 4
    path = write_parquet("sample.parquet", [buffer.getvalue()] * 4, label=[0, 1, 0, 1], box=box).parent
    sample = load(path, regions=voc(tmp_path))["sample"]
    for i in range(4):
        np.testing.assert_array_equal(sample.region(i).numpy(), expected(EDGES[i]))


def test_an_annotation_speaks_of_one_image() -> None:
    said = [Annotated("1.xml"), Annotated("2.xml"), Annotated("train/3.xml"), Annotated("val/3.xml")]
    found, unclear = by_image(said, ["a/1.jpg", "b/1.jpg", "a/2.jpg", "val/3.jpg", "x/3.jpg"])
    assert [each and each.image for each in found] == [None, None, "2.xml", "val/3.xml", None]
    assert unclear == ["a/1.jpg", "b/1.jpg", "x/3.jpg"]


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("layout", ["beside images", "in the folder"])
def test_annotations_are_found_where_they_usually_lie(
    folder: Path, tmp_path: Path, name: str, layout: str
) -> None:
    write, kind = READERS[name]
    if layout == "beside images":
        folder = folder.rename(tmp_path / "images")
        write(tmp_path)
    else:
        made = write(tmp_path)
        made.rename(folder / made.name)
    sets = load(folder)
    test = sets["test"]
    assert test.regions is not None
    assert test.regions.kind == kind
    for i in range(4):
        np.testing.assert_array_equal(test.region(i).numpy(), expected(EDGES[int(Path(test.path(i)).stem)]))


def test_files_next_to_the_images_speak_of_them(folder: Path, tmp_path: Path) -> None:
    for file in yolo(tmp_path).rglob("*.txt"):
        for image in folder.rglob(f"{file.stem}.png"):
            file.rename(image.with_suffix(".txt"))
    test, said = folder / "test", annotations_beside(folder, [str(image) for image in folder.rglob("*.png")])
    assert said is not None
    assert sorted(each.image for each in said.images) == sorted(
        str(file.relative_to(folder)) for file in test.rglob("*.txt")
    )


def test_what_lies_beside_and_cannot_be_read_is_told(folder: Path, tmp_path: Path) -> None:
    images = folder.rename(tmp_path / "images")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "0.txt").write_text("a crack, not a patch")
    sets = load(images)
    assert sets["test"].regions is None
    assert "regions that lie with the images are left out: line 1 of " in str(sets.notes)


def test_masks_of_another_size_are_refused_or_left_out(folder: Path, tmp_path: Path) -> None:
    images, place = folder.rename(tmp_path / "images"), masks(tmp_path)
    Image.new("L", (9, 9)).save(place / "2.png")
    sets = load(images)
    assert sets["test"].regions is None
    assert "regions that lie with the images are left out" in str(sets.notes)
    assert "a mask must be of its image's size 20×30, got 9×9 (1 such)" in str(sets.notes)
    with pytest.raises(InputError, match=r"2\.png: a mask must be of its image's size 20×30, got 9×9"):
        load(images, regions=place)


def test_runs_that_do_not_cover_their_image_are_refused(folder: Path, tmp_path: Path) -> None:
    drawn = {"size": [9, 9], "counts": [3, 8, 70]}
    place = write_coco(tmp_path, [[{"bbox": [0, 0, 9, 9], "segmentation": drawn}]])
    with pytest.raises(InputError, match=r"the runs of a mask do not cover 0\.png"):
        load(folder, regions=place)


def test_a_class_may_be_called_mask(folder: Path) -> None:
    for split in ("test", "val"):
        (folder / split / "crack").rename(folder / split / "mask")
    assert load(folder)["test"].regions is None
