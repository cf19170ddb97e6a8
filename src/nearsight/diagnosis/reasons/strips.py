"""Which classes and tiles of the atlas are shown in pictures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nearsight.diagnosis.reasons.atlas import Atlas, ClassReasons
from nearsight.diagnosis.reasons.reason import AtlasTile

# This many tiles, of at most 96 pixels per side, leave most of the page's size to the errors.
TILES_DRAWN = 800
CLASSES_DRAWN = 40
FEWEST, MOST = 3, 12

# Longest sides of the pictures, in pixels: of tiles, and of the image around a tile.
TILE_SIDE = 96
AROUND_SIDE = 96


@dataclass(frozen=True)
class Strips:
    """The tiles of a class that are drawn: those of each reason, and its imitators; none if it is only described."""

    reasons: tuple[tuple[AtlasTile, ...], ...]
    imitators: tuple[AtlasTile, ...]
    drawn: bool

    def tiles(self) -> Iterator[AtlasTile]:
        """Yield all tiles that are drawn."""
        for examples in self.reasons:
            yield from examples
        yield from self.imitators


def atlas_strips(atlas: Atlas, wrong: Mapping[int, int]) -> tuple[Strips, ...]:
    """Return the drawn tiles of each class of an atlas, in order; `wrong` counts errors by class.

    If there are more than 40 classes, the 40 with the most errors are drawn. The drawn classes share 800 tiles
    evenly, a third of them imitators; a strip has at least 3 tiles and at most 12.
    """
    ranked = sorted(range(len(atlas.classes)), key=lambda number: (-wrong.get(number, 0), number))
    drawn = set(ranked[:CLASSES_DRAWN])
    share = TILES_DRAWN // max(1, len(drawn))
    return tuple(
        _of_class(found, share if number in drawn else 0) for number, found in enumerate(atlas.classes)
    )


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
