"""Whether bfloat16 is correct and fast on this machine, checked against float32 before training."""

import copy
import math
import time
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nearsight.models.small_grids import small_grids_as_products
from nearsight.progress import SILENT, Progress, duration
from nearsight.shortage import is_shortage

Precision = Literal["float32", "bfloat16"]

# bfloat16 keeps 8 bits. Logits accumulate a few per cent of error; the gradients of a fresh network with
# max-pools and batch norm differ by 15 to 30 %, and it trains as well. The broken builds that this check looks
# for are wrong by their whole size (pytorch #163347).
TOLERANCES = {"logits": 0.1, "gradients": 0.5}

# Processors with bfloat16 instructions take 0.1 to 1.2 times as long as in float32; those that emulate it take 2 to
# 16 times. The bound lies between. Other work on the machine must not change the choice from one run to the next.
# So the time is processor time, and of one thread, because threads that wait for each other count as busy. A GPU
# has no such clock, but it says itself whether it emulates bfloat16.
SLOWEST = 1.5
EMULATED = 16
# Each precision is timed by the fastest of this many passes.
PASSES = 3
# A check that may take longer than this is announced.
SAID_SECONDS = 3.0
# A pass may be shorter than the clock can tell.
_LEAST_SECONDS = 1e-6
EXACT = "as exact as bfloat16 should be"


@dataclass(frozen=True)
class PrecisionChoice:
    """The precision in which a run trains, and why."""

    precision: Precision
    reason: str

    @property
    def dtype(self) -> torch.dtype:
        """The torch dtype of the forward and backward pass."""
        return torch.bfloat16 if self.precision == "bfloat16" else torch.float32


def choose_precision(
    asked: Literal["auto", "float32", "bfloat16"],
    network: nn.Module,
    images: Tensor,
    timed: bool = True,
    progress: Progress = SILENT,
) -> PrecisionChoice:
    """Choose the precision of a run; `auto` takes bfloat16 if it agrees with float32 here and is not emulated.

    `images` is a normalised batch (B, 3, h, w) on the training device. The check runs the network itself, forward
    and backward, in both precisions and compares logits and gradients by the relative norm of the difference.
    Several processes must make the same choice, so they ignore the clock with `timed=False`; on a GPU it is always
    ignored. `progress` is told how long a check of more than a few seconds may take.
    """
    if asked != "auto":
        return PrecisionChoice(asked, "asked for")
    device = images.device.type
    if device == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return PrecisionChoice("float32", "this GPU has no bfloat16")
    reference, slow = _probe(network, images, torch.float32)
    longest = PASSES * EMULATED * slow
    if longest > SAID_SECONDS:
        progress.say(
            f"checking on {len(images)} tiles whether bfloat16 is correct and fast here: up to "
            f"{duration(longest)} if the processor emulates it"
        )
    try:
        result, quick = _probe(network, images, torch.bfloat16)
    except RuntimeError as error:
        if is_shortage(error):
            raise
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        return PrecisionChoice("float32", f"bfloat16 fails here: {reason}")
    errors = {name: _difference(result[name], reference[name]) for name in reference}
    worst = max(errors, key=lambda name: errors[name] / TOLERANCES[name])
    if not errors[worst] <= TOLERANCES[worst]:
        return PrecisionChoice(
            "float32",
            f"bfloat16 {worst} differ from float32 by {errors[worst]:.1%}, more than {TOLERANCES[worst]:.0%}",
        )
    if device == "cuda":
        return PrecisionChoice("bfloat16", f"this GPU has it, and it is {EXACT}")
    if timed and quick > SLOWEST * slow:
        return PrecisionChoice("float32", f"bfloat16 takes {quick / slow:.1f} times as long here")
    return PrecisionChoice("bfloat16", f"{slow / quick:.1f} times as fast as float32 here, and {EXACT}")


def _probe(network: nn.Module, images: Tensor, dtype: torch.dtype) -> tuple[dict[str, Tensor], float]:
    twin = copy.deepcopy(network).train()
    device = images.device
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    threads, seconds = torch.get_num_threads(), []
    torch.set_num_threads(1)
    try:
        for _ in range(PASSES):
            twin.zero_grad(set_to_none=True)
            started = clock()
            logits = _pass(twin, images, dtype)
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds.append(clock() - started)
    finally:
        torch.set_num_threads(threads)
    gradients = [parameter.grad.flatten() for parameter in twin.parameters() if parameter.grad is not None]
    return {"logits": logits.float(), "gradients": torch.cat(gradients)}, max(min(seconds), _LEAST_SECONDS)


def _pass(network: nn.Module, images: Tensor, dtype: torch.dtype) -> Tensor:
    device = images.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(0)  # dropout must drop the same in both precisions
        autocast = torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32)
        with autocast, small_grids_as_products(device, dtype):
            logits: Tensor = network(images)
            wanted = torch.arange(len(images), device=device) % logits.shape[1]
            loss = F.cross_entropy(logits, wanted)
    loss.backward()  # type: ignore[no-untyped-call]
    return logits.detach()


def _difference(result: Tensor, reference: Tensor) -> float:
    scale = float(reference.norm())
    if scale == 0.0:
        return math.inf if float(result.norm()) else 0.0
    difference = float((result - reference).norm()) / scale
    return math.inf if math.isnan(difference) else difference
