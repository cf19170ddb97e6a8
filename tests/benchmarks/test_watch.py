"""What is watched runs in a process of its own, and its memory and that of its workers are told apart."""

import os
import signal
import sys
from multiprocessing import get_context
from multiprocessing.connection import Connection

import pytest

from benchmarks import watch

MIB = 2**20
OWN, MORE = 64, 32

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


def process_number() -> dict[str, int]:
    return {"process": os.getpid()}


def hold_beside_a_worker(told: Connection) -> None:
    """Hold memory beside a worker that shares it and holds more, until told to end."""
    own = b"1" * (OWN * MIB)
    worker = os.fork()
    if worker == 0:
        more = b"1" * (MORE * MIB)
        told.send(len(more))
        signal.pause()
    told.recv()
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    told.send(len(own))


def test_what_is_watched_runs_in_a_process_of_its_own() -> None:
    result, _ = watch.watched(process_number)
    assert result["process"] != os.getpid()


def test_pages_that_a_worker_shares_count_once() -> None:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=hold_beside_a_worker, args=(theirs,))
    process.start()
    assert ours.recv() == MORE * MIB
    memory = watch._sample(process.pid or 0)
    ours.send("end")
    assert ours.recv() == OWN * MIB
    process.join()
    assert memory.main > OWN * MIB
    assert memory.worker > (OWN + MORE) * MIB
    assert (OWN + MORE) * MIB < memory.held < memory.main + (MORE + OWN / 2) * MIB
