import errno
import json
import math
import os
import stat
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from tests.memory import end_of

from nearsight.digest import unsealed_json
from nearsight.errors import InputError
from nearsight.write import replace_atomically, write_json, write_text


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def read_json(path):
    return json.loads(unsealed_json(path.read_bytes(), path))


def write_half(path, failure):
    with replace_atomically(path) as temporary:
        temporary.write_text("half of the n")
        raise failure


def test_the_new_content_appears_only_at_the_end(tmp_path):
    path = tmp_path / "figure.svg"
    path.write_text("old")
    with replace_atomically(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent
        assert temporary.suffix == path.suffix
    assert path.read_text() == "new"
    assert names(tmp_path) == ["figure.svg"]


@pytest.mark.parametrize("failure", [RuntimeError("no"), KeyboardInterrupt(), SystemExit(1)])
def test_a_failure_midway_keeps_the_old_file_and_leaves_nothing_else(tmp_path, failure):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(type(failure)):
        write_half(path, failure)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_keeps_the_old_file_and_says_so(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="No space left") as full:
        Path("/dev/full").write_text("and the rest")
    with pytest.raises(InputError, match=r"the disk is full: .*a\.txt.*free some space"):
        write_half(path, full.value)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_disk_that_fills_up_at_the_flush_keeps_the_old_file(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    path = tmp_path / "a.json"
    write_json(path, {"kept": True})
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="the disk is full"):
        write_json(path, {"kept": False})
    assert read_json(path) == {"kept": True}
    assert names(tmp_path) == ["a.json"]


def test_a_file_where_a_directory_is_needed_is_bad_input(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match=r"cannot write .*result\.json"):
        write_json(tmp_path / "out" / "result.json", {})
    assert (tmp_path / "out").read_text() == "mine"


def test_a_directory_in_the_place_of_the_file_is_bad_input_and_stays(tmp_path):
    (tmp_path / "result.json" / "inside").mkdir(parents=True)
    with pytest.raises(InputError, match="Is a directory"):
        write_text(tmp_path / "result.json", "text")
    assert names(tmp_path) == ["result.json"]
    assert names(tmp_path / "result.json") == ["inside"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_directory_without_permission_is_bad_input(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(InputError, match="Permission denied"):
            write_text(tmp_path / "a.txt", "text")
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_an_error_that_is_not_about_the_place_is_not_bad_input(tmp_path):
    with pytest.raises(FileNotFoundError, match="somewhere"):
        write_half(tmp_path / "a.txt", FileNotFoundError(errno.ENOENT, "No such file", "somewhere"))


def test_the_file_has_the_permissions_of_any_other(tmp_path):
    (tmp_path / "plain").write_text("")
    write_text(tmp_path / "a.txt", "")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_json_comes_back_as_it_went_in_as_far_as_json_goes(tmp_path):
    content = {
        "text": "dög ×",
        "shape": (2, 3),
        "numbers": np.arange(3),
        "scalar": np.float32(0.5),
        "count": np.int64(7),
        "truth": np.bool_(True),
        "tensor": torch.tensor([[1.0, math.nan]]),
        "infinite": [math.inf, -math.inf],
        "path": Path("a/b"),
        "none": None,
        3: "key",
    }
    write_json(tmp_path / "a.json", content)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "dög ×" in text
    assert read_json(tmp_path / "a.json") == {
        "text": "dög ×",
        "shape": [2, 3],
        "numbers": [0, 1, 2],
        "scalar": 0.5,
        "count": 7,
        "truth": True,
        "tensor": [[1.0, None]],
        "infinite": [None, None],
        "path": "a/b",
        "none": None,
        "3": "key",
    }


def test_what_json_cannot_hold_keeps_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", {"kept": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"kept": object()})
    assert read_json(tmp_path / "a.json") == {"kept": 1}


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        RuntimeError("PytorchStreamWriter failed writing file data/3: file write failed"),
        RuntimeError("Error writing bytes to file. Detail: [errno 28] No space left on device"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_full_disk_is_said_whichever_library_met_it(tmp_path, error):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(InputError, match=r"the disk is full: .*a.txt could not be written"):
        write_half(tmp_path / "a.txt", error)
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


@pytest.mark.parametrize("more", [16, 100])
def test_tensors_for_whose_copies_there_is_no_memory_keep_the_old_file(tmp_path, more):
    path = tmp_path / "map.safetensors"
    path.write_text("old")
    prepare = """
import torch
from nearsight.write import write_tensors
large = torch.zeros(64 * 2**20, dtype=torch.uint8)"""
    attempt = f"write_tensors(Path({str(path)!r}), {{'large': large}})"
    assert end_of(attempt, prepare=prepare, more=more * 2**20) == "MemoryError"
    assert names(tmp_path) == [path.name]
    assert path.read_text() == "old"
