"""How many inputs a model takes at once within a memory bound, measured on the model itself."""

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, UntypedStorage
from torch.utils._pytree import tree_leaves

from nearsight.allocator import freed_memory_is_kept
from nearsight.evidence.operations import OperationMode

# Larger batches gain nothing.
LARGEST_BATCH = 8192
# What a batch may keep alive on a CPU. If the C library hands freed memory back, larger batches wait for the
# system to find and clear it again; if it is kept, they gain nothing: see the log in docs/notebook/evidence.md.
ALIVE_HANDED_BACK = 32 * 2**20
ALIVE_KEPT = 128 * 2**20
LEAST_BATCH_CPU = 8

# What kernels allocate for themselves comes in addition to the counted tensors.
KERNEL_SHARE = 1.5

# At most this part of an input's memory stays when the input gets smaller than any that was measured.
NOT_SHRINKING = 0.25

# The least that is expected of a network, in bytes of its input. Larger inputs are not measured, and go one by
# one.
LEAN_FACTOR = 8

# For callables whose inside PyTorch does not see; a ResNet-18 holds about 60 times the bytes of its input.
UNSEEN_FACTOR = 64


class _LiveBytes(OperationMode):
    """Counts the bytes of the tensors made while a function runs: the most that are alive at once."""

    def __init__(self) -> None:
        super().__init__()
        self.peak: int = 0
        self._live = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        # A view, and a tensor changed in place, share the storage of an argument.
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
    # Sparse tensors have none.
    return [
        leaf.untyped_storage()
        for leaf in tree_leaves(tree)
        if isinstance(leaf, Tensor) and leaf.layout == torch.strided
    ]


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


class Footprints:
    """What one input takes in a model, measured at a few sizes and estimated from these for all others.

    >>> import torch
    >>> footprints = Footprints(seen=True)
    >>> [footprints.fitting(torch.relu, torch.zeros(3, side, side), room=10_000) for side in (4, 5, 12)]
    [(14, True), (9, False), (1, True)]

    A size is measured if it has more than twice the pixels of the largest one measured, and otherwise not. If the
    inside of what runs cannot be `seen` (it is not PyTorch), an input is assumed to take `UNSEEN_FACTOR` times
    its size.
    """

    def __init__(self, seen: bool) -> None:
        self._seen = seen
        self._measured: dict[int, float] = {}

    def fitting(self, run: Callable[[Tensor], object], example: Tensor, room: int) -> tuple[int, bool]:
        """Return how many inputs like `example` go through `run` at once, and whether that had to be measured.

        `example` is one input (C, H, W), and `room` is the number of bytes that all together may take. Measuring
        means calling `run` with two of them and counting the bytes of all tensors alive at once. Half as much
        again is reserved for what kernels allocate for themselves, and the batch is counted twice, because
        cutting it makes a copy. On a CPU, at most as many go at once as keep about `ALIVE_KEPT` alive, or
        `ALIVE_HANDED_BACK` if the process does not keep its freed memory (`nearsight.allocator`). The result is
        at least 1, whatever the room.
        """
        pixels = example.shape[-2] * example.shape[-1]
        probed = pixels > 2 * max(self._measured, default=0)
        if probed:
            least = self._reckoned(pixels) if self._measured else LEAN_FACTOR * example.nbytes
            # Two would be measured, and do not fit.
            if 2 * least > room:
                return 1, False
            self._measured[pixels] = _inside(run, example, self._seen)
        return _within(room, example, self._reckoned(pixels)), probed

    def one(self, run: Callable[[Tensor], object], example: Tensor, measured_side: int) -> tuple[float, bool]:
        """Return about how many bytes a pass over `example` alone takes, and whether something had to be measured.

        This is estimated from smaller sizes; if there are none, from its corner of `measured_side` pixels per
        side. PyTorch must see the inside of what runs.

        >>> import torch
        >>> Footprints(seen=True).one(torch.relu, torch.zeros(3, 100, 100), measured_side=10)
        (240000.0, True)
        """
        probed = not self._measured
        if probed:
            corner = example[..., :measured_side, :measured_side]
            pixels = corner.shape[-2] * corner.shape[-1]
            self._measured[pixels] = _inside(run, corner, self._seen)
        return example.nbytes + self._reckoned(example.shape[-2] * example.shape[-1]), probed

    def _reckoned(self, pixels: int) -> float:
        sizes = sorted(self._measured)
        above = next((size for size in sizes if size >= pixels), None)
        below = next((size for size in reversed(sizes) if size <= pixels), None)
        if below is None and above is not None:
            # What does not shrink with the image, such as wide layers at the end, is a small part.
            return self._measured[above] * (NOT_SHRINKING + (1 - NOT_SHRINKING) * pixels / above)
        assert below is not None
        if above is None:
            return self._measured[below] * pixels / below
        if above == below:
            return self._measured[above]
        part = (pixels - below) / (above - below)
        return (1 - part) * self._measured[below] + part * self._measured[above]


def _inside(run: Callable[[Tensor], object], example: Tensor, seen: bool) -> float:
    pair = example.expand(2, *example.shape).contiguous()
    inside = peak_bytes(lambda: run(pair)) / 2
    return inside if seen else max(inside, UNSEEN_FACTOR * example.nbytes)


def _within(room: int, example: Tensor, inside: float) -> int:
    largest = LARGEST_BATCH
    if example.device.type == "cpu":
        alive = ALIVE_KEPT if freed_memory_is_kept() else ALIVE_HANDED_BACK
        largest = min(largest, max(LEAST_BATCH_CPU, int(alive / max(1, inside))))
    return int(min(largest, max(1, room // (2 * example.nbytes + KERNEL_SHARE * inside))))
