"""The page of a diagnosis: one file that a browser opens from disk, offline."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from nearsight.diagnosis.pictures import Picture
from nearsight.diagnosis.shown import ERRORS_SHOWN, LISTED, LISTED_SIDE
from nearsight.report.page.atlas_view import view_atlas
from nearsight.report.page.charts import locality_chart, strip
from nearsight.report.page.class_rows import class_rows
from nearsight.report.page.environment import render
from nearsight.report.page.error_cards import make_cards
from nearsight.report.page.pictures import data_uri, scale_colours
from nearsight.report.page.tile_views import lens_images
from nearsight.settings.protocols import MEAN_LOGIT, scored_by
from nearsight.write import write_text

if TYPE_CHECKING:
    from nearsight.diagnosis.result import Diagnosis

# Longer tables and lists are folded after so many rows.
ROWS = 30
PAIRS = 200


def write_diagnosis_page(diagnosis: "Diagnosis", path: Path, *, shown: int = ERRORS_SHOWN) -> None:
    """Write the page of a diagnosis to a file, whole or not at all.

    >>> write_diagnosis_page(diagnosis, Path("report.html"))  # doctest: +SKIP

    The file needs nothing beside it. At most `shown` misclassified images are shown, the costliest; what is
    left out is counted on the page, and the tables of the diagnosis hold it. Raises what `write_text` raises.
    """
    write_text(path, diagnosis_html(diagnosis, shown=shown))


def diagnosis_html(diagnosis: "Diagnosis", *, shown: int = ERRORS_SHOWN) -> str:
    """Return the page of a diagnosis as HTML text; `shown` as for `write_diagnosis_page`."""
    pictures = diagnosis.pictures
    errors, classes = diagnosis.errors, diagnosis.classes
    atlas = view_atlas(diagnosis.atlas, errors, diagnosis.tile, classes, pictures)
    cards = make_cards(errors, pictures, shown)
    tiles = [tile for found in atlas for tile in found.tiles()]
    listed = [found.index for found in diagnosis.suspects[:LISTED]]
    listed += [found.index for found in diagnosis.duplicates[:LISTED]]
    sizes = diagnosis.locality.sizes
    return render(
        "diagnosis.html.j2",
        diagnosis=diagnosis,
        rows=class_rows(diagnosis),
        atlas=atlas,
        cards=cards,
        shown_pairs=Counter((card.error.label, card.error.prediction) for card in cards),
        thumbnails={index: data_uri(pictures.encoded(Picture(index, LISTED_SIDE))) for index in listed},
        chart=locality_chart(sizes) if sizes else None,
        colours=scale_colours(),
        strip=strip,
        scored=scored_by(MEAN_LOGIT, diagnosis.tile, diagnosis.stride),
        scored_by=scored_by,
        caps={"rows": ROWS, "listed": LISTED, "pairs": PAIRS},
        data={
            "classes": classes,
            "tiles": {tile.name: tile.lens for tile in tiles},
            "images": lens_images(tiles, pictures),
            "errors": {card.name: card.lens for card in cards},
        },
    )
