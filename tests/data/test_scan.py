"""A scan is made once: what is cached is used again, until a file or the way of reading changes."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.processes import in_processes

import nearsight.data.scan
import nearsight.data.thumbnails
from nearsight.data.decode_memory import VARIABLE
from nearsight.data.loading import load
from nearsight.errors import InputError
from nearsight.progress import watched
from nearsight.together import all_processes

Write = Callable[..., Path]


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError("an image was read again")

    monkeypatch.setattr(nearsight.data.scan, "decode_image", fail)
    monkeypatch.setattr(nearsight.data.scan, "image_header", fail)


def test_a_second_load_reads_no_image(
    write_parquet: Write, png: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_parquet("sample.parquet", [png(k) for k in range(300)], label=[k % 2 for k in range(300)])
    first = load(path)["train"]
    forbid(monkeypatch)
    second = load(path)["train"]
    assert first.pixels is not None
    assert first.pixels.equal(second.pixels)
    with pytest.raises(AssertionError, match="read again"):
        load(path, skip_bad=True)


def test_a_changed_file_is_read_again(write_folder: Write, png: Callable[..., bytes]) -> None:
    root = write_folder({f"train/{name}": [png(k) for k in range(3)] for name in "ab"})
    assert load(root, validation=0)["train"].smallest == 8
    for file in root.rglob("*.png"):
        file.write_bytes(png(7, 5, 5))
        os.utime(file, ns=(1, 1))
    again = load(root, validation=0)
    assert {split: images.smallest for split, images in again.items()} == {"train": 5, "test": 5}


def test_a_changed_parquet_file_is_read_again(write_parquet: Write, png: Callable[..., bytes]) -> None:
    for side in (8, 6):
        path = write_parquet("sample.parquet", [png(k, side, side) for k in range(4)], label=[0, 1, 0, 1])
        assert load(path.parent)["sample"].smallest == side


def test_an_image_that_was_refused_is_read_again_with_more_memory(
    write_folder: Write, png: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_folder({f"train/{name}": [png(k, 8, 2000) for k in range(3)] for name in "ab"})
    monkeypatch.setenv(VARIABLE, "2M")
    with pytest.raises(InputError, match=f"set {VARIABLE}="):
        load(root, validation=0)
    monkeypatch.delenv(VARIABLE)
    assert load(root, validation=0)["train"].smallest == 8


def test_images_and_faults_keep_their_rows_across_batches(
    write_parquet: Write, png: Callable[..., bytes], noise: Callable[..., Any]
) -> None:
    count, bad = 300, {0, 127, 128, 255, 299}
    files = [b"no image" if k in bad else png(k) for k in range(count)]
    path = write_parquet("sample.parquet", files, label=[k % 7 for k in range(count)]).parent
    sample = load(path, skip_bad=True)["sample"]
    rows = [k for k in range(count) if k not in bad]
    assert [sample.path(i) for i in range(len(sample))] == [f"sample/{k}.png" for k in rows]
    assert sample.labels.tolist() == [k % 7 for k in rows]
    for i in range(0, len(sample), 17):
        assert (sample.image(i).numpy() == noise(rows[i])).all()


def test_processes_share_what_is_read(
    write_parquet: Write, png: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [b"no image" if k in {5, 130} else png(k, 6 + k % 2, 7) for k in range(140)]
    path = write_parquet("sample.parquet", files, label=[k % 2 for k in range(140)]).parent
    alone = load(path, skip_bad=True)["sample"]
    read: list[str] = []
    decode = nearsight.data.scan.decode_image
    monkeypatch.setattr(
        nearsight.data.scan, "decode_image", lambda *given: [read.append("one"), decode(*given)][1]
    )

    def shared(_: int) -> Any:
        with all_processes():
            return load(path, skip_bad=True)["sample"]

    for found in in_processes(monkeypatch, 2, shared):
        assert found.sizes.tolist() == alone.sizes.tolist()
        assert list(found.paths()) == list(alone.paths())
    # Each image is decoded by one of them, but for the damaged ones.
    assert len(read) == 138


class Counting:
    """Who keeps what was counted."""

    def __init__(self) -> None:
        self.counted: list[tuple[str, int, int]] = []

    def say(self, text: str) -> None:
        """Keep nothing of what is said."""

    warn = say

    def count(self, what: str, done: int, total: int) -> None:
        """Keep a count."""
        self.counted.append((what, done, total))


def test_who_watches_is_told_how_much_is_read(write_parquet: Write, png: Callable[..., bytes]) -> None:
    files = [png(k, 20 + k % 2, 17) for k in range(150)]
    path, watching = write_parquet("train.parquet", files, label=[k % 2 for k in range(150)]), Counting()
    with watched(watching) as progress:
        load(path, progress=progress)
    assert watching.counted == [
        *(("measuring the images of train", done, 150) for done in (128, 150)),
        *(("comparing the images of train", done, 150) for done in (128, 150)),
    ]
    # What is known is not read again.
    with watched(watching) as progress:
        load(path, progress=progress)
    assert len(watching.counted) == 4


def test_processes_share_what_is_decoded_to_find_near_duplicates(
    write_parquet: Write, png: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [png(k % 290, 20 + k % 2, 17) for k in range(300)]
    path = write_parquet("train.parquet", files, label=[k % 2 for k in range(300)])
    thumbnails = nearsight.data.thumbnails
    decoded: list[str] = []
    decode = thumbnails.decode_image
    monkeypatch.setattr(thumbnails, "decode_image", lambda *given: [decoded.append("one"), decode(*given)][1])

    def shared(_: int) -> Any:
        with all_processes():
            return load(path)

    found = in_processes(monkeypatch, 3, shared)
    assert len(decoded) == 300
    alone = load(path)
    assert any(note.startswith("near-duplicates: 20 of 300") for note in alone.notes)
    for each in found:
        assert each.notes == alone.notes
        for split, images in alone.items():
            assert each[split].paths() == images.paths()


def test_processes_that_have_nothing_to_read_know_what_the_others_read(
    write_folder: Callable[..., Path], png: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write_folder({name: [png(k, 6 + k % 2, 7) for k in range(5)] for name in ("cats", "dogs")})
    alone = load(place, validation=0)["train"]

    def shared(_: int) -> Any:
        with all_processes():
            return load(place, validation=0)["train"]

    for found in in_processes(monkeypatch, 3, shared):
        assert found.sizes.tolist() == alone.sizes.tolist()
        assert found.identity.digests.tolist() == alone.identity.digests.tolist()
