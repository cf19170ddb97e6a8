"""A run's listing sorts its set again whatever has become of it: nothing trained on is ever test."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nearsight.data import ImageSets, load
from nearsight.data.loading import read_set
from nearsight.data.sources import held_sets
from nearsight.data.split_list import LISTING, Found, Listing, sort_by_listing
from nearsight.errors import InputError
from nearsight.settings import Reading

Write = Callable[..., Path]


@pytest.fixture
def photos(write_folder: Write, png: Callable[..., bytes]) -> Path:
    return write_folder({"cat": [png(k) for k in range(20)], "dog": [png(100 + k) for k in range(20)]})


def contents(sets: ImageSets) -> dict[str, set[str]]:
    return {split: set(images.identity.digests.tolist()) for split, images in sets.items()}


def listed(photos: Path) -> tuple[Listing, dict[str, set[str]]]:
    sets = load(photos)
    return Listing.of(sets), contents(sets)


def sorted_again(listing: Listing, photos: Path, new_images: str | None = None) -> Found:
    return sort_by_listing(listing, read_set(photos), new_images=new_images)


def test_a_set_that_did_not_change_is_sorted_as_it_was(photos: Path) -> None:
    listing, before = listed(photos)
    found = sorted_again(listing, photos)
    assert contents(found.sets) == before
    assert found.told("test") == ()
    again = Listing.of(found.sets)
    assert again.fingerprint == listing.fingerprint
    assert again.trained_with(listing)


def test_it_is_read_back_whole(photos: Path, tmp_path: Path) -> None:
    sets = load(photos, group_pattern=r"(\d)\.png")
    listing = Listing.of(sets)
    listing.save(tmp_path)
    found = Listing.load(tmp_path)
    assert found is not None
    assert found.fingerprint == listing.fingerprint
    assert (found.reading, found.follows_seed, found.notes) == (sets.reading, True, sets.notes)
    assert found.group.tolist() == listing.group.tolist()
    assert set(found.label.tolist()) == {"cat", "dog"}


def test_a_moved_folder_is_the_same_set(photos: Path, tmp_path: Path) -> None:
    listing, before = listed(photos)
    shutil.move(photos, tmp_path / "elsewhere")
    found = sorted_again(listing, tmp_path / "elsewhere")
    assert contents(found.sets) == before
    assert found.told("test") == ()


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_nothing_trained_on_is_test(
    photos: Path, png: Callable[..., bytes], seed: int
) -> None:
    listing, before = listed(photos)
    rng = np.random.default_rng(seed)
    files = sorted(photos.rglob("*.png"))
    for number, i in enumerate(rng.permutation(len(files))[:24]):
        file = files[i]
        match number % 4:
            case 0:
                file.unlink()
            case 1:
                file.rename(file.with_name(f"renamed-{number}.png"))
            case 2:
                file.write_bytes(png(1000 + number))
            case 3:
                # Another image's content at this one's place.
                other = files[rng.integers(len(files))]
                if other.exists():
                    shutil.copy(other, file) if other != file else None
    for number in range(5):
        (photos / "cat" / f"new-{number}.png").write_bytes(png(2000 + number))
    found = sorted_again(listing, photos)
    after = contents(found.sets)
    trained = before["train"] | before["val"]
    assert not after["test"] & trained
    assert len([path for path in found.new if "new-" in path]) == 5
    assert not any(
        "new-" in path for images in found.sets.values() for path in images.identity.paths.tolist()
    )
    (told,) = found.told("test")
    assert re.search(r"\d+ new \(", told)
    assert "missing" in told


def test_new_images_are_counted_when_asked(photos: Path, png: Callable[..., bytes]) -> None:
    listing, before = listed(photos)
    (photos / "cat" / "new.png").write_bytes(png(999))
    found = sorted_again(listing, photos, new_images="test")
    assert len(found.sets["test"]) == len(before["test"]) + 1
    assert "1 new (cat/new.png), counted" in found.told("test")[0]


def test_missing_images_are_named_by_split(photos: Path) -> None:
    listing, _ = listed(photos)
    gone = [str(path) for path in listing.path[listing.split == "test"][:2]]
    for path in gone:
        (photos / path).unlink()
    (told,) = sorted_again(listing, photos).told("test")
    count = listing.count("test")
    assert f"2 of {count} test images are missing ({', '.join(gone)})" in told


def test_images_moved_between_own_splits_stay_what_they_were(
    write_folder: Write, png: Callable[..., bytes]
) -> None:
    directories = {
        f"{split}/{name}": [png(1000 * s + 100 * k + i, 8 + i) for i in range(6)]
        for s, split in enumerate(("train", "test"))
        for k, name in enumerate(("cat", "dog"))
    }
    photos = write_folder(directories)
    listing = Listing.of(load(photos, validation=0))
    trained = sorted((photos / "train" / "cat").iterdir())[0]
    trained.rename(photos / "test" / "cat" / "moved.png")
    tested = sorted((photos / "test" / "dog").iterdir())[0]
    tested.rename(photos / "train" / "dog" / "moved.png")
    found = sorted_again(listing, photos)
    assert {split: len(images) for split, images in found.sets.items()} == {"train": 12, "test": 12}
    for split, images in found.sets.items():
        mine = listing.digest[listing.split == split].tolist()
        assert images.identity.digests.tolist() == mine
        assert images.image(0).shape[0] == 3
        assert images.sizes.tolist() == [list(images.image(i).shape[1:]) for i in range(12)]
    assert "2 images at another path, known by content" in found.told("test")[0]


def test_another_set_is_refused(photos: Path, write_folder: Write, png: Callable[..., bytes]) -> None:
    listing, _ = listed(photos)
    other = write_folder(
        {"cat": [png(5000 + k) for k in range(3)], "dog": [png(6000 + k) for k in range(3)]}, "other"
    )
    for path in other.rglob("*.png"):
        path.rename(path.with_name(f"other-{path.name}"))
    with pytest.raises(InputError, match=r"none of the 6 images of .*other is one that the run was trained"):
        sorted_again(listing, other)


def test_a_damaged_listing_is_refused(photos: Path, tmp_path: Path) -> None:
    assert Listing.load(tmp_path) is None
    listed(photos)[0].save(tmp_path)
    content = (tmp_path / LISTING).read_bytes()
    (tmp_path / LISTING).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"split\.parquet is damaged"):
        Listing.load(tmp_path)


def test_what_the_run_was_read_with_is_kept_where_nothing_else_is_said() -> None:
    kept = Reading(skip_bad=True, value_range=(0, 4095))
    assert Reading().over(kept) == kept
    assert Reading(value_range=(0, 1)).over(kept) == Reading(skip_bad=True, value_range=(0, 1))


def test_another_class_is_told(photos: Path) -> None:
    listing, _ = listed(photos)
    path = next(str(path) for path in listing.path[listing.split == "test"] if path.startswith("cat/"))
    (photos / path).rename(photos / "dog" / "again.png")
    found = sorted_again(listing, photos)
    assert found.relabelled == (("test", "dog/again.png"),)
    count = listing.count("test")
    assert f"1 of {count} test images of another class than then (dog/again.png)" in found.told("test")[0]
    assert "1 image of other splits of another class than then" in found.told("train")[0]


def test_what_is_skipped_now_is_told(photos: Path) -> None:
    listing, _ = listed(photos)
    path = str(listing.path[listing.split == "test"][0])
    (photos / path).write_bytes((photos / path).read_bytes()[:40])
    found = sort_by_listing(listing, read_set(photos, skip_bad=True))
    assert any(note.startswith("skipped: 1 of 40 images") and path in note for note in found.sets.notes)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_copy_of_an_image_is_not_counted_again(photos: Path, split: str) -> None:
    listing, before = listed(photos)
    path = str(listing.path[listing.split == split][0])
    shutil.copy(photos / path, photos / "cat" / "copy.png")
    for new_images in (None, "test"):
        found = sorted_again(listing, photos, new_images)
        assert {of: len(images) for of, images in found.sets.items()} == {
            k: len(v) for k, v in before.items()
        }
        assert "1 image is a further copy of others (cat/copy.png), left out" in found.told("test")[0]


def test_equal_files_that_were_listed_and_renamed_are_all_found(photos: Path) -> None:
    shutil.copy(photos / "cat" / "0.png", photos / "cat" / "twin.png")
    listing, _ = listed(photos)
    for name in ("0", "twin"):
        (photos / "cat" / f"{name}.png").rename(photos / "cat" / f"again-{name}.png")
    found = sorted_again(listing, photos)
    assert not found.copies
    assert not found.missing
    assert len(found.moved) == 2


def test_equal_images_without_paths_are_all_found_again() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    pixels[20:25] = pixels[:5]
    numbers = np.arange(40) % 2
    sets = held_sets({"train": (pixels[:20], numbers[:20]), "test": (pixels[20:], numbers[20:])})
    found = sort_by_listing(Listing.of(sets), sets)
    assert {split: len(images) for split, images in found.sets.items()} == {"train": 20, "test": 20}
    assert found.told("test") == ()
