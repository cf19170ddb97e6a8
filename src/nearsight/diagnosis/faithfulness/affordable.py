"""On how many images maps are checked if nobody says: not so many that the check dwarfs the evaluation."""

from nearsight.diagnosis.faithfulness.curves import POINTS, drop_grid
from nearsight.settings import FAITHFULNESS_IMAGES
from nearsight.tiles import TileGrid

# The check may take this many times as many passes of a tile as the evaluation did, but has at least so many images.
TIMES = 4
LEAST = 8
# Kinds of map that are compared (`measure_faithfulness`), each by one curve of insertion and one of deletion.
METHODS = 5


def affordable_images(height: int, width: int, tile: int, *, whole: bool, evaluated: int) -> int:
    """Return on how many images of a size maps are checked by default: 8 to 32.

    >>> affordable_images(200, 200, 48, whole=False, evaluated=13_720)
    8
    >>> affordable_images(32, 32, 16, whole=False, evaluated=250_000)
    32

    `evaluated` counts the tiles of `tile` pixels a side that the evaluation scored. `whole` says whether a changed
    image is scored in one pass, which counts as its pixels in tiles, or tile by tile, side by side. Passes are
    counted and not timed, so that the same diagnosis checks the same images on every machine.
    """
    passes = height * width / tile**2 if whole else len(TileGrid(height, width, tile, tile, "covering"))
    # Each tile is removed twice: for the map of removal, and for the drops that all maps are compared with.
    changed = METHODS * 2 * POINTS + 2 * len(drop_grid(height, width, tile))
    return max(LEAST, min(FAITHFULNESS_IMAGES, int(TIMES * evaluated / (changed * passes))))
