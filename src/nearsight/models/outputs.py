"""What models return, and where the logits are in it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from nearsight.errors import InputError

WHOLE = ""
"""The name of an output that is one array, with nothing around it."""

Outputs = Literal["logits", "probabilities", "logit", "probability"]
"""What a row of a model's output is: logits or shares of all classes, or one number for the second of two classes."""

# Names that say what an output is, whatever is returned beside it.
_SURE_NAMES = ("logits", "probabilities")
_DEEPEST = 3
_SUM_TO_ONE = 1e-3
# Smaller shares count as this, so that every logarithm is finite.
_LEAST_SHARE = 1e-12


def output_tensors(output: Any) -> dict[str, Tensor]:
    """Return all arrays that a model returned, by name, as tensors.

    >>> list(output_tensors((torch.zeros(2, 4), {"features": torch.zeros(2, 8)})))
    ['0', '1.features']

    Tensors, arrays, tuples, lists, mappings, dataclasses and objects with `.logits` are searched. Places in a
    tuple or list are named by their number, and an array alone is named "".
    """
    return dict(_named(output, WHOLE, 0))


def _named(value: Any, name: str, depth: int) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value if value.layout == torch.strided else value.to_dense()
    elif hasattr(value, "__array__"):
        yield name, torch.as_tensor(np.asarray(value))
    elif depth < _DEEPEST:
        for part, inner in _parts(value):
            yield from _named(inner, f"{name}.{part}" if name else str(part), depth + 1)


