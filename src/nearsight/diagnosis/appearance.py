"""Words for what tiles look like, from their pixels."""

from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.place import typical_place
from nearsight.tiles import TileGrid

# sRGB of the eleven basic colour terms (Berlin and Kay, 1969), most of them also lighter and darker.
COLOURS: dict[str, tuple[int, int, int]] = {
    "black": (15, 15, 15),
    "dark grey": (75, 75, 75),
    "grey": (128, 128, 128),
    "light grey": (190, 190, 190),
    "white": (245, 245, 245),
    "dark red": (120, 20, 20),
    "red": (205, 35, 35),
    "pink": (240, 160, 180),
    "orange": (240, 140, 40),
    "dark brown": (70, 45, 25),
    "brown": (125, 85, 50),
    "light brown": (190, 155, 115),
    "yellow": (235, 220, 60),
    "light yellow": (245, 240, 175),
    "dark green": (30, 70, 30),
    "green": (60, 140, 50),
    "light green": (160, 210, 140),
    "dark blue": (20, 30, 110),
    "blue": (55, 95, 185),
    "light blue": (145, 190, 230),
    "dark purple": (70, 30, 90),
    "purple": (130, 60, 160),
    "light purple": (195, 165, 215),
}
# In CIELAB's L*, black is 0, white is 100, and 2.3 is a just noticeable difference.
FLAT_SPREAD = 5.0
EDGE_STEP = 6.0
# Share of pixels on an edge.
SMOOTH_EDGES = 0.3
CELLS = 4
# Share of the cells that must have the named colours.
COMMON = 0.5
# Share of the tiles that must have the same colour in one place, and how many tiles there must be.
SHARED = 0.8
SHARED_TILES = 10
# Number of cells such a place may cover, a quarter of the tile. A larger one is among the colours already named.
SPOT = 4
# As floats, these take some 100 MB on the way to CIELAB. More tiles are handled in several parts.
_PIXELS_TOGETHER = 2**20

_XYZ = torch.tensor(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_D65 = torch.tensor([0.95047, 1.0, 1.08883])


def appearance(tiles: Tensor) -> str:
    """Return how tiles look, as one short phrase.

    >>> sky = torch.tensor([140, 190, 235], dtype=torch.uint8).view(1, 3, 1, 1).expand(2, 3, 8, 8)
    >>> appearance(sky)
    'flat light blue'

    `tiles` is uint8 (n, 3, height, width), at least one. "flat": lightness differs little inside a tile (the
    median over tiles of its standard deviation is below 5 of 100). Otherwise "smooth", if at most 30 % of the
    pixels differ from a neighbour by more than 6, or else "textured".

    Each tile is divided into 4×4 cells, and the mean of a cell in CIELAB gets the nearest colour of `COLOURS`.
    The phrase names the colour that half of all cells have, or else the two most common ones if together they
    make up half, or else "many colours". If up to four cells have one colour in 80 % of the tiles, and that
    colour is less than half as common elsewhere in them, it is named too, with its place in the tile. With fewer
    than ten tiles this would be chance, so it is left out.
    """
    together = max(1, _PIXELS_TOGETHER // tiles[0, 0].numel())
    parts = [_measured(some) for some in torch.split(tiles, together)]
    cells, spreads, edges = (torch.cat(column) for column in zip(*parts, strict=True))
    names = np.array(nearest_colour(cells.reshape(-1, 3))).reshape(len(tiles), CELLS * CELLS)
    common = Counter(names.flatten().tolist()).most_common(2)
    colours = _common_colours(common, names.size)
    texture = _texture(spreads, edges)
    said = f"{texture} {colours}" if colours else f"{texture}, many colours"
    shared = _shared_cells(names)
    return f"{said}, always {shared}" if shared else said


def to_lab(images: Tensor) -> Tensor:
    """Return images in CIELAB: L* from 0 to 100, a* and b*, for the white D65.

    >>> to_lab(torch.full((1, 3, 1, 1), 255, dtype=torch.uint8)).flatten().round().abs().tolist()
    [100.0, 0.0, 0.0]

    `images` is uint8 sRGB (n, 3, height, width), the result float32 of the same shape. IEC 61966-2-1 and
    CIE 15:2004.
    """
    encoded = images.float() / 255
    linear = torch.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    relative_xyz = torch.einsum("xc,nchw->nxhw", _XYZ, linear) / _D65[:, None, None]
    step = 6 / 29
    x, y, z = torch.where(
        relative_xyz > step**3, relative_xyz ** (1 / 3), relative_xyz / (3 * step**2) + 4 / 29
    ).unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def nearest_colour(lab: Tensor) -> list[str]:
    """Return the name in `COLOURS` of each colour, given in CIELAB as float (n, 3)."""
    named = torch.tensor(list(COLOURS.values()), dtype=torch.uint8)[:, :, None, None]
    nearest = torch.cdist(lab, to_lab(named)[:, :, 0, 0]).argmin(1)
    names = list(COLOURS)
    return [names[number] for number in nearest.tolist()]


def _common_colours(common: list[tuple[str, int]], cells: int) -> str | None:
    needed = COMMON * cells
    if common[0][1] >= needed:
        return common[0][0]
    if common[0][1] + common[1][1] >= needed:
        return f"{common[0][0]} and {common[1][0]}"
    return None


def _shared_cells(names: NDArray[np.str_]) -> str | None:
    """Say which colour is in the same place in most tiles and rare elsewhere; `names` is (tiles, cells)."""
    if len(names) < SHARED_TILES:
        return None
    grid = TileGrid(CELLS, CELLS, tile=1, stride=1)
    for colour in sorted(set(names.flatten().tolist())):
        shared = (names == colour).mean(0) >= SHARED
        if 0 < shared.sum() <= SPOT and (names[:, ~shared] == colour).mean() < SHARED / 2:
            corners = [divmod(place, CELLS) for place in np.flatnonzero(shared).tolist()]
            return f"{colour} at the {typical_place(corners, [grid] * len(corners)).name}"
    return None


def _measured(tiles: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the colours of each tile's cells (n, 4, 4, 3), its spread of lightness and share of edges, (n,)."""
    lab = to_lab(tiles)
    lightness = lab[:, 0]
    padded = F.pad(lightness[:, None], (0, 1, 0, 1), mode="replicate")[:, 0]
    right = (padded[:, :-1, 1:] - lightness).abs()
    down = (padded[:, 1:, :-1] - lightness).abs()
    edges = (torch.maximum(right, down) > EDGE_STEP).float().mean((1, 2))
    cells = F.adaptive_avg_pool2d(lab, CELLS).permute(0, 2, 3, 1)
    return cells, lightness.flatten(1).std(1, correction=0), edges


def _texture(spreads: Tensor, edges: Tensor) -> str:
    """Say how lightness varies inside tiles, by its spread and the share of edges in each, (n,)."""
    if float(spreads.median()) < FLAT_SPREAD:
        return "flat"
    return "smooth" if float(edges.median()) <= SMOOTH_EDGES else "textured"
