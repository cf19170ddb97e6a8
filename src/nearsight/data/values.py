"""Values beyond 8 bits: one range of them becomes 0 to 255, the same for every image of a set."""

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearsight.errors import InputError

ValueRange = tuple[float, float]
# How deep the values of an image are, beyond 8 bits; that of other numbers, such as "32-bit", needs a range.
SIXTEEN = "16-bit"
FLOATING = "floating-point"
FULL: ValueRange = (0, 65535)
_BITS = (8, 10, 12, 14)
_TOGETHER = 2**20


@dataclass(frozen=True)
class Measured:
    """What one image holds: its `depth`, None for 8 bits, its `low`est and `high`est value, and if it is all `clear`.

    An image is clear if its alpha is 0 everywhere, so that nothing of it shows. `frames` says that it has more
    than the first, which alone is read.
    """

    depth: str | None = None
    low: float = 0.0
    high: float = 0.0
    clear: bool = False
    frames: bool = False


@dataclass(frozen=True, eq=False)
class _Reading:
    """How values are currently read: from which range, as part of a set, or to be measured alone."""

    value_range: ValueRange | None = None
    of_a_set: bool = False
    measured: list[Measured] | None = None
    told: list[str] | None = None


_READING: ContextVar[_Reading | None] = ContextVar("values", default=None)


def _here() -> _Reading:
    return _READING.get() or _Reading()


@contextmanager
def values_from(value_range: ValueRange | None, *, of_a_set: bool = True) -> Iterator[None]:
    """Let this range of values become 0 to 255 meanwhile, in images of more than 8 bits.

    >>> with values_from((0, 1000)):
    ...     to_8_bits(np.array([-3, 0, 500, 1000, 4000]), "32-bit").tolist()
    [0, 0, 128, 255, 255]

    Values beyond it are cut off. None leaves the range to each image. Images of a set give no warnings, because a
    note has reported its values.
    """
    before = _READING.set(_Reading(value_range, of_a_set))
    try:
        yield
    finally:
        _READING.reset(before)


@contextmanager
def measuring() -> Iterator[list[Measured]]:
    """Measure the images that are decoded meanwhile: those of more than 8 bits or with alpha are listed.

    >>> with measuring() as found:
    ...     to_8_bits(np.array([[7, 4000]], dtype=np.uint16), "16-bit").tolist()
    [[0, 0]]
    >>> found
    [Measured(depth='16-bit', low=7.0, high=4000.0, clear=False, frames=False)]
    """
    found: list[Measured] = []
    before = _READING.set(_Reading(of_a_set=True, measured=found))
    try:
        yield found
    finally:
        _READING.reset(before)


@contextmanager
def telling(name: str) -> Iterator[None]:
    """Warn, at the end, of what the image with that name loses if it is read alone."""
    reading = _here()
    if reading.of_a_set or reading.told is not None:
        yield
        return
    told: list[str] = []
    before = _READING.set(replace(reading, told=told))
    try:
        yield
    finally:
        _READING.reset(before)
    for message in told:
        warnings.warn(f"{name}: {message}", stacklevel=4)


def value_range_here() -> ValueRange | None:
    """Return the range that `values_from` sets here, None if it is left to each image."""
    return _here().value_range


def to_8_bits(values: NDArray[Any], depth: str) -> NDArray[np.uint8]:
    """Spread the current range of values over 0 to 255, rounded to the nearest; uint8 of the same shape.

    >>> to_8_bits(np.array([0, 128, 65535], dtype=np.uint16), "16-bit").tolist()
    [0, 0, 255]

    If none is given, this is 0 to 65535 for 16 bits, with a warning if the values fit in 14 bits or fewer, and 0
    to 1 for floating-point values. Raises `ValueError` if the range must be given, and for values that are not
    finite.
    """
    reading = _here()
    if depth == FLOATING and (count := sum(int((~np.isfinite(part)).sum()) for part in _parts(values))):
        raise ValueError(f"{count} of its {values.size} values are not finite numbers")
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if reading.measured is not None:
        reading.measured.append(Measured(depth, low, high))
        return np.zeros(values.shape, np.uint8)
    black, white = reading.value_range or _own_range(depth, low, high)
    if reading.value_range is None and depth == SIXTEEN and (bits := _bits(high)) < 16:
        _tell(
            f"its 16-bit values end at {_number(high)}, and 0 to 65535 becomes 0 to 255, so that few greys are left; "
            f"if they are of {bits} bits, give `value_range=(0, {2**bits - 1})`"
        )
    found = np.empty(values.shape, np.uint8)
    for part, into in zip(_parts(values), _parts(found), strict=True):
        into[...] = _spread(part, black, white, depth)
    return found


