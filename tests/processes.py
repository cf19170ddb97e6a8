"""Several processes in one: threads that take turns, each of which believes that a launcher started it."""

import os
import pickle
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from nearsight import launch, together
from nearsight.launch import Launch

R = TypeVar("R")


def in_processes(monkeypatch: pytest.MonkeyPatch, count: int, work: Callable[[int], R]) -> list[R]:
    """Let `work` run in so many processes, given the rank of each, and return what each returned.

    One thread runs at a time, up to where it waits for what the others send. Raises what the first of them raised.
    """
    if count == 1:
        return [work(0)]
    from torch import distributed

    mine = threading.local()
    turn = threading.Condition()
    sent: list[list[bytes]] = [[] for _ in range(count)]
    ended: set[int] = set()
    found: dict[int, R] = {}
    raised: dict[int, BaseException] = {}

    def send(every: list[Any], own: Any) -> None:
        rank = mine.launch.rank
        number = len(sent[rank])
        sent[rank].append(pickle.dumps(own))
        turn.notify_all()
        while waiting := [one for one in range(count) if len(sent[one]) <= number]:
            if ended.intersection(waiting):
                raise RuntimeError("gloo: Connection closed by peer")
            turn.wait()
        every[:] = [pickle.loads(sent[one][number]) for one in range(count)]

    def run(rank: int) -> None:
        mine.launch = Launch(rank=rank, processes=count, by="torchrun")
        with turn:
            try:
                found[rank] = work(rank)
            except BaseException as error:
                raised[rank] = error
            finally:
                ended.add(rank)
                turn.notify_all()

    def read(environment: Mapping[str, str]) -> Launch:
        assert environment is os.environ
        return getattr(mine, "launch", launch.ALONE)

    with monkeypatch.context() as patched:
        patched.setattr(launch, "read_launch", read)
        patched.setattr(together, "_connect", lambda _: None)
        patched.setattr(distributed, "all_gather_object", send)
        threads = [threading.Thread(target=run, args=(rank,)) for rank in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for rank in sorted(raised):
        raise raised[rank]
    assert all(len(each) == len(sent[0]) for each in sent)
    return [found[rank] for rank in range(count)]


def files_of(directory: Path) -> dict[str, bytes]:
    """Return the content of every file in a directory, by its place there."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
