"""What an image of any size looks like reduced: means over its pixels, made of its rows as they pass."""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from nearsight.data.large_image import LargeImage
from nearsight.data.stamps import Stamp, stamp_of
from nearsight.data.values import ValueRange

# Pixels along the longer side of an overview, more than any picture of a whole image on a page has.
OVERVIEW = 512
# Cells per side by which near-duplicates are found.
CELLS = 16
_MOST_KEPT = 256 * 2**20
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
    edges = [(row * height // cells, -(-(row + 1) * height // cells)) for row in range(cells)]
    cuts = sorted({*range(0, height, step), height, *chain(*edges)})
    lines = torch.zeros(cells, 3, width, dtype=torch.int64)
    strips = torch.zeros(-(-height // step), 3, columns, dtype=torch.int64)
    top = 0
    for rows in _rows(image, max(1, _ROWS // step) * step):
        bottom = top + rows.shape[1]
        own = [top, *cuts[bisect_right(cuts, top) : bisect_left(cuts, bottom)], bottom]
        # Each row is summed once, for the squares and for the cells.
        for first, last in pairwise(own):
            sums = rows[:, first - top : last - top].sum(1, dtype=torch.int32)
            strips[first // step] += F.pad(sums, (0, columns * step - width)).view(3, columns, step).sum(2)
            for line, (start, end) in zip(lines, edges, strict=True):
                if start <= first < end:
                    line += sums
        top = bottom
    heights = torch.full((len(strips), 1, 1), step)
    heights[-1] = height - (len(strips) - 1) * step
    overview = (strips / (heights * of_columns)).permute(1, 0, 2).round().to(torch.uint8)
    sums = F.pad(lines.cumsum(2), (1, 0))
    sides = [(column * width // cells, -(-(column + 1) * width // cells)) for column in range(cells)]
    tall = torch.tensor([last - first for first, last in edges])[:, None]
    means = [(sums[:, :, last] - sums[:, :, first]) / (tall * (last - first)) for first, last in sides]
    return Reduced(overview.contiguous(), torch.stack(means, 2).transpose(0, 1).contiguous())


def overview_of(image: Tensor | LargeImage) -> Tensor:
    """Return an image reduced to at most 512 pixels per side, uint8 (3, rows, columns).

    That of an image which is read part by part is kept, with others in at most 256 MiB.
    """
    if isinstance(image, Tensor):
        return reduced(image, OVERVIEW, 1).overview
    key = _key(image)
    if key not in _OVERVIEWS:
        _reduce(image, key)
    _OVERVIEWS.move_to_end(key)
    return _OVERVIEWS[key]


def cells_of(image: LargeImage) -> Tensor:
    """Return the means of 16×16 cells of an image that is read part by part, float32 (3, 16, 16); they are kept."""
    key = _key(image)
    if key not in _CELLS:
        _reduce(image, key)
    return _CELLS[key]


_Key = tuple[str, Stamp, ValueRange | None]
# To read an image takes so long that it is done once for both.
_OVERVIEWS: OrderedDict[_Key, Tensor] = OrderedDict()
_CELLS: dict[_Key, Tensor] = {}


def _key(image: LargeImage) -> _Key:
    return image.path, stamp_of(image.path), image.value_range


def _reduce(image: LargeImage, key: _Key) -> None:
    found = reduced(image, OVERVIEW, CELLS)
    _CELLS[key], _OVERVIEWS[key] = found.cells, found.overview
    while len(_OVERVIEWS) > _MOST_KEPT // (3 * OVERVIEW**2):
        _OVERVIEWS.popitem(last=False)


def _rows(image: Tensor | LargeImage, together: int) -> Iterator[Tensor]:
    if isinstance(image, Tensor):
        yield from torch.split(image, together, 1)
        return
    spans = ((top, min(top + together, image.height)) for top in range(0, image.height, together))
    yield from image.bands(spans)
