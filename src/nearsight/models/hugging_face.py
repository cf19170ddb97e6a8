"""Hugging Face image classifiers with their processors, whose settings are read and checked."""

from typing import Any

import numpy as np
import torch
from PIL import Image

from nearsight.errors import InputError, first_line
from nearsight.models.preprocessing import Interpolation, Preprocessing, triple
from nearsight.models.resizing import WHITE

# Pillow's numbers of the filters, by which processors name them.
_FILTERS: dict[int, Interpolation] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
# ConvNeXT's processor distorts from this size on.
_DISTORTED_FROM = 384
# Shares of the range from black to white: filters differ in rounding and antialiasing by less than this.
_ALIKE = 0.02


def is_of_transformers(model: Any) -> bool:
    """Say whether an object comes from the package `transformers`, without importing it."""
    return any(kind.__module__.split(".")[0] == "transformers" for kind in type(model).__mro__)


def labels_of(model: Any) -> list[str] | None:
    """Return the class names in a model's own configuration; None if it has none."""
    names = getattr(getattr(model, "config", None), "id2label", None)
    if not names:
        return None
    return [str(names[number]) for number in sorted(names)]


def preprocessing_of_processor(processor: Any) -> Preprocessing:
    """Return what an image processor does to pictures, checked on one against the processor itself.

    Its size, crop, resampling, rescaling, mean and deviation are read from its attributes. Processors do not
    agree on what a size means, so the known rules are tried in turn. Raises `InputError` if none gives the
    processor's own pixels.
    """
    picture = _picture()
    try:
        wanted = processor(images=Image.fromarray(picture), return_tensors="np")["pixel_values"]
        expected = torch.as_tensor(np.asarray(wanted))[0].float()
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise InputError(
            f"processor is {type(processor).__name__}, which does not turn a picture into pixel_values "
            f"({first_line(error)})"
        ) from error
    image = torch.from_numpy(picture).permute(2, 0, 1)
    for candidate in _candidates(processor):
        resized, seen = candidate.resized(*image.shape[1:]), candidate.seen_whole(*image.shape[1:])
        if seen != tuple(expected.shape[1:]) or resized[0] < seen[0] or resized[1] < seen[1]:
            continue
        found = candidate.normalise(candidate.cut_whole(candidate.resize(image)))
        apart = (found - expected).abs().mean((1, 2)) * torch.tensor(candidate.std)
        white = WHITE if candidate.input_range == "0-255" else 1
        if bool((apart < _ALIKE * white).all()):
            return candidate
    raise InputError(
        f"what {type(processor).__name__} does to pictures is not understood; say it with resize_short or resize_to, "
        "crop, mean, std and interpolation in place of processor"
    )


def _picture() -> Any:
    """Return a picture of smooth colours that differ along both sides, (height, width, 3) uint8."""
    rows, columns = np.mgrid[0:1:300j, 0:1:420j]
    planes = [np.sin(7 * rows + 3 * columns), np.cos(5 * columns), rows * columns]
    scaled = [(plane - plane.min()) / (plane.max() - plane.min()) for plane in planes]
    return (np.stack(scaled, axis=2) * WHITE).astype(np.uint8)


def _candidates(processor: Any) -> list[Preprocessing]:
    def setting(name: str, default: Any = None) -> Any:
        value = getattr(processor, name, None)
        return default if value is None else value

    rescaled = setting("do_rescale", False)
    factor = float(setting("rescale_factor", 1 / WHITE)) if rescaled else 1.0
    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if setting("do_normalize", False):
        mean, std = triple(setting("image_mean", 0.0)), triple(setting("image_std", 1.0))
    if rescaled and setting("rescale_offset", False):
        mean = triple([value + 1 for value in mean])
    if setting("include_top", False):
        std = triple([value**2 for value in std])
    # Our settings are in units in which white is 1 or 255, whatever the factor makes of it.
    units = 1.0 if factor == 1 else factor * WHITE
    shared: dict[str, Any] = {
        "mean": triple([value / units for value in mean]),
        "std": triple([value / units for value in std]),
        "interpolation": _FILTERS.get(int(setting("resample", 2)), "bilinear"),
        "input_range": "0-255" if factor == 1 else "0-1",
        "channels": "BGR" if setting("do_flip_channel_order", False) else "RGB",
    }
    crop = _size(setting("crop_size")) if setting("do_center_crop", False) else None
    if not setting("do_resize", False):
        return [Preprocessing(**shared, crop=crop)]
    size = setting("size", {})
    exact, short = _size(size), _get(size, "shortest_edge")
    if exact is not None:
        return [Preprocessing(**shared, resize_to=exact, crop=crop)]
    if short is None:
        return []
    share = setting("crop_pct")
    candidates = [Preprocessing(**shared, resize_short=short, crop=crop)]
    if share is not None and short < _DISTORTED_FROM:
        candidates.append(Preprocessing(**shared, resize_short=int(short / share), crop=(short, short)))
    # LeViT's does this.
    candidates.append(Preprocessing(**shared, resize_short=int(256 / 224 * short), crop=crop))
    candidates.append(Preprocessing(**shared, resize_to=(short, short), crop=crop))
    return candidates


def _size(size: Any) -> tuple[int, int] | None:
    height, width = _get(size, "height"), _get(size, "width")
    return None if height is None or width is None else (height, width)


def _get(size: Any, name: str) -> int | None:
    value = size.get(name) if isinstance(size, dict) else getattr(size, name, None)
    return None if value is None else int(value)
