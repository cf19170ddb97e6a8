"""Boxes: what their numbers mean, decided over all boxes of a split, and the pixels that they mark."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.arguments import shown
from nearsight.errors import InputError

Layout = Literal["corners", "sides", "centre"]
_SAID: dict[Layout, str] = {
    "corners": "x0, y0, x1, y1",
    "sides": "x, y, width, height",
    "centre": "x and y of the centre, width, height",
}
# A layout is right if nearly all boxes make sense in it, and wrong if many do not.
_NEARLY_ALL = 0.99
_MANY = 0.1
# By chance, this many different boxes do not all lie left of and above the middle, as corners that fit as sides
# do.
_ENOUGH = 20


@dataclass(frozen=True)
class BoxForm:
    """What the four numbers of a box are: their layout, and whether they are shares of the image's sides or pixels.

    >>> BoxForm("sides", relative=True).said()
    'x, y, width, height as shares of the image'

    Two corners in pixels are both included, as in `box` and `boxes`, unless `edges` says that they are edges.
    """

    layout: Layout = "corners"
    relative: bool = False
    edges: bool = False

    def said(self) -> str:
        """Say it in words."""
        scale = "as shares of the image" if self.relative else "in pixels"
        both = (
            ", both corners included"
            if self.layout == "corners" and not (self.relative or self.edges)
            else ""
        )
        return f"{_SAID[self.layout]} {scale}{both}"


@dataclass(frozen=True)
class Understood:
    """How the boxes of a split are read, None if that cannot be decided from them, and a sentence about it."""

    form: BoxForm | None
    note: str


def four_numbers(boxes: Sequence[Any] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one box or several as float64 (n, 4); raises `InputError` on anything else.

    >>> four_numbers([1, 2, 3, 4]).shape, four_numbers([]).shape
    ((1, 4), (0, 4))
    """
    try:
        found = np.asarray(boxes, dtype=np.float64)
        if found.size and (found.ndim not in (1, 2) or found.shape[-1] != 4):
            raise ValueError
        if not np.isfinite(found).all():
            raise ValueError
        return found.reshape(-1, 4)
    except (TypeError, ValueError):
        raise InputError(f"a box must be four numbers x0, y0, x1, y1 in pixels, got {shown(boxes)}") from None


def edges(
    boxes: Sequence[Any] | NDArray[np.float64], height: int, width: int, form: BoxForm
) -> NDArray[np.float64]:
    """Return the left, top, right and bottom edge of each box in pixels from the image's corner, float64 (n, 4).

    >>> edges([[1, 2, 3, 4]], 10, 10, BoxForm()).tolist(), edges([[1, 2, 3, 4]], 10, 10, BoxForm("sides")).tolist()
    ([[1.0, 2.0, 4.0, 5.0]], [[1.0, 2.0, 4.0, 6.0]])
    """
    found = four_numbers(boxes).copy()
    if form.layout == "centre":
        found[:, :2] -= found[:, 2:] / 2
    if form.layout != "corners":
        found[:, 2:] += found[:, :2]
    if form.relative:
        return found * [width, height, width, height]
    if form.layout == "corners" and not form.edges:
        solid = (found[:, 2:] > found[:, :2]).all(1)
        found = np.floor(found)
        found[solid, 2:] += 1
    return found


def boxes_mask(boxes: Sequence[Any], height: int, width: int, form: BoxForm = BoxForm()) -> Tensor:
    """Mark the pixels inside any of the boxes, by default (x0, y0, x1, y1) in pixels, both corners included.

    >>> boxes_mask([[1, 0, 2, 1], [-5, 0, 0, 9]], 3, 4).int().tolist()
    [[1, 1, 1, 0], [1, 1, 1, 0], [1, 0, 0, 0]]

    `boxes` is one box or several. A pixel is inside if its centre is. Boxes are cut off at the image's edge; one
    without width or height marks nothing. Returns bool (height, width).
    """
    mask = torch.zeros(height, width, dtype=torch.bool)
    for x0, y0, x1, y1 in np.ceil(edges(boxes, height, width, form) - 0.5).astype(np.int64).tolist():
        if x1 > x0 and y1 > y0 and x1 > 0 and y1 > 0:
            mask[max(0, y0) : y1, max(0, x0) : x1] = True
    return mask


def box_faults(
    boxes: Sequence[Any],
    height: int,
    width: int,
    form: BoxForm = BoxForm(),
) -> tuple[int, int]:
    """Count the boxes that `boxes_mask` cuts off at the image's edge, and those that mark nothing.

    >>> box_faults([[1, 0, 2, 1], [-5, 0, 1, 9], [2, 2, 2, 5], [7, 0, 9, 1]], 3, 4)
    (1, 2)
    """
    cut = empty = 0
    for box, (x0, y0, x1, y1) in zip(four_numbers(boxes), edges(boxes, height, width, form), strict=True):
        if not bool(boxes_mask(box.tolist(), height, width, form).any()):
            empty += 1
        elif _beyond(np.array([[x0, y0, x1, y1]]), np.array([[width, height]]), 1e-6)[0]:
            cut += 1
    return cut, empty


