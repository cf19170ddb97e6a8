"""What a killed process was writing is removed by the next that writes there, and nothing else is."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from nearsight import unfinished
from nearsight.errors import InputError
from nearsight.lock import contents
from nearsight.report import verify_files
from nearsight.unfinished import discard_unfinished, is_left_over, is_unfinished
from nearsight.write import replace_atomically, write_json, write_text

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs locks of files")

WRITER = """
import sys
from pathlib import Path
from nearsight.write import replace_atomically
with replace_atomically(Path(sys.argv[1])) as temporary:
    temporary.write_text("half of the n")
    print("begun", flush=True)
    sys.stdin.read()
"""

OF_A_DIRECTORY = """
import sys
from pathlib import Path
from nearsight.unfinished import directory_beside
with directory_beside(Path(sys.argv[1])) as temporary:
    (temporary / "run").mkdir()
    (temporary / "run" / "result.json").write_text("{}")
    print("begun", flush=True)
    sys.stdin.read()
"""

Begin = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def begin() -> Begin:
    """Begin a process that writes half of a file, or of a directory, and waits."""

    def begun(path: Path, writer: str = WRITER) -> subprocess.Popen[str]:
        streams: dict[str, int | IO[str]] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = subprocess.Popen([sys.executable, "-c", writer, str(path)], text=True, **streams)
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        return process

    return begun


@pytest.fixture(autouse=True)
def afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process look into every directory again."""
    monkeypatch.setattr(unfinished, "_looked", {})


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_a_killed_process_s_file_is_removed_and_a_living_one_s_is_not(tmp_path: Path, begin: Begin) -> None:
    write_json(tmp_path / "result.json", {"old": True})
    killed, living = begin(tmp_path / "rows.parquet"), begin(tmp_path / "rows.csv")
    left = {path for path in tmp_path.iterdir() if is_unfinished(path.name)}
    assert {path.suffix for path in left} == {".parquet", ".csv"}
    assert not any(is_left_over(path) for path in left)
    assert verify_files(tmp_path).unfinished == ()

    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    [half] = [path for path in left if is_left_over(path)]
    assert half.suffix == ".parquet"
    found = verify_files(tmp_path)
    assert found.unfinished == (half.name,)
    assert found.to_json()["unfinished"] == [half.name]
    assert any(f"left: {half.name}; the next command that writes there" in said for said in found.sentences())
    assert half.exists()

    unfinished._looked.clear()
    write_text(tmp_path / "note.md", "tile 16")
    assert not half.exists()
    assert names(tmp_path) == {"result.json", "note.md", *(path.name for path in left - {half})}
    living.communicate("")
    assert living.returncode == 0
    assert names(tmp_path) == {"result.json", "note.md", "rows.csv"}
    assert (tmp_path / "rows.csv").read_text() == "half of the n"


def test_a_killed_process_s_directory_is_removed_with_all_in_it(tmp_path: Path, begin: Begin) -> None:
    write_json(tmp_path / "result.json", {"old": True})
    killed, living = (begin(tmp_path / "page", OF_A_DIRECTORY) for _ in range(2))
    left = {path for path in tmp_path.iterdir() if is_unfinished(path.name)}
    assert len(left) == 2
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    [half] = [path for path in left if is_left_over(path)]
    found = verify_files(tmp_path)
    assert (found.unfinished, [one.file for one in found.files]) == ((half.name,), ["result.json"])
    assert contents(tmp_path) == [tmp_path / "result.json"]

    unfinished._looked.clear()
    write_text(tmp_path / "note.md", "tile 16")
    assert names(tmp_path) == {"result.json", "note.md", *(path.name for path in left - {half})}
    living.communicate("end")
    assert names(tmp_path) == {"result.json", "note.md"}


def test_nothing_else_is_removed(tmp_path: Path) -> None:
    host = unfinished._host()
    other = "0000" if host != "0000" else "ffff"
    kept = {
        ".backup.20240101.csv",
        f".recipe.nearsight-{host}0123abc.toml",
        f".recipe.nearsight-{host}0123abcg.toml",
        f"recipe.nearsight-{host}0123abcd.toml",
        f".recipe.nearsight-{other}0123abcd.toml",
        ".notes",
        ".nearsight.lock",
    }
    for name in (*kept, f".recipe.nearsight-{host}0123abcd.toml", f".recipe.nearsight-{other}ffffffff.toml"):
        (tmp_path / name).write_text("")
    # What another host left alone for a day.
    day_before = time.time() - 2 * 86_400
    os.utime(tmp_path / f".recipe.nearsight-{other}ffffffff.toml", (day_before, day_before))
    link, pipe = (f".{name}.nearsight-{host}01234567" for name in ("link", "pipe"))
    (tmp_path / link).symlink_to(tmp_path / ".notes")
    os.mkfifo(tmp_path / pipe)
    write_text(tmp_path / "a.txt", "")
    assert names(tmp_path) == kept | {link, pipe, "a.txt"}


def test_a_directory_is_not_looked_into_for_each_of_many_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "a.txt", "")
    left = tmp_path / f".b.nearsight-{unfinished._host()}0123abcd.txt"
    left.touch()
    write_text(tmp_path / "a.txt", "again")
    assert left.exists()
    monkeypatch.setattr(unfinished, "_AGAIN_SECONDS", 0.0)
    write_text(tmp_path / "a.txt", "and again")
    assert not left.exists()


def test_a_file_that_was_taken_for_left_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks, taken = unfinished._lock, []

    def late(descriptor: int, path: Path) -> bool:
        if not taken:
            taken.append(path)
            unfinished.remove_left_over(tmp_path)
        return locks(descriptor, path)

    monkeypatch.setattr(unfinished, "_lock", late)
    monkeypatch.setattr("nearsight.write.remove_left_over", lambda _: None)
    with replace_atomically(tmp_path / "a.txt") as temporary:
        assert temporary != taken[0]
        temporary.write_text("whole")
    assert names(tmp_path) == {"a.txt"}


def test_without_locks_files_are_written_and_nothing_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    left = tmp_path / f".b.nearsight-{unfinished._host()}0123abcd.txt"
    left.touch()
    monkeypatch.setattr("fcntl.flock", none)
    write_text(tmp_path / "a.txt", "whole")
    assert names(tmp_path) == {"a.txt", left.name}
    assert not is_left_over(left)


def test_a_place_that_refuses_is_said_as_before(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="File name too long"):
        write_text(tmp_path / ("a" * 250), "")
    assert not names(tmp_path)


def test_a_process_that_ends_at_once_leaves_nothing_unfinished(tmp_path: Path) -> None:
    writing = replace_atomically(tmp_path / "a.txt")
    writing.__enter__().write_text("half")
    discard_unfinished()
    assert not names(tmp_path)
    with pytest.raises(FileNotFoundError):
        writing.__exit__(None, None, None)
