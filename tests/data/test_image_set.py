"""A set in memory and the same set streamed must agree in everything but where the pixels are."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import nearsight.data.opening
from nearsight.data.image_set import ImageSet, MemoryImages, require_tile
from nearsight.data.loading import load
from nearsight.errors import InputError

Write = Callable[..., Path]
LABELS = [0, 1, 2, 0, 1, 2]


@pytest.fixture
def both(
    write_parquet: Write, png: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> tuple[ImageSet, ImageSet]:
    """Return one set with boxes twice: in memory, and streamed."""
    boxes = [[k, 0, k + 2, 3] for k in range(5)] + [None]
    path = write_parquet("sample.parquet", [png(k, 6, 9) for k in range(6)], label=LABELS, box=boxes).parent
    memory = load(path)["sample"]
    monkeypatch.setattr(nearsight.data.opening, "MEMORY_LIMIT", 0)
    return memory, load(path)["sample"]


def assert_same(one: ImageSet, other: ImageSet) -> None:
    assert len(one) == len(other)
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.sizes, other.sizes)
    for i in range(len(one)):
        assert one.path(i) == other.path(i)
        assert one.image(i).equal(other.image(i))
        for images in (one, other):
            assert images.tile(i, 1, 2, (3, 4)).equal(one.image(i)[:, 1:4, 2:6])
        mine, theirs = one.region(i), other.region(i)
        assert (mine is None and theirs is None) or (
            mine is not None and theirs is not None and mine.equal(theirs)
        )


def test_streamed_and_in_memory_agree(
    both: tuple[ImageSet, ImageSet], noise: Callable[..., np.ndarray]
) -> None:
    memory, streamed = both
    assert memory.pixels is not None
    assert streamed.pixels is None
    assert_same(memory, streamed)
    np.testing.assert_array_equal(memory.pixels.numpy(), np.stack([noise(k, 6, 9) for k in range(6)]))
    assert [memory.path(0), memory.smallest, memory.has_regions] == ["sample/0.png", 6, True]
    assert [memory.region(i) is None for i in range(6)] == [False] * 5 + [True]


def test_a_subset_of_a_subset_is_indexed_twice(both: tuple[ImageSet, ImageSet]) -> None:
    first, second = np.array([5, 1, 3, 0]), np.array([2, 0, 2])
    for images in both:
        chosen = images.select(first).select(second)
        assert_same(chosen, images.select(first[second]))
        assert [chosen.path(i) for i in range(3)] == [f"sample/{k}.png" for k in first[second]]
    assert_same(both[0].select(first), both[1].select(first))


def test_a_range_is_a_subset_and_the_vastest_is_refused(both: tuple[ImageSet, ImageSet]) -> None:
    images = both[0]
    for index in (
        range(2, 5),
        range(-1, -4, -1),
        range(0),
        torch.tensor([4, 1]),
        torch.tensor([0, 2]).to_sparse(),
    ):
        plain = np.array(
            index.to_dense().tolist() if isinstance(index, torch.Tensor) else list(index), np.int64
        )
        assert_same(images.select(index), images.select(plain))
    for index in (range(10**12), range(10**18), range(-(10**12), 0), range(4, 9)):
        with pytest.raises(InputError, match=r"`index` takes numbers of the 6 images, got range\("):
            images.select(index)
    with pytest.raises(InputError, match="`index` takes the numbers of images, got "):
        images.select(torch.zeros(1, 1, 1, dtype=torch.uint8).expand(3, 10**6, 10**6))


def test_pickling_a_streamed_set_copies_no_image(
    write_parquet: Write, png: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearsight.data.opening, "MEMORY_LIMIT", 0)
    files = [png(k, 200, 200) for k in range(4)]
    images = load(write_parquet("sample/sample.parquet", files, label=[0, 1, 0, 1]).parent)["sample"]
    pickled = pickle.dumps(images)
    assert len(pickled) < len(files[0]) / 4
    assert_same(pickle.loads(pickled), images)


def test_a_missing_split_names_those_that_exist() -> None:
    sets = load("digits")
    with pytest.raises(InputError, match=r"'digits' has no split 'tset'; it has: train, val, test"):
        sets["tset"]
    assert "tset" not in sets
    assert sets.get("tset") is None
    assert sets.get("test") is sets["test"]
    assert sets.classes == tuple("0123456789")


@pytest.mark.parametrize(("height", "width"), [(5, 9), (9, 5), (5, 5)])
def test_a_tile_larger_than_an_image_is_refused(height: int, width: int) -> None:
    pixels = torch.zeros(2, 3, height, width, dtype=torch.uint8)
    images = ImageSet("toy", "train", ("a", "b"), np.array([0, 1]), MemoryImages(pixels, ("x.png", "y.png")))
    require_tile(images, 5)
    with pytest.raises(
        InputError,
        match=rf"6 pixels does not fit x\.png \({height}×{width}\), the first of 2 images too small of 2 in "
        r"toy train; .* is 5; choose `tile=5` or less, or enlarge with `resize_short=6`$",
    ):
        require_tile(images, 6)


def test_a_tile_is_held_against_every_image(write_folder: Write, png: Callable[..., bytes]) -> None:
    root = write_folder(
        {"sample/a": [png(0, 9, 9), png(1, 7, 30)], "sample/b": [png(2, 9, 9)], "test/a": [png(3)]}
    )
    sample = load(root)["sample"]
    require_tile(sample, 7)
    with pytest.raises(InputError, match=r"a/1\.png \(7×30\), the only image too small of 3"):
        require_tile(sample, 8)
