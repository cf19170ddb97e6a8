"""Sources: one set of images, however it is held, is the same image set."""

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, IterableDataset, Subset, TensorDataset

from nearsight.data import GivenImages, ImageSet, ImageSets, image_sets, load
from nearsight.data.sources import cut, held_sets
from nearsight.errors import InputError

CLASSES = ("cat", "dog", "owl")
LABELS = np.arange(30) % 3
PIXELS = np.random.default_rng(0).integers(0, 256, (30, 9, 8, 3), dtype=np.uint8)
TENSOR = torch.from_numpy(PIXELS.transpose(0, 3, 1, 2).copy())


class Pictures(Dataset):
    """A data set of PyTorch's kind, as those of torchvision are."""

    def __init__(self) -> None:
        self.classes = list(CLASSES)

    def __len__(self) -> int:
        return len(LABELS)

    def __getitem__(self, i: int) -> tuple[Any, Any]:
        return Image.fromarray(PIXELS[i]), LABELS[i]


def hugging_face(named: bool = True) -> Any:
    from datasets import ClassLabel, Features, Image, Value
    from datasets import Dataset as Table

    labels = ClassLabel(names=list(CLASSES)) if named else Value("int64")
    from PIL import Image as Pillow

    columns = {"image": [Pillow.fromarray(pixels) for pixels in PIXELS], "label": LABELS.tolist()}
    return Table.from_dict(columns, features=Features(image=Image(), label=labels))


