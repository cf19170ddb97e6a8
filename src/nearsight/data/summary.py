"""What a set holds: splits, counts, sizes, regions; and the largest tile that fits every image."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearsight.arguments import checked
from nearsight.data.image_set import ImageSet, ImageSets


@checked
def summarise(sets: ImageSets) -> dict[str, Any]:
    """Describe a set as one JSON object.

    >>> from nearsight.data import load
    >>> summary = summarise(load("digits"))
    >>> summary["largest_tile"], summary["splits"]["test"]["images"]
    (8, 365)

    `largest_tile` is in pixels and fits every image of every split. For each split: the number of `images`, how
    many there are of each class (`class_counts`, in the order of `classes`), the smallest, median and largest
    `heights` and `widths` in pixels, whether it is held `in_memory`, for how many images the region is known, and
    the other `columns` with their types.
    """
    return {
        "name": sets.name,
        "classes": list(sets.classes),
        "largest_tile": min(images.smallest for images in sets.values()),
        "splits": {split: _summarise_split(images) for split, images in sets.items()},
        "notes": list(sets.notes),
    }


def _summarise_split(images: ImageSet) -> dict[str, Any]:
    counts = np.bincount(images.labels, minlength=len(images.classes))
    regions = images.regions
    return {
        "images": len(images),
        "class_counts": counts.tolist(),
        "heights": _spread(images.sizes[:, 0]),
        "widths": _spread(images.sizes[:, 1]),
        "largest_tile": images.smallest,
        "in_memory": images.pixels is not None,
        "regions": {
            "kind": None if regions is None else regions.kind,
            "known": 0 if regions is None else int(regions.known.sum()),
        },
        "columns": {}
        if images.columns is None
        else {field.name: str(field.type) for field in images.columns.schema},
    }


def _spread(lengths: NDArray[np.int32]) -> dict[str, int]:
    return {
        "smallest": int(lengths.min()),
        "median": int(np.median(lengths)),
        "largest": int(lengths.max()),
    }
