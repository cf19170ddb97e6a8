"""Readers that stay open: for the file as it is, within a bound, and never those of another process."""

import os
from pathlib import Path

import numpy as np
import pytest

from nearsight.data import part_readers
from nearsight.data.decode import decode_image
from nearsight.data.decode_memory import VARIABLE
from nearsight.data.part_readers import kept_reader
from nearsight.data.tile import decode_tile

pyvips = pytest.importorskip("pyvips")


@pytest.fixture(autouse=True)
def none_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_readers, "_KEPT", part_readers._Kept())


def save(path: Path, seed: int, side: int = 300, **options: object) -> None:
    values = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    tiled = {"tile": True, "tile_width": 64, "tile_height": 64, "compression": "deflate"}
    pyvips.Image.new_from_array(values).tiffsave(str(path), **tiled | options)


def test_a_file_stays_open_until_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    save(path, 0)
    first = kept_reader(path)
    assert kept_reader(path) is first
    save(tmp_path / "b.tif", 1)
    (tmp_path / "b.tif").replace(path)
    assert kept_reader(path) is not first
    assert decode_tile(path, 70, 30, (40, 50)).equal(decode_image(path)[:, 70:110, 30:80])


def test_readers_are_closed_as_others_need_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{number}.tif" for number in range(4)]
    for number, path in enumerate(paths):
        save(path, number)
    first = kept_reader(paths[0])
    assert first is not None
    monkeypatch.setenv(VARIABLE, str(8 * 2 * first.held))
    for path in paths[1:]:
        kept_reader(path)
    assert len(part_readers._KEPT.readers) == 2
    assert kept_reader(paths[0]) is not first


def test_what_does_not_read_at_random_is_not_kept(tmp_path: Path) -> None:
    save(tmp_path / "a.tif", 0, tile=False)
    assert kept_reader(tmp_path / "a.tif") is None
    assert not part_readers._KEPT.readers


def test_another_process_opens_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a.tif", 0)
    first = kept_reader(tmp_path / "a.tif")
    pid = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    assert kept_reader(tmp_path / "a.tif") is not first


def test_tiles_of_a_tiled_tiff_are_those_of_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for options in ({}, {"compression": "jpeg"}, {"pyramid": True}, {"tile": False}, {"bigtiff": True}):
        save(path, 3, **options)
        whole = decode_image(path)
        for top, left, size in ((0, 0, (64, 64)), (201, 133, (99, 31)), (0, 0, (300, 300))):
            for file in (path, path.read_bytes()):
                expected = whole[:, top : top + size[0], left : left + size[1]]
                assert decode_tile(file, top, left, size).equal(expected)
