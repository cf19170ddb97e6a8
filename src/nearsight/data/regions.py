"""Regions: what is known of where the object is, as a mask of the image's own size."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nearsight.data.faults import one_line
from nearsight.errors import InputError

if TYPE_CHECKING:
    from datasets import Dataset

RegionKind = Literal["mask", "boxes", "cells"]
REGION_COLUMNS: dict[str, RegionKind] = {
    "mask": "mask",
    "boxes": "boxes",
    "box": "boxes",
    "object_cells": "cells",
}


@dataclass(frozen=True, eq=False)
class MaskRegions:
    """Exact masks held in memory, one for each image: bool of shape (n, H, W), True on the object.

    >>> masks = MaskRegions(torch.tensor([[[True, False]]]))
    >>> masks.region(0, 1, 2).tolist(), masks.known.tolist()
    ([[True, False]], [True])
    """

    masks: Tensor
    kind: RegionKind = "mask"

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which images have a region, bool of shape (n,)."""
        return self.masks.flatten(1).any(1).numpy()

    def region(self, i: int, height: int, width: int) -> Tensor | None:
        """Return the mask of image i, bool (height, width), or None where the object is nowhere."""
        mask = self.masks[i]
        if mask.shape != (height, width):
            raise InputError(f"the mask of image {i} is {_sides(mask)} but the image {height}×{width}")
        return mask if bool(mask.any()) else None

    def select(self, index: NDArray[np.int64]) -> "MaskRegions":
        """Return the regions of a subset, in the order of `index`."""
        return MaskRegions(self.masks[torch.from_numpy(index)])


@dataclass(frozen=True, eq=False)
class ColumnRegions:
    """Regions read on demand from one column of a table on disk.

    `rows` is a `datasets.Dataset`, `index` the row of each image (n,), `known` (n,) whether its region is
    known.
    """

    rows: "Dataset"
    column: str
    index: NDArray[np.int64]
    known: NDArray[np.bool_]

    @property
    def kind(self) -> RegionKind:
        """How the regions are given: as masks, boxes or coarse cells."""
        return REGION_COLUMNS[self.column]

    def region(self, i: int, height: int, width: int) -> Tensor | None:
        """Return the mask of image i, bool (height, width), or None where it is not known."""
        if not self.known[i]:
            return None
        return to_mask(self.rows[int(self.index[i])][self.column], self.kind, height, width)

    def box_faults(self, i: int, height: int, width: int) -> tuple[int, int]:
        """Return how many boxes of image i are cut off at its edge, and how many mark nothing."""
        value = self.rows[int(self.index[i])][self.column] if self.kind == "boxes" else None
        return (0, 0) if value is None else box_faults(value, height, width)

    def select(self, index: NDArray[np.int64]) -> "ColumnRegions":
        """Return the regions of a subset, in the order of `index`."""
        return replace(self, index=self.index[index], known=self.known[index])


Regions = MaskRegions | ColumnRegions


def to_mask(value: Any, kind: RegionKind, height: int, width: int) -> Tensor | None:
    """Turn one region, in the form that a table gives it, into a bool mask of shape (height, width).

    >>> to_mask([1, 0, 1, 1], "boxes", 2, 3) is None     # a box without width is no region
    True
    >>> to_mask([0, 1, 0, 0], "cells", 2, 4).int().tolist()
    [[0, 0, 1, 1], [0, 0, 0, 0]]

    None stands for an unknown region: a null, or one that covers no pixel. Raises `InputError` on a value
    that is not of its kind.
    """
    if value is None:
        return None
    if kind == "boxes":
        mask = boxes_mask(value, height, width)
    elif kind == "cells":
        mask = cells_mask(value, height, width)
    else:
        mask = _drawn_mask(value, height, width)
    return mask if bool(mask.any()) else None


def boxes_mask(boxes: Sequence[Any], height: int, width: int) -> Tensor:
    """Mark the pixels inside any of the boxes (x0, y0, x1, y1), in pixels, both corners included.

    >>> boxes_mask([[1, 0, 2, 1], [-5, 0, 0, 9]], 3, 4).int().tolist()
    [[1, 1, 1, 0], [1, 1, 1, 0], [1, 0, 0, 0]]

    `boxes` is one box or several. Boxes are cut off at the image's edge; one without width or height marks
    nothing. Returns bool (height, width).
    """
    mask = torch.zeros(height, width, dtype=torch.bool)
    for x0, y0, x1, y1 in _corners(boxes):
        if x1 > x0 and y1 > y0 and x1 >= 0 and y1 >= 0:
            mask[max(0, int(y0)) : int(y1) + 1, max(0, int(x0)) : int(x1) + 1] = True
    return mask


def box_faults(boxes: Sequence[Any], height: int, width: int) -> tuple[int, int]:
    """Count the boxes that `boxes_mask` cuts off at the image's edge, and those that mark nothing.

    >>> box_faults([[1, 0, 2, 1], [-5, 0, 1, 9], [2, 2, 2, 5], [7, 0, 9, 1]], 3, 4)
    (1, 2)
    """
    cut = empty = 0
    for box in _corners(boxes):
        x0, y0, x1, y1 = box
        if not bool(boxes_mask(box, height, width).any()):
            empty += 1
        elif x0 < 0 or y0 < 0 or x1 >= width or y1 >= height:
            cut += 1
    return cut, empty


def cells_mask(cells: Sequence[Any], height: int, width: int) -> Tensor:
    """Spread a square grid of coarse cells, given row by row, over an image.

    >>> cells_mask([1, 0, 0, 1], 2, 2).int().tolist()
    [[1, 0], [0, 1]]

    A pixel takes the cell that its own corner lies in. Returns bool (height, width).
    """
    side = round(len(cells) ** 0.5)
    if side == 0 or side * side != len(cells):
        raise InputError(f"object_cells must be a square grid, row by row; got {len(cells)} cells")
    grid = torch.tensor([bool(cell) for cell in cells]).reshape(side, side)
    rows = torch.arange(height) * side // height
    columns = torch.arange(width) * side // width
    return grid[rows][:, columns]


def _corners(boxes: Sequence[Any]) -> NDArray[np.float64]:
    try:
        return np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    except (TypeError, ValueError):
        raise InputError(
            f"a box must be four numbers x0, y0, x1, y1 in pixels, got {_short(boxes)}"
        ) from None


def _drawn_mask(value: Any, height: int, width: int) -> Tensor:
    if isinstance(value, dict):
        value = value["bytes"] if value.get("bytes") is not None else value["path"]
    if isinstance(value, bytes | str):
        value = _pixels(value)
    drawn = torch.from_numpy(np.array(value) != 0)
    if drawn.ndim == 3:
        drawn = drawn.any(dim=-1)
    if drawn.shape != (height, width):
        raise InputError(f"a mask must be of its image's size {height}×{width}, got {_sides(drawn)}")
    return drawn


def _pixels(file: bytes | str) -> NDArray[Any]:
    try:
        with Image.open(BytesIO(file) if isinstance(file, bytes) else file) as image:
            return np.asarray(image)
    # Pillow's readers raise OSError, SyntaxError, ValueError and more on damaged files.
    except Exception as fault:
        raise InputError(f"its mask cannot be read: {one_line(fault)}") from fault


def _sides(mask: Tensor) -> str:
    return "×".join(str(side) for side in mask.shape)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
