"""The order in memory in which a network is trained."""

from typing import Any

import torch
from torch import Tensor, nn

from nearsight.models.preprocessing import Size
from nearsight.models.probing import eval_mode, refuses_layout

# The widest register, of 512 bits, holds this many floats.
NARROW = 16
COLOURS = 4


def lay_out(network: nn.Module, size: Size) -> None:
    """Bring a network to channels-last order, in which convolutions are faster, if it can run in it.

    >>> network = nn.Sequential(nn.Conv2d(3, 16, 3), nn.Flatten())
    >>> lay_out(network, (8, 8))
    >>> network[0].weight.is_contiguous()
    False

    A network that reshapes its maps with `view` cannot: it stays contiguous, and so do its images. The same holds
    for narrow convolutions on a processor (`is_narrow`).
    """
    device = next(network.parameters()).device
    if device.type == "cpu" and is_narrow(network):
        _keep_contiguous(network)
        return
    network.to(memory_format=torch.channels_last)
    images = torch.zeros(2, 3, *size, device=device).contiguous(memory_format=torch.channels_last)
    try:
        with torch.no_grad(), eval_mode(network):
            network(images)
    except Exception as error:
        if not refuses_layout(error):
            raise
        _keep_contiguous(network)


def is_narrow(network: nn.Module) -> bool:
    """Say whether a network has a convolution over several pixels with fewer than 16 channels, except its first.

    >>> is_narrow(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 32, 3)))
    True
    >>> is_narrow(nn.Sequential(nn.Conv2d(3, 16, 3), nn.Conv2d(16, 32, 3), nn.Conv2d(32, 4, 1)))
    False

    In channels-last order, PyTorch's backward pass of networks with 8 channels has crashed or damaged the heap on
    a processor, in three versions. It does not do so on every processor: with AVX2 alone, 1 to 32 channels pass,
    with kernels of 1, 2, 3 and 5 pixels, in float32 and bfloat16. So channels-last is not used for convolutions
    whose channels do not fill a register.
    """
    return any(
        min(part.out_channels, part.in_channels if part.in_channels > COLOURS else NARROW) < NARROW
        for part in network.modules()
        if isinstance(part, nn.Conv2d) and max(part.kernel_size) > 1
    )


def _keep_contiguous(network: nn.Module) -> None:
    for tensor in (*network.parameters(), *network.buffers()):
        tensor.data = tensor.data.contiguous()
    network.register_forward_pre_hook(_contiguous)


def _contiguous(_network: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(given.contiguous() if isinstance(given, Tensor) else given for given in inputs)
