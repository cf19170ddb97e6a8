"""The processes of a launch work together: each does its share, and all get what each found."""

import atexit
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

from nearsight.errors import InputError, first_line
from nearsight.launch import ALONE, Launch, this_launch

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
    from torch.distributed.distributed_c10d import Store

R = TypeVar("R")
T = TypeVar("T")

# How long the first processes wait for the last ones to start.
STARTING = timedelta(minutes=30)
# One process may work for hours while the others wait; one that ends is noticed at once.
WAITING = timedelta(days=30)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class _Failed:
    """Bad input that one process found."""

    said: str


class _RefusedByAllError(InputError):
    """Bad input that all processes raise at the same place, so that none waits for another."""


class _LostError(InputError):
    """The end of a process that cannot go on without another one."""


@dataclass(frozen=True)
class Processes:
    """All processes of a launch, seen from one of them.

    >>> Processes().each(lambda: "done")
    ['done']
    >>> Processes(Launch(rank=1, processes=3)).share(10)
    range(3, 6)
    >>> Processes(Launch(rank=1, processes=2)).share(10, block=4)
    range(4, 10)
    """

    launch: Launch = ALONE

    @property
    def first(self) -> bool:
        """Whether this is the process that reports and writes."""
        return self.launch.first

    @property
    def _place(self) -> tuple[int, int]:
        # A process that a training started for its steps does everything else itself.
        return (self.launch.rank, self.launch.processes) if self.launch.takes_part else (0, 1)

    def share(self, count: int, block: int = 1) -> range:
        """Return which of this many things belong to this process: whole blocks of them, without overlap or loss."""
        rank, processes = self._place
        blocks = -(-count // block)
        start, stop = (min(count, blocks * place // processes * block) for place in (rank, rank + 1))
        return range(start, stop)

    def rounds(self, count: int, block: int) -> list[range]:
        """Return which of this many things belong to this process in each round, if blocks are dealt out one by one.

        >>> Processes(Launch(rank=1, processes=2)).rounds(10, block=4)
        [range(4, 8), range(10, 10)]

        After every round, all processes together have done all things up to some place, in order.
        """
        rank, processes = self._place
        blocks = -(-count // block)
        dealt = (turn * processes + rank for turn in range(-(-blocks // processes)))
        return [range(min(count, one * block), min(count, (one + 1) * block)) for one in dealt]

    def dealt(self, things: Sequence[T]) -> Sequence[T]:
        """Return those of some things that belong to this process: every so many-th of them.

        >>> Processes(Launch(rank=1, processes=3)).dealt("abcdefgh")
        'beh'
        """
        rank, processes = self._place
        return things[rank::processes]

    def for_each(self, things: Sequence[T], work: Callable[[T], R]) -> list[R]:
        """Do something for each of some things, dealt out to the processes, and return what was found, in order.

        >>> Processes().for_each("abc", str.upper)
        ['A', 'B', 'C']

        What is found is sent to every process. Raises where `each` does.
        """

        @wraps(work)
        def own() -> list[R]:
            return [work(one) for one in self.dealt(things)]

        found, (_, processes) = self.each(own), self._place
        return [found[number % processes][number // processes] for number in range(len(things))]

    def each(self, work: Callable[[], R]) -> list[R]:
        """Do this process's work, wait for the others, and return what all found, in the order of their ranks.

        The results are sent to every process. Raises `InputError` in all of them for bad input that one has
        found, or because one has ended; anything else is raised only where it happened.
        """
        if self.launch.processes == 1:
            return [work()]
        try:
            found: R | _Failed = work()
        except InputError as error:
            found = _Failed(str(error))
        every = self._sent_to_all(found, getattr(work, "__qualname__", type(work).__name__))
        failed = {rank: one.said for rank, one in enumerate(every) if isinstance(one, _Failed)}
        if failed:
            rank, said = next(iter(failed.items()))
            alike = len(failed) == len(every) and len(set(failed.values())) == 1
            raise _RefusedByAllError(said if alike else f"process {rank} of {len(every)}: {said}")
        return [one for one in every if not isinstance(one, _Failed)]

    def first_does(self, work: Callable[[], R]) -> R | None:
        """Let the first process do something while the others wait, and return its result there.

        Raises in all of them where `each` does.
        """
        found: list[R] = []
        self.each(lambda: found.append(work()) if self.first else None)
        return found[0] if found else None

    def _sent_to_all(self, found: R | _Failed, what: str) -> list[R | _Failed]:
        from torch import distributed

        every: list[tuple[str, R | _Failed]] = [("", _Failed(""))] * self.launch.processes
        with told_of_lost_processes(self.launch.processes):
            distributed.all_gather_object(every, (what, found))
        if len({name for name, _ in every}) > 1:
            names = ", ".join(name for name, _ in every)
            raise AssertionError(f"the processes came to different places: {names}")
        return [one for _, one in every]


@dataclass
class _Connection:
    """Which process is connected to others, and whether it came to the end of all that they did together."""

    process: int | None = None
    in_order: bool = True

    def close(self) -> None:
        """Leave the others at the end of this process, before Python takes down what threads of the connection use.

        After an error or a signal the connection stays as it is: something may still be on its way to a process
        that hangs, and closing it would wait for that. So it does in a process that was forked from this one.
        """
        from torch import distributed

        if self.process == os.getpid() and self.in_order and distributed.is_initialized():
            # All is done; what a library says of others that have ended already helps nobody.
            with suppress(RuntimeError):
                distributed.destroy_process_group()


ONE_PROCESS = Processes()
_CONNECTION = _Connection()
# The processes within `all_processes`, which all reach what they do there.
_HERE: ContextVar[Processes] = ContextVar("_HERE", default=ONE_PROCESS)


@contextmanager
def told_of_lost_processes(processes: int, way_out: str = "") -> Iterator[None]:
    """Turn an error because one of several processes has ended into an `InputError` of one line.

    >>> with told_of_lost_processes(4, "; `resume=True` continues"):
    ...     raise RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:30111")
    Traceback (most recent call last):
    nearsight.together._LostError: one of the 4 processes has ended, and the others cannot go on without it; what it \
said, or the launcher's summary, tells why; `resume=True` continues

    `way_out` is the end of the message. Other errors pass.
    """
    try:
        yield
    except RuntimeError as error:
        if processes == 1 or not _is_of_a_connection(error):
            raise
        raise _LostError(
            f"one of the {processes} processes has ended, and the others cannot go on without it; what it said, or "
            f"the launcher's summary, tells why{way_out}"
        ) from error


def _is_of_a_connection(error: RuntimeError) -> bool:
    from torch import distributed

    # The connection to a process is closed when it ends. Gloo's errors have no type of their own.
    return isinstance(error, distributed.DistError) or "gloo" in str(error)


@contextmanager
def all_processes() -> Iterator[Processes]:
    """Give all processes of this launch, connected; a process that was started alone is the only one.

    >>> with all_processes() as processes:
    ...     processes.first, list(processes.share(3))
    (True, [0, 1, 2])

    All of them must call this. Raises `InputError` for an environment that contradicts itself.
    """
    launch = this_launch()
    if launch.processes > 1:
        _connect(launch)
    processes = Processes(launch)
    before = _HERE.set(processes)
    try:
        yield processes
    except _RefusedByAllError:
        raise
    except BaseException:
        _CONNECTION.in_order = False
        raise
    finally:
        _HERE.reset(before)


def processes_here() -> Processes:
    """Return the processes that work together here; outside `all_processes`, each is alone.

    >>> processes_here() == ONE_PROCESS
    True
    """
    return ONE_PROCESS if this_launch().processes == 1 else _HERE.get()


def only_known_here(error: BaseException) -> bool:
    """Whether an error may be known to this one of several connected processes alone, so that no other reports it.

    >>> only_known_here(InputError("no such file"))
    False
    """
    connected = _CONNECTION.process == os.getpid()
    return connected and not _CONNECTION.in_order and not isinstance(error, _LostError)


def environment_of(launch: Launch) -> "ClusterEnvironment":
    """Return what tells Fabric about a launch, so that it need not guess: by torchrun, by srun, or by itself."""
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    from nearsight.srun_step import SrunStep

    if launch.by is None:
        return LightningEnvironment()
    return TorchElasticEnvironment() if launch.by == "torchrun" else SrunStep(launch)


def connect(fabric: "Fabric") -> None:
    """Let Fabric connect the processes of a launch, or start them; they part again where all has gone well."""
    fabric.launch()
    if fabric.world_size > 1:
        _part_at_the_end()


def _part_at_the_end() -> None:
    if _CONNECTION.process != os.getpid():
        _CONNECTION.process, _CONNECTION.in_order = os.getpid(), True
        # Not earlier: a process cannot be connected twice, and the next run needs the others too.
        atexit.register(_CONNECTION.close)


def _connect(launch: Launch) -> None:
    """Connect the processes of a launch, once: they stay connected to their end, for a training too."""
    from torch import cuda, distributed

    if distributed.is_initialized():
        return
    environment = environment_of(launch)
    address, port = environment.main_address, str(environment.main_port)
    os.environ |= {"MASTER_ADDR": address, "MASTER_PORT": port}
    # Plain values go over gloo, whatever the device; gradients over NCCL if available.
    backend = "cpu:gloo,cuda:nccl" if cuda.is_available() and distributed.is_nccl_available() else "gloo"
    try:
        store = _where_all_are(launch)
        distributed.init_process_group(
            backend, store=store, rank=launch.rank, world_size=launch.processes, timeout=WAITING
        )
    except (distributed.DistError, ValueError) as error:
        said, place = first_line(error), f"{address}:{port}"
        if "timed out" in said.lower() or "timeout" in said.lower():
            raise InputError(
                f"the {launch.processes} processes did not all meet at {place} within {STARTING // MINUTE} minutes: "
                f"{said}; look for those that did not start, or cannot reach that address, and start all again"
            ) from error
        raise InputError(
            f"the {launch.processes} processes cannot be connected at {place}: {said}; if something "
            "else uses this port, set MASTER_PORT to a free one"
        ) from error
    _part_at_the_end()


def _where_all_are(launch: Launch) -> "Store":
    """Return where all processes of a launch have met; raises PyTorch's `DistError` if one does not come in time."""
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    found, _, _ = next(rendezvous("env://", launch.rank, launch.processes, timeout=STARTING))
    store = PrefixStore("nearsight", found)
    store.set(str(launch.rank), "")
    store.wait([str(rank) for rank in range(launch.processes)], STARTING)
    # From here on, what is asked of it waits for their work.
    found.set_timeout(WAITING)
    return store