def _parts(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        yield from zip(value._fields, value, strict=True)
    elif isinstance(value, tuple | list):
        yield from enumerate(value)
    elif is_dataclass(value):
        yield from ((field.name, getattr(value, field.name)) for field in fields(value))
    elif hasattr(value, "logits"):
        yield "logits", value.logits
        yield from (
            (name, inner) for name, inner in getattr(value, "__dict__", {}).items() if name != "logits"
        )


def logits_name(
    output: Any, batch: int, *, classes: int | None = None, wanted: str | int | None = None
) -> str:
    """Return the name of the logits among what a model returned for a batch of that many images.

    >>> logits_name({"features": torch.zeros(2, 8), "logits": torch.zeros(2, 4)}, batch=2)
    'logits'
    >>> logits_name((torch.zeros(2, 8), torch.zeros(2, 4)), batch=2, classes=4)
    '1'

    Logits have one row of numbers an image: (batch, classes), with or without further axes of length 1. Of several
    such outputs, the one named "logits" or "probabilities" is taken, or else the only one with as many numbers as
    there are `classes`, where these are known. `wanted` is a name or a number, and decides.

    Raises `InputError`, listing what the model returns, if there is no such output or if it is not clear which of
    several it is.
    """
    found = output_tensors(output)
    rows = {name: tensor for name, tensor in found.items() if _is_row_an_image(tensor, batch)}
    if wanted is not None:
        return _asked_for(wanted, found, rows, batch)
    for sure in _SURE_NAMES:
        if sure in rows:
            return sure
    if len(rows) > 1 and classes is not None:
        fitting = [name for name, tensor in rows.items() if tensor[0].numel() == classes]
        rows = {name: rows[name] for name in fitting} if len(fitting) == 1 else rows
    if len(rows) == 1:
        return next(iter(rows))
    if rows:
        raise InputError(
            f"the model returns {_listed(found)}, and which of {_among(rows)} are the logits is not known; say it "
            "by name or number, as in Classifier.of(model, output=…)"
        )
    raise InputError(
        f"the model turned a batch of {batch} images into {_listed(found)}; expected logits of shape "
        f"({batch}, classes)"
    )


def _asked_for(wanted: str | int, found: Mapping[str, Tensor], rows: Mapping[str, Tensor], batch: int) -> str:
    name = str(wanted)
    if name not in found and isinstance(wanted, int) and 0 <= wanted < len(found):
        name = list(found)[wanted]
    if name not in found:
        raise InputError(f"the model has no output {wanted!r}; it returns {_listed(found)}")
    if name not in rows:
        raise InputError(
            f"output {wanted!r} of the model is {_listed({name: found[name]})} for a batch of {batch} images; "
            f"expected logits of shape ({batch}, classes)"
        )
    return name


def _is_row_an_image(tensor: Tensor, batch: int) -> bool:
    return (
        tensor.is_floating_point()
        and tensor.ndim >= 2
        and len(tensor) == batch
        and sum(side != 1 for side in tensor.shape[1:]) <= 1
    )


def _listed(found: Mapping[str, Tensor]) -> str:
    if not found:
        return "nothing that holds numbers"
    return ", ".join(
        f"{f'{name!r}: ' if name else ''}{tensor.dtype} of shape {tuple(tensor.shape)}"
        for name, tensor in found.items()
    )


def _among(names: Mapping[str, Tensor]) -> str:
    *others, last = (repr(name) for name in names)
    return f"{', '.join(others)} and {last}"


def logits_in(output: Any, name: str) -> Tensor:
    """Return the logits that a model returned under a name, as (rows, classes).

    >>> logits_in({"logits": torch.zeros(2, 4, 1, 1)}, "logits").shape
    torch.Size([2, 4])

    Raises `InputError` if the model does not return that name this time.
    """
    tensor = output_tensors(output).get(name)
    if tensor is None:
        raise InputError(
            f"the model returned {_listed(output_tensors(output))}, and '{name}' at first; it must return the "
            "same every time"
        )
    return tensor if tensor.ndim == 2 else tensor.flatten(1)


class SharedFunction(nn.Module):
    """A function from images to anything, such as a session outside PyTorch, as a module that copies share.

    >>> SharedFunction(abs)(torch.tensor(-1.0))
    tensor(1.)
    """

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function
        self.eval()

    def forward(self, images: Tensor) -> Any:
        """Return what the function returns."""
        return self.function(images)

    def __deepcopy__(self, memo: dict[int, Any]) -> "SharedFunction":
        return self


def is_seen(model: Any) -> bool:
    """Say whether PyTorch sees the inside of a model: its operations, its memory, its features.

    >>> is_seen(nn.Conv2d(3, 8, 3)), is_seen(LogitsOf(nn.Conv2d(3, 8, 3), "")), is_seen(LogitsOf(abs, ""))
    (True, True, False)
    """
    if not isinstance(model, nn.Module):
        return False
    return not any(isinstance(part, SharedFunction) for part in model.modules())


class LogitsOf(nn.Module):
    """A model from whose outputs the logits are taken, by a name that was found once.

    >>> def model(images):
    ...     return {"features": images, "logits": images.mean((2, 3))}
    >>> LogitsOf(model, "logits")(torch.zeros(2, 3, 8, 8)).shape
    torch.Size([2, 3])

    Copies share a model that is not a module.
    """

    def __init__(self, model: Any, name: str) -> None:
        super().__init__()
        self.model = model if isinstance(model, nn.Module) else SharedFunction(model)
        self.name = name
        self.training = self.model.training

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits alone, (rows, classes)."""
        return logits_in(self.model(images), self.name)


def outputs_look_like(rows: Tensor) -> Outputs:
    """Return rows of a model's output, (rows, numbers), for inputs near to images and far from them.

    >>> outputs_look_like(torch.tensor([[0.1, 0.9], [0.7, 0.3]])), outputs_look_like(torch.tensor([[-40.0], [0.2]]))
    ('probabilities', 'logit')
    """
    rows = rows.float()
    inside = bool(((rows >= 0) & (rows <= 1)).all())
    if rows.shape[1] == 1:
        return "probability" if inside else "logit"
    return "probabilities" if inside and bool(((rows.sum(1) - 1).abs() < _SUM_TO_ONE).all()) else "logits"


def as_logits(rows: Tensor, outputs: Outputs) -> Tensor:
    """Return the logits of all classes that rows of a model's output stand for.

    >>> as_logits(torch.tensor([[0.25]]), "probability").softmax(1)
    tensor([[0.7500, 0.2500]])
    >>> as_logits(torch.tensor([[2.0]]), "logit")
    tensor([[0., 2.]])

    For shares, the logarithm is used, of at least 1e-12. A single number becomes two classes; it speaks for the
    second.
    """
    if outputs == "logits":
        return rows
    if outputs == "logit":
        return torch.cat((torch.zeros_like(rows), rows), 1)
    if outputs == "probability":
        rows = torch.cat((1 - rows, rows), 1)
    return rows.clamp_min(_LEAST_SHARE).log()
