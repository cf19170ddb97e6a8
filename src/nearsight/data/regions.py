"""Regions: what is known about where the object is, as a mask of the image's own size."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data.boxes import BoxForm, Layout, box_faults, boxes_mask, edges
from nearsight.data.drawn_masks import MaskForm, drawn_mask, reduced_mask
from nearsight.data.shapes import Shapes
from nearsight.errors import InputError

if TYPE_CHECKING:
    from datasets import Dataset

RegionKind = Literal["mask", "boxes", "cells"]
Form = BoxForm | MaskForm
REGION_COLUMNS: dict[str, RegionKind] = {
    "mask": "mask",
    "boxes": "boxes",
    "box": "boxes",
    "object_cells": "cells",
    "bboxes": "boxes",
    "bbox": "boxes",
    "objects.bbox": "boxes",
}
# The columns that are made from annotation files: `Shapes`, as JSON.
BOXES_COLUMN, OUTLINES_COLUMN = "annotated boxes", "annotated outlines"
COLUMN_KINDS: dict[str, RegionKind] = {**REGION_COLUMNS, BOXES_COLUMN: "boxes", OUTLINES_COLUMN: "mask"}
# The region of an image with more pixels is given reduced, with so many pixels along its longer side.
MOST_PIXELS, LONGEST = 2**26, 4096
# The layout that a column of this name usually has; `bbox` has no usual one.
USUAL_LAYOUTS: dict[str, Layout] = {"box": "corners", "boxes": "corners", "objects.bbox": "sides"}


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
        """Return the mask of image i, bool (height, width), or None if the object is nowhere."""
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

    `rows` is a `datasets.Dataset`, `index` is the row of each image (n,), `known` (n,) is whether its region is
    known, and `form` is how boxes or masks are read, by default as in the package's own sets.
    """

    rows: "Dataset"
    column: str
    index: NDArray[np.int64]
    known: NDArray[np.bool_]
    form: Form | None = None

    @property
    def kind(self) -> RegionKind:
        """How the regions are given: as masks, boxes or coarse cells."""
        return COLUMN_KINDS[self.column]

    def region(self, i: int, height: int, width: int) -> Tensor | None:
        """Return the mask of image i, bool (height, width), or None if it is not known.

        That of an image with more than 67 million pixels is reduced to a longer side of 4,096.
        """
        if not self.known[i]:
            return None
        if height * width > MOST_PIXELS:
            return self._reduced(self.rows[int(self.index[i])][self.column], height, width)
        if self.column in (BOXES_COLUMN, OUTLINES_COLUMN):
            mask = Shapes.of(self.rows[int(self.index[i])][self.column]).mask(height, width)
            return mask if bool(mask.any()) else None
        return to_mask(self.rows[int(self.index[i])][self.column], self.kind, height, width, self.form)

    def _reduced(self, value: Any, height: int, width: int) -> Tensor | None:
        scale = LONGEST / max(height, width)
        rows, columns = (max(1, round(scale * side)) for side in (height, width))
        if self.column in (BOXES_COLUMN, OUTLINES_COLUMN):
            shapes = Shapes.of(value)
            mask = replace(shapes, size=shapes.size or (height, width)).mask(rows, columns)
        elif self.kind == "boxes":
            of_boxes = self.form if isinstance(self.form, BoxForm) else BoxForm()
            share = [columns / width, rows / height, columns / width, rows / height]
            placed = (edges(value, height, width, of_boxes) * share).tolist()
            mask = boxes_mask(placed, rows, columns, BoxForm(edges=True))
        elif self.kind == "cells":
            mask = cells_mask(value, rows, columns)
        else:
            form = self.form if isinstance(self.form, MaskForm) else MaskForm()
            mask = reduced_mask(value, height, width, (rows, columns), form)
        return mask if bool(mask.any()) else None

    def read_as(self) -> str | None:
        """Say how boxes or masks are read, None if nothing had to be found out."""
        if self.form is None:
            return None
        of_boxes = isinstance(self.form, BoxForm)
        return f"{'boxes are read as' if of_boxes else 'masks show the object'} {self.form.said()}"

    def box_faults(self, i: int, height: int, width: int) -> tuple[int, int]:
        """Return how many boxes of image i are cut off at its edge, and how many mark nothing; 0 for huge images."""
        value = self.rows[int(self.index[i])][self.column] if self.kind == "boxes" else None
        if value is None:
            return 0, 0
        if height * width > MOST_PIXELS:
            return 0, 0
        if self.column == BOXES_COLUMN:
            found = Shapes.of(value).edges(height, width)
            return box_faults(found.tolist(), height, width, BoxForm(edges=True))
        return box_faults(value, height, width, self.form if isinstance(self.form, BoxForm) else BoxForm())

    def select(self, index: NDArray[np.int64]) -> "ColumnRegions":
        """Return the regions of a subset, in the order of `index`."""
        return replace(self, index=self.index[index], known=self.known[index])


