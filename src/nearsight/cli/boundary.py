"""The boundary of the command line: whatever goes wrong becomes one line and an exit code."""

import errno
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from textwrap import shorten

import nearsight
from nearsight.cli.fault_report import save_report
from nearsight.cli.signals import ENDED_BY
from nearsight.cli.streams import drop, reader_is_gone
from nearsight.errors import InputError, first_line, printable
from nearsight.launch import ALONE, Launch, this_launch
from nearsight.shortage import ShortOfMemoryError, is_shortage
from nearsight.together import only_known_here

DONE, FAULT, BAD_INPUT = 0, 1, 2
DEBUG = "NEARSIGHT_DEBUG"
TORCHRUN_ERROR_FILE = "TORCHELASTIC_ERROR_FILE"
# The rest of an exception's message is in the report.
LONGEST_SAID = 300
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FILES = (errno.EMFILE, errno.ENFILE)
# Errors for which a path or the machine is responsible, not the program.
_OUTSIDE = {
    getattr(errno, name)
    for name in (
        "EACCES", "EPERM", "ENOENT", "EIO", "EROFS", "ENOTDIR", "EISDIR", "ENAMETOOLONG", "ELOOP", "ESTALE",
        "ETIMEDOUT", "EHOSTDOWN", "ENODEV", "ENXIO", "EFBIG", "EBUSY", "ETXTBSY", "EREMOTEIO",
    )
    if hasattr(errno, name)
}  # fmt: skip


def bounded(work: Callable[[], int], arguments: Sequence[str], shown: bool = False) -> int:
    """Do the work of a command and return its exit code; whatever it raises is reported in one line on stderr.

    >>> bounded(lambda: 0, ["data"])
    0

    The code is 2 for bad input, a full disk, and missing memory or rights; 128 plus the number of the signal that
    ended the command, so 130 after Ctrl-C; 1 for anything unforeseen, whose traceback is kept in a file that the
    line names. If tracebacks are to be `shown`, or NEARSIGHT_DEBUG is set, each is also shown. Raises only the
    `SystemExit` of a work that ends with one.
    """
    ended: SystemExit | None = None
    code = DONE
    try:
        try:
            code = work()
        except SystemExit as error:
            ended = error
        _hand_on_output()
    except BaseException as error:
        if shown or os.environ.get(DEBUG, "0") not in ("", "0"):
            traceback.print_exception(error)
        code, line = _told(error, arguments)
        _tell_launcher(line)
        launch = _launch()
        if line and (code == FAULT or launch.first):
            # What the system names, such as a file, may be as long as a page and steer a terminal.
            print(f"nearsight: {printable(line)}", file=sys.stderr)
        elif line and code == BAD_INPUT and launch.by == "srun" and only_known_here(error):
            # If several processes find the same bad input, the first reports it, and torchrun's summary has the rest.
            said = f"process {launch.rank} of {launch.processes}: {line}"
            print(f"nearsight: {printable(said)}", file=sys.stderr)
    else:
        if ended is not None:
            raise ended
    return code


def _launch() -> Launch:
    try:
        return this_launch()
    except InputError:
        return ALONE


def _tell_launcher(line: str) -> None:
    """Leave the line where torchrun looks for it: its summary then reports it, with the process."""
    place = os.environ.get(TORCHRUN_ERROR_FILE)
    if place and line:
        said = {"message": {"message": line, "extraInfo": {"timestamp": str(int(time.time()))}}}
        with suppress(OSError):
            Path(place).write_text(json.dumps(said), encoding="utf-8")


def _hand_on_output() -> None:
    # What is still buffered would fail when the program ends, and nobody could be told.
    if sys.stdout is not None:
        sys.stdout.flush()


def _told(error: BaseException, arguments: Sequence[str]) -> tuple[int, str]:
    """Return the exit code and the line for what was raised; no line if there is nothing to say."""
    if (wish := _wish_to_end(error)) is not None:
        number = getattr(wish, "number", signal.SIGINT)
        said = str(wish) or "interrupted"
        if number == signal.SIGTERM and (by := _launch().by) is not None:
            # A launcher may be quicker than the news that the connection to a process is lost.
            said = f"{said}; if another process ended first, what {by} says tells which and why"
        return ENDED_BY + number, said
    if isinstance(error, InputError | ShortOfMemoryError):
        return BAD_INPUT, str(error)
    if isinstance(error, BrokenPipeError) and reader_is_gone(sys.stdout):
        # The reader of our output has enough.
        drop(sys.stdout)
        return DONE, ""
    if isinstance(error, Exception) and is_shortage(error):
        return BAD_INPUT, str(ShortOfMemoryError("working", ()))
    if isinstance(error, OSError) and (line := _outside(error)):
        return BAD_INPUT, line
    return FAULT, _unforeseen(error, arguments)


def _wish_to_end(error: BaseException) -> KeyboardInterrupt | None:
    """Return the request to end that an error is, or that caused it: an interrupted library may fail."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return None


def _outside(error: OSError) -> str | None:
    """Report what a file or the machine is responsible for; None if it may be the program."""
    if error.errno in _FULL:
        if error.filename is None:
            drop(sys.stdout)
        place = error.filename or "where its output goes"
        return f"the disk is full: {place}; free some space and try again"
    if error.errno == errno.EFBIG and error.filename is None:
        return "a file would be larger than is allowed here; allow larger ones (ulimit -f), or choose another place"
    if isinstance(error, FileNotFoundError) and error.filename is None and not _is_somewhere():
        return "the directory that this was started in is gone; change to another one, and try again"
    if error.errno in _FILES:
        return "too many files are open; allow more of them (ulimit -n), or take fewer --workers"
    if (
        error.errno is None
        or error.errno not in _OUTSIDE
        or not isinstance(error.filename, str | bytes | os.PathLike)
    ):
        return None
    place = Path(os.fsdecode(error.filename))
    if place.is_relative_to(Path(nearsight.__file__).parent):
        return None
    return f"{place}: {os.strerror(error.errno)}; mend this or choose another place, and try again"


def _is_somewhere() -> bool:
    try:
        return bool(os.getcwd())  # noqa: PTH109
    except FileNotFoundError:
        return False


def _unforeseen(error: BaseException, arguments: Sequence[str]) -> str:
    report = save_report(error, arguments)
    said = shorten(first_line(error), LONGEST_SAID, placeholder=" …")
    what = f"a fault that was not foreseen ({type(error).__name__}: {said})"
    if report is None:
        return f"{what}; it could not be written to a file: {DEBUG}=1 shows it"
    return f"{what}; please report it with {report}, which says what happened"
