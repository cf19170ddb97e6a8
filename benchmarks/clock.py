"""Timing of one piece of work, and the spread of several."""

import statistics
import time
from collections.abc import Callable, Sequence

import torch


def seconds(work: Callable[[], object], device: torch.device, *, processor: bool = False) -> float:
    """Return the elapsed seconds of work; with `processor`, on a CPU, the seconds of this process's threads.

    Processor time leaves out what other work on a shared core takes. A GPU is waited for.
    """
    clock = time.process_time if processor and device.type == "cpu" else time.perf_counter
    _wait(device)
    started = clock()
    work()
    _wait(device)
    return clock() - started


def ratios(others: Sequence[float], ours: Sequence[float]) -> list[float]:
    """Return ratios turn by turn, so that what slows the machine for a while slows both."""
    return [other / our for other, our in zip(others, ours, strict=True)]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the median with the lowest and the highest."""
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
