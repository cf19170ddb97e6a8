"""The machine on which a run was made, and the versions used."""

import os
import platform
from importlib.metadata import version
from typing import Any

import torch

_VERSIONS = ("nearsight", "torch", "timm", "lightning-fabric", "datasets")


def trained_here(device: torch.device, processes: int = 1, batch_norm: str | None = None) -> dict[str, Any]:
    """Return what result.json says about the hardware and the versions of a training.

    `batch_norm` says from which images BatchNorm took its statistics in several processes, None if that does not
    arise.

    >>> trained_here(torch.device("cpu"))["hardware"]["device"]
    'cpu'
    """
    return {
        "hardware": {
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
            "processes": processes,
            **({} if batch_norm is None else {"batch_norm": batch_norm}),
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "system": platform.system(),
        },
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _VERSIONS},
    }
