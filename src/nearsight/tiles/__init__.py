"""Where tiles are, and cutting them."""

from nearsight.tiles.cut import cut_grid, cut_tiles, random_corners
from nearsight.tiles.grid import TileGrid, cell_edges, default_stride
from nearsight.tiles.padding import pad

__all__ = ["TileGrid", "cell_edges", "cut_grid", "cut_tiles", "default_stride", "pad", "random_corners"]
