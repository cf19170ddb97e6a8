"""The page of a diagnosis: one file that a browser opens from disk, offline."""

from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from nearsight.report.page.atlas_view import view_atlas
from nearsight.report.page.charts import locality_chart, strip
from nearsight.report.page.class_rows import class_rows
from nearsight.report.page.environment import render
from nearsight.report.page.error_cards import make_cards
from nearsight.report.page.pictures import picture_uri, scale_colours
from nearsight.report.page.tile_views import lens_images
from nearsight.write import write_text

if TYPE_CHECKING:
    from nearsight.diagnosis.result import Diagnosis

# Longer tables and lists are folded after so many rows.
ROWS = 30
# Of the images that are listed, likely label errors and near-duplicates, so many of each.
LISTED = 30
PAIRS = 200
THUMBNAIL = 96


def write_diagnosis_page(diagnosis: "Diagnosis", path: Path, *, shown: int = 100) -> None:
    """Write the page of a diagnosis to a file, whole or not at all.

    >>> write_diagnosis_page(diagnosis, Path("report.html"))  # doctest: +SKIP

    The file needs nothing beside it. At most `shown` misclassified images are shown, the costliest; what is
    left out is counted on the page, and the tables of the diagnosis hold it. Raises what `write_text` raises.
    """
    write_text(path, diagnosis_html(diagnosis, shown=shown))


def diagnosis_html(diagnosis: "Diagnosis", *, shown: int = 100) -> str:
    """Return the page of a diagnosis as HTML text; `shown` as for `write_diagnosis_page`."""
    # A picture is wanted by several tiles, and the set may decode it each time.
    prepared = lru_cache(maxsize=256)(diagnosis.prepared)
    errors, classes = diagnosis.errors, diagnosis.classes
    atlas = view_atlas(diagnosis.atlas, errors, diagnosis.tile, classes, prepared)
    cards = make_cards(errors, prepared, shown)
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
        thumbnails={index: picture_uri(prepared(index), THUMBNAIL) for index in listed},
        chart=locality_chart(sizes) if sizes else None,
        colours=scale_colours(),
        strip=strip,
        caps={"rows": ROWS, "listed": LISTED, "pairs": PAIRS},
        data={
            "classes": classes,
            "tiles": {tile.name: tile.lens for tile in tiles},
            "images": lens_images(tiles, prepared),
            "errors": {card.name: card.lens for card in cards},
        },
    )
