"""The atlas on the page: which classes and tiles are drawn, and which are only told in words."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from nearsight.diagnosis.atlas import Atlas, ClassReasons
from nearsight.diagnosis.errors import Errors
from nearsight.diagnosis.reasons import Reason
from nearsight.report.page.tile_views import TileView, tile_view

# So many tiles, of at most 96 pixels a side, leave most of the page's size to the errors.
TILES_DRAWN = 800
CLASSES_DRAWN = 40
FEWEST, MOST = 3, 12


@dataclass(frozen=True)
class ReasonView:
    """One reason with its sentence and its tiles."""

    reason: Reason
    sentence: str
    tiles: tuple[TileView, ...]


@dataclass(frozen=True)
class ClassView:
    """One class of the atlas; without tiles where it is only told in words."""

    number: int
    name: str
    images: int
    reasons: tuple[ReasonView, ...]
    imitators: tuple[TileView, ...]
    drawn: bool

    def tiles(self) -> Iterator[TileView]:
        """Yield all tiles that are drawn of the class."""
        for reason in self.reasons:
            yield from reason.tiles
        yield from self.imitators


def view_atlas(
    atlas: Atlas, errors: Errors, side: int, classes: Sequence[str], prepared: Callable[[int], Tensor]
) -> tuple[ClassView, ...]:
    """Return the classes of an atlas in their order; tiles are `side` pixels.

    Of more than 40 classes the 40 with the most errors are drawn. Classes that are drawn share 800 tiles evenly,
    a third of them imitators; a strip has 3 tiles at least and 12 at most.
    """
    wrong = Counter(error.label for error in errors.errors)
    ranked = sorted(range(len(atlas.classes)), key=lambda number: (-wrong[number], number))
    drawn = set(ranked[:CLASSES_DRAWN])
    share = TILES_DRAWN // max(1, len(drawn))
    return tuple(
        _view_class(found, number, share if number in drawn else 0, side, classes, prepared)
        for number, found in enumerate(atlas.classes)
    )


def _view_class(
    found: ClassReasons,
    number: int,
    share: int,
    side: int,
    classes: Sequence[str],
    prepared: Callable[[int], Tensor],
) -> ClassView:
    imitators = _strip(share // 3)
    examples = _strip((share - imitators) // max(1, len(found.reasons)))
    return ClassView(
        number=number,
        name=found.name,
        images=found.images,
        reasons=tuple(
            ReasonView(
                reason,
                reason.sentence(found.name),
                tuple(
                    tile_view(tile, f"r{number}-{place}-{rank}", side, number, classes, prepared)
                    for rank, tile in enumerate(reason.examples[:examples])
                ),
            )
            for place, reason in enumerate(found.reasons)
        ),
        imitators=tuple(
            tile_view(tile, f"i{number}-{rank}", side, number, classes, prepared)
            for rank, tile in enumerate(found.imitators[:imitators])
        ),
        drawn=share > 0,
    )


def _strip(tiles: int) -> int:
    return min(MOST, max(FEWEST, tiles)) if tiles else 0
