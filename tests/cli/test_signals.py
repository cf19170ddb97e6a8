"""A command that is asked to end: what is left behind, and what is said."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nearsight.cli import signals
from nearsight.cli.signals import Signals
from nearsight.stopping import Stopped

# A command that does nothing but write a file, whole or not at all, for as long as it is let. It heeds signals
# even if the tests run under `nohup` or in the background.
WRITING = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from nearsight.cli import main as commands
from nearsight.cli.entry import entry
from nearsight.write import replace_atomically
from dataclasses import replace
from pathlib import Path
{before}
def run(options):
    with replace_atomically(Path("results") / "a.txt") as temporary:
        temporary.write_text("half")
        try:
            print("writing", flush=True)
            time.sleep(60)
        finally:
            {unwinding}
    return {{}}
commands.COMMANDS["data"] = replace(commands.COMMANDS["data"], run=run)
sys.argv = ["nearsight", "data"]
entry()
"""


def writing(place: Path, before: str = "", unwinding: str = "pass") -> subprocess.Popen[str]:
    """Start that command, and return it when it writes."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITING.format(before=before, unwinding=unwinding)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=place,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [
        (signal.SIGINT, 130, "nearsight: interrupted\n"),
        (signal.SIGTERM, 143, "nearsight: ended by SIGTERM\n"),
        (signal.SIGHUP, 129, "nearsight: ended by SIGHUP\n"),
    ],
)
def test_a_signal_ends_a_command_with_one_line_and_nothing_left(
    number: signal.Signals, code: int, line: str, tmp_path: Path
) -> None:
    process = writing(tmp_path)
    process.send_signal(number)
    assert process.communicate(timeout=60) == ("", line)
    assert process.returncode == code
    assert not list((tmp_path / "results").iterdir())


@pytest.mark.parametrize(("seconds", "ends"), [(0.0, True), (1e9, False)])
def test_a_second_ctrl_c_changes_nothing_and_a_later_one_ends_at_once(
    seconds: float, ends: bool, tmp_path: Path
) -> None:
    before = f"from nearsight.cli import signals; signals.SAME_WISH_SECONDS = {seconds}"
    process = writing(tmp_path, before, 'print("unwinding", flush=True); time.sleep(60)')
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "unwinding\n"
    process.send_signal(signal.SIGINT)
    if not ends:
        time.sleep(0.2)
        assert process.poll() is None
        process.kill()
        process.communicate()
        return
    assert process.communicate(timeout=40) == ("", "nearsight: interrupted\n")
    assert process.returncode == 130
    assert not list((tmp_path / "results").iterdir())


@pytest.mark.parametrize(
    ("raised", "code", "said"), [("pass", 0, "tidied\ntaken down\n"), ("1 / 0", 1, "tidied\n")]
)
def test_only_a_command_that_is_done_takes_down_what_threads_may_still_use(
    raised: str, code: int, said: str, tmp_path: Path
) -> None:
    script = f"""
import atexit, os
from nearsight.cli import entry
class Used:
    def __del__(self, write=os.write):
        write(1, b"taken down\\n")
def work():
    global used
    used = Used()
    atexit.register(os.write, 1, b"tidied\\n")
    {raised}
    return 0
entry._main = work
entry.entry()
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (code, said)


def test_an_ignored_sighup_stays_ignored(tmp_path: Path) -> None:
    process = writing(tmp_path, "signal.signal(signal.SIGHUP, signal.SIG_IGN)")
    process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    assert process.poll() is None
    process.kill()
    process.communicate()


def test_the_handlers_come_back_and_a_second_signal_waits() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Signals():
        with pytest.raises(Stopped) as caught:
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.number == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_wish_that_was_raised_in_vain_is_asked_again() -> None:
    with Signals() as asked:
        with pytest.raises(Stopped):
            os.kill(os.getpid(), signal.SIGINT)
        asked.ask_again(signal.SIGINT)
        with pytest.raises(Stopped):
            time.sleep(5)


def test_a_process_that_has_just_begun_leaves_ctrl_c_to_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with Signals():
        monkeypatch.setattr(signals.os, "getpid", lambda: -1)
        signal.raise_signal(signal.SIGINT)