def understand_boxes(
    boxes: NDArray[np.float64], sides: NDArray[np.float64], column: str, usual: Layout | None
) -> Understood:
    """Find out what the numbers of boxes mean from all boxes of a split.

    >>> boxes, sides = np.array([[0.25, 0.25, 0.75, 0.75]]), np.array([[16, 16]])
    >>> understand_boxes(boxes, sides, "box", "corners").form
    BoxForm(layout='corners', relative=True, edges=False)

    `boxes` is (n, 4) and `sides` (n, 2), the width and height of each box's image in pixels. `usual` is the
    layout of a column of that name, which is used unless many boxes make no sense in it and nearly all do in one
    other; None asks for the only one in which they do. Boxes are relative if all are within 0 to 1 and not all
    are whole numbers.
    """
    count = len(boxes)
    if not count:
        return Understood(BoxForm(usual or "corners"), "")
    within = ((boxes >= -1e-6) & (boxes <= 1 + 1e-6)).all(1)
    shares = within & (boxes % 1 != 0).any(1)
    if shares.any() and not within.all():
        return _refused(
            column,
            f"{int(within.sum())} of {count} boxes lie within 0 to 1 and the others do not",
            "all in one",
        )
    if not shares.any() and within.all() and (sides > 2).any():
        return _refused(column, f"all of the {count} boxes are of 0 and 1, in pixels or as shares", "pixels")
    relative = bool(shares.any())
    limits = np.ones_like(sides) if relative else sides
    sense = {layout: _make_sense(boxes, limits, layout, relative) for layout in _SAID}
    if not relative:
        # No format that is read here gives centres in pixels.
        del sense["centre"]
    fitting = [layout for layout, share in sense.items() if share >= _NEARLY_ALL]
    chosen = usual if usual is not None and _reversed(boxes, limits, usual) < _MANY else None
    others = [layout for layout in fitting if layout != usual]
    doubtful = chosen == "corners" and bool(others) and _left_of_and_above_the_middle(boxes, limits)
    if doubtful and len(np.unique(boxes, axis=0)) >= _ENOUGH:
        chosen, doubtful = None, False
    if doubtful and relative:
        possible = " or ".join(_SAID[layout] for layout in fitting)
        return _refused(column, f"its {count} boxes may be {possible}", "x0, y0, x1, y1 in pixels")
    if chosen is None:
        clear = len(others) == 1 and all(
            share < 1 - _MANY for own, share in sense.items() if own not in (others[0], usual)
        )
        if not clear:
            possible = " or ".join(_SAID[layout] for layout in others) or "none of the layouts that are known"
            return _refused(column, f"its {count} boxes may be {possible}", "x0, y0, x1, y1")
        chosen = others[0]
    form = BoxForm(chosen, relative)
    found = edges_in(boxes, sides, form)
    beyond = _beyond(found, sides, 2)
    if beyond.mean() > 0.5:
        return _refused(
            column,
            f"{int(beyond.sum())} of {count} boxes reach beyond their image, as those of an image of another size do",
            "pixels of the images as they are",
        )
    told = f"{column}: {count} boxes, read as {form.said()}"
    if usual is not None and usual != chosen:
        told += f", as they are not {_SAID[usual]}"
    if doubtful:
        told += f", though {_SAID['sides']} would fit too"
    if beyond.any():
        told += f"; {int(beyond.sum())} are cut off at their image's edge"
    return Understood(form, told)


def _left_of_and_above_the_middle(boxes: NDArray[np.float64], limits: NDArray[np.float64]) -> bool:
    """Whether most boxes, read as corners, lie clearly left of or above the middle, where corners fit as sides too.

    Read as sides, corners only end inside the image if their middle is left of and above its middle.
    """
    return bool((((boxes[:, :2] + boxes[:, 2:]) / limits) < 0.9).any(1).mean() > 0.5)


def _refused(column: str, trouble: str, expected: str) -> Understood:
    return Understood(
        None, f"{column}: left out, as {trouble}; write them alike as {expected} in a column `boxes`"
    )


def edges_in(boxes: NDArray[np.float64], sides: NDArray[np.float64], form: BoxForm) -> NDArray[np.float64]:
    unit = edges(boxes.tolist(), 1, 1, form)
    return unit * np.tile(sides, 2) if form.relative else unit


def _make_sense(
    boxes: NDArray[np.float64], limits: NDArray[np.float64], layout: Layout, relative: bool
) -> float:
    """The share of boxes that have a width and a height and end inside their image."""
    found = edges(boxes, 1, 1, BoxForm(layout, edges=True))
    slack = 0.01 if relative else 1.0
    solid = (found[:, 2:] > found[:, :2]).all(1)
    return float((solid & ~_beyond(found, limits, slack)).mean())


def _reversed(boxes: NDArray[np.float64], limits: NDArray[np.float64], layout: Layout) -> float:
    """The share of boxes that cannot have this layout: their end lies before their start, or outside the image."""
    found = edges(boxes, 1, 1, BoxForm(layout, edges=True))
    if layout == "corners":
        # In pixels, a box may be one pixel wide.
        flat = 0 if (limits == 1).all() else -1e-9
        return float((found[:, 2:] - found[:, :2] <= flat).any(1).mean())
    return float(_beyond(found, limits, 0.02 * limits).mean())


def _beyond(
    found: NDArray[np.float64], limits: NDArray[np.float64], slack: float | NDArray[np.float64]
) -> NDArray[np.bool_]:
    return np.asarray(((found[:, :2] < -np.asarray(slack)) | (found[:, 2:] > limits + slack)).any(1))
