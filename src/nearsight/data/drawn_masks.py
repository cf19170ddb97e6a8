"""Drawn masks: what their values mean, decided over all masks of a split, and the pixels that they mark."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nearsight.data.decode import opened, why_unread
from nearsight.data.encoded import encoded, open_image
from nearsight.data.large_image import needs_parts
from nearsight.data.part_readers import value_reader
from nearsight.errors import InputError, listed

_MOST_VALUES = 16
_VOID = 255
# The colour of void in the palette of Pascal VOC, with which its masks are drawn.
_VOC_VOID = 224 << 16 | 224 << 8 | 192
# Numbers of classes are lower; higher values beside 255 are greys.
_HIGHEST_CLASS = 64
# The largest whole number for which floating-point numbers stand.
_HIGHEST_VALUE = 2.0**53
# Rows of a mask that are read at a time, if it may not be held.
_ROWS = 256


@dataclass(frozen=True)
class MaskLook:
    """What one mask holds: its different values, none if there are too many, and what its alpha says.

    `top` is the highest value, `full` is the share of pixels that have it, and `soft` the share that have neither
    it nor 0, both within a tenth if a mask is stored lossily. `alpha` is the number of values of its alpha, 0 if
    there is none, and `alpha_top` is the highest.
    """

    values: tuple[int, ...]
    top: int
    full: float
    soft: float
    lossy: bool = False
    colours: bool = False
    alpha: int = 0
    alpha_top: int = 0


@dataclass(frozen=True)
class MaskForm:
    """Where the object is. `drawn`: where a mask is not 0 and not `void`; else above `cut` in `grey` or `alpha`.

    >>> MaskForm(void=(255,)).said()
    'where they are not 0 and not 255, which is void'
    """

    how: Literal["drawn", "grey", "alpha"] = "drawn"
    void: tuple[int, ...] = ()
    cut: float = 0.0

    def said(self) -> str:
        """Say it in words."""
        if self.how != "drawn":
            return f"where their {'alpha' if self.how == 'alpha' else 'grey'} is above {self.cut:g}"
        void = "".join(f" and not {value}" for value in self.void)
        return f"where they are not 0{void}{', which is void' if void else ''}"


@dataclass(frozen=True)
class Understood:
    """How the masks of a split are read, None if that cannot be decided from them, and a sentence about it."""

    form: MaskForm | None
    note: str


def look_at_mask(value: Any, height: int, width: int) -> MaskLook:
    """Look at one mask, in the form in which a table gives it.

    >>> look_at_mask([[0, 0, 9], [0, 9, 9]], 2, 3)
    MaskLook(values=(0, 9), top=9, full=0.5, soft=0.0, lossy=False, colours=False, alpha=0, alpha_top=0)

    Raises `InputError` if it cannot be read or does not have its image's size.
    """
    strips = [_Tally.of(drawn) for _, drawn in _strips(value, height, width)]
    values, counts = _together([strip.values for strip in strips])
    alpha, _ = _together([strip.alpha for strip in strips])
    lossy = strips[0].lossy
    top = int(values[-1])
    slack = 0.1 * top if lossy else 0
    low, full = values <= slack, values >= top - slack
    return MaskLook(
        tuple(map(int, values)) if len(values) <= _MOST_VALUES else (),
        top,
        float(counts[full & ~low].sum() / counts.sum()),
        float(counts[~(full | low)].sum() / counts.sum()),
        lossy,
        strips[0].colours,
        len(alpha),
        int(alpha[-1]) if len(alpha) else 0,
    )


def drawn_mask(value: Any, height: int, width: int, form: MaskForm = MaskForm()) -> Tensor:
    """Mark the object's pixels in one mask, bool (height, width).

    >>> drawn_mask([[0, 1, 255]], 1, 3, MaskForm(void=(255,))).tolist()
    [[False, True, False]]
    """
    marked = [_marked(drawn, form) for _, drawn in _strips(value, height, width)]
    return torch.from_numpy(marked[0] if len(marked) == 1 else np.concatenate(marked))


def reduced_mask(
    value: Any, height: int, width: int, size: tuple[int, int], form: MaskForm = MaskForm()
) -> Tensor:
    """Mark the object in one mask of an image of a height and width, reduced to a smaller size, bool (*size).

    >>> reduced_mask([[0, 1, 1, 0], [0, 1, 0, 0]], 2, 4, (1, 2)).tolist()
    [[True, False]]

    A pixel of it is on the object if at least half of those of the mask that it stands for are. A file that is too
    large to be decoded whole is read part by part.
    """
    rows, columns = size
    down, across = (np.arange(large) * small // large for large, small in ((height, rows), (width, columns)))
    starts = np.searchsorted(across, np.arange(columns))
    found = np.zeros(size, dtype=np.int64)
    for top, drawn in _strips(value, height, width):
        marked = np.add.reduceat(_marked(drawn, form), starts, axis=1, dtype=np.int64)
        np.add.at(found, down[top : top + len(marked)], marked)
    pixels = np.bincount(down, minlength=rows)[:, None] * np.bincount(across, minlength=columns)
    return torch.from_numpy(2 * found >= pixels)


def _marked(drawn: "_Drawn", form: MaskForm) -> NDArray[np.bool_]:
    if form.how == "alpha":
        if drawn.alpha is None:
            raise InputError("its mask has no alpha, and the masks beside it have")
        return np.asarray(drawn.alpha > form.cut)
    if form.how == "grey":
        return np.asarray(drawn.values > form.cut)
    return np.asarray((drawn.values != 0) & ~np.isin(drawn.values, form.void))


def marks_something(look: MaskLook, form: MaskForm) -> bool:
    """Whether a mask like this marks any pixel.

    >>> marks_something(MaskLook((0, 255), 255, 0.1, 0), MaskForm(void=(255,)))
    False
    """
    if form.how == "alpha":
        return look.alpha_top > form.cut
    if form.how == "grey":
        return look.top > form.cut
    return bool({*(look.values or (1,))} - {0, *form.void})


def understand_masks(looks: Sequence[MaskLook], column: str) -> Understood:
    """Find out what the values of masks mean from all masks of a split.

    >>> understand_masks([MaskLook((0, 1, 255), 255, 0.1, 0.3), MaskLook((0, 1), 1, 0.4, 0)], "mask").note
    'mask: 2 masks, the object is 1, and 255 is void'

    An alpha that varies within a mask is the mask; one that does not says nothing. Masks that are stored lossily
    or have soft edges are cut at half. If there are few values, 0 is not the object, nor is 255 beside the low
    numbers of classes, which is void; the object is what else a mask holds, if that is one value in each.
    """
    if not looks:
        return Understood(MaskForm(), "")
    count = len(looks)
    said = f"{column}: {count} mask{'s' if count > 1 else ''}, "
    if any(look.alpha > 1 for look in looks):
        if not all(look.alpha for look in looks):
            return Understood(
                None, f"{column}: left out, as some of the {count} masks have an alpha and some do not"
            )
        top = max(look.alpha_top for look in looks)
        return Understood(
            MaskForm("alpha", cut=top / 2), f"{said}the object is where alpha is more than half"
        )
    flat = ", and alpha, which is one everywhere, says nothing" if any(look.alpha for look in looks) else ""
    top = max(look.top for look in looks)
    values = sorted({value for look in looks for value in look.values})
    others = [value for value in values if value]
    void = _void(others)
    lossy = any(look.lossy for look in looks)
    unlisted = any(not look.values for look in looks)
    if not any(look.colours for look in looks) and (lossy or (unlisted and not void)):
        soft, full = (float(np.mean([getattr(look, name) for look in looks])) for name in ("soft", "full"))
        if 2 * soft <= full:
            return Understood(
                MaskForm("grey", cut=top / 2),
                f"{said}with greys between, the object is above half of {top}{flat}",
            )
    if unlisted:
        return _refused(column, f"its {count} masks hold more than {_MOST_VALUES} values", flat)
    objects = [value for value in others if value not in void]
    if not objects:
        return Understood(MaskForm(), f"{said}none of them marks a pixel{flat}")
    if 0 not in values and len(objects) > 1:
        return _refused(column, f"its {count} masks hold {_listed(objects)} and never 0", flat)
    single = all(len({*look.values} - {0, *void}) <= 1 for look in looks)
    if len(objects) > 1 and not single:
        return _refused(column, f"its {count} masks hold {_listed(objects)} beside 0", flat)
    told = f"{said}the object is {_listed(objects) if not _colours(looks) else 'what is not black'}"
    if len(objects) > 1:
        told += ", one of them in each"
    if void:
        told += f", and {_VOID if void == (_VOID,) else 'the void colour of Pascal VOC'} is void"
    return Understood(MaskForm(void=void), told + flat)


def _void(others: Sequence[int]) -> tuple[int, ...]:
    if _VOC_VOID in others and len(others) > 1:
        return (_VOC_VOID,)
    rest = [value for value in others if value != _VOID]
    return (_VOID,) if _VOID in others and rest and max(rest) < _HIGHEST_CLASS else ()


def _colours(looks: Sequence[MaskLook]) -> bool:
    return any(look.colours for look in looks)


def _refused(column: str, trouble: str, flat: str) -> Understood:
    return Understood(
        None,
        f"{column}: left out, as {trouble}{flat}, and nothing says which of them is the object; save masks of 0 and "
        "255",
    )


def _listed(values: Sequence[int]) -> str:
    shown = [str(value) if value < 1 << 16 else f"#{value:06x}" for value in values]
    return listed(shown, 6)


@dataclass(frozen=True, eq=False)
class _Drawn:
    values: NDArray[Any]
    alpha: NDArray[Any] | None
    lossy: bool
    colours: bool


_Counts = tuple[NDArray[Any], NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class _Tally:
    """How often each value, and each value of alpha, is in a part of a mask."""

    values: _Counts
    alpha: _Counts
    lossy: bool
    colours: bool

    @staticmethod
    def of(drawn: _Drawn) -> "_Tally":
        alpha = np.zeros(0, dtype=np.uint8) if drawn.alpha is None else drawn.alpha
        values, of_alpha = (np.unique(each, return_counts=True) for each in (drawn.values, alpha))
        return _Tally(values, of_alpha, drawn.lossy, drawn.colours)


def _together(counts: Sequence[_Counts]) -> _Counts:
    values, where = np.unique(np.concatenate([value for value, _ in counts]), return_inverse=True)
    times = np.concatenate([count for _, count in counts])
    return values, np.bincount(where, weights=times, minlength=len(values)).astype(np.int64)


def _strips(value: Any, height: int, width: int) -> Iterator[tuple[int, _Drawn]]:
    """Yield a mask from the top down, each part with its first row; all of it at once if it may be held."""
    if isinstance(value, dict):
        value = value.get("bytes") if value.get("bytes") is not None else value.get("path")
    if isinstance(value, str) and needs_parts(value):
        with _named(value):
            yield from _parts(value, height, width)
        return
    lossy = False
    if isinstance(value, bytes | str):
        pixels, lossy = _pixels(value, height, width)
    else:
        pixels = _numbers(value)
    if pixels.shape[:2] != (height, width) or pixels.ndim > 3 or 0 in pixels.shape:
        raise _of_another_size(height, width, pixels.shape)
    yield 0, _drawn(pixels, lossy)


def _parts(path: str, height: int, width: int) -> Iterator[tuple[int, _Drawn]]:
    with encoded(path) as stream, open_image(stream) as header:
        mode, lossy = header.mode, header.format in ("JPEG", "MPO")
    # What a value means may depend on all of a palette, or on the highest value of all.
    if mode in ("P", "PA", "F"):
        raise _not_in_parts("floating-point values" if mode == "F" else "a palette")
    with value_reader(path) as reader:
        if (reader.height, reader.width) != (height, width):
            raise _of_another_size(height, width, (reader.height, reader.width))
        for top in range(0, height, _ROWS):
            values = reader.values(top, 0, min(_ROWS, height - top), width)
            # A mask of one bit is read as 0 and 255.
            values = values // 255 if mode == "1" else values
            drawn = _drawn(values if values.dtype == np.uint8 else _numbers(values), lossy)
            if drawn.colours or (values.dtype != np.uint8 and values.shape[2] > 2):
                raise _not_in_parts("colours")
            yield top, drawn


def _not_in_parts(what: str) -> InputError:
    return InputError(f"a mask of this size is read part by part, and it has {what}; save it as grey values")


def _coloured(values: NDArray[Any]) -> bool:
    return bool((values[..., 1:3] != values[..., :1]).any())


def _drawn(pixels: NDArray[Any], lossy: bool) -> _Drawn:
    if pixels.ndim == 2:
        return _Drawn(pixels, None, lossy, False)
    alpha = pixels[..., -1] if pixels.shape[2] in (2, 4) else None
    colour = pixels[..., : pixels.shape[2] - (alpha is not None)]
    if colour.shape[2] != 3 or not _coloured(colour):
        return _Drawn(colour[..., 0], alpha, lossy, False)
    if lossy:
        return _Drawn(colour.max(2), alpha, lossy, False)
    wide = np.int32 if colour.dtype == np.uint8 else np.int64
    channels: list[Any] = [colour[..., k].astype(wide) for k in range(3)]
    return _Drawn(channels[0] << 16 | channels[1] << 8 | channels[2], alpha, lossy, True)


def _numbers(value: Any) -> NDArray[Any]:
    """A mask that a table gives as numbers, in rows; bytes stay bytes, and other types become whole numbers."""
    try:
        found = np.array(value)
    except ValueError:
        raise InputError("a mask must be rows of equally many numbers, and its rows differ") from None
    if found.dtype.kind not in "biuf":
        raise InputError(f"a mask must be rows of numbers, got {type(value).__name__}")
    if found.dtype.kind == "f":
        if not np.isfinite(found).all() or (np.abs(found) > _HIGHEST_VALUE).any():
            raise InputError("a mask must be rows of numbers, and some of its are not finite, or too large")
        found = found * 255 if found.size and found.max() <= 1 else found
    return found if found.dtype == np.uint8 else found.astype(np.int64)


def _pixels(file: bytes | str, height: int, width: int) -> tuple[NDArray[Any], bool]:
    with _named(file), opened(file) as image:
        if image.size != (width, height):
            raise _of_another_size(height, width, (image.height, image.width))
        lossy = image.format in ("JPEG", "MPO")
        found = np.asarray(_by_number(image))
        return found if found.dtype == np.uint8 else _numbers(found), lossy


@contextmanager
def _named(file: bytes | str) -> Iterator[None]:
    """Turn any error of a mask's file into an `InputError`."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    # Readers raise OSError, SyntaxError, ValueError and more on damaged files.
    except Exception as fault:
        raise InputError(f"its mask cannot be read: {why_unread(file, fault)}") from fault


def _of_another_size(height: int, width: int, sides: Sequence[int]) -> InputError:
    got = "×".join(str(side) for side in sides)
    return InputError(f"a mask must be of its image's size {height}×{width}, got {got}")


def _by_number(image: Image.Image) -> Image.Image:
    """Keep a palette's numbers if they are those of classes, the first of them black; otherwise use its colours."""
    if image.mode != "P":
        return image
    if "transparency" in image.info:
        return image.convert("RGBA")
    black = (image.getpalette() or [0, 0, 0])[:3] == [0, 0, 0]
    return image if black else image.convert("RGB")
