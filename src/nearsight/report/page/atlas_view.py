"""The atlas on the page: which classes and tiles are drawn, and which are only described in words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nearsight.diagnosis.reasons.atlas import Atlas, ClassReasons
from nearsight.diagnosis.reasons.reason import AtlasTile, Reason
from nearsight.diagnosis.reasons.strips import Strips, atlas_strips
from nearsight.report.page.tile_views import TileView


@dataclass(frozen=True)
class ReasonView:
    """One reason with its sentences, on its evidence and on accuracy with it and without it, and its tiles."""

    reason: Reason
    sentence: str
    by_accuracy: str
    tiles: tuple[TileView, ...]


@dataclass(frozen=True)
class ClassView:
    """One class of the atlas; without tiles if it is only described in words.

    `told` says how the class's errors go with the reason that explains most of them; "" if none does.
    """

    number: int
    name: str
    images: int
    reasons: tuple[ReasonView, ...]
    imitators: tuple[TileView, ...]
    drawn: bool
    told: str


def view_atlas(
    atlas: Atlas, wrong: Mapping[int, int], view: Callable[[AtlasTile, str, int], TileView]
) -> tuple[ClassView, ...]:
    """Return the classes of an atlas in their order, with the tiles of `atlas_strips`.

    `wrong` counts errors by class. `view` makes the view of a tile, by its name on the page and its class's number.
    """
    strips = atlas_strips(atlas, wrong)
    return tuple(
        _view_class(found, number, drawn, view)
        for number, (found, drawn) in enumerate(zip(atlas.classes, strips, strict=True))
    )


def _view_class(
    found: ClassReasons, number: int, strips: Strips, view: Callable[[AtlasTile, str, int], TileView]
) -> ClassView:
    telling = max(range(len(found.reasons)), key=lambda place: found.reasons[place].explains, default=None)
    reasons = tuple(
        ReasonView(
            reason,
            reason.sentence(found.name),
            reason.by_accuracy(found.name, place + 1),
            tuple(view(tile, f"r{number}-{place}-{rank}", number) for rank, tile in enumerate(examples)),
        )
        for place, (reason, examples) in enumerate(zip(found.reasons, strips.reasons, strict=True))
    )
    return ClassView(
        number=number,
        name=found.name,
        images=found.images,
        reasons=reasons,
        imitators=tuple(
            view(tile, f"i{number}-{rank}", number) for rank, tile in enumerate(strips.imitators)
        ),
        drawn=strips.drawn,
        told="" if telling is None or found.reasons[telling].explains <= 0 else reasons[telling].by_accuracy,
    )
