"""A model outside PyTorch: an ONNX Runtime session, as a function of batches of any size."""

from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from nearsight.errors import InputError

Layout = Literal["NCHW", "NHWC"]

_CHANNELS = (1, 3)
_MOST_CHANNELS = 4
_DTYPES = {
    "tensor(float)": torch.float32,
    "tensor(double)": torch.float64,
    "tensor(float16)": torch.float16,
    "tensor(uint8)": torch.uint8,
    "tensor(int8)": torch.int8,
    "tensor(int32)": torch.int32,
    "tensor(int64)": torch.int64,
}


@runtime_checkable
class OnnxSession(Protocol):
    """The part of an `onnxruntime.InferenceSession` that is used."""

    def get_inputs(self) -> list[Any]:
        """Return the inputs, with their `name`, `shape` and `type`."""

    def get_outputs(self) -> list[Any]:
        """Return the outputs, with their `name`."""

    def run(self, output_names: None, input_feed: dict[str, Any]) -> list[Any]:
        """Return all outputs for arrays by input name."""


class OnnxFunction:
    """A session as a function from images (B, C, H, W) to all its outputs by name, on the CPU.

    >>> from types import SimpleNamespace
    >>> class Means:  # as a session exported for batches of two, with the channels last
    ...     def get_inputs(self):
    ...         return [SimpleNamespace(name="images", shape=[2, "height", "width", 3], type="tensor(float)")]
    ...     def get_outputs(self):
    ...         return [SimpleNamespace(name="means")]
    ...     def run(self, output_names, input_feed):
    ...         return [input_feed["images"].mean((1, 2))]
    >>> OnnxFunction(Means())(torch.ones(5, 3, 4, 4))["means"].shape
    torch.Size([5, 3])

    Images are converted to what the session takes: its type, with numbers rounded and clamped if it is an integer
    type, and its layout, read from its last axis if that is fixed at 3 (or 1) and the second is not. If no axis is
    fixed, the first run finds it. `layout` says it if the shape does not. A session with a fixed batch size gets
    batches of that size, the last one padded with zeros.

    Raises `InputError` for a session with several inputs, with a type that images do not have, or exported for
    images of another size, and with the session's own words if it cannot run.
    """

    def __init__(self, session: OnnxSession, layout: Layout | None = None) -> None:
        wanted = session.get_inputs()
        if len(wanted) != 1:
            raise InputError(f"the session takes {len(wanted)} inputs; expected one, images of (B, 3, H, W)")
        [images] = wanted
        if images.type not in _DTYPES:
            raise InputError(f"the session takes {images.type}; expected one of {', '.join(_DTYPES)}")
        # Exporters leave the shape out, or give as many axes as they know; images have four.
        shape = list(images.shape or [None] * 4)
        if len(shape) != 4:
            raise InputError(
                f"the session takes '{images.name}' of shape {shape}; expected four axes, images of (B, 3, H, W)"
            )
        self._session = session
        self._input: str = images.name
        self._outputs = [output.name for output in session.get_outputs()]
        self._dtype = _DTYPES[images.type]
        self.layout: Layout = layout or layout_of(shape)
        # If every side is free, nothing says where the channels are; then the first run shows it.
        self._unsure = layout is None and not any(isinstance(side, int) and side > 0 for side in shape[1:])
        batch, *sides = shape
        channels, height, width = sides if self.layout == "NCHW" else (sides[2], *sides[:2])
        self._batch = batch if isinstance(batch, int) and batch > 0 else None
        self._sides = {
            name: side if isinstance(side, int) and side > 0 else None
            for name, side in (("channels", channels), ("height", height), ("width", width))
        }

    @property
    def image_size(self) -> tuple[int, int] | None:
        """The height and width of the images for which the session was exported; None if they are free."""
        height, width = self._sides["height"], self._sides["width"]
        return None if height is None or width is None else (height, width)

    @property
    def whole_numbers(self) -> bool:
        """Whether the session takes pixels as they are stored, in whole numbers."""
        return not self._dtype.is_floating_point

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """Return the session's outputs by name, each with a row per image."""
        for (name, side), given in zip(self._sides.items(), images.shape[1:], strict=True):
            if side is not None and side != given:
                raise InputError(
                    f"the session was exported for images of {name} {side}, but these have {given}; give tiles "
                    f"of that size or export it with a free {name}"
                )
        try:
            found = self._found(images)
        except InputError as error:
            if not self._unsure:
                raise
            self.layout = "NHWC"
            try:
                found = self._found(images)
            except InputError:
                self.layout = "NCHW"
                raise error from None
        self._unsure = False
        return found

    def _found(self, images: Tensor) -> dict[str, Tensor]:
        array = self._in_its_form(images)
        batch = self._batch or len(array)
        parts = [self._filled_up(part, batch) for part in torch.split(array, batch)]
        if len(parts) == 1:
            return parts[0]
        # What has no rows is the same for every part.
        return {
            name: torch.cat([part[name] for part in parts]) if first.ndim else first
            for name, first in parts[0].items()
        }

    def _filled_up(self, images: Tensor, batch: int) -> dict[str, Tensor]:
        missing = batch - len(images)
        full = torch.cat((images, images.new_zeros(missing, *images.shape[1:]))) if missing else images
        outputs = zip(self._outputs, self._run(full), strict=True)
        # Sequences and maps, which converters of other libraries write beside the numbers, are not arrays.
        tensors = {name: torch.as_tensor(output) for name, output in outputs if hasattr(output, "__array__")}
        return {
            name: tensor[: len(images)] if missing and tensor.ndim else tensor
            for name, tensor in tensors.items()
        }

    def _in_its_form(self, images: Tensor) -> Tensor:
        images = images.cpu()
        if self.whole_numbers:
            limits = torch.iinfo(self._dtype)
            images = images.round().clamp(limits.min, limits.max)
        images = images.to(self._dtype)
        return (images if self.layout == "NCHW" else images.permute(0, 2, 3, 1)).contiguous()

    def _run(self, images: Tensor) -> list[Any]:
        try:
            return self._session.run(None, {self._input: images.numpy()})
        except Exception as error:
            # Its errors do not share a class.
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InputError(
                f"the session cannot run on images of shape {tuple(images.shape)}: {reason}"
            ) from error


def layout_of(shape: list[Any]) -> Layout:
    """Return the layout of images with a declared shape, whose free axes are names or None.

    >>> layout_of(["batch", 224, 224, 3]), layout_of(["batch", 3, "height", "width"])
    ('NHWC', 'NCHW')
    """
    if shape[1] in _CHANNELS:
        return "NCHW"
    # No image has as many channels as tiles have rows.
    rows = isinstance(shape[1], int) and shape[1] > _MOST_CHANNELS and not isinstance(shape[3], int)
    return "NHWC" if shape[3] in _CHANNELS or rows else "NCHW"
