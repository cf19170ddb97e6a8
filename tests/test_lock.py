"""One writer a directory: refused in another process, free as soon as its holder is gone, however it went."""

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nearsight import lock
from nearsight.errors import InputError
from nearsight.lock import LOCK, contents, remove_parts, whoever_writes, writing, writing_parts
from nearsight.progress import Silent
from nearsight.write import replace_atomically

HOLD = """
import sys, time
from pathlib import Path
from nearsight.lock import writing
with writing(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def holder(tmp_path_factory: pytest.TempPathFactory):
    """Start a process that holds a directory until it is killed."""
    directory = tmp_path_factory.mktemp("held")
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(directory)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield directory, process
    process.kill()
    process.wait()
    process.stdout.close()


def enter(directory: Path) -> None:
    with writing(directory):
        (directory / "mine").write_text("x")


def test_a_directory_in_the_place_of_a_file_is_refused_before_any_work(tmp_path: Path) -> None:
    for name in ("fold-1", "tile-6+flip", "rows.csv.parts", "result.json"):
        (tmp_path / name).mkdir()
    with pytest.raises(
        InputError, match=r"result.json is a directory, where a file is to be written; remove it"
    ):
        enter(tmp_path)
    assert not (tmp_path / LOCK).exists()
    (tmp_path / "result.json").rmdir()
    # What a link leads to is not written to: the link is replaced.
    (tmp_path / "result.json").symlink_to(tmp_path / "fold-1")
    enter(tmp_path)


def test_what_another_process_holds_is_refused_until_it_is_killed(holder) -> None:
    directory, process = holder
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    message = (
        rf"^{directory} is being written by process {process.pid} since 20.*; wait for it, or choose another"
    )
    with pytest.raises(InputError, match=message):
        enter(directory)
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before
    assert str(process.pid) in (whoever_writes(directory) or "")
    process.send_signal(signal.SIGKILL)
    process.wait()
    # What it left behind means nothing.
    assert (directory / LOCK).exists()
    assert whoever_writes(directory) is None
    enter(directory)
    assert [path.name for path in directory.iterdir()] == ["mine"]


def test_the_same_thread_may_enter_again_and_another_may_not(tmp_path: Path) -> None:
    raised: list[Exception] = []

    def other() -> None:
        try:
            enter(tmp_path)
        except InputError as error:
            raised.append(error)

    with writing(tmp_path):
        with writing(tmp_path / "." / ".." / tmp_path.name):
            assert (tmp_path / LOCK).exists()
        assert (tmp_path / LOCK).exists()
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert "which is this one" in str(raised[0])
    assert list(tmp_path.iterdir()) == []


def test_a_forked_process_neither_holds_nor_frees_what_its_parent_holds(tmp_path: Path) -> None:
    with writing(tmp_path):
        child = os.fork()
        if child == 0:
            refused = 1
            try:
                with writing(tmp_path):
                    pass
            except InputError:
                refused = 0
            os._exit(refused)
        assert os.waitpid(child, 0)[1] == 0
        # A child that leaves the block, as one does that raises, leaves the lock to its parent.
        child = -1
        try:
            with writing(tmp_path / "inner"):
                child = os.fork()
                if child == 0:
                    raise KeyError
                assert os.waitpid(child, 0)[1] == 0
                assert (tmp_path / "inner" / LOCK).exists()
        except KeyError:
            os._exit(0 if (tmp_path / "inner" / LOCK).exists() else 1)


def test_a_child_outlives_its_parent_without_the_lock(tmp_path: Path) -> None:
    inherited = HOLD.replace('print("held", flush=True)', "import os; os.fork() or print('held', flush=True)")
    process = subprocess.Popen(
        [sys.executable, "-c", inherited, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.wait()
    try:
        enter(tmp_path)
    finally:
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        process.stdout.close()


def test_a_directory_that_was_made_for_nothing_is_gone_again(tmp_path: Path) -> None:
    with pytest.raises(KeyError), writing(tmp_path / "a" / "b"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    enter(tmp_path / "a" / "b")
    assert [path.name for path in contents(tmp_path / "a" / "b")] == ["mine"]


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file; choose another"):
        enter(tmp_path / "file")
    with pytest.raises(InputError, match=r"cannot make the directory .*: Not a directory"):
        enter(tmp_path / "file" / "run")
    with pytest.raises(InputError, match=r"cannot make the directory .*: File name too long"):
        enter(tmp_path / ("run" * 100))


def test_a_file_system_without_locks_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    class Log(Silent):
        def __init__(self) -> None:
            self.lines: list[str] = []

        def warn(self, text: str) -> None:
            self.lines.append(text)

    monkeypatch.setattr(lock.fcntl, "flock", no_locks)
    log = Log()
    for _ in range(2):
        with writing(tmp_path, log):
            assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(lock._OURS, "told", False)
    assert len(log.lines) == 1
    assert "cannot be locked here" in log.lines[0]


def test_processes_of_one_training_but_the_first_hold_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with writing(tmp_path / "run"):
        assert not (tmp_path / "run").exists()


def test_whoever_only_asks_who_writes_keeps_no_writer_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / LOCK).touch()
    asking = os.open(tmp_path / LOCK, os.O_RDONLY)
    lock.fcntl.flock(asking, lock.fcntl.LOCK_SH)
    monkeypatch.setattr(lock.time, "sleep", lambda _seconds: os.close(asking))
    with writing(tmp_path):
        assert whoever_writes(tmp_path) == f"process {os.getpid()}"


def test_a_lock_that_another_user_left_keeps_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / LOCK).touch()
    opened = os.open

    def of_another(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, flags, mode)

    monkeypatch.setattr(lock.os, "open", of_another)
    with writing(tmp_path):
        assert (tmp_path / LOCK).exists()
    assert contents(tmp_path) == []
    assert not (tmp_path / LOCK).exists()


def test_a_lock_is_freed_where_it_was_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with writing("made/run"):
        monkeypatch.chdir(elsewhere)
    assert [path.name for path in tmp_path.rglob("*")] == ["elsewhere"]


def test_what_a_killed_process_left_half_written_is_no_content(tmp_path: Path) -> None:
    for name in ("study.toml", "note"):
        with replace_atomically(tmp_path / name) as temporary:
            temporary.touch()
            assert temporary not in contents(tmp_path)


def test_what_is_finished_is_entered_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object, flags: int, *mode: int, **more: object) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, "Read-only file system")
        return opens(path, flags, *mode, **more)

    opens = os.open
    monkeypatch.setattr(os, "access", lambda _, mode: mode == os.R_OK)
    monkeypatch.setattr(os, "open", refuse)
    with writing(tmp_path, finished=True), writing(tmp_path):
        pass
    with pytest.raises(InputError, match="Read-only"):
        enter(tmp_path)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
    with writing(tmp_path):
        pass


def test_directories_that_a_killed_process_made_and_did_not_fill_mean_nothing(tmp_path: Path) -> None:
    (tmp_path / "fold-1" / "checkpoint").mkdir(parents=True)
    (tmp_path / "fold-1" / LOCK).touch()
    (tmp_path / "fold-1" / ".recipe.nearsight-00ff0123abcd.toml").touch()
    assert contents(tmp_path) == []
    (tmp_path / "fold-1" / "checkpoint" / "mine").touch()
    assert contents(tmp_path) == [tmp_path / "fold-1"]


def test_parts_go_before_their_lock_and_a_new_holder_keeps_its_own(tmp_path: Path) -> None:
    parts = tmp_path / "table.parts"
    parts.mkdir()
    (parts / "part-0").touch()
    with writing_parts(parts):
        remove_parts(parts)
        assert whoever_writes(parts) is not None
        assert [file.name for file in parts.iterdir()] == [LOCK]
    assert not parts.exists()
    # What is not removed, such as what an interruption leaves, stays.
    with writing_parts(parts):
        (parts / "part-0").touch()
    assert [file.name for file in parts.iterdir()] == ["part-0"]
