"""Whatever goes wrong is one line and an exit code, whatever was raised."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import nearsight
from nearsight import together
from nearsight.cli import boundary
from nearsight.cli import main as commands
from nearsight.cli.boundary import bounded
from nearsight.cli.main import main
from nearsight.errors import InputError
from nearsight.launch import Launch, Launcher
from nearsight.shortage import ShortOfMemoryError
from nearsight.stopping import Stopped
from nearsight.training import Interrupted

Told = Callable[[BaseException], tuple[int, str]]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """Return what raises an error inside the boundary, and gives the exit code and what stderr was told."""

    def run(error: BaseException) -> tuple[int, str]:
        def work() -> int:
            raise error

        code = bounded(work, ["train", "digits"])
        out, said = capsys.readouterr()
        assert out == ""
        assert said.count("\n") == 1
        assert said[:-1].isprintable()
        assert len(said) < 2000
        assert "Traceback" not in said
        return code, said.removeprefix("nearsight: ").rstrip("\n")

    return run


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("no such\nset"), 2, "no such set"),
        (ShortOfMemoryError("training", ()), 2, "out of memory while training; free some memory"),
        (MemoryError(), 2, "out of memory while working; free some memory"),
        (np._core._exceptions._ArrayMemoryError((2**40,), np.dtype(float)), 2, "out of memory while working"),  # type: ignore[attr-defined]
        (RuntimeError("[enforce] DefaultCPUAllocator: can't allocate memory"), 2, "out of memory while"),
        (torch.OutOfMemoryError("CUDA out of memory."), 2, "out of memory while working"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (Stopped("ended by SIGTERM", signal.SIGTERM), 143, "ended by SIGTERM"),
        (Interrupted("interrupted after step 3", signal.SIGHUP), 129, "interrupted after step 3"),
        (OSError(errno.ENOSPC, "No space left", "runs/a"), 2, "the disk is full: runs/a; free some space"),
        (OSError(errno.EDQUOT, "Quota", "runs/a"), 2, "the disk is full: runs/a; free some space"),
        (OSError(errno.EFBIG, "File too large"), 2, "a file would be larger than is allowed here"),
        (OSError(errno.ENAMETOOLONG, "Name too long", "\x1b[31m" + "x" * 9000), 2, r"\x1b[31mxxx"),
        (PermissionError(errno.EACCES, "Permission denied", "runs/a"), 2, "runs/a: Permission denied; mend"),
        (FileNotFoundError(errno.ENOENT, "No such", b"runs/a"), 2, "runs/a: No such file or directory; mend"),
        (OSError(errno.EIO, "Input/output error", "/mnt/a"), 2, "/mnt/a: Input/output error; mend this"),
        (OSError(errno.EMFILE, "Too many open files"), 2, "too many files are open; allow more of them"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_what_is_foreseen_is_one_line(error: BaseException, code: int, line: str, told: Told) -> None:
    found, said = told(error)
    assert (found, said[: len(line)]) == (code, line)


def test_what_fails_as_it_is_broken_off_was_broken_off(told: Told) -> None:
    fault = SystemError("initialization of _internal failed without raising an exception")
    fault.__context__ = Stopped("ended by SIGTERM", signal.SIGTERM)
    assert told(fault) == (143, "ended by SIGTERM")


def test_a_launcher_that_ends_the_others_is_pointed_to(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    launch = Launch(rank=0, processes=2, by="torchrun")
    monkeypatch.setattr(boundary, "this_launch", lambda: launch)
    line = "ended by SIGTERM; if another process ended first, what torchrun says tells which and why"
    assert told(Stopped("ended by SIGTERM", signal.SIGTERM)) == (143, line)
    assert told(Stopped("interrupted", signal.SIGINT)) == (130, "interrupted")


@pytest.mark.parametrize(
    ("by", "work", "line"),
    [
        ("torchrun", "alone", ""),
        ("srun", "alone", "nearsight: process 1 of 2: no such file\n"),
        ("srun", "all", ""),
        ("srun", "lost", ""),
    ],
)
def test_what_one_process_of_srun_found_alone_is_told_by_it(
    by: Launcher,
    work: str,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    launch = Launch(rank=1, processes=2, by=by)
    for module in (boundary, together):
        monkeypatch.setattr(module, "this_launch", lambda: launch)
    monkeypatch.setattr(together, "_CONNECTION", together._Connection(os.getpid()))
    monkeypatch.setattr(together, "_connect", lambda _: None)
    # The other process finds it too, or has ended.
    monkeypatch.setattr(torch.distributed, "all_gather_object", send_alike if work == "all" else lose)

    def fail() -> int:
        raise InputError("no such file")

    def command() -> int:
        with together.all_processes() as processes:
            return fail() if work == "alone" else processes.each(fail)[0]

    assert bounded(command, ["train", "digits"]) == 2
    assert capsys.readouterr() == ("", line)


def send_alike(every: list[object], own: object) -> None:
    every[:] = [own] * len(every)


def lose(_every: list[object], _own: object) -> None:
    raise RuntimeError("gloo: Connection closed by peer")


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("division by zero"),
        KeyError("tile"),
        AssertionError(),
        RecursionError("maximum recursion depth exceeded"),
        BrokenPipeError(errno.EPIPE, "Broken pipe"),
        RuntimeError("first\n" + "second\n" * 10_000),
        ValueError("x" * 100_000),
        FileNotFoundError(
            errno.ENOENT, "No such file", str(Path(nearsight.__file__).parent / "report" / "a.j2")
        ),
        ExceptionGroup("several", [ValueError("\ud800")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_not_foreseen_leaves_a_report(
    error: Exception, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("nearsight.cli.boundary.reader_is_gone", lambda _stream: False)
    code, said = told(error)
    [report] = tmp_path.iterdir()
    assert code == 1
    assert f"a fault that was not foreseen ({type(error).__name__}: " in said
    assert said.endswith(f"; please report it with {report}, which says what happened")
    assert len(said) < 600
    text = report.read_text(encoding="utf-8")
    for expected in (
        "command: ['nearsight', 'train', 'digits']",
        "torch: ",
        "platform: ",
        "in work",
        type(error).__name__,
    ):
        assert expected in text
    assert report.stat().st_mode & 0o777 == 0o600


def test_a_report_that_cannot_be_written_is_no_fault_of_its_own(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_settings: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full)
    code, said = told(ZeroDivisionError("division by zero"))
    assert code == 1
    assert said.endswith(
        "(ZeroDivisionError: division by zero); it could not be written to a file: NEARSIGHT_DEBUG=1 shows it"
    )


@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_traceback_is_shown_where_it_is_asked_for(
    way: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "environment":
        monkeypatch.setenv("NEARSIGHT_DEBUG", "1")
    assert main(["data", "/no/such/place", *(["--traceback"] if way == "option" else [])]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert said.splitlines()[-1].startswith("nearsight: there is no file or folder")


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (
            ["train", "digits"],
            "give a smaller --batch-size, a larger --accumulate (the parts of a batch) or fewer --workers",
        ),
        (["evaluate", "RUN"], "give fewer --workers"),
    ],
)
def test_memory_s_options_are_those_of_the_command(
    command: list[str], options: str, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_options: object) -> dict[str, object]:
        raise ShortOfMemoryError("working", ("batch_size", "accumulate", "workers"))

    name = command[0]
    monkeypatch.setitem(commands.COMMANDS, name, replace(commands.COMMANDS[name], run=run))
    assert refused(*command) == f"out of memory while working; {options}, or free some memory"


def test_a_run_that_memory_does_not_hold_says_what_to_lower(
    refused: Callable[..., str], quick: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(*_arguments: object) -> None:
        torch.empty(2**55)

    monkeypatch.setattr("nearsight.training.step.Step.__call__", step)
    line = refused("train", "digits", "--tile", "6", "--steps", "2", "--out", tmp_path / "run", *quick)
    assert line.startswith(
        "out of memory while training (144115188075855872 bytes were asked for); give a smaller --batch-size, "
    )


@pytest.mark.parametrize("asked", ["train --help", "data", "data digits --quiet"])
def test_a_reader_that_has_gone_ends_the_command_in_silence(asked: str) -> None:
    # Without a reader from the beginning: what is told of the set would fit into a pipe.
    gone, output = os.pipe()
    os.close(gone)
    command = [sys.executable, "-m", "nearsight", *asked.split()]
    ended = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, check=False)
    os.close(output)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_nothing_to_fail_on(closed: str) -> None:
    ended = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m nearsight --version {closed}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert bool(ended.stdout) == (">&-" not in closed.replace("2>&-", ""))


def test_what_libraries_read_of_the_environment_ends_no_command() -> None:
    odd = {"SOURCE_DATE_EPOCH": "yesterday", "MPLBACKEND": "nonsense"}
    ended = subprocess.run(
        [sys.executable, "-m", "nearsight", "data"],
        env=os.environ | odd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_an_error_alone_is_on_stderr_and_names_that_it_cannot_encode_are_escapes(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9")).mkdir()
    ended = subprocess.run(
        [sys.executable, "-m", "nearsight", "evaluate", os.fsdecode(b"caf\xe9/none")],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(nearsight.__file__).parents[1])},
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "nearsight: --model has characters that are not UTF-8, such as 'caf\\udce9/none'; rename it, as by "
        "`convmv -f latin1 -t utf-8 -r`\n"
    )


def test_a_directory_that_is_gone_is_said(tmp_path: Path, told: Told) -> None:
    here = Path.cwd()
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    try:
        gone.rmdir()
        with pytest.raises(FileNotFoundError) as error:
            Path.cwd()
        assert told(error.value) == (
            2,
            "the directory that this was started in is gone; change to another one, and try again",
        )
    finally:
        os.chdir(here)
