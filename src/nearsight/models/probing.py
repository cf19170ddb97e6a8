"""Running a model on a few inputs to see what it does, without leaving a trace."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

# A logit leaves 0 to 1 this far beyond images, which a probability never does.
_FAR = 1e4


def probing_tiles(example: Tensor) -> Tensor:
    """Return four tiles that differ widely: the example, noise, and noise far brighter and darker than any image.

    >>> probing_tiles(torch.zeros(3, 8, 8)).shape
    torch.Size([4, 3, 8, 8])
    """
    noise = torch.randn((3, *example.shape), generator=torch.Generator().manual_seed(0))
    noise[1:] += torch.tensor([_FAR, -_FAR]).view(2, 1, 1, 1)
    return torch.cat((example[None], noise.to(example.device, example.dtype)))


def refuses_layout(error: BaseException) -> bool:
    """Say whether a model failed because it reshapes maps with `view`, which channels-last order does not allow.

    >>> maps = torch.zeros(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    >>> try:
    ...     maps.view(2, -1)
    ... except RuntimeError as error:
    ...     refuses_layout(error)
    True
    """
    return isinstance(error, RuntimeError) and "view size is not compatible" in str(error)


@contextmanager
def eval_mode(model: Any) -> Iterator[None]:
    """Keep a model in eval mode for a while, if it has modes.

    >>> network = nn.Dropout()
    >>> with eval_mode(network):
    ...     network.training
    False
    >>> network.training
    True
    """
    if not isinstance(model, nn.Module) or not any(module.training for module in model.modules()):
        yield
        return
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
