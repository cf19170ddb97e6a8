"""Whether any process of a run is to stop, agreed on while the next step runs."""

from typing import Any

import torch

from nearsight.together import WAITING


class StopVote:
    """Lets all processes of a run stop at the same step, so that none waits for another.

    >>> vote = StopVote(processes=1)
    >>> vote.cast(False), vote.cast(True)
    (False, True)

    What a process says after a step is sent to the others during the next one, and is known to all after that, so
    no step waits for it. It goes over gloo, whatever gradients go over. A process alone knows at once. All
    `processes` must cast equally often, and `close` at the end.
    """

    def __init__(self, processes: int) -> None:
        self._group: Any = None
        self._said = torch.zeros(1, dtype=torch.int32)
        self._sending: Any = None
        if processes > 1:
            from torch import distributed

            self._group = distributed.new_group(backend="gloo", timeout=WAITING)

    def cast(self, stop: bool) -> bool:
        """Say whether this process is to stop, and return whether any said so after the step before."""
        if self._group is None:
            return stop
        from torch import distributed

        if self.close():
            return True
        self._said.fill_(int(stop))
        self._sending = distributed.all_reduce(
            self._said, op=distributed.ReduceOp.MAX, group=self._group, async_op=True
        )
        return False

    def close(self) -> bool:
        """Wait for what was said last, and return whether any process was to stop."""
        if self._sending is None:
            return False
        self._sending.wait()
        self._sending = None
        return bool(self._said)
