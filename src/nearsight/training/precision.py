"""Whether bfloat16 is fast on this machine, and correct for a network, checked before training."""

import copy
import math
import time
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nearsight.models.small_grids import small_grids_as_products
from nearsight.progress import SILENT, Progress, Stopwatch, duration
from nearsight.shortage import is_shortage

Precision = Literal["float32", "bfloat16"]

# bfloat16 keeps 8 bits. Logits accumulate a few per cent of error; the gradients of a fresh network with
# max-pools and batch norm differ by 15 to 30 %, and it trains as well. The broken builds that this check looks
# for are wrong by their whole size (pytorch #163347).
TOLERANCES = {"logits": 0.1, "gradients": 0.5}

# The processor is asked, not the network: small networks take about as long in both, and other work on the machine
# would change the choice from one run to the next. With a matrix unit, a product of matrices of this side takes a
# fraction of float32's time; with bfloat16 instructions alone it took 1.5 to 2.1 times as long, whatever else ran; a
# processor that emulates it takes 2 to 16 times as long. It is processor time, and of one thread, because threads
# that wait for each other count as busy. The fastest of this many products counts.
_SIDE, _PRODUCTS = 512, 10
# A check that may take longer than this is announced.
SAID_SECONDS = 3.0
# A product may be shorter than the clock can tell.
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


@cache
def slowdown() -> float:
    """Return how many times as long the processor takes for a matrix product in bfloat16 as in float32."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        whole, half = (_seconds_of_product(dtype) for dtype in (torch.float32, torch.bfloat16))
    finally:
        torch.set_num_threads(threads)
    return half / whole


def _seconds_of_product(dtype: torch.dtype) -> float:
    square = torch.ones(_SIDE, _SIDE, dtype=dtype)
    seconds = []
    for _ in range(_PRODUCTS):
        started = time.process_time()
        square @ square
        seconds.append(time.process_time() - started)
    return max(min(seconds), _LEAST_SECONDS)


def choose_precision(
    asked: Literal["auto", "float32", "bfloat16"],
    network: nn.Module,
    images: Tensor,
    timed: bool = True,
    progress: Progress = SILENT,
) -> PrecisionChoice:
    """Choose the precision of a run; `auto` takes bfloat16 if it is fast on this machine and agrees with float32.

    `images` is a normalised batch (B, 3, h, w) on the training device. A processor is asked how fast it multiplies
    matrices, and a GPU whether it has bfloat16. Several processes must make the same choice, so they do not ask
    with `timed=False`. Where it is fast, the network itself runs, forward and backward, in both precisions; its
    logits and gradients are compared by the relative norm of the difference. `progress` is told how long that may
    take if it is more than a few seconds.
    """
    if asked != "auto":
        return PrecisionChoice(asked, "asked for")
    device = images.device.type
    if device == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return PrecisionChoice("float32", "this GPU has no bfloat16")
    asks = device != "cuda" and timed
    if asks and slowdown() > 1:
        return PrecisionChoice(
            "float32", f"this processor takes {slowdown():.1f} times as long for a matrix product in bfloat16"
        )
    watch = Stopwatch()
    reference = _probe(network, images, torch.float32)
    if watch.seconds() > SAID_SECONDS:
        progress.say(
            f"checking on {len(images)} tiles whether bfloat16 is correct here: up to {duration(watch.seconds())}"
        )
    try:
        result = _probe(network, images, torch.bfloat16)
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
    fast = (
        f"this processor multiplies matrices in it {1 / slowdown():.1f} times as fast, and " if asks else ""
    )
    return PrecisionChoice("bfloat16", f"{fast}it is {EXACT}")


def _probe(network: nn.Module, images: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
    twin = copy.deepcopy(network).train()
    logits = _pass(twin, images, dtype)
    gradients = [parameter.grad.flatten() for parameter in twin.parameters() if parameter.grad is not None]
    return {"logits": logits.float(), "gradients": torch.cat(gradients)}


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
