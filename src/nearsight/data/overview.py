"""What an image of any size looks like reduced: means over its pixels, made of its rows as they pass."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nearsight.data.large_image import LargeImage

# Pixels along the longer side of an overview, more than any picture of a whole image on a page has.
OVERVIEW = 512
# Rows that are reduced together.
_ROWS = 256


@dataclass(frozen=True, eq=False)
class Reduced:
    """An image reduced in two ways.

    `overview` is uint8 (3, rows, columns): the means of squares of pixels, with at most as many per side as was
    asked for. `cells` is float32 (3, cells, cells): the means of so many cells along each side, whatever its length,
    as `adaptive_avg_pool2d` gives them.
    """

    overview: Tensor
    cells: Tensor


def reduced(image: Tensor | LargeImage, longest: int, cells: int) -> Reduced:
    """Reduce an image, uint8 (3, H, W), or one that is read part by part, of which a few rows are held.

    >>> image = torch.tensor([0, 2, 10, 20], dtype=torch.uint8).expand(3, 4, 4)
    >>> found = reduced(image, longest=2, cells=1)
    >>> found.overview[0].tolist(), found.cells.flatten().tolist()
    ([[1, 15], [1, 15]], [8.0, 8.0, 8.0])

    Of a pyramid, its smallest level of at least `longest` pixels is reduced. Raises `InputError` naming the image for
    damage.
    """
    level = None if isinstance(image, Tensor) else image.level(longest)
    image = image if level is None else level
    height, width = image.shape[-2:]
    step = -(-max(height, width) // longest)
    columns = -(-width // step)
    of_columns = torch.full((columns,), step)
    of_columns[-1] = width - (columns - 1) * step
    parts = []
    edges = [(row * height // cells, -(-(row + 1) * height // cells)) for row in range(cells)]
    lines = torch.zeros(cells, 3, width, dtype=torch.int64)
    top = 0
    for rows in _rows(image, max(1, _ROWS // step) * step):
        for line, (first, last) in zip(lines, edges, strict=True):
            own = rows[:, max(0, first - top) : max(0, last - top)]
            line += own.sum(1, dtype=torch.int32)
        top += rows.shape[1]
        for strip in torch.split(rows, step, 1):
            sums = F.pad(strip.sum(1, dtype=torch.int32), (0, columns * step - width))
            parts.append(sums.view(3, columns, step).sum(2) / (of_columns * strip.shape[1]))
    sums = F.pad(lines.cumsum(2), (1, 0))
    sides = [(column * width // cells, -(-(column + 1) * width // cells)) for column in range(cells)]
    tall = torch.tensor([last - first for first, last in edges])[:, None]
    means = [(sums[:, :, last] - sums[:, :, first]) / (tall * (last - first)) for first, last in sides]
    return Reduced(
        torch.stack(parts, 1).round().to(torch.uint8), torch.stack(means, 2).transpose(0, 1).contiguous()
    )


def _rows(image: Tensor | LargeImage, together: int) -> Iterator[Tensor]:
    if isinstance(image, Tensor):
        yield from torch.split(image, together, 1)
        return
    spans = ((top, min(top + together, image.height)) for top in range(0, image.height, together))
    yield from image.bands(spans)
