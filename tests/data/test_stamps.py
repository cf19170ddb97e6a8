"""What was kept of a set is made again when any of its files changes, whatever refers to it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nearsight.data.loading import load, read_set
from nearsight.data.stamps import stamp_of
from nearsight.errors import InputError

Png = Callable[..., bytes]


def rewrite(path: Path, content: bytes) -> None:
    """Write a file of the same size and time as before."""
    status = path.stat()
    path.write_bytes(content.ljust(status.st_size, b"\0"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.fixture
def referring(tmp_path: Path, png: Png) -> Path:
    """Parquet that refers to images beside it by path."""
    root = tmp_path / "set"
    (root / "images").mkdir(parents=True)
    for k in range(6):
        (root / "images" / f"{k}.png").write_bytes(png(k).ljust(400, b"\0"))
    cells = [{"bytes": None, "path": f"images/{k}.png"} for k in range(6)]
    layout = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"image": pa.array(cells, layout), "label": [0, 1] * 3}), root / "x.parquet")
    return root


@pytest.mark.parametrize("skip_bad", [False, True])
def test_parquet_that_refers_to_files_has_the_pixels_of_today(
    referring: Path, png: Png, noise: Callable[..., Any], skip_bad: bool
) -> None:
    assert (load(referring, skip_bad=skip_bad)["x"].image(2).numpy() == noise(2)).all()
    rewrite(referring / "images" / "2.png", png(70))
    assert (load(referring, skip_bad=skip_bad)["x"].image(2).numpy() == noise(70)).all()


def test_a_repaired_image_can_be_read(referring: Path) -> None:
    bad = referring / "images" / "3.png"
    sound = bad.read_bytes()
    rewrite(bad, b"no image")
    with pytest.raises(InputError, match=r"1 of 6 .*3\.png \(not an image"):
        load(referring)
    rewrite(bad, sound)
    assert len(load(referring)["x"]) == 6


def test_parquet_of_the_same_time_is_read_again(write_parquet: Any, png: Png) -> None:
    path = write_parquet("x.parquet", [png(k) for k in range(4)], label=[0, 1, 0, 1])
    before, first = path.stat(), read_set(path)["train"]
    shutil.copy(path, path.with_name("old.parquet"))
    other = write_parquet("y.parquet", [png(50 + k) for k in range(4)], label=[0, 1, 0, 1])
    other.replace(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    second = read_set(path)["train"]
    assert first.pixels is not None
    assert second.pixels is not None
    assert not first.pixels.equal(second.pixels)


def test_parquet_that_refers_to_files_elsewhere_has_the_pixels_of_today(
    tmp_path: Path, png: Png, noise: Callable[..., Any]
) -> None:
    for k in range(4):
        (tmp_path / f"{k}.png").write_bytes(png(k).ljust(400, b"\0"))
    cells = [{"bytes": None, "path": str(tmp_path / f"{k}.png")} for k in range(4)]
    layout = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"image": pa.array(cells, layout), "label": [0, 1] * 2}), tmp_path / "x.parquet")
    assert (read_set(tmp_path / "x.parquet")["train"].image(0).numpy() == noise(0)).all()
    rewrite(tmp_path / "0.png", png(9))
    assert (read_set(tmp_path / "x.parquet")["train"].image(0).numpy() == noise(9)).all()


def test_a_stamp_changes_with_the_content_though_size_and_time_stay(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"before")
    before = stamp_of(path)
    assert stamp_of(path) == before
    rewrite(path, b"after.")
    assert stamp_of(path) != before


def test_files_outside_of_the_set_are_told_and_nothing_is_fetched(tmp_path: Path, png: Png) -> None:
    (tmp_path / "outside.png").write_bytes(png(0))
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "in.png").write_bytes(png(1))
    layout = pa.struct([("bytes", pa.binary()), ("path", pa.string())])

    def write(*paths: str) -> None:
        cells = pa.array([{"bytes": None, "path": path} for path in paths], layout)
        pq.write_table(
            pa.table({"image": cells, "label": [0, 1] * (len(paths) // 2)}), tmp_path / "set" / "x.parquet"
        )

    write("../outside.png", "in.png", "in.png", "in.png")
    notes = load(tmp_path / "set").notes
    assert any("x: 1 of 4 images are files outside of" in note and "outside.png" in note for note in notes)
    write("https://a.b/c.png", "in.png")
    with pytest.raises(InputError, match="it is a web address, and nothing is fetched"):
        load(tmp_path / "set")
