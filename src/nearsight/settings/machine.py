"""Where and how a run is carried out."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nearsight.errors import InputError
from nearsight.numbers import settle_numbers

if TYPE_CHECKING:
    import torch

Device = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where and how a run is carried out; nothing here is meant to change what is learned.

    >>> Machine(device="cpu", workers=2).decoding_workers()
    2

    `device` is auto, cpu, cuda or mps; `devices` the number of processes; `workers` the decoding processes of
    a set that streams (None: one a core, at most 16); a checkpoint is written every `checkpoint_seconds`.
    """

    device: Device = "auto"
    devices: int = 1
    workers: int | None = None
    checkpoint_seconds: float = 60.0

    def __post_init__(self) -> None:
        settle_numbers(self)

    def torch_device(self) -> "torch.device":
        """Return the device of this machine, CUDA or MPS first where `device` is auto.

        Raises `InputError` when the device asked for is not there.
        """
        import torch

        there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
        if self.device == "auto":
            return torch.device(next(name for name, available in there.items() if available))
        if not there[self.device]:
            raise InputError(f"device {self.device} is not available on this machine; take `device='auto'`")
        return torch.device(self.device)

    def decoding_workers(self) -> int:
        """Return the number of processes that decode a set that streams."""
        if self.workers is not None:
            return self.workers
        # A container or a batch system may grant fewer cores than the machine has.
        granted = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(16, granted)
