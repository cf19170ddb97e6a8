"""A model outside PyTorch: an ONNX Runtime session, run on batches of any size."""

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from nearsight.errors import InputError


@runtime_checkable
class OnnxSession(Protocol):
    """What is used of an `onnxruntime.InferenceSession`."""

    def get_inputs(self) -> list[Any]:
        """Return the inputs, with their `name` and `shape`."""

    def run(self, output_names: None, input_feed: dict[str, Any]) -> list[Any]:
        """Return all outputs for arrays by input name."""


def run_session(session: OnnxSession, inputs: Tensor) -> Tensor:
    """Return the first output of a session for a batch of images (B, C, H, W), on the CPU.

    >>> class Input:
    ...     name, shape = "images", [2, 3, "height", "width"]
    >>> class Means:  # as a session exported for batches of two
    ...     def get_inputs(self):
    ...         return [Input]
    ...     def run(self, output_names, input_feed):
    ...         return [input_feed["images"].mean((2, 3))]
    >>> run_session(Means(), torch.ones(5, 3, 4, 4)).shape
    torch.Size([5, 3])

    A session whose batch is of one fixed size gets batches of that size, the last one filled up with zeros.
    Raises `InputError` for a session of several inputs, or one exported for images of another size.
    """
    wanted = session.get_inputs()
    if len(wanted) != 1:
        raise InputError(f"the session takes {len(wanted)} inputs; expected one, images of (B, 3, H, W)")
    [images] = wanted
    for side, name, given in zip(
        images.shape[1:], ("channels", "height", "width"), inputs.shape[1:], strict=True
    ):
        if isinstance(side, int) and side != given:
            raise InputError(
                f"the session was exported for images of {name} {side}, but tiles have {given}; "
                f"give tiles of that size or export it with a free {name}"
            )
    array = inputs.cpu().contiguous()
    batch = images.shape[0] if isinstance(images.shape[0], int) else len(array)
    outputs = []
    for part in torch.split(array, batch):
        missing = batch - len(part)
        full = torch.cat((part, part.new_zeros(missing, *part.shape[1:]))) if missing else part
        output = torch.as_tensor(session.run(None, {images.name: full.numpy()})[0])
        outputs.append(output[: len(part)] if missing else output)
    return torch.cat(outputs)
