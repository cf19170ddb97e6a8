"""The page of heatmaps: each picture with its maps, and the logits of the tile under the pointer."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearsight.diagnosis.errors.part import ERROR_SIDE
from nearsight.diagnosis.pictures import encode
from nearsight.evidence.kinds import FILL_WORDS
from nearsight.report.page.environment import render
from nearsight.report.page.error_cards import MOST_BYTES, enlargeable
from nearsight.report.page.going_on import after_heatmaps
from nearsight.report.page.outline import outline_path
from nearsight.report.page.pictures import data_uri, map_uri
from nearsight.statistics.writing import signed
from nearsight.write import write_text

if TYPE_CHECKING:
    from nearsight.report.heatmap import Heatmap, Heatmaps

# A map is drawn in pixels of its image; for larger images, only the files beside the page hold it.
MOST_PIXELS = 16_000_000
# In addition to the drawn classes, those with the highest scores, up to this many in all.
KEPT = 8


@dataclass(frozen=True)
class DrawnMap:
    """One class of an image: its map as a data URI, its name, what the caption says, and the outline of its tiles.

    `counting` is an SVG path around the tiles that make the score, empty if all of them count.
    """

    uri: str
    class_name: str
    words: str
    counting: str


@dataclass(frozen=True, eq=False)
class HeatmapCard:
    """One image on the page; `picture` is a data URI, `lens` what enlarging a tile needs."""

    heatmap: "Heatmap"
    name: str
    picture: str
    maps: tuple[DrawnMap, ...]
    lens: dict[str, Any]

    @property
    def size(self) -> int:
        """Bytes of the card's pictures and numbers, as in the page."""
        numbers = sum(map(len, self.lens["values"]))
        drawn = sum(len(one.uri) + len(one.counting) for one in self.maps)
        return len(self.picture) + drawn + 7 * numbers


def write_heatmap_page(heatmaps: "Heatmaps", path: Path) -> None:
    """Write the page of heatmaps to a file, whole or not at all; if there are very many, the first that make 8 MB.

    Images of more than 16 million pixels are left out, and the page says how many it shows. Raises where
    `write_text` does.
    """
    cards = tuple(_as_fit(heatmaps))
    from nearsight.evidence.plot import counting_words, made_words

    first = heatmaps.images[0].evidence if heatmaps.images else None
    write_text(
        path,
        render(
            "heatmaps.html.j2",
            title="What the network looks at",
            cards=cards,
            images=len(heatmaps),
            removal=None if first is None else first.removal,
            made="the mean of the drawn map" if first is None else made_words(first),
            counting="" if first is None else counting_words(first),
            fill_words=FILL_WORDS,
            limit=heatmaps.limit,
            command=heatmaps.command,
            steps=() if first is None else after_heatmaps(heatmaps.command, first.grid.tile),
            data={
                "classes": () if first is None else first.classes,
                "tiles": {},
                "images": {},
                "mapped": {card.name: card.lens for card in cards},
            },
        ),
    )


def _as_fit(heatmaps: "Heatmaps") -> Iterator[HeatmapCard]:
    size, limit = 0, heatmaps.limit
    drawn = (
        each
        for each in heatmaps.images
        if each.evidence.grid.height * each.evidence.grid.width <= MOST_PIXELS
    )
    for number, heatmap in enumerate(drawn, start=1):
        card = _card(heatmap, f"m{number}", limit)
        size += card.size
        # At least one image is shown.
        if size > MOST_BYTES and number > 1:
            return
        yield card


def _card(heatmap: "Heatmap", name: str, limit: float) -> HeatmapCard:
    evidence, grid = heatmap.evidence, heatmap.evidence.grid
    return HeatmapCard(
        heatmap,
        name,
        data_uri(encode(heatmap.image, ERROR_SIDE)),
        tuple(
            DrawnMap(
                map_uri(evidence.logits[number], grid, limit),
                evidence.classes[number],
                f"{heatmap.role(number)}, {evidence.protocol} {signed(heatmap.logit(number))}",
                outline_path(evidence.counting(number) or (), grid),
            )
            for number in heatmap.shown
        ),
        _lens(heatmap, limit),
    )


def _lens(heatmap: "Heatmap", limit: float) -> dict[str, Any]:
    evidence, grid = heatmap.evidence, heatmap.evidence.grid
    likely = evidence.scores().argsort(descending=True).tolist()
    kept = list(dict.fromkeys([*heatmap.shown, *likely]))[:KEPT]
    rows = enlargeable(grid.tops, len(grid.lefts))
    columns = enlargeable(grid.lefts, len(grid.tops))
    values = evidence.logits[kept][:, list(rows)][:, :, list(columns)].flatten(1).tolist()
    return {
        "title": heatmap.name,
        "classes": kept,
        "size": [grid.width, grid.height, grid.tile],
        "tops": [grid.tops[row] for row in rows],
        "lefts": [grid.lefts[column] for column in columns],
        # A tile that was skipped has no logits, and JSON has no NaN.
        "values": [
            [None if math.isnan(value) else float(f"{value:.4g}") for value in of_class]
            for of_class in values
        ],
        "limit": limit,
        "unit": "in logits" if evidence.removal is None else "logits lost without the tile",
        "which": "those drawn, then the likeliest",
    }
