"""Running a function in a process of its own, and watching the memory of that process and its workers."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context, set_start_method
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

SECONDS = 1.0


@dataclass(frozen=True)
class Memory:
    """Peaks over a process and its workers, in bytes, each the highest of samples taken once a second.

    `held` is anonymous and shared memory of all of them, with each page counted once: the kernel cannot take it
    back. `main` and `worker` are the anonymous memory of the process itself and of its largest worker. `mapped`
    is their memory-mapped files, which is page cache and is released when others need the room.
    """

    held: int = 0
    main: int = 0
    worker: int = 0
    mapped: int = 0

    def peak(self, other: "Memory") -> "Memory":
        """Return the higher of each figure of two."""
        return Memory(
            max(self.held, other.held),
            max(self.main, other.main),
            max(self.worker, other.worker),
            max(self.mapped, other.mapped),
        )


def watched(function: Callable[..., dict[str, Any]], *arguments: Any) -> tuple[dict[str, Any], Memory]:
    """Call a function in a new process, and return what it returns and the memory it took.

    Raises `RuntimeError` if the process dies, having printed its own traceback.
    """
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(sender, function, arguments))
    process.start()
    sender.close()
    memory = Memory()
    while not receiver.poll(SECONDS):
        memory = memory.peak(_sample(process.pid or 0))
    try:
        result: dict[str, Any] = receiver.recv()
    except EOFError:
        raise RuntimeError(f"{function.__name__} died; its traceback is above") from None
    finally:
        process.join()
    return result, memory


def _call(sender: Connection, function: Callable[..., dict[str, Any]], arguments: tuple[Any, ...]) -> None:
    # A spawned process would spawn its own; a user's process starts its workers the system's way.
    set_start_method(get_all_start_methods()[0], force=True)
    sender.send(function(*arguments))


def _sample(pid: int) -> Memory:
    main = _rollup(pid)
    workers = [_rollup(child) for child in _children(pid)]
    every = [main, *workers]
    shares = sum(part.get("Pss_Anon", 0) + part.get("Pss_Shmem", 0) for part in every)
    # A worker that is ending still shares pages with its parent and has none of its own.
    own = main.get("Anonymous", 0)
    return Memory(
        held=max(shares, own),
        main=own,
        worker=max((part.get("Anonymous", 0) for part in workers), default=0),
        mapped=sum(part.get("Pss_File", 0) for part in every),
    )


def _children(pid: int) -> list[int]:
    try:
        tasks = [task / "children" for task in Path(f"/proc/{pid}/task").iterdir()]
        return [int(child) for task in tasks for child in task.read_text().split()]
    except OSError:  # it ended meanwhile
        return []


def _rollup(pid: int) -> dict[str, int]:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:  # it ended meanwhile
        return {}
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}


@dataclass(frozen=True)
class Spent:
    """Seconds: elapsed, of this process's CPU time, and of that of its ended children."""

    clock: float
    main: float
    workers: float

    @staticmethod
    def now() -> "Spent":
        """Return the seconds spent up to now."""
        times = os.times()
        workers = times.children_user + times.children_system
        return Spent(time.monotonic(), times.user + times.system, workers)

    def since(self, begun: "Spent") -> "Spent":
        """Return the seconds spent between two moments."""
        return Spent(self.clock - begun.clock, self.main - begun.main, self.workers - begun.workers)
