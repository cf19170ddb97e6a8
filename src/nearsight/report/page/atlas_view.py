"""The atlas on the page: which classes and tiles are drawn, and which are only told in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nearsight.diagnosis.atlas import Atlas, ClassReasons
from nearsight.diagnosis.errors import Errors
from nearsight.diagnosis.pictures import Pictures
from nearsight.diagnosis.reasons import Reason
from nearsight.diagnosis.shown import Strips, atlas_strips
from nearsight.report.page.tile_views import TileView, tile_view


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
    atlas: Atlas, errors: Errors, side: int, classes: Sequence[str], pictures: Pictures
) -> tuple[ClassView, ...]:
    """Return the classes of an atlas in their order, with the tiles of `atlas_strips`; tiles are `side` pixels."""
    strips = atlas_strips(atlas, errors)
    return tuple(
        _view_class(found, number, drawn, side, classes, pictures)
        for number, (found, drawn) in enumerate(zip(atlas.classes, strips, strict=True))
    )


def _view_class(
    found: ClassReasons,
    number: int,
    strips: Strips,
    side: int,
    classes: Sequence[str],
    pictures: Pictures,
) -> ClassView:
    return ClassView(
        number=number,
        name=found.name,
        images=found.images,
        reasons=tuple(
            ReasonView(
                reason,
                reason.sentence(found.name),
                tuple(
                    tile_view(tile, f"r{number}-{place}-{rank}", side, number, classes, pictures)
                    for rank, tile in enumerate(examples)
                ),
            )
            for place, (reason, examples) in enumerate(zip(found.reasons, strips.reasons, strict=True))
        ),
        imitators=tuple(
            tile_view(tile, f"i{number}-{rank}", side, number, classes, pictures)
            for rank, tile in enumerate(strips.imitators)
        ),
        drawn=strips.drawn,
    )
