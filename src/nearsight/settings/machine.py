"""Where and how a run is carried out."""

import ast
import os
import sys
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from nearsight.errors import InputError, unknown_name
from nearsight.launch import this_launch
from nearsight.numbers import settle_numbers

if TYPE_CHECKING:
    import torch

Device = Literal["auto", "cpu", "cuda", "mps"]
# Where the rows of a run go in addition to its directory; the name is that of the package and of the extra.
LoggerName = Literal["wandb", "mlflow"]


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where and how a run is carried out; this is not meant to change what is learned.

    >>> Machine(device="cpu", workers=2).decoding_workers()
    2

    `device` is auto, cpu, cuda or mps, and `devices` the number of processes. `workers` is the number of processes
    that decode images of sets not held in memory (None: one per core, at most 16, shared between the processes of
    a node). With `sync_batch_norm`, the BatchNorm of several processes has the statistics of the whole batch, as in
    one process, instead of each process's part (None: on GPUs, where PyTorch can). A checkpoint is written every
    `checkpoint_seconds`. `log` names where else the rows of metrics go, "wandb" or "mlflow".

    Raises `InputError` for another name in `log`, or for one whose package is not installed.
    """

    device: Device = "auto"
    devices: int = 1
    workers: int | None = None
    sync_batch_norm: bool | None = None
    checkpoint_seconds: float = 60.0
    log: tuple[LoggerName, ...] = ()

    def __post_init__(self) -> None:
        settle_numbers(self)
        object.__setattr__(self, "log", _logger_names(self.log))

    def torch_device(self) -> "torch.device":
        """Return the device of this machine, CUDA or MPS first if `device` is auto.

        >>> Machine(device="cpu").torch_device()
        device(type='cpu')

        If a node has several processes, each has its own GPU. Raises `InputError` if the requested device does
        not exist.
        """
        import torch

        there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
        name = next(name for name, here in there.items() if here) if self.device == "auto" else self.device
        if not there[name]:
            raise InputError(f"device {name} is not available on this machine; give `device='auto'`")
        if name != "cuda":
            return torch.device(name)
        launch, count = this_launch(), torch.cuda.device_count()
        # All processes of a node refuse alike, so that the first of all can say why.
        if (needed := max(launch.on_node, launch.local_rank + 1)) > count:
            shown = (
                "; ask srun for GPUs by node, so that each process sees all of them"
                if launch.by == "srun"
                else ""
            )
            raise InputError(
                f"{needed} processes on a node need as many GPUs, and this one sees {count}; start as many as there "
                f"are, or give `device='cpu'`{shown}"
            )
        return torch.device(name, launch.local_rank) if launch.local_rank else torch.device(name)

    def launched(self) -> "Machine":
        """Return this machine with as many processes as torchrun or srun started, if one of them did.

        >>> Machine(devices=2).launched().devices
        2

        Raises `InputError` if `devices` says another number.
        """
        launch = this_launch()
        if launch.by is None:
            return self
        if self.devices not in (1, launch.processes):
            raise InputError(
                f"{launch.by} started {launch.processes} processes and `devices` is {self.devices}; leave it out"
            )
        return replace(self, devices=launch.processes)

    def decoding_workers(self) -> int:
        """Return the number of processes that decode a streaming set.

        >>> Machine(workers=3).decoding_workers()
        3

        0, which means this process alone, if processes are started anew (`spawn`, `forkserver`) by a script that
        would run again in each, because it has no `if __name__ == "__main__"`; a warning says so.
        """
        if self.workers == 0:
            return 0
        script = unguarded_script()
        if script is not None:
            warnings.warn(
                f"{script} has no `if __name__ == '__main__':`, and worker processes start by running it again, so "
                "images are decoded in this process alone; put what the script does under that line",
                stacklevel=2,
            )
            return 0
        if self.workers is not None:
            return self.workers
        # A container or a batch system may grant fewer cores than the machine has.
        granted = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(16, max(1, granted // this_launch().on_node))


def _logger_names(given: Iterable[LoggerName]) -> tuple[LoggerName, ...]:
    if isinstance(given, str):
        raise InputError(f"`log` takes a tuple of names, got '{given}'; give `log=('{given}',)`")
    names = tuple(dict.fromkeys(given))
    for name in names:
        if name not in get_args(LoggerName):
            raise unknown_name("log", name, get_args(LoggerName))
        # A directory of that name, in which wandb keeps its runs, is found too, but it has no file of its own.
        found = find_spec(name)
        if found is None or found.origin is None:
            raise InputError(f"`log` needs {name}, which is not installed; pip install 'nearsight[{name}]'")
    return names


def unguarded_script() -> str | None:
    """Return the script that a newly started process would run again as a whole, None if there is none.

    >>> unguarded_script() is None
    True
    """
    # Imported here, because it is no small part of the standard library.
    import multiprocessing

    method = multiprocessing.get_start_method(allow_none=True) or multiprocessing.get_all_start_methods()[0]
    if method == "fork":
        return None
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if script is None:
        return None
    try:
        tree = ast.parse(Path(script).read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return None
    return None if any(map(_is_guard, tree.body)) else str(script)


def _is_guard(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.If):
        return False
    names = {node.id for node in ast.walk(statement.test) if isinstance(node, ast.Name)}
    values = {node.value for node in ast.walk(statement.test) if isinstance(node, ast.Constant)}
    return "__name__" in names and "__main__" in values
