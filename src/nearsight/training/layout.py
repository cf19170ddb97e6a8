"""The order in memory that a network is trained in."""

from typing import Any

import torch
from torch import Tensor, nn

from nearsight.models.preprocessing import Size
from nearsight.models.probing import eval_mode, refuses_layout


def lay_out(network: nn.Module, size: Size) -> None:
    """Bring a network to channels-last order, in which convolutions are faster, where it can be run in it.

    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten())
    >>> lay_out(network, (8, 8))
    >>> network[0].weight.is_contiguous()
    False

    One that takes its maps apart with `view` can not: it stays contiguous, and makes its images so.
    """
    network.to(memory_format=torch.channels_last)
    device = next(network.parameters()).device
    images = torch.zeros(2, 3, *size, device=device).contiguous(memory_format=torch.channels_last)
    try:
        with torch.no_grad(), eval_mode(network):
            network(images)
    except RuntimeError as error:
        if not refuses_layout(error):
            raise
        for tensor in (*network.parameters(), *network.buffers()):
            tensor.data = tensor.data.contiguous()
        network.register_forward_pre_hook(_contiguous)


def _contiguous(_network: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(given.contiguous() if isinstance(given, Tensor) else given for given in inputs)
