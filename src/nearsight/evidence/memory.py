"""How many inputs a model takes at once within a memory bound, measured on the model itself."""

import weakref
from collections.abc import Callable
from typing import Any

from torch import Tensor, UntypedStorage
from torch.utils._pytree import tree_leaves

from nearsight.allocator import freed_memory_is_kept
from nearsight.evidence.operations import OperationMode

# What a call works on at once, in bytes, unless it says otherwise.
DEFAULT_MEMORY = 512 * 2**20

# Larger batches gain nothing.
LARGEST_BATCH = 8192
# What a batch may keep alive on a CPU. Where the C library hands freed memory back, larger batches wait for the
# system to find and clear it again; where it is kept, they gain nothing: docs/performance.md, log of the engine.
ALIVE_HANDED_BACK = 32 * 2**20
ALIVE_KEPT = 128 * 2**20
LEAST_BATCH_CPU = 8

# What kernels allocate for themselves comes on top of the tensors counted.
KERNEL_SHARE = 1.5

# For callables whose inside PyTorch does not see: a ResNet-18 holds about 60 times the bytes of its input.
UNSEEN_FACTOR = 64


class _LiveBytes(OperationMode):
    """Counts the bytes of the tensors made while a function runs, as many as are alive at once."""

    def __init__(self) -> None:
        super().__init__()
        self.peak: int = 0
        self._live = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        # A view, and a tensor changed in place, has the storage of an argument.
        given = {storage.data_ptr() for storage in _storages((args, kwargs))}
        for storage in _storages(output):
            if storage.data_ptr() not in given:
                size = storage.nbytes()
                weakref.finalize(storage, self._release, size)
                self._live += size
        self.peak = max(self.peak, self._live)
        return output

    def _release(self, size: int) -> None:
        self._live -= size


def _storages(tree: Any) -> list[UntypedStorage]:
    return [leaf.untyped_storage() for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def peak_bytes(run: Callable[[], object]) -> int:
    """Return the most bytes of the tensors made by a function that are alive at once while it runs.

    >>> import torch
    >>> peak_bytes(lambda: torch.zeros(2, 8).sum())
    68
    """
    live = _LiveBytes()
    with live:
        run()
    return live.peak


def fitting_batch(run: Callable[[Tensor], object], example: Tensor, memory: int, *, seen: bool) -> int:
    """Return how many inputs like `example` go through `run` at once within `memory` bytes.

    >>> import torch
    >>> fitting_batch(lambda batch: batch.mean((1, 2, 3)), torch.zeros(3, 4, 4), memory=10_000, seen=True)
    25

    `example` is one input (C, H, W). `run` is called with two of them, and the bytes of all tensors alive at
    once are counted; half as much again is kept for what kernels allocate for themselves, and the batch is
    counted twice, because cutting it takes a copy. Where the inside of `run` cannot be `seen` (it is not
    PyTorch), `UNSEEN_FACTOR` times its input is taken instead. On a CPU no more go at once than keep about
    `ALIVE_KEPT` alive, or `ALIVE_HANDED_BACK` where the process does not keep its freed memory
    (`nearsight.allocator`). Returns at least 1, whatever the bound.
    """
    pair = example.expand(2, *example.shape).contiguous()
    inside = peak_bytes(lambda: run(pair)) / 2
    size = example.nbytes
    if not seen:
        inside = max(inside, UNSEEN_FACTOR * size)
    largest = LARGEST_BATCH
    if example.device.type == "cpu":
        alive = ALIVE_KEPT if freed_memory_is_kept() else ALIVE_HANDED_BACK
        largest = min(largest, max(LEAST_BATCH_CPU, int(alive / inside)))
    return int(min(largest, max(1, memory // (2 * size + KERNEL_SHARE * inside))))
