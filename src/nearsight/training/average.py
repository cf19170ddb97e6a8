"""The average of a network's weights over the steps, for weights that have one."""

from itertools import chain

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class WeightAverage(AveragedModel):
    """An exponential moving average of a network's weights and buffers, from its first update on.

    >>> network = nn.Linear(1, 1, bias=False)
    >>> average = WeightAverage(network, decay=0.5)
    >>> for value in (2.0, 4.0):
    ...     _ = nn.init.constant_(network.weight, value)
    ...     average.update_parameters(network)
    >>> average.module.weight.item()
    3.0

    What is infinite in the network, such as a mask, stays infinite, because a mean of infinities is not a number.
    What is not a floating-point number, such as an index or a count, is the network's, because a mean would be
    rounded down.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        averaging = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        super().__init__(network, multi_avg_fn=averaging, use_buffers=True)
        self._taken = [not value.is_floating_point() for value in _tensors(network)]
        self._masked = [bool(value.isinf().any()) for value in _tensors(network)]

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Add the weights of a step to the average."""
        super().update_parameters(model)
        means, values = _tensors(self.module), _tensors(model)
        for mean, value, taken, masked in zip(means, values, self._taken, self._masked, strict=True):
            if taken:
                mean.copy_(value)
            elif masked:
                mean.copy_(value.where(value.isinf(), mean))


def _tensors(network: nn.Module) -> list[Tensor]:
    return list(chain(network.parameters(), network.buffers()))
