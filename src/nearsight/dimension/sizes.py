"""Tile sizes: which ones are measured, and their height and width in pixels."""

from collections.abc import Iterable

import numpy as np

from nearsight.data import ImageSet
from nearsight.errors import InputError
from nearsight.numbers import whole

DEFAULT_SHARES = (1 / 8, 1 / 4, 3 / 8, 1 / 2, 3 / 4)


def choose_sizes(
    train: ImageSet, test: ImageSet, tiles: Iterable[int | None] | None
) -> tuple[dict[int | None, tuple[int, int]], list[str]]:
    """Return height and width of each tile size, from small to large, whole images last, and notes on them.

    >>> from nearsight.data import load
    >>> sets = load("digits")
    >>> choose_sizes(sets["train"], sets["test"], [None, 4])
    ({4: (4, 4), None: (8, 8)}, [])

    `tiles` None stands for an eighth, a quarter, three eighths, a half and three quarters of the smallest side,
    and whole images if they have one size. A tile as large as every image counts as whole images. Raises
    `InputError` if a tile does not fit, or whole images have different sizes.
    """
    notes: list[str] = []
    given = _default_tiles(train, test) if tiles is None else list(tiles)
    given = [None if tile is None else whole("tiles", tile) for tile in given]
    if not given:
        raise InputError("no tile size is given; give at least one, such as `tiles=[8, 16, None]`")
    ordered = sorted({tile for tile in given if tile is not None})
    sizes: dict[int | None, tuple[int, int]] = {}
    for tile in [*ordered, *([None] if None in given else [])]:
        size = tile_size(train, tile)
        if tile_size(test, tile) != size:
            raise InputError(
                f"whole images of train and test differ in size ({train.smallest} and {test.smallest} pixels at "
                "the least); leave whole images out of `tiles`"
            )
        if tile is None and size in sizes.values():
            del sizes[size[0]]
            notes.append(f"tile {size[0]} is the whole image, and is listed once, as full")
        sizes[tile] = size
    return sizes, notes


def _default_tiles(train: ImageSet, test: ImageSet) -> list[int | None]:
    smallest = min(train.smallest, test.smallest)
    tiles: list[int | None] = [max(1, round(share * smallest)) for share in DEFAULT_SHARES]
    one_size = len(np.unique(np.concatenate([train.sizes, test.sizes]), axis=0)) == 1
    return [*tiles, None] if one_size else tiles


def tile_size(images: ImageSet, tile: int | None) -> tuple[int, int]:
    """Return a tile's height and width in pixels; None is the whole image.

    Raises `InputError` if the tile does not fit every image, or whole images have different sizes.
    """
    if tile is not None:
        if not 1 <= tile <= images.smallest:
            raise InputError(
                f"a tile of {tile} pixels does not fit every image of {images.name} {images.split}; "
                f"sides from 1 to {images.smallest} do"
            )
        return tile, tile
    low, high = images.sizes.min(0), images.sizes.max(0)
    if not np.array_equal(low, high):
        raise InputError(
            f"whole images of {images.name} {images.split} are {low[0]}×{low[1]} to {high[0]}×{high[1]} pixels, "
            "and distances need one size; leave whole images out of `tiles`"
        )
    return int(low[0]), int(low[1])
