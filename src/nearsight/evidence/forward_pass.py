"""One batch through a model that is a black box: without gradients, in eval mode, in full precision."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.models.one_by_one import in_batches
from nearsight.models.onnx_session import OnnxFunction, OnnxSession
from nearsight.models.outputs import WHOLE, LogitsOf, logits_in, logits_name
from nearsight.models.probing import eval_mode
from nearsight.models.small_grids import small_grids_as_products
from nearsight.models.weights import check_held

Model = Callable[[Tensor], Any] | OnnxSession

_METHODS = {torch.float32: "float()", torch.float64: "double()", torch.float16: "half()"}


def forward(model: Model, inputs: Tensor) -> Tensor:
    """Return the logits of a batch, float (B, classes), on the device of the model's output.

    >>> forward(lambda images: images.mean((2, 3)), torch.ones(2, 3, 4, 4)).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]

    `inputs` is (B, C, H, W). The model is callable, or an ONNX Runtime session.
    `nearsight.models.outputs.logits_name` says what it may return, and finds the logits again each time; `bound`
    finds them once. A module in training mode runs in eval mode and is put back. float32 means float32: the
    reduced precision that PyTorch allows convolutions by default on some GPUs is off meanwhile. Raises
    `InputError` if there are no floating-point logits (B, classes), or if it is not clear which of several
    outputs they are.
    """
    return _logits(run_model(model, inputs), len(inputs))


def _logits(output: Any, batch: int) -> Tensor:
    return logits_in(output, logits_name(output, batch))


def run_model(model: Model, inputs: Tensor) -> Any:
    """Return a model's output as it is, under the conditions that `forward` sets.

    >>> run_model(abs, torch.tensor([-1.0]))
    tensor([1.])
    """
    small_grids = small_grids_as_products(inputs.device, inputs.dtype)
    with torch.inference_mode(), eval_mode(model), float32_as("ieee"), small_grids:
        return (model if callable(model) else OnnxFunction(model))(inputs)


def bound(model: Model, example: Tensor, *, classes: int | None = None) -> Callable[[Tensor], Tensor]:
    """Return a model as one that returns logits alone, (rows, classes); the model itself if it already does that.

    >>> def model(images):
    ...     return {"features": images, "logits": images.mean((2, 3))}
    >>> bound(model, torch.zeros(3, 8, 8))(torch.zeros(2, 3, 8, 8)).shape
    torch.Size([2, 3])

    `example` is one input (C, H, W). Two of them go through the model once, to see what it returns. A model that
    refuses two and takes one is given its images one by one from then on (`OneByOne`). `classes` is their number,
    if known. A network inside is the given one, not a copy. Raises `InputError` where `logits_name` does.
    """

    def attempt(function: Callable[[Tensor], Any]) -> Callable[[Tensor], Tensor]:
        found = run_model(function, example.expand(2, *example.shape).contiguous())
        name = logits_name(found, 2, classes=classes)
        if name == WHOLE and isinstance(found, Tensor) and found.ndim == 2:
            return function
        return LogitsOf(function, name)

    return in_batches(model if callable(model) else OnnxFunction(model), attempt)


def check_model(model: Model, dtype: torch.dtype) -> None:
    """Raise `InputError` for a model that cannot be run, or not on `dtype`.

    >>> check_model(nn.Conv2d(3, 8, 3).half().eval(), torch.float32)
    Traceback (most recent call last):
    nearsight.errors.InputError: the model's weights are torch.float16 but its input would be torch.float32; \
convert it with its method float(), or give dtype=torch.float16 to TiledModel or nearsight.evidence
    """
    if not callable(model) and not isinstance(model, OnnxSession):
        raise InputError(
            f"the model is {type(model).__name__}, which cannot be called; give a network, a function from images "
            "(B, 3, H, W) to logits (B, classes), or an ONNX Runtime session"
        )
    if not isinstance(model, nn.Module):
        return
    check_held(model)
    weights = next((weight.dtype for weight in model.parameters() if weight.is_floating_point()), dtype)
    if weights != dtype:
        raise InputError(
            f"the model's weights are {weights} but its input would be {dtype}; "
            f"convert it with its method {_METHODS.get(dtype, f'to({dtype})')}, or give dtype={weights} to "
            "TiledModel or nearsight.evidence"
        )


def device_of(model: Model) -> torch.device | None:
    """Return where a model's parameters are; None if it is not a module or has none.

    >>> device_of(nn.Conv2d(3, 8, 3)), device_of(abs)
    (device(type='cpu'), None)
    """
    if not isinstance(model, nn.Module):
        return None
    return next((weight.device for weight in model.parameters()), None)


@contextmanager
def float32_as(precision: str) -> Iterator[None]:
    """Set, for a while, what a GPU makes of float32 products and convolutions: `ieee` or `tf32`.

    >>> with float32_as("ieee"):
    ...     torch.backends.cudnn.conv.fp32_precision
    'ieee'
    """
    settings = [torch.backends.cudnn.conv, torch.backends.cuda.matmul]  # type: ignore[attr-defined]
    before = [setting.fp32_precision for setting in settings]
    try:
        for setting in settings:
            setting.fp32_precision = precision
        yield
    finally:
        for setting, old in zip(settings, before, strict=True):
            setting.fp32_precision = old
