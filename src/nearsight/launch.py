"""How this process was started: alone, as one of many by torchrun or srun, or by one of our trainings."""

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import wraps
from typing import Literal, ParamSpec, TypeVar

from nearsight.errors import InputError, shortened

P = ParamSpec("P")
R = TypeVar("R")

Launcher = Literal["torchrun", "srun"]
# What other launchers set to the number of processes that they start.
_OTHER_LAUNCHERS = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "WORLD_SIZE")
_LONGEST = 9  # digits of a number that a launcher sets


@dataclass(frozen=True)
class Launch:
    """Which of how many processes this one is: its `rank` of `processes`, `local_rank` on its node, `nodes` in all.

    >>> Launch(rank=5, processes=8, local_rank=1, nodes=2, by="torchrun").on_node
    4
    """

    rank: int = 0
    processes: int = 1
    local_rank: int = 0
    nodes: int = 1
    by: Launcher | None = None

    @property
    def first(self) -> bool:
        """Whether this is the process that reports and writes."""
        return self.rank == 0

    @property
    def takes_part(self) -> bool:
        """Whether it shares in joint work; a process that a training started for its steps does not."""
        return self.rank < self.processes

    @property
    def on_node(self) -> int:
        """The processes of each node."""
        return self.processes // self.nodes


ALONE = Launch()
# The command that was typed; empty for what Python calls.
_COMMAND: ContextVar[str] = ContextVar("_COMMAND", default="")
# Work that a process does for itself, whoever started it.
_BY_ITSELF: ContextVar[bool] = ContextVar("_BY_ITSELF", default=False)


def this_launch() -> Launch:
    """Return how this process was started, according to its environment.

    >>> this_launch().processes
    1

    Raises `InputError` for an environment that contradicts itself, and for nodes with unequal numbers of processes.
    """
    launch = read_launch(os.environ)
    return replace(ALONE, local_rank=launch.local_rank) if _BY_ITSELF.get() else launch


@contextmanager
def typed(arguments: Sequence[str]) -> Iterator[None]:
    """While entered, what is made says that a command with these arguments made it.

    >>> with typed(["diagnose", "my runs/a"]):
    ...     this_command()
    "nearsight diagnose 'my runs/a'"
    >>> this_command()
    ''
    """
    # A name of a file may contain what UTF-8 cannot encode.
    written = shlex.join(["nearsight", *arguments]).encode("utf-8", "backslashreplace").decode("utf-8")
    before = _COMMAND.set(written)
    try:
        yield
    finally:
        _COMMAND.reset(before)


def this_command() -> str:
    """Return the command within `typed`, as it can be typed again; empty elsewhere, as for what Python calls."""
    return _COMMAND.get()


@contextmanager
def by_itself() -> Iterator[None]:
    """While entered, this process works alone, on its own device, whoever started it.

    >>> with by_itself():
    ...     this_launch() == ALONE
    True
    """
    before = _BY_ITSELF.set(True)
    try:
        yield
    finally:
        _BY_ITSELF.reset(before)


def read_launch(environment: Mapping[str, str]) -> Launch:
    """Return the launch that an environment describes.

    >>> torchrun = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
    >>> read_launch({"TORCHELASTIC_RUN_ID": "none", **torchrun})
    Launch(rank=3, processes=4, local_rank=1, nodes=2, by='torchrun')
    >>> srun = {"SLURM_PROCID": "1", "SLURM_LOCALID": "1", "SLURM_STEP_NUM_NODES": "1"}
    >>> read_launch({"SLURM_STEP_NUM_TASKS": "2", **srun}).by
    'srun'

    A script within a SLURM allocation is alone; what `srun` starts in it is not. For the processes that a
    training on several devices starts itself, only the rank is known. Raises `InputError` where `this_launch`
    does, and for several processes of another launcher, each of which would do all the work.
    """
    if "TORCHELASTIC_RUN_ID" in environment:
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        rank, processes, local_rank, on_node = (number_in(environment, name) for name in names)
        if processes == 1:
            return ALONE
        if not on_node or processes % on_node:
            raise InputError(
                f"torchrun started {processes} processes, {on_node} of them on this node; start as many on each node"
            )
        return _checked(Launch(rank, processes, local_rank, processes // on_node, "torchrun"))
    if environment.get("SLURM_STEP_NUM_TASKS", "1") != "1" and "SLURM_PROCID" in environment:
        names = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_NUM_NODES")
        rank, processes, local_rank, nodes = (number_in(environment, name) for name in names)
        if not nodes or processes % nodes:
            raise InputError(f"srun started {processes} tasks on {nodes} nodes; start as many on each")
        return _checked(Launch(rank, processes, local_rank, nodes, "srun"))
    # Fabric sets these together for the processes that it starts; a rank alone, as a shell may have kept, is none.
    of_fabric = "WORLD_SIZE" in environment and "NODE_RANK" in environment
    if not of_fabric:
        _refuse_other_launchers(environment)
    if "WORLD_SIZE" not in environment:
        return ALONE
    ranks = [environment.get(name, "0") for name in ("NODE_RANK", "LOCAL_RANK")]
    return ALONE if ranks == ["0", "0"] else Launch(rank=1)


def _refuse_other_launchers(environment: Mapping[str, str]) -> None:
    for name in _OTHER_LAUNCHERS:
        # A number of processes without a rank is a setting for launchers, not the trace of one.
        ranked = name != "WORLD_SIZE" or "RANK" in environment
        if name in environment and ranked and (processes := number_in(environment, name)) > 1:
            raise InputError(
                f"the environment's {name} is {processes}, and neither torchrun nor srun started this process; start "
                f"the {processes} processes with torchrun, or unset {name} to work alone"
            )


def number_in(environment: Mapping[str, str], name: str) -> int:
    """Return the whole number to which an environment sets a name.

    >>> number_in({"MASTER_PORT": "29500"}, "MASTER_PORT")
    29500

    Raises `InputError` if it is none.
    """
    text = environment.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST):
        raise InputError(
            f"the environment's {name} is '{shortened(text)}'; expected a whole number, as the launcher sets it"
        )
    return int(text)


def _checked(launch: Launch) -> Launch:
    if launch.rank >= launch.processes or launch.local_rank >= launch.on_node:
        raise InputError(
            f"the environment says process {launch.rank} of {launch.processes} and {launch.local_rank} of "
            f"{launch.on_node} on this node; expected less than these, as the launcher counts from 0"
        )
    return launch


def in_one_process(verb: Callable[P, R]) -> Callable[P, R]:
    """Make a verb refuse several processes, which would all do the same and overwrite each other's files.

    >>> @in_one_process
    ... def diagnose(run):
    ...     return f"diagnosed {run}"
    >>> diagnose("owls")
    'diagnosed owls'

    Raises `InputError` if this process is one of many.
    """

    @wraps(verb)
    def alone(*values: P.args, **options: P.kwargs) -> R:
        require_one_process(verb.__name__)
        return verb(*values, **options)

    return alone


def require_one_process(what: str) -> None:
    """Raise `InputError` if this process is one of many, for which `what` is not made."""
    launch = this_launch()
    if launch.processes > 1:
        raise InputError(
            f"`{what}` works in one process, and {launch.by} started {launch.processes}; start it alone"
        )