@dataclass(frozen=True, eq=False)
class JoinedRegions:
    """Regions of several splits as one: that of image i is the region of image `place[i]` of `parts[part[i]]`.

    All are of one `kind`; a part of which nothing is known is None.

    >>> masks = MaskRegions(torch.tensor([[[True, False]]]))
    >>> joined = JoinedRegions((masks, None), np.array([1, 0]), np.array([0, 0]), "mask")
    >>> joined.known.tolist(), joined.region(1, 1, 2).tolist()
    ([False, True], [[True, False]])
    """

    parts: tuple["Regions | None", ...]
    part: NDArray[np.int64]
    place: NDArray[np.int64]
    kind: RegionKind

    @staticmethod
    def of(
        parts: Sequence["Regions | None"], part: NDArray[np.int64], place: NDArray[np.int64]
    ) -> "JoinedRegions | None":
        """Return the regions of several splits as one, None if nothing is known or they are of several kinds."""
        kinds = {regions.kind for regions in parts if regions is not None}
        return JoinedRegions(tuple(parts), part, place, kinds.pop()) if len(kinds) == 1 else None

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which images have a region, bool of shape (n,)."""
        found = np.zeros(len(self.part), dtype=np.bool_)
        for number, regions in enumerate(self.parts):
            if regions is not None:
                mine = self.part == number
                found[mine] = regions.known[self.place[mine]]
        return found

    def region(self, i: int, height: int, width: int) -> Tensor | None:
        """Return the mask of image i, bool (height, width), or None if it is not known."""
        regions = self.parts[int(self.part[i])]
        return None if regions is None else regions.region(int(self.place[i]), height, width)

    def select(self, index: NDArray[np.int64]) -> "JoinedRegions":
        """Return the regions of a subset, in the order of `index`."""
        return replace(self, part=self.part[index], place=self.place[index])


@dataclass(frozen=True, eq=False)
class ReducedRegions:
    """The `regions` of images of some `sizes`, (n, 2), for the same images in other sizes of the same proportions.

    >>> masks = MaskRegions(torch.tensor([[[True, True, False, False]] * 2]))
    >>> ReducedRegions(masks, np.array([[2, 4]])).region(0, 1, 2).tolist()
    [[True, False]]
    """

    regions: "Regions"
    sizes: NDArray[np.int32]

    @property
    def kind(self) -> RegionKind:
        """How the regions are given."""
        return self.regions.kind

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which images have a region, bool of shape (n,)."""
        return self.regions.known

    def region(self, i: int, height: int, width: int) -> Tensor | None:
        """Return the mask of image i in this size, bool (height, width), or None if it is not known."""
        mask = self.regions.region(i, *self.sizes[i].tolist())
        if mask is None or mask.shape == (height, width):
            return mask
        rows, columns = (
            ((2 * torch.arange(side) + 1) * whole) // (2 * side)
            for side, whole in zip((height, width), mask.shape, strict=True)
        )
        found = mask[rows][:, columns]
        return found if bool(found.any()) else None

    def select(self, index: NDArray[np.int64]) -> "ReducedRegions":
        """Return the regions of a subset, in the order of `index`."""
        return ReducedRegions(self.regions.select(index), self.sizes[index])


Regions = MaskRegions | ColumnRegions | JoinedRegions | ReducedRegions


def to_mask(value: Any, kind: RegionKind, height: int, width: int, form: Form | None = None) -> Tensor | None:
    """Turn one region, in the form in which a table gives it, into a bool mask of shape (height, width).

    >>> to_mask([1, 0, 1, 1], "boxes", 2, 3) is None     # a box without width is no region
    True
    >>> to_mask([0, 1, 0, 0], "cells", 2, 4).int().tolist()
    [[0, 0, 1, 1], [0, 0, 0, 0]]

    None stands for an unknown region: a null, or one that covers no pixel. Raises `InputError` for a value that
    is not of its kind.
    """
    if value is None:
        return None
    if kind == "boxes":
        mask = boxes_mask(value, height, width, form if isinstance(form, BoxForm) else BoxForm())
    elif kind == "cells":
        mask = cells_mask(value, height, width)
    else:
        mask = drawn_mask(value, height, width, form if isinstance(form, MaskForm) else MaskForm())
    return mask if bool(mask.any()) else None


def cells_mask(cells: Sequence[Any], height: int, width: int) -> Tensor:
    """Spread a square grid of coarse cells, given row by row, over an image.

    >>> cells_mask([1, 0, 0, 1], 2, 2).int().tolist()
    [[1, 0], [0, 1]]

    A pixel gets the cell in which its own corner lies. Returns bool (height, width).
    """
    side = round(len(cells) ** 0.5)
    if side == 0 or side * side != len(cells):
        raise InputError(f"object_cells must be a square grid, row by row; got {len(cells)} cells")
    grid = torch.tensor([bool(cell) for cell in cells]).reshape(side, side)
    rows = torch.arange(height) * side // height
    columns = torch.arange(width) * side // width
    return grid[rows][:, columns]


def _sides(mask: Tensor) -> str:
    return "×".join(str(side) for side in mask.shape)
