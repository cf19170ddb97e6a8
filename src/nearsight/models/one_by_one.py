"""Models that take one image at a time, as models of batches."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from nearsight.models.outputs import WHOLE, SharedFunction, output_tensors
from nearsight.shortage import is_shortage

Found = TypeVar("Found")

NOTE = "the model takes one image at a time, so tiles and images are passed one by one, which takes longer"


class OneByOne(nn.Module):
    """A model that is given a batch image by image; it returns the outputs of all, by name if there are several.

    >>> def model(images):
    ...     [image] = images
    ...     return image.mean((1, 2))[None]
    >>> OneByOne(model)(torch.ones(2, 3, 8, 8)).shape
    torch.Size([2, 3])

    Copies share a model that is not a module.
    """

    def __init__(self, model: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.model = model if isinstance(model, nn.Module) else SharedFunction(model)
        self.training = self.model.training

    def forward(self, images: Tensor) -> Any:
        """Return what the model returns, with a row an image."""
        if len(images) < 2:
            return self.model(images)
        each = [output_tensors(self.model(image)) for image in torch.split(images, 1)]
        # What has no rows is the same for every image.
        found = {
            name: torch.cat([one[name] for one in each]) if first.ndim else first
            for name, first in each[0].items()
        }
        return found[WHOLE] if found.keys() == {WHOLE} else found


def in_batches(model: Callable[[Tensor], Any], attempt: Callable[[Callable[[Tensor], Any]], Found]) -> Found:
    """Return what an attempt to run a model on a batch gives; if it fails, the same with the images one by one.

    >>> def model(images):
    ...     [image] = images
    ...     return image.mean((1, 2))[None]
    >>> in_batches(model, lambda able: able(torch.ones(2, 3, 8, 8)).shape)
    torch.Size([2, 3])

    Raises what the attempt raised at first if both fail, and at once if memory was short.
    """
    try:
        return attempt(model)
    except Exception as error:
        if is_shortage(error):
            raise
        try:
            return attempt(OneByOne(model))
        except Exception as second:
            # A model may raise anything; what it said of the batch is what its user knows.
            raise (second if is_shortage(second) else error) from None


def takes_one(model: Any) -> bool:
    """Say whether a model is given its images one by one.

    >>> takes_one(OneByOne(abs)), takes_one(abs)
    (True, False)
    """
    return isinstance(model, nn.Module) and any(isinstance(part, OneByOne) for part in model.modules())
