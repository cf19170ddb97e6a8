"""What of a diagnosis is shown in pictures: which errors, which tiles of the atlas, which images that are listed."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nearsight.diagnosis.atlas import Atlas, ClassReasons
from nearsight.diagnosis.errors import Errors
from nearsight.diagnosis.pictures import Picture
from nearsight.diagnosis.reasons import AtlasTile

if TYPE_CHECKING:
    from nearsight.diagnosis.result import Diagnosis

# Of the misclassified images the costliest.
ERRORS_SHOWN = 100
# Of the images that are listed, likely label errors and near-duplicates, so many of each.
LISTED = 30
# So many tiles, of at most 96 pixels a side, leave most of the page's size to the errors.
TILES_DRAWN = 800
CLASSES_DRAWN = 40
FEWEST, MOST = 3, 12

# Longest sides of the pictures, in pixels: of errors, of tiles, of the image around a tile, of what is listed.
ERROR_SIDE = 384
TILE_SIDE = 96
AROUND_SIDE = 96
LISTED_SIDE = 96


@dataclass(frozen=True)
class Strips:
    """The tiles of a class that are drawn: of each of its reasons, and its imitators; none where it is only told."""

    reasons: tuple[tuple[AtlasTile, ...], ...]
    imitators: tuple[AtlasTile, ...]
    drawn: bool

    def tiles(self) -> Iterator[AtlasTile]:
        """Yield all tiles that are drawn."""
        for examples in self.reasons:
            yield from examples
        yield from self.imitators


def atlas_strips(atlas: Atlas, errors: Errors) -> tuple[Strips, ...]:
    """Return the tiles that are drawn of each class of an atlas, in order.

    Of more than 40 classes the 40 with the most errors are drawn. Classes that are drawn share 800 tiles evenly,
    a third of them imitators; a strip has 3 tiles at least and 12 at most.
    """
    wrong = Counter(error.label for error in errors.errors)
    ranked = sorted(range(len(atlas.classes)), key=lambda number: (-wrong[number], number))
    drawn = set(ranked[:CLASSES_DRAWN])
    share = TILES_DRAWN // max(1, len(drawn))
    return tuple(
        _of_class(found, share if number in drawn else 0) for number, found in enumerate(atlas.classes)
    )


def shown_pictures(diagnosis: "Diagnosis") -> Iterator[Picture]:
    """Yield every picture that a diagnosis's page shows, some of them more than once."""
    for error in diagnosis.errors.errors[:ERRORS_SHOWN]:
        yield Picture(error.index, ERROR_SIDE)
    for strips in atlas_strips(diagnosis.atlas, diagnosis.errors):
        for tile in strips.tiles():
            yield Picture(tile.index, TILE_SIDE, (tile.top, tile.left, diagnosis.tile))
            yield Picture(tile.index, AROUND_SIDE)
    listed = [found.index for found in diagnosis.suspects[:LISTED]]
    listed += [found.index for found in diagnosis.duplicates[:LISTED]]
    for index in listed:
        yield Picture(index, LISTED_SIDE)


def _of_class(found: ClassReasons, share: int) -> Strips:
    imitators = _strip(share // 3)
    examples = _strip((share - imitators) // max(1, len(found.reasons)))
    return Strips(
        tuple(reason.examples[:examples] for reason in found.reasons),
        found.imitators[:imitators],
        share > 0,
    )


def _strip(tiles: int) -> int:
    return min(MOST, max(FEWEST, tiles)) if tiles else 0
