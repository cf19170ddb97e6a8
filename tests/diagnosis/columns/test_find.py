"""The finder of columns against plants, and against columns that know nothing of the classes."""

from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from datasets import Dataset
from numpy.typing import NDArray
from PIL import Image

from nearsight.data import ImageSet, MemoryImages
from nearsight.data.decode import decode_image
from nearsight.data.encoded_files import EncodedFiles
from nearsight.diagnosis.candidates import TABLE, Candidate, Examined
from nearsight.diagnosis.columns import find_columns
from nearsight.diagnosis.decision import Decision
from nearsight.evidence import TiledModel


def examined(labels: NDArray[np.int64], columns: dict[str, Any], seed: int = 0) -> Examined:
    classes = tuple(f"class {number}" for number in range(int(labels.max()) + 1))
    pixels = torch.zeros(len(labels), 3, 1, 1, dtype=torch.uint8)
    images = ImageSet(
        "toy", "test", classes, labels, MemoryImages(pixels, ("",) * len(labels)), columns=pa.table(columns)
    )
    choosing = np.random.default_rng(seed).random(len(labels)) < 0.5
    bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=1, classes=classes)
    return Examined(images, Decision(bound, "mean-logit"), labels, choosing, seed)


def drawn(classes: int, each: int, seed: int = 0) -> tuple[NDArray[np.int64], np.random.Generator]:
    return np.repeat(np.arange(classes), each), np.random.default_rng(seed)


def found(of: Examined) -> list[Candidate]:
    return list(find_columns(of))


def test_a_camera_of_60_per_cent_of_one_class_and_10_of_the_others_is_named() -> None:
    labels, random = drawn(10, 100)
    planted = random.random(1000) < np.where(labels == 3, 0.6, 0.1)
    (only,) = found(examined(labels, {"camera": np.where(planted, "X", "Y").tolist()}))
    assert (only.class_number, only.words, only.attribute) == (3, "camera: X", "column:camera")
    assert only.artefact
    assert only.seen_in == TABLE
    assert only.has.tolist() == planted.tolist()
    assert 0.9 < only.effect < 1


def test_numbers_are_named_by_the_side_and_the_bound_that_tell_most() -> None:
    labels, random = drawn(5, 200)
    age = random.integers(20, 60, 1000) + np.where((labels == 1) & (random.random(1000) < 0.7), 40, 0)
    candidates = found(examined(labels, {"age": age.tolist()}))
    best = next(one for one in candidates if one.class_number == 1)
    assert best.words.startswith("age ")
    assert best.words.endswith("or more")
    assert age[best.has].min() > age[~best.has].max()
    assert best.value.tolist() == age.astype(np.float32).tolist()
    assert len([one for one in candidates if one.class_number == 1]) == 1


def test_images_without_a_value_may_be_what_a_class_goes_by() -> None:
    labels, random = drawn(4, 100)
    missing = random.random(400) < np.where(labels == 2, 0.7, 0.05)
    place = [None if gone else f"place {k % 7}" for k, gone in enumerate(missing)]
    words = [one.words for one in found(examined(labels, {"place": place})) if one.class_number == 2]
    assert words == ["without place"]


def test_times_are_named_by_their_stretch() -> None:
    labels, random = drawn(4, 100)
    year = np.where((labels == 1) & (random.random(400) < 0.8), 2019, random.integers(2010, 2018, 400))
    days = [
        f"{y}-{m:02}-{d:02}"
        for y, m, d in zip(year, random.integers(1, 13, 400), random.integers(1, 29, 400), strict=True)
    ]
    words = [one.words for one in found(examined(labels, {"visit": days})) if one.class_number == 1]
    assert words == ["visit in 2019"]


def test_columns_that_name_each_image_and_what_is_named_already_are_left_out() -> None:
    labels, random = drawn(4, 100)
    has = (labels == 1) & (random.random(400) < 0.9)
    columns = {
        "row": list(range(400)),
        "file": [f"{k}.png" for k in range(400)],
        "camera": np.where(has, "X", "Y").tolist(),
        "maker": np.where(has, "Xco", "Yco").tolist(),
    }
    assert [one.words for one in found(examined(labels, columns)) if one.class_number == 1] == ["camera: X"]


def test_columns_that_know_nothing_of_the_classes_are_named_no_more_often_than_said() -> None:
    """40 sets of 10 classes with 12 columns of values, numbers and times drawn without regard to the class."""
    sets_with_any = 0
    for seed in range(40):
        labels, random = drawn(10, 60, seed)
        count = len(labels)
        columns: dict[str, Any] = {
            f"v{k}": random.integers(0, 3 + k, count).astype(str).tolist() for k in range(6)
        }
        columns |= {f"n{k}": random.normal(size=count).tolist() for k in range(4)}
        columns |= {"sparse": [None if r < 0.7 else "x" for r in random.random(count)]}
        columns |= {"day": (np.datetime64("2019-01-01") + random.integers(0, 900, count)).tolist()}
        sets_with_any += bool(found(examined(labels, columns, seed)))
    assert sets_with_any <= 5


def test_a_column_of_many_numbers_hides_no_other() -> None:
    """Nine of fifteen images that choose are enough, beside columns that are tried at many bounds."""
    labels, random = drawn(10, 30, 2)
    planted = random.random(300) < np.where(labels == 3, 0.7, 0.1)
    columns: dict[str, Any] = {f"n{k}": random.normal(size=300).tolist() for k in range(12)}
    columns["camera"] = np.where(planted, "X", "Y").tolist()
    assert (3, "camera: X") in [(one.class_number, one.words) for one in found(examined(labels, columns, 2))]


def test_a_class_of_a_few_images_is_never_named() -> None:
    labels = np.repeat(np.arange(40), 5)
    assert found(examined(labels, {"camera": [f"camera {label}" for label in labels]})) == []


def test_a_quality_of_jpeg_can_be_put_on() -> None:
    labels, random = drawn(4, 50)
    quality = np.where((labels == 0) & (random.random(200) < 0.6), 20, 90)
    picture = Image.effect_noise((16, 16), 60).convert("RGB")
    files = {}
    for q in (20, 90):
        file = BytesIO()
        picture.save(file, "JPEG", quality=q)
        files[q] = file.getvalue()
    rows = Dataset.from_list([{"image": {"bytes": files[int(q)], "path": None}} for q in quality])
    of = examined(labels, {"nothing": [0] * 200})
    of = replace(of, images=replace(of.images, files=EncodedFiles.of(rows, np.arange(200))))
    # The size of files goes with it, and is not named.
    (only,) = found(of)
    assert (only.class_number, only.words) == (0, "JPEG quality 20")
    assert only.put_on is not None
    pixels = torch.from_numpy(np.asarray(picture).transpose(2, 0, 1).copy())
    file = BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=20)
    assert torch.equal(only.put_on(pixels), decode_image(file.getvalue()))
    assert not torch.equal(only.put_on(pixels), pixels)


def test_infinite_and_huge_numbers_are_compared_as_others_are() -> None:
    labels, random = drawn(2, 200)
    planted = (labels == 1) & (random.random(400) < 0.6)
    for much in (float("inf"), 1e300):
        dose = np.where(planted, much, random.random(400))
        best = next(one for one in found(examined(labels, {"dose": dose.tolist()})) if one.class_number == 1)
        assert best.has.tolist() == planted.tolist()
        assert np.isfinite(best.value).all()
