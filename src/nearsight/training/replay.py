"""Steps of a run on a GPU as one captured graph, so that the processor launches a step and not each kernel."""

from collections.abc import Callable, Hashable

import torch
from torch import Tensor

from nearsight.progress import Progress

# Calls that run normally before one is captured: optimizers create their state and libraries choose their
# kernels.
WARM_UP = 3


class Replay:
    """Runs work on tensors of a GPU: a few times normally, then as the graph of the kernels that it launched.

    A step of a small network on small tiles launches hundreds of kernels of a few microseconds each, and a
    processor takes longer to launch one than a GPU to run it. A captured graph is launched once.

    `work` must do the same for every call with one `key`, read its arguments only from the given tensors, and
    never wait for the GPU. If it cannot be captured, a warning says so and all calls run normally. Source: M. Ng
    et al., "Accelerating PyTorch with CUDA Graphs", 2021.
    """

    def __init__(self, work: Callable[..., None], progress: Progress) -> None:
        self._work, self._progress = work, progress
        self._key: Hashable = None
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: tuple[Tensor, ...] = ()
        self._refused = False

    def __call__(self, key: Hashable, *inputs: Tensor) -> None:
        """Do the work on the inputs; their shapes are the same for every call with one key."""
        if key != self._key:
            self._key, self._calls, self._graph, self._inputs = key, 0, None, ()
        if self._graph is None and self._calls >= WARM_UP and not self._refused:
            self._capture(inputs)
        if self._graph is None:
            self._calls += 1
            self._work(self._key, *inputs)
            return
        for mine, given in zip(self._inputs, inputs, strict=True):
            mine.copy_(given, non_blocking=True)
        self._graph.replay()

    def _capture(self, inputs: tuple[Tensor, ...]) -> None:
        # Capturing runs nothing, so the call with these tensors is still to come.
        self._inputs = tuple(given.clone() for given in inputs)
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(
                graph, stream=torch.cuda.current_stream(), capture_error_mode="thread_local"
            ):
                self._work(self._key, *self._inputs)
        except RuntimeError as error:
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            self._progress.warn(f"steps cannot be captured as a graph and run one kernel at a time: {reason}")
            self._refused, self._inputs = True, ()
            return
        self._graph = graph
