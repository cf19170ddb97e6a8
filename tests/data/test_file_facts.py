"""Facts of files: from folders, from bytes in tables, held in memory and streamed."""

from datetime import datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from PIL import Image

from nearsight.data import ImageSet, MemoryImages, image_sets, load
from nearsight.data.file_facts import file_facts
from nearsight.data.joined_images import chosen_of

MODEL = 0x0110


def picture(side: int = 16) -> Image.Image:
    return Image.effect_noise((side, side), 60).convert("RGB")


def encoded(form: str, side: int = 16, **options: object) -> bytes:
    file = BytesIO()
    picture(side).save(file, form, **options)
    return file.getvalue()


def write(place: Path, content: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


def of_camera(model: str) -> Image.Exif:
    tags = Image.Exif()
    tags[MODEL] = model
    return tags


def folder(root: Path, side: int = 16) -> Path:
    """Cats of one hospital as JPEG, dogs of another as PNG, with a time in each name."""
    for k in range(8):
        cats = encoded("JPEG", side, quality=35, exif=of_camera("EOS"))
        write(root / "photos" / "cat" / "north" / f"IMG_2019013{k % 2}_12000{k}.jpg", cats)
        write(root / "photos" / "dog" / "south" / f"{k}.png", encoded("PNG", side + k))
    return root / "photos"


def test_files_of_a_folder_say_format_size_quality_camera_time_and_folder(tmp_path: Path) -> None:
    images = load(folder(tmp_path), validation=0, progress=False)["train"]
    facts = file_facts(images).to_pylist()
    for i, (row, label) in enumerate(zip(facts, images.labels, strict=True)):
        assert row["bytes"] == Path(images.path(i)).stat().st_size
        assert [row["height"], row["width"]] == images.sizes[i].tolist()
        assert row["fault"] is None
        if images.classes[label] == "cat":
            assert (row["format"], row["jpeg_quality"], row["camera_model"]) == ("JPEG", 35, "EOS")
            assert row["folder"] == "north"
            assert row["taken"].date() in (datetime(2019, 1, 30).date(), datetime(2019, 1, 31).date())
        else:
            assert (row["format"], row["jpeg_quality"], row["camera_model"]) == ("PNG", None, None)
            assert (row["folder"], row["taken"], row["bits"], row["mode"]) == ("south", None, 8, "RGB")


def test_images_held_in_memory_keep_their_files_through_every_selection() -> None:
    rows = [
        {"image": {"bytes": encoded("JPEG", quality=q), "path": None}, "label": q % 2} for q in range(20, 60)
    ]
    images = image_sets(Dataset.from_list(rows), classes=("even", "odd"), validation=0)["train"]
    assert images.pixels is not None
    quality = np.array(file_facts(images)["jpeg_quality"])
    assert (quality % 2 == images.labels).all()
    index = np.array([5, 2, 9])
    assert file_facts(images.select(index))["jpeg_quality"].to_pylist() == quality[index].tolist()
    joined = chosen_of([images.select(np.arange(5)), images.select(np.arange(5, 12))], np.array([6, 1]))
    assert file_facts(joined)["jpeg_quality"].to_pylist() == quality[[6, 1]].tolist()


def test_exif_after_the_pixels_of_a_png_is_found() -> None:
    plain, tagged = encoded("PNG"), encoded("PNG", exif=of_camera("EOS"))
    start = tagged.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(tagged[start : start + 4], "big")
    last = tagged.index(b"IEND") - 4
    moved = tagged[:start] + tagged[end:last] + tagged[start:end] + tagged[last:]
    rows = [
        {"image": {"bytes": file, "path": None}, "label": k % 2} for k, file in enumerate([plain, moved] * 10)
    ]
    images = image_sets(Dataset.from_list(rows), classes=("a", "b"), validation=0)["train"]
    assert file_facts(images)["camera_model"].to_pylist() == [
        "EOS" if label else None for label in images.labels
    ]


def test_sets_without_files_say_what_is_known() -> None:
    pixels = torch.zeros(2, 3, 4, 8, dtype=torch.uint8)
    images = ImageSet(
        "toy", "test", ("a", "b"), np.array([0, 1]), MemoryImages(pixels, ("x/a/1.png", "y/b/2.png"))
    )
    facts = file_facts(images)
    assert facts["aspect"].to_pylist() == [2.0, 2.0]
    assert facts["folder"].to_pylist() == ["x", "y"]
    assert facts["format"].null_count == facts["bytes"].null_count == 2


def test_a_file_that_is_gone_or_damaged_is_a_fault_of_its_own_and_nothing_is_raised(tmp_path: Path) -> None:
    images = load(folder(tmp_path), validation=0, progress=False)["train"]
    Path(images.path(0)).unlink()
    Path(images.path(1)).write_bytes(b"no picture")
    facts = file_facts(images).to_pylist()
    assert [row["fault"] is None for row in facts[:3]] == [False, False, True]
    assert facts[1]["bytes"] == len(b"no picture")
    # The same for all such files, so that they are one group.
    assert facts[1]["fault"] == "not an image in a known format"
