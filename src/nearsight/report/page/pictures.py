"""Pictures inside the page: files and evidence maps as data URIs."""

import base64
from collections.abc import Sequence
from functools import cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nearsight.tiles import TileGrid, cell_edges

# Half of the palette is for, half against; 0 is where no tile has its centre.
LEVELS = 127
_NEUTRAL = LEVELS + 1
# The most pixels of a map per side.
MOST_DRAWN = 4096


def data_uri(file: bytes) -> str:
    """Return a PNG or WebP as a data URI.

    >>> data_uri(b"\\x89PNG")
    'data:image/png;base64,iVBORw=='
    """
    form = "webp" if file.startswith(b"RIFF") else "png"
    return f"data:image/{form};base64,{base64.b64encode(file).decode('ascii')}"


def map_uri(logits: Tensor, grid: TileGrid, limit: float) -> str:
    """Return an evidence map, float (rows, columns), as the data URI of a PNG in the pixels of its image.

    Every tile is a cell at the tile's centre, in a colour from −`limit` to `limit` logits; where no tile has its
    centre, at the margin, and where a tile was skipped (NaN), the PNG is transparent. It has two pixels for each of
    the image's, so that borders of cells, which lie on halves of pixels, are exact; of larger images it has at most
    4,096 per side.
    """
    step = max(1, -(-2 * max(grid.height, grid.width) // MOST_DRAWN))
    rows = nearest_tiles(grid.tops, grid.tile, grid.height)[step // 2 :: step]
    columns = nearest_tiles(grid.lefts, grid.tile, grid.width)[step // 2 :: step]
    values = logits.double().cpu().numpy()
    levels = np.rint(np.clip(np.nan_to_num(values) / limit, -1, 1) * LEVELS).astype(np.int64)
    # One byte each, because there are four for each pixel of the image.
    indices = np.where(np.isnan(values), 0, levels + _NEUTRAL).astype(np.uint8)[np.ix_(rows, columns)]
    indices[(rows < 0)[:, None] | (columns < 0)[None]] = 0
    picture = Image.fromarray(indices)
    picture.putpalette(_palette())
    buffer = BytesIO()
    picture.save(buffer, "PNG", optimize=True, transparency=0)
    return data_uri(buffer.getvalue())


def nearest_tiles(starts: Sequence[int], tile: int, length: int) -> NDArray[np.int64]:
    """Return for each half pixel of one side the tile row or column whose centre is nearest, −1 at the margin.

    >>> nearest_tiles((0, 1, 2), tile=4, length=6).tolist()
    [-1, -1, -1, 0, 0, 1, 1, 2, 2, -1, -1, -1]

    `starts` are the grid's `tops` or its `lefts`, `length` its height or its width in pixels. The margin begins
    half a step beyond the outermost centres, as in the heatmaps of `EvidenceMap.plot`.
    """
    edges = 2 * np.array(cell_edges(starts, tile))
    places = np.arange(2 * length) + 0.5
    found = np.searchsorted(edges, places) - 1
    return np.where((places > edges[0]) & (places < edges[-1]), found, -1)


def scale_colours(stops: int = 11) -> list[str]:
    """Return the colours of the diverging scale from against to for, for a legend.

    >>> colours = scale_colours()
    >>> colours[0], colours[5], colours[-1]
    ('#2d004b', '#f7f7f6', '#7f3b08')
    """
    from matplotlib.colors import to_hex

    return [to_hex(colour) for colour in _colours(np.linspace(0, 1, stops))]


@cache
def _palette() -> bytes:
    colours = _colours(np.linspace(0, 1, 2 * LEVELS + 1))
    return bytes(3) + np.rint(255 * colours[:, :3]).astype(np.uint8).tobytes()


def _colours(places: NDArray[np.float64]) -> NDArray[np.float64]:
    from matplotlib import colormaps

    from nearsight.evidence.plot import COLOURS

    colours: NDArray[np.float64] = colormaps[COLOURS](places)
    return colours
