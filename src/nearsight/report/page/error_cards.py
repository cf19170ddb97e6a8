"""The errors on the page: for each shown image its picture, both maps, and what would have changed it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from torch import Tensor

from nearsight.diagnosis.errors.image_errors import Errors, ImageError
from nearsight.diagnosis.errors.part import ERROR_SIDE, deciding_pictures
from nearsight.diagnosis.pictures import Picture, Pictures
from nearsight.report.page.outline import outline_path, region_path
from nearsight.report.page.pictures import data_uri, map_uri
from nearsight.tiles import TileGrid

# With the atlas and the lists, a page stays below 15 MB.
MOST_BYTES = 8_000_000
# For a finer grid, the maps are drawn completely, but only every second tile, or third, … can be enlarged.
HOVERED_TILES = 1024


@dataclass(frozen=True)
class ErrorCard:
    """One misclassified image; pictures are data URIs, outlines SVG paths in the pixels of the image.

    `limit` is the bound of the colours of both maps in logits; `lens` is what enlarging a tile needs. `tiles` are
    pictures of the deciding tiles, if that of the image is too small to show them.
    """

    error: ImageError
    name: str
    picture: str
    predicted_map: str
    label_map: str
    limit: float
    flip_outline: str
    to_label_outline: str
    region_outline: str
    lens: dict[str, Any]
    tiles: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the card's pictures and numbers, as in the page."""
        numbers = sum(map(len, self.lens["values"]))
        outlines = (self.flip_outline, self.to_label_outline, self.region_outline)
        drawn = (self.picture, self.predicted_map, self.label_map, *outlines, *self.tiles)
        return sum(map(len, drawn)) + 7 * numbers


def make_cards(errors: Errors, pictures: Pictures, most: int) -> tuple[ErrorCard, ...]:
    """Return the cards of the costliest errors: those of the first `most` with a map, or as many as make 8 MB."""
    cards: list[ErrorCard] = []
    size = 0
    explained = (
        (error, error.grid, error.drawn_grid, error.evidence)
        for error in errors.errors[:most]
        if error.grid is not None and error.drawn_grid is not None and error.evidence is not None
    )
    for number, (error, grid, drawn, evidence) in zip(count(1), explained):
        card = _card(error, grid, drawn, evidence, f"e{number}", pictures)
        size += card.size
        if size > MOST_BYTES:
            break
        cards.append(card)
    return tuple(cards)


def enlargeable(starts: Sequence[int], others: int) -> Sequence[int]:
    """Return the numbers of the tile rows, or columns, whose tiles can be enlarged, when there are `others` across.

    >>> enlargeable(range(4), 4), len(enlargeable(range(193), 193))
    (range(0, 4), 28)
    """
    step = 1
    while len(range(0, len(starts), step)) * -(-others // step) > HOVERED_TILES:
        step += 1
    return range(0, len(starts), step)


def _card(
    error: ImageError, grid: TileGrid, drawn: TileGrid, evidence: Tensor, name: str, pictures: Pictures
) -> ErrorCard:
    from nearsight.evidence.plot import shared_limit

    predicted, label = evidence[:2]
    limit = shared_limit([predicted, label])
    return ErrorCard(
        error=error,
        name=name,
        picture=data_uri(pictures.encoded(Picture(error.index, ERROR_SIDE))),
        predicted_map=map_uri(predicted, drawn, limit),
        label_map=map_uri(label, drawn, limit),
        limit=limit,
        flip_outline="" if error.flip is None else outline_path(error.flip.tiles, grid),
        to_label_outline="" if error.to_label is None else outline_path(error.to_label.tiles, grid),
        region_outline="" if error.region is None else region_path(error.region, grid.height, grid.width),
        lens=_lens(error, grid, drawn, evidence, limit),
        tiles=tuple(data_uri(pictures.encoded(tile)) for tile in deciding_pictures(error)),
    )


def _lens(
    error: ImageError, grid: TileGrid, drawn: TileGrid, evidence: Tensor, limit: float
) -> dict[str, Any]:
    tops, lefts = drawn.tops, drawn.lefts
    rows, columns = enlargeable(tops, len(lefts)), enlargeable(lefts, len(tops))
    # Squares whose tiles were all skipped have no value.
    values = evidence.nan_to_num()[:, list(rows)][:, :, list(columns)].flatten(1).tolist()
    return {
        "title": error.path,
        "label": error.label,
        "classes": error.kept,
        "size": [grid.width, grid.height, drawn.tile],
        "tops": [tops[row] for row in rows],
        "lefts": [lefts[column] for column in columns],
        "values": [[float(f"{value:.4g}") for value in of_class] for of_class in values],
        "deciding": [
            [
                tile.left,
                tile.top,
                list(zip(error.kept, error.of_deciding(number), strict=True)),
            ]
            for number, tile in enumerate(error.deciding)
        ],
        "limit": limit,
        "unit": "logits lost without the tile" if error.kind == "removal" else "in logits",
        "which": "predicted, label, the likeliest others",
    }
