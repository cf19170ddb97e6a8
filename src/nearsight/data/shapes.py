"""Shapes: objects as annotation files give them (boxes, outlines and runs), and the pixels that they mark."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.errors import InputError

# The most pixels per side that annotations may state for an image, and how far outside it an object may be.
LARGEST_SIDE, _FARTHEST = 2**17, 1e9


@dataclass(frozen=True)
class Shape:
    """One object: its box as left, top, right and bottom edge; its outlines; or the runs of its mask.

    An outline is x, y, x, y, …; runs are lengths down the columns of a mask of `Shapes.size`, the first of them
    off the object, as in COCO. If there are outlines or runs, the box adds nothing. `name` is the object's class.
    """

    box: tuple[float, float, float, float] | None = None
    outlines: tuple[tuple[float, ...], ...] = ()
    runs: tuple[int, ...] = ()
    name: str | None = None

    def __post_init__(self) -> None:
        for numbers in (self.box or (), *self.outlines):
            if not all(-_FARTHEST <= each <= _FARTHEST for each in numbers):
                raise InputError(f"an object lies at {list(numbers)[:4]}, which is no place in an image")
        if any(run < 0 for run in self.runs):
            raise InputError("the runs of a mask have a length below 0")


@dataclass(frozen=True)
class Shapes:
    """The objects of one image, in pixels of an image of `size` (height, width), or as shares of its sides.

    >>> Shapes((Shape((1, 0, 3, 2)),)).mask(2, 4).int().tolist()
    [[0, 1, 1, 0], [0, 1, 1, 0]]
    """

    objects: tuple[Shape, ...] = ()
    size: tuple[int, int] | None = None
    relative: bool = False

    def mask(self, height: int, width: int) -> Tensor:
        """Mark the pixels whose centre lies in any object, bool (height, width)."""
        found = np.zeros((height, width), dtype=bool)
        across, down = self._scale(height, width)
        for shape in self.objects:
            if shape.runs:
                found |= _runs_mask(shape.runs, self.size or (height, width), height, width)
            for outline in shape.outlines:
                points = np.array(outline, dtype=np.float64).reshape(-1, 2) * [across, down]
                found |= outline_mask(points, height, width)
        for x0, y0, x1, y1 in np.ceil(self.edges(height, width) - 0.5).astype(np.int64).tolist():
            if x1 > x0 and y1 > y0:
                found[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)] = True
        return torch.from_numpy(found)

    def edges(self, height: int, width: int) -> NDArray[np.float64]:
        """Return left, top, right and bottom edge in pixels of each box that counts, float64 (n, 4)."""
        across, down = self._scale(height, width)
        boxes = [shape.box for shape in self.objects if shape.box and not (shape.outlines or shape.runs)]
        return np.array(boxes, dtype=np.float64).reshape(-1, 4) * [across, down, across, down]

    def extent(self, height: int, width: int) -> NDArray[np.float64]:
        """Return the edges in pixels of whatever is given of each object, float64 (n, 4)."""
        across, down = self._scale(height, width)
        found = [self.edges(height, width)]
        for shape in self.objects:
            for outline in shape.outlines:
                points = np.array(outline, dtype=np.float64).reshape(-1, 2) * [across, down]
                found.append(np.concatenate([points.min(0), points.max(0)])[None])
            if shape.runs:
                found.append(np.array([[0, 0, width, height]], dtype=np.float64))
        return np.concatenate(found)

    def fits(self, height: int, width: int) -> bool:
        """Whether the image that was annotated has this shape, except that all of it may have been resized."""
        if self.size is None:
            return True
        high, wide = self.size
        return abs(width * high / height - wide) <= 1.5 * max(1.0, high / height)

    def written(self) -> str:
        """Write it as JSON."""
        return json.dumps(asdict(self))

    @staticmethod
    def of(text: str) -> "Shapes":
        """Read what `written` wrote.

        >>> both = Shapes((Shape((0, 0, 1, 1), name="cat"), Shape(outlines=((0, 0, 1, 1, 0, 1),))), (9, 9))
        >>> Shapes.of(both.written()) == both
        True
        """
        read = json.loads(text)
        objects = tuple(
            Shape(
                None if each["box"] is None else tuple(each["box"]),
                tuple(map(tuple, each["outlines"])),
                tuple(each["runs"]),
                each["name"],
            )
            for each in read["objects"]
        )
        return Shapes(objects, None if read["size"] is None else tuple(read["size"]), read["relative"])

    def _scale(self, height: int, width: int) -> tuple[float, float]:
        if self.relative:
            return width, height
        high, wide = self.size or (height, width)
        return width / wide, height / high


def outline_mask(points: NDArray[np.float64], height: int, width: int) -> NDArray[np.bool_]:
    """Mark the pixels whose centre lies inside a closed outline of points (x, y), bool (height, width).

    >>> outline_mask(np.array([[1, 0], [3, 0], [3, 2], [1, 2]]), 2, 4).astype(int).tolist()
    [[0, 1, 1, 0], [0, 1, 1, 0]]

    If an outline crosses itself, a centre is inside if the outline goes around it an odd number of times.
    """
    # Each edge that crosses a row of centres exchanges inside and outside from there to the right.
    turns = np.zeros((height, width + 1), dtype=np.int64)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if y0 > y1:
            x0, y0, x1, y1 = x1, y1, x0, y0
        first, last = max(0, int(np.ceil(y0 - 0.5))), min(height, int(np.ceil(y1 - 0.5)))
        if last <= first:
            continue
        rows = np.arange(first, last)
        x = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
        turns[rows, np.ceil(x - 0.5).clip(0, width).astype(np.int64)] += 1
    return np.asarray(turns.cumsum(axis=1)[:, :width] % 2 == 1)


# Of a packed run; no image is so large.
_MOST_BITS = 60


def packed_runs(text: str) -> tuple[int, ...]:
    """Unpack the runs that COCO writes as a string.

    >>> packed_runs("06320")
    (0, 6, 3, 8, 3)

    Each number has five bits per character, the lowest first, and a sixth that says that more follow. From the
    third number on, it is the difference to the one before last (`rleFrString` of the COCO API).
    """
    runs: list[int] = []
    at = 0
    while at < len(text):
        value, shift, more = 0, 0, True
        while more:
            if at >= len(text) or shift > _MOST_BITS:
                raise InputError("a mask in runs breaks off; write the annotations again")
            bits = ord(text[at]) - 48
            value |= (bits & 0x1F) << shift
            more, shift, at = bool(bits & 0x20), shift + 5, at + 1
            if not more and bits & 0x10:
                value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
    return tuple(runs)


def _runs_mask(runs: Sequence[int], size: tuple[int, int], height: int, width: int) -> NDArray[np.bool_]:
    high, wide = size
    if sum(runs) != high * wide or min(runs) < 0:
        raise InputError(f"the runs of a mask cover {sum(runs)} pixels of an image of {high}×{wide}")
    marks = np.arange(len(runs)) % 2 == 1
    mask = np.repeat(marks, np.array(runs)).reshape(wide, high).T
    rows = np.minimum(((np.arange(height) + 0.5) * high / height).astype(np.int64), high - 1)
    columns = np.minimum(((np.arange(width) + 0.5) * wide / width).astype(np.int64), wide - 1)
    return np.asarray(mask[rows][:, columns])


@dataclass(frozen=True)
class Annotated:
    """What is said about one image: the image's path as it is written, and its shapes or the file of its mask."""

    image: str
    shapes: Shapes = field(default_factory=Shapes)
    mask: str | None = None


@dataclass(frozen=True)
class Annotations:
    """What annotation files say: their kind, what they say about each image, and what was concluded in reading."""

    kind: str
    images: tuple[Annotated, ...]
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> set[str]:
        """The names of all objects."""
        objects = (shape for each in self.images for shape in each.shapes.objects)
        return {shape.name for shape in objects if shape.name is not None}