SOURCES: dict[str, Callable[[], Any]] = {
    "arrays": lambda: (PIXELS, LABELS),
    "tensors": lambda: (TENSOR, torch.from_numpy(LABELS)),
    "lists": lambda: ([Image.fromarray(pixels) for pixels in PIXELS], [CLASSES[i] for i in LABELS]),
    "floats": lambda: (list(TENSOR / 255), [np.int64(i) for i in LABELS]),
    "tensor data set": lambda: TensorDataset(TENSOR, torch.from_numpy(LABELS)),
    "torch data set": Pictures,
    "subset": lambda: Subset(Pictures(), range(30)),
    "list of pairs": lambda: [(PIXELS[i], int(LABELS[i])) for i in range(30)],
    "datasets": hugging_face,
    "datasets without names": lambda: hugging_face(named=False),
    "mapping": lambda: {"train": (PIXELS, LABELS)},
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_same_set(source: str) -> None:
    sets = held_sets(SOURCES[source](), classes=CLASSES)
    images = sets["train"]
    assert sets.classes == CLASSES
    assert images.labels.tolist() == LABELS.tolist()
    assert images.pixels is not None
    assert images.pixels.equal(TENSOR)
    assert sets.name == held_sets(SOURCES["arrays"](), classes=CLASSES).name
    assert images.name == sets.name


@pytest.mark.parametrize("source", SOURCES)
def test_splits_that_are_missing_are_cut_by_content(source: str) -> None:
    sets = image_sets(SOURCES[source](), classes=CLASSES, seed=3)
    assert sets.splits_follow_seed
    assert sorted(sets) == ["test", "train", "val"]
    assert sum(len(part) for part in sets.values()) == 30


def test_another_order_moves_no_image_held_in_memory() -> None:
    def held_out(order: np.ndarray) -> set[bytes]:
        test = image_sets((PIXELS[order], LABELS[order]), classes=CLASSES)["test"]
        return {test.image(i).numpy().tobytes() for i in range(len(test))}

    assert held_out(np.arange(30)) == held_out(np.random.default_rng(0).permutation(30))


def test_names_come_from_the_data_or_are_numbers() -> None:
    assert held_sets(SOURCES["lists"]()).classes == CLASSES
    assert held_sets(SOURCES["torch data set"]()).classes == CLASSES
    assert held_sets(SOURCES["subset"]()).classes == CLASSES
    assert held_sets(SOURCES["arrays"]()).classes == ("0", "1", "2")
    assert held_sets(SOURCES["torch data set"](), classes=["a", "b", "c"]).classes == CLASSES
    turned = held_sets(SOURCES["lists"](), classes=("owl", "dog", "cat"))
    assert [turned.classes[i] for i in turned["train"].labels] == [CLASSES[i] for i in LABELS]


def test_image_sets_stay_what_they_are() -> None:
    digits = load("digits")
    again = image_sets(digits)
    assert {split: part.pixels.data_ptr() for split, part in again.items()} == {
        split: part.pixels.data_ptr() for split, part in digits.items()
    }
    assert held_sets(digits["test"])["test"] is digits["test"]
    assert image_sets("digits")["val"].labels.tolist() == digits["val"].labels.tolist()
    assert list(held_sets({"train": digits["train"], "test": (PIXELS[:2], [0, 1])}, classes=digits.classes)) == [
        "train", "test",
    ]  # fmt: skip


def test_a_fingerprint_tells_data_again_and_other_data_apart() -> None:
    names = {
        held_sets(data).name
        for data in [
            (PIXELS, LABELS),
            (PIXELS.copy(), LABELS.tolist()),
            (PIXELS, LABELS[::-1]),
            (PIXELS[:29], LABELS[:29]),
            (255 - PIXELS, LABELS),
            {"test": (PIXELS, LABELS)},
        ]
    }
    assert len(names) == 5
    assert all(name.startswith("in memory: ") for name in names)


class Growing(Dataset):
    """Images of many sizes, made when asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.more = 0

    def __len__(self) -> int:
        return 8

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        self.asked.append(i)
        return torch.full((3, 8 + i + self.more, 9), i, dtype=torch.uint8), i % 2


def test_images_of_many_sizes_are_taken_when_asked_for() -> None:
    data = Growing()
    images = held_sets(data)["train"]
    assert isinstance(images.images, GivenImages)
    assert images.sizes.tolist() == [[8 + i, 9] for i in range(8)]
    data.asked.clear()
    some = pickle.loads(pickle.dumps(images.select(np.array([5, 2]))))
    assert some.image(0).shape == (3, 13, 9)
    assert some.tile(1, 1, 2, (4, 5)).equal(torch.full((3, 4, 5), 2, dtype=torch.uint8))
    assert some.path(0) == "image 5 of train"
    assert data.asked == []
    assert images.image(7).unique().tolist() == [7]
    data.more = 1
    with pytest.raises(InputError, match="image 3 of train was 11×9 pixels at first and is 12×9 now"):
        images.image(3)


def test_large_sets_are_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nearsight.data.sources.MEMORY_LIMIT", 1000)
    images = held_sets((PIXELS, LABELS))["train"]
    assert images.pixels is None
    assert torch.stack([images.image(i) for i in range(30)]).equal(TENSOR)


def test_images_that_cannot_be_read_are_refused_or_left_out(tmp_path: Path) -> None:
    (tmp_path / "junk.png").write_bytes(b"junk")
    data = ([*PIXELS[:3], tmp_path / "junk.png"], [0, 1, 2, 0])
    with pytest.raises(InputError, match=r"junk\.png: not an image .*`skip_bad=True`"):
        held_sets(data)
    kept = held_sets(data, skip_bad=True)
    assert len(kept["train"]) == 3
    assert "skipped: 1 of 4 images of train" in kept.notes[0]


def test_reading_is_counted(listener: Any) -> None:
    held_sets((PIXELS, LABELS), progress=listener)
    assert listener.counted[-1] == ("reading the images of train", 30, 30)


class Endless(IterableDataset):
    """A data set without a length."""

    def __iter__(self) -> Iterator[Any]:
        yield from zip(PIXELS, LABELS, strict=True)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (3, "the data is a int; expected a name, a path, an ImageSet"),
        (Endless(), "the data is a Endless; expected a name"),
        ((PIXELS, LABELS[:5]), "30 images and 5 labels were given"),
        (([], []), "the split 'train' of the data holds no images"),
        (list(PIXELS), r"item 0 of train is a ndarray; expected a pair \(image, label\)"),
        ((PIXELS, LABELS / 2), r"the label of image 1 of train is .*0\.5.*; expected a whole number"),
        ((PIXELS[:2], [0, "cat"]), "some labels of train are numbers and some are names"),
        ((PIXELS[:2], [0, 7]), None),
        ((PIXELS[:2], [0, 0]), "all 2 images of the data train are of one class, '0'"),
        ((TENSOR - 0.5, LABELS), r"the images of .the data.: its floating-point values go from -0\.5 to 25"),
        ({}, "the data holds no splits; expected a name"),
    ],
)
def test_what_cannot_be_used_is_refused(data: Any, message: str | None) -> None:
    if message is None:
        assert held_sets(data).classes == ("0", "7")
    else:
        with pytest.raises(InputError, match=message):
            held_sets(data)


def test_classes_that_are_not_the_datas_are_refused() -> None:
    with pytest.raises(InputError, match=r"the label '2' of image 2 of train .* is not among the 2 classes"):
        held_sets((PIXELS, LABELS), classes=["cat", "dog"])
    with pytest.raises(InputError, match="names its classes cat, dog, owl, but `classes` names cat, dog"):
        image_sets(Pictures(), classes=["cat", "dog"])


def test_a_cut_of_what_is_held_is_that_of_the_whole() -> None:
    held = held_sets((PIXELS, LABELS))
    assert [part.labels.tolist() for part in cut(held, 0.1, 5).values()] == [
        part.labels.tolist() for part in image_sets((PIXELS, LABELS), seed=5).values()
    ]
    assert isinstance(held, ImageSets)
    assert isinstance(held["train"], ImageSet)


def test_splits_made_apart_are_matched_by_name() -> None:
    names, other = ["cat", "dog", "owl"], ["owl", "dog", "cat"]
    train, test = held_sets((PIXELS, LABELS), classes=names), held_sets((PIXELS, LABELS), classes=other)
    sets = held_sets({"test": test["train"], "train": train["train"]})
    assert {images.classes for images in sets.values()} == {tuple(names)}
    assert [sets.classes[label] for label in sets["test"].labels] == [other[label] for label in LABELS]
    assert sets.notes == ("test: its classes are in another order than those of train; matched by name",)
