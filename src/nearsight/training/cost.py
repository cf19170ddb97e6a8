"""What a run costs: floating-point operations and peak memory."""

import contextlib
import copy
import resource
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nearsight.settings import Recipe
from nearsight.training.muon import Muon, as_matrix, orthogonalise
from nearsight.training.optimizers import build_optimizers

_PEAK_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


def count_flops(network: nn.Module, size: tuple[int, int]) -> int:
    """Count the floating-point operations of one image's forward and backward pass.

    >>> count_flops(nn.Sequential(nn.Flatten(), nn.Linear(12, 5)), (2, 2))
    240

    A multiply-add is two operations. Matrix products and convolutions are counted, element-wise work is not. The
    network is left as it was. (A first layer needs no gradient of its input: 2 × 2 × 12 × 5 above.)
    """
    twin = copy.deepcopy(network).train()
    parameter = next(twin.parameters())
    images = torch.zeros(2, 3, *size, device=parameter.device)
    with torch.random.fork_rng(devices=[]), FlopCounterMode(display=False) as counter:
        logits = twin(images)
        F.cross_entropy(logits, torch.zeros(2, dtype=torch.int64, device=logits.device)).backward()  # type: ignore[no-untyped-call]
    return int(counter.get_total_flops()) // 2


def count_optimizer_flops(network: nn.Module, recipe: Recipe) -> int:
    """Count the floating-point operations of one step of a recipe's optimizers, whatever the batch.

    >>> count_optimizer_flops(nn.Conv2d(3, 4, 1), Recipe(optimizer="muon"))
    594

    Counted as in `count_flops`: for Muon the products of its Newton–Schulz iteration; for SGD and AdamW, which
    work element by element, none. The network is left as it was. (Three iterations of 2 × 3 × 3 × (4 + 3 + 4)
    above, and the filters, 4 × 3, on their side, 3 × 4.)
    """
    # Without values, because only the shapes of the products count.
    optimizers = build_optimizers(copy.deepcopy(network).to("meta"), recipe)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        for group in (one for each in optimizers if isinstance(each, Muon) for one in each.param_groups):
            for parameter in group["params"]:
                orthogonalise(as_matrix(parameter))
    return int(counter.get_total_flops())


def reset_peak_memory() -> None:
    """Start a new measurement of peak memory if the system can (Linux, CUDA)."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    # Absent outside Linux, and not accessible in some containers.
    with contextlib.suppress(OSError):
        _PEAK_RESET.write_text("5")


def peak_memory(device: torch.device) -> int:
    """Return the peak memory in bytes: the GPU's on CUDA, otherwise this process's resident set.

    If the system cannot reset its mark (macOS), it is the peak since the process began.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
