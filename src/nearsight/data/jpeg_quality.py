"""The quality at which a JPEG was saved, from its quantisation table."""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

# Luminance, row by row: ITU-T T.81, table K.1, which libjpeg scales by the quality.
_LUMINANCE = np.array(
    [
        *(16, 11, 10, 16, 24, 40, 51, 61),
        *(12, 12, 14, 19, 26, 58, 60, 55),
        *(14, 13, 16, 24, 40, 57, 69, 56),
        *(14, 17, 22, 29, 51, 87, 80, 62),
        *(18, 22, 37, 56, 68, 109, 103, 77),
        *(24, 35, 55, 64, 81, 104, 113, 92),
        *(49, 64, 78, 87, 103, 121, 120, 101),
        *(72, 92, 95, 98, 112, 100, 103, 99),
    ]
)


def jpeg_quality(tables: Mapping[int, Sequence[int]] | None) -> int | None:
    """Return libjpeg's quality, 1 to 100, whose luminance table is nearest to that of a file; None without tables.

    >>> from io import BytesIO
    >>> from PIL import Image
    >>> file = BytesIO()
    >>> Image.new("RGB", (8, 8)).save(file, "JPEG", quality=35)
    >>> jpeg_quality(Image.open(file).quantization)
    35

    `tables` are those of Pillow, by number, each of 64 in rows. Cameras and other programs have tables of their
    own, for which the nearest is an approximation.
    """
    if not tables:
        return None
    return _nearest(tuple(tables[min(tables)]))


@cache
def _nearest(table: tuple[int, ...]) -> int | None:
    if len(table) != _LUMINANCE.size:
        return None
    distance = np.abs(_scaled() - np.array(table)).sum(1)
    return int(distance.argmin()) + 1


@cache
def _scaled() -> NDArray[np.int64]:
    """The table at each quality from 1 to 100, as libjpeg's `jpeg_quality_scaling` makes it."""
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    tables: NDArray[np.int64] = np.clip((_LUMINANCE * scale[:, None] + 50) // 100, 1, 255)
    return tables
