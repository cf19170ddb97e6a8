"""Running a model on a few inputs to see what it does, without leaving a trace."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

# A logit leaves 0 to 1 this far beyond images, which a probability never does.
_FAR = 1e4
_OF_LAYOUT = (RuntimeError, ValueError, AssertionError)


def probing_tiles(example: Tensor) -> Tensor:
    """Return four tiles that differ widely: the example, noise, and noise far brighter and darker than any image.

    >>> probing_tiles(torch.zeros(3, 8, 8)).shape
    torch.Size([4, 3, 8, 8])
    """
    noise = torch.randn((3, *example.shape), generator=torch.Generator().manual_seed(0))
    noise[1:] += torch.tensor([_FAR, -_FAR]).view(2, 1, 1, 1)
    return torch.cat((example[None], noise.to(example.device, example.dtype)))


def refuses_layout(error: BaseException) -> bool:
    """Say whether a model may have failed because of channels-last order: it uses `view`, or asks for another order.

    >>> maps = torch.zeros(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    >>> try:
    ...     maps.view(2, -1)
    ... except RuntimeError as error:
    ...     refuses_layout(error)
    True
    """
    if isinstance(error, AssertionError) and not str(error):
        return True  # as `assert images.is_contiguous()` says nothing
    return isinstance(error, _OF_LAYOUT) and any(
        word in str(error).lower() for word in ("view size", "contiguous")
    )


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