def _parts(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Views of some rows of an array, one after another: whole numbers and shares take eight times its bytes."""
    rows = max(1, _TOGETHER * len(values) // max(1, values.size))
    for first in range(0, len(values), rows):
        yield values[first : first + rows]


def _spread(values: NDArray[Any], black: float, white: float, depth: str) -> NDArray[np.uint8]:
    if depth != FLOATING and black == int(black) and white == int(white):
        start, span = int(black), int(white) - int(black)
        whole = values.astype(np.int64).clip(start, start + span) - start
        return np.asarray((whole * 255 + span // 2) // span, dtype=np.uint8)
    share = (values.astype(np.float64).clip(black, white) - black) / (white - black)
    return np.asarray((share * 255).round(), dtype=np.uint8)


def note_clear(clear: bool) -> None:
    """Notice whether an image's alpha is 0 everywhere: it is measured, or a warning if the image is read alone."""
    reading = _here()
    if reading.measured is not None:
        *before, last = reading.measured or [Measured()]
        reading.measured[:] = [*before, replace(last, clear=clear)]
    elif clear:
        _tell("its alpha is 0 everywhere, so that all of it becomes white")


def _tell(message: str) -> None:
    told = _here().told
    if told is not None:
        told.append(message)


def checked_range(value_range: Any) -> ValueRange | None:
    """Return a requested range as two numbers, None for none; raises `InputError` for anything else.

    >>> checked_range([0, 4095])
    (0.0, 4095.0)
    """
    if value_range is None:
        return None
    try:
        low, high = (float(value) for value in value_range)
    except (TypeError, ValueError):
        raise InputError(
            f"`value_range` is two numbers, what becomes black and what becomes white, got {value_range!r}; give, "
            "say, `value_range=(0, 4095)`"
        ) from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError(f"`value_range` goes from a number to a higher one, got {low:g} and {high:g}")
    return low, high


def settled_range(
    name: str, measured: Iterable[Measured], asked: ValueRange | None
) -> tuple[ValueRange | None, list[str]]:
    """Decide on the one range of values of a set from all of its images, and say in notes what it is.

    >>> settled_range("toy", [Measured("16-bit", 0, 300), Measured("16-bit", 9, 4001)], None)
    ((0, 4095), ['values are of 12 bits in files of 16: 0 to 4095 becomes 0 to 255'])

    This is the requested range; or, for 16-bit values, 8, 10, 12 or 14 bits if all of them fit, otherwise all 16;
    or 0 to 1 for floating-point values within it. Returns None for a set of 8 bits. Raises `InputError`, naming
    the set and the lowest and highest value, if the range must be given.
    """
    deep = [image for image in measured if image.depth is not None]
    if not deep:
        unused = ["no image has more than 8 bits, so that the range of values plays no part"] if asked else []
        return asked, unused
    low, high = min(image.low for image in deep), max(image.high for image in deep)
    depths = sorted({image.depth for image in deep if image.depth is not None})
    if asked is not None:
        beyond = sum(image.low < asked[0] or image.high > asked[1] for image in deep)
        cut = (
            f"; {beyond} of {len(deep)} images have values beyond, from {_number(low)} to {_number(high)}"
            if beyond
            else ""
        )
        return asked, [
            f"values of more than 8 bits: {_number(asked[0])} to {_number(asked[1])} becomes 0 to 255{cut}"
        ]
    if len(depths) > 1:
        raise InputError(
            f"the images of '{name}' have {' and '.join(depths)} values, from {_number(low)} to {_number(high)}; say "
            f"what becomes black and white with {_suggested(low, high)}, or save them alike"
        )
    if depths == [SIXTEEN]:
        bits = _bits(high)
        top = 2**bits - 1
        stored = "values are of 16 bits" if bits == 16 else f"values are of {bits} bits in files of 16"
        return (0, top), [f"{stored}: 0 to {top} becomes 0 to 255"]
    if depths == [FLOATING] and low >= 0 and high <= 1:
        return (0, 1), ["values are floating-point: 0 to 1 becomes 0 to 255"]
    raise InputError(f"the images of '{name}': {_must_be_said(depths[0], low, high)}")


def loss_notes(measured: Mapping[str, Iterable[Measured]]) -> list[str]:
    """Say how many images of each split have an alpha of 0 everywhere, or more frames than one.

    >>> loss_notes({"train": [Measured(clear=True), Measured()], "test": []})
    ['train: of 1 image alpha is 0 everywhere, so that it is white; save without alpha what holds a picture']
    """
    notes = []
    for split, images in measured.items():
        count = sum(image.clear for image in images)
        if count:
            which = (
                "1 image alpha is 0 everywhere, so that it is"
                if count == 1
                else (f"{count} images alpha is 0 everywhere, so that they are")
            )
            notes.append(f"{split}: of {which} white; save without alpha what holds a picture")
        frames = sum(image.frames for image in images)
        if frames:
            images_have = "1 image that has" if frames == 1 else f"{frames} images that have"
            notes.append(f"{split}: of {images_have} several frames or pages the first is read")
    return notes


def _bits(high: float) -> int:
    """How many bits hold all 16-bit values up to the highest; images that are black say nothing."""
    return next((bits for bits in _BITS if 0 < high < 2**bits), 16)


def _own_range(depth: str, low: float, high: float) -> ValueRange:
    if depth == SIXTEEN:
        return FULL
    if depth == FLOATING and low >= 0 and high <= 1:
        return 0, 1
    raise ValueError(_must_be_said(depth, low, high))


def _must_be_said(depth: str, low: float, high: float) -> str:
    expected = ""
    if depth == FLOATING:
        expected = "; those of an image go from 0 to 1, before any normalising: the classifier normalises them itself"
    return (
        f"its {depth} values go from {_number(low)} to {_number(high)}{expected}; say what becomes black and white "
        f"in all images alike, with {_suggested(low, high)}"
    )


def _suggested(low: float, high: float) -> str:
    return f"`value_range=({_number(low)}, {_number(high if high > low else low + 1)})`"


def _number(value: float) -> str:
    return str(int(value)) if value % 1 == 0 and abs(value) < 1e15 else f"{value:.6g}"
