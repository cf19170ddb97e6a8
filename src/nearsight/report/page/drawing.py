"""What draws a section of a diagnosis's page: pictures, tiles to enlarge, cards of errors, charts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from nearsight.diagnosis.errors.image_errors import Errors
from nearsight.diagnosis.errors.part import ERRORS, ERRORS_SHOWN
from nearsight.diagnosis.findings import Findings
from nearsight.diagnosis.locality.sizes import Locality
from nearsight.diagnosis.pictures import Picture, encode
from nearsight.diagnosis.reasons.atlas import Atlas
from nearsight.diagnosis.reasons.reason import AtlasTile
from nearsight.report.page.atlas_view import ClassView, view_atlas
from nearsight.report.page.charts import LocalityChart, locality_chart
from nearsight.report.page.error_cards import ErrorCard, make_cards
from nearsight.report.page.pictures import data_uri
from nearsight.report.page.tile_views import TileView, lens_images, tile_view


@dataclass(frozen=True, eq=False)
class Drawing:
    """Draws everything that the sections of one page need, and keeps what enlarging it needs.

    At most `shown` misclassified images are drawn, the costliest.
    """

    about: Findings
    shown: int = ERRORS_SHOWN
    _tiles: dict[str, TileView] = field(default_factory=dict)
    _cards: dict[str, ErrorCard] = field(default_factory=dict)

    def picture(self, index: int, longest: int, tile: tuple[int, int, int] | None = None) -> str:
        """Return the data URI of an examined image by its place in the set, or of a tile (top, left, side) of it.

        A part that draws a picture names it among its pictures, so that a saved diagnosis has it.
        """
        return data_uri(self.about.pictures.encoded(Picture(index, longest, tile)))

    def pixels(self, pixels: Tensor, longest: int) -> str:
        """Return the data URI of pixels that a part found, uint8 (3, height, width)."""
        return data_uri(encode(pixels, longest))

    def tile(self, tile: AtlasTile, name: str, class_number: int) -> TileView:
        """Return the view of a tile that can be enlarged; `name` is unique on the page."""
        view = tile_view(tile, name, self.about.tile, class_number, self.about.classes, self.about.pictures)
        self._tiles[name] = view
        return view

    def atlas(self, atlas: Atlas) -> tuple[ClassView, ...]:
        """Return the classes of an atlas with the tiles that are drawn."""
        errors = ERRORS.of(self.about)
        return view_atlas(atlas, {} if errors is None else errors.by_class, self.tile)

    def cards(self, errors: Errors) -> tuple[ErrorCard, ...]:
        """Return the cards of the costliest errors."""
        cards = make_cards(errors, self.about.pictures, self.shown)
        self._cards.update((card.name, card) for card in cards)
        return cards

    def pairs(self, cards: Sequence[ErrorCard]) -> Counter[tuple[int, int]]:
        """Return how many cards show each confusion pair, by label and prediction."""
        return Counter((card.error.label, card.error.prediction) for card in cards)

    def chart(self, found: Locality) -> LocalityChart:
        """Return the curves of locality."""
        return locality_chart(found)

    def data(self) -> dict[str, Any]:
        """Return what the page's script needs to enlarge everything that was drawn."""
        return {
            "classes": self.about.classes,
            "tiles": {name: view.lens for name, view in self._tiles.items()},
            "images": lens_images(self._tiles.values(), self.about.pictures),
            "mapped": {name: card.lens for name, card in self._cards.items()},
        }
