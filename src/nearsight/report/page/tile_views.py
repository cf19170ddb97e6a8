"""What the page shows of one tile: its picture and, enlarged, its evidence for every class."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nearsight.diagnosis.pictures import Picture, Pictures
from nearsight.diagnosis.reasons.reason import AtlasTile
from nearsight.diagnosis.reasons.strips import AROUND_SIDE, TILE_SIDE
from nearsight.report.page.pictures import data_uri
from nearsight.statistics.writing import signed


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
    pictures: Pictures,
) -> TileView:
    """Return the view of a tile of `side` pixels that is in the atlas for the class `number`."""
    height, width = pictures.size(tile.index)
    evidence = f"evidence {signed(tile.evidence)} for {classes[number]}"
    return TileView(
        name=name,
        index=tile.index,
        uri=data_uri(pictures.encoded(Picture(tile.index, TILE_SIDE, (tile.top, tile.left, side)))),
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
    """Return the kept classes of a tile and their logits, the largest first."""
    return sorted(zip(tile.kept, tile.logits, strict=True), key=lambda bar: -bar[1])


def lens_images(views: Iterable[TileView], pictures: Pictures) -> dict[int, str]:
    """Return the small pictures of the images in which tiles are, by their place in the examined set."""
    return {
        # The image around an enlarged tile only shows where the tile is.
        index: data_uri(pictures.encoded(Picture(index, AROUND_SIDE)))
        for index in dict.fromkeys(view.index for view in views)
    }


def _short(logit: float) -> float:
    # Five digits are more than the page shows, and half of what a float takes.
    return float(f"{logit:.5g}")
