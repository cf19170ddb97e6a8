"""Names and places: what is searched for where, and what is said when it is not there."""

import errno
import importlib
import io
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from nearsight.data import large_image
from nearsight.data.loading import load
from nearsight.errors import InputError

# The package re-exports the function under the module's name.
LOAD = importlib.import_module("nearsight.data.loading")
Write = Callable[..., Path]
Png = Callable[..., bytes]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "cifar11",
            r"unknown image set 'cifar11'; did you mean 'cifar10'\? .*; or give a path, or hf:OWNER/NAME",
        ),
        ("my-pets", r"unknown image set 'my-pets'; did you mean 'my-pet-set'\? "),
        ("./nowhere", r"there is no file or folder \./nowhere; give the path"),
        ("pets/train.parquet", r"there is no file or folder pets/train\.parquet"),
        ("pets.parquet", r"there is no file or folder pets\.parquet"),
        ("", "unknown image set ''; known: cifar10, "),
    ],
)
def test_wrong_names_are_refused(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sets" / "my-pet-set").mkdir(parents=True)
    monkeypatch.setenv("NEARSIGHT_DATA", str(tmp_path / "sets"))
    with pytest.raises(InputError, match=message):
        load(name)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path, png: Png) -> None:
    (tmp_path / "cat.png").write_bytes(png(0))
    with pytest.raises(InputError, match=r"cat\.png is a single image; give the directory"):
        load(tmp_path / "cat.png")


@pytest.mark.parametrize("validation", [-0.1, 1, 2.5, float("nan")])
def test_a_validation_that_is_no_share_is_refused(validation: float) -> None:
    with pytest.raises(InputError, match="validation is a share of train from 0 up to but not 1"):
        load("digits", validation=validation)


def test_a_name_a_path_and_a_relative_path_give_the_same(
    write_folder: Write, png: Png, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_folder({name: [png(k) for k in range(6)] for name in "ab"}, "pets")
    monkeypatch.setenv("NEARSIGHT_DATA", str(root.parent))
    named, placed, relative = load("pets"), load(root), load("./pets")
    for split in named:
        assert named[split].pixels.equal(placed[split].pixels)
        assert named[split].pixels.equal(relative[split].pixels)


def test_a_relative_path_is_not_looked_for_elsewhere(
    write_folder: Write, png: Png, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder({"pets/a": [png(0)], "pets/b": [png(1)]}, "sets")
    monkeypatch.setenv("NEARSIGHT_DATA", str(tmp_path / "sets"))
    with pytest.raises(InputError, match=r"there is no file or folder \./pets"):
        load("./pets")


def test_the_seed_draws_the_cut() -> None:
    paths = [
        {images.path(i) for i in range(len(images))}
        for images in (load("digits", seed=s)["val"] for s in (1, 1, 2))
    ]
    assert paths[0] == paths[1] != paths[2]


def test_every_seed_is_tested_on_the_same_images_and_trained_on_none_of_them() -> None:
    """Runs of several seeds are compared image by image, and a run may be evaluated under another's seed."""
    found = [load("digits", seed=seed) for seed in (0, 1)]
    test, again = ([sets["test"].path(i) for i in range(len(sets["test"]))] for sets in found)
    assert test == again
    for sets in found:
        trained = {sets[split].path(i) for split in ("train", "val") for i in range(len(sets[split]))}
        assert not trained & set(test)


def test_a_full_disk_is_told_with_the_way_out(
    write_folder: Write, png: Png, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as fault:
            raise RuntimeError("could not write the table") from fault

    monkeypatch.setattr(LOAD, "read_place", fail)
    with pytest.raises(
        InputError, match=r"^the disk that holds the cache .* is full; free some space, or set HF_HOME"
    ):
        load(write_folder({"a": [png(0)]}))


def test_a_place_of_others_is_told(write_folder: Write, png: Png, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/shared/cache")

    monkeypatch.setattr(LOAD, "read_place", fail)
    with pytest.raises(
        InputError, match=r"Permission denied: '/shared/cache'; change its permissions, or set HF_HOME"
    ):
        load(write_folder({"a": [png(0)]}))


def test_another_fault_is_left_as_it_is(
    write_folder: Write, png: Png, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(LOAD, "read_place", fail)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        load(write_folder({"a": [png(0)]}))


@pytest.mark.usefixtures("few_scenes")
def test_only_a_validation_cut_follows_the_seed() -> None:
    assert load("digits").splits_follow_seed
    # Its test split is cut too, by a seed that never changes.
    assert not load("digits", validation=0).splits_follow_seed
    assert not load("scenes", validation=0).splits_follow_seed


def test_images_beyond_pillows_bound_are_read_where_it_is_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(4):
        path = tmp_path / "set" / ("cat", "dog")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30 + i, 20), "red").save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    # Pillow 12 holds what is cropped against it too.
    monkeypatch.setattr("nearsight.data.decode._BAND_PIXELS", 100)
    monkeypatch.setattr(large_image, "reads_parts", lambda: False)
    with pytest.raises(InputError, match="give `max_pixels=6"):
        load(tmp_path / "set")
    # The set keeps its bound for what is decoded later, in another process too.
    images = pickle.loads(pickle.dumps(load(tmp_path / "set", max_pixels=10_000, validation=0)["train"]))
    assert images.pixels is None
    assert all(images.image(i).shape[1] == 20 for i in range(len(images)))


def test_large_images_stream_whatever_their_number(write_folder: Callable[..., Path]) -> None:
    def flat(height: int, width: int, grey: int) -> bytes:
        buffer = io.BytesIO()
        Image.new("L", (width, height), grey).save(buffer, "PNG")
        return buffer.getvalue()

    for height, held in ((1024, True), (1025, False)):
        files = {name: [flat(height, 1024, 9 * k + i) for i in range(2)] for k, name in enumerate("ab")}
        sets = load(
            write_folder({f"test/{name}": content for name, content in files.items()}, f"photos{height}")
        )
        assert (sets["test"].pixels is not None) == held
        assert sets["test"].image(3).unique().tolist() == [10]
