"""What the page shows of one tile: its picture, and enlarged, its evidence for every class."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from nearsight.diagnosis.reasons import AtlasTile
from nearsight.report.page.pictures import picture_uri
from nearsight.statistics.writing import signed

TILE_SIDE = 96
# The image around an enlarged tile only shows where the tile lies.
IMAGE_SIDE = 96


@dataclass(frozen=True)
class TileView:
    """A tile of the atlas on the page; `lens` is what its enlargement needs, as JSON can hold it.

    `name` is unique on the page, `index` the place of the tile's image in the examined set.
    """

    name: str
    index: int
    uri: str
    alt: str
    evidence: float
    label: int
    lens: dict[str, Any]


def tile_view(
    tile: AtlasTile,
    name: str,
    side: int,
    number: int,
    classes: Sequence[str],
    prepared: Callable[[int], Tensor],
) -> TileView:
    """Return the view of a tile of `side` pixels that stands in the atlas for the class `number`."""
    pixels = prepared(tile.index)
    height, width = pixels.shape[1:]
    crop = pixels[:, tile.top : tile.top + side, tile.left : tile.left + side]
    evidence = f"evidence {signed(tile.evidence)} for {classes[number]}"
    return TileView(
        name=name,
        index=tile.index,
        uri=picture_uri(crop, TILE_SIDE),
        alt=f"tile of {tile.path} ({classes[tile.label]}), {evidence}",
        evidence=tile.evidence,
        label=tile.label,
        lens={
            "image": tile.index,
            "box": [tile.left, tile.top, side, width, height],
            "title": tile.path,
            "label": tile.label,
            "note": f"{evidence}, relative to the mean of the classes",
            "bars": [[chosen, _short(logit)] for chosen, logit in bars(tile)],
            "classes": len(classes),
            "marked": number,
        },
    )


def bars(tile: AtlasTile) -> list[tuple[int, float]]:
    """Return the classes that are kept of a tile and their logits, the largest first."""
    return sorted(zip(tile.kept, tile.logits, strict=True), key=lambda bar: -bar[1])


def lens_images(views: Iterable[TileView], prepared: Callable[[int], Tensor]) -> dict[int, str]:
    """Return the small pictures of the images that tiles lie in, by their place in the examined set."""
    return {
        index: picture_uri(prepared(index), IMAGE_SIDE) for index in dict.fromkeys(v.index for v in views)
    }


def _short(logit: float) -> float:
    # Five digits are more than the page shows, and half of what a float takes.
    return float(f"{logit:.5g}")
