"""Where tiles are, and cutting them."""

from nearsight.tiles.cut import cut_grid, cut_tiles, random_corners
from nearsight.tiles.grid import TileGrid, default_stride

__all__ = ["TileGrid", "cut_grid", "cut_tiles", "default_stride", "random_corners"]
