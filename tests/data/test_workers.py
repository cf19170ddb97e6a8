"""Processes that decode images: where there can be none, and what is said when one is lost."""

import multiprocessing
import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from nearsight.data.workers import told_of_workers, usable_workers
from nearsight.errors import InputError
from nearsight.evaluation.chunks import resized_chunks


class Ending(torch.utils.data.Dataset[torch.Tensor]):
    """Images the first of which ends the process that decodes it, as the system does where memory is short."""

    pixels = None

    def __len__(self) -> int:
        return 4

    def looked_at(self, _place: int) -> torch.Tensor:
        """End this process."""
        os.kill(os.getpid(), signal.SIGKILL)
        return torch.zeros(3, 4, 4, dtype=torch.uint8)


def test_a_lost_process_is_one_line_that_names_the_option() -> None:
    with pytest.raises(InputError, match=r"a process that decodes images has ended .*`workers=0`"):
        list(resized_chunks(Ending(), None, 100, workers=1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Caught MemoryError in DataLoader worker process 0.\nTraceback\nMemoryError: no more"),
        RuntimeError("Caught RuntimeError in DataLoader worker process 0.\nunable to write to shared memory"),
        RuntimeError("unable to open shared memory object </torch_1_2_3> in read-write mode"),
        RuntimeError("received 0 items of ancdata"),
        RuntimeError("can't start new thread"),
        BlockingIOError(11, "Resource temporarily unavailable"),
        OSError(12, "Cannot allocate memory"),
        OSError(24, "Too many open files"),
    ],
    ids=lambda error: f"{type(error).__name__}-{str(error)[:20]}",
)
def test_what_processes_lack_is_said(error: Exception) -> None:
    with pytest.raises(InputError, match="give fewer, or `workers=0`"), told_of_workers():
        raise error


@pytest.mark.parametrize(
    "error",
    [RuntimeError("shape"), OSError(2, "No such file", "a.png"), MemoryError(), InputError("as it is")],
)
def test_other_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, told_of_workers():
        raise error
    assert caught.value is error


@pytest.fixture
def long_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A temporary directory whose path no socket's address holds."""
    place = "/" + "d" * 90
    monkeypatch.setattr("tempfile.tempdir", place)
    return place


def test_where_sockets_have_no_address_images_are_decoded_in_this_process(long_directory: str) -> None:
    assert usable_workers(0) == 0
    with pytest.warns(UserWarning, match=f"{long_directory} is too long"):
        assert usable_workers(3) == 0


def test_without_a_temporary_directory_there_are_no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", none)
    with pytest.warns(UserWarning, match="set TMPDIR to one"):
        assert usable_workers(3) == 0


def test_elsewhere_there_are_as_many_as_asked_for() -> None:
    assert [usable_workers(number) for number in np.arange(4)] == [0, 1, 2, 3]


def test_images_that_cannot_be_sent_are_made_without_processes_that_start_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = [lambda: 1]
    # How processes start where nothing is said: fork on Linux before Python 3.14, forkserver from there on.
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda: "fork")
    assert usable_workers(2, made) == 2
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda: "spawn")
    with pytest.warns(UserWarning, match="cannot be sent to processes that start anew"):
        assert usable_workers(2, made) == 0
    assert usable_workers(2, [len]) == 2
