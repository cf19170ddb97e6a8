"""The part `reasons`: the strongest tiles of each class, sorted by the network's own embedding of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.errors.part import ERRORS
from nearsight.diagnosis.findings import Findings
from nearsight.diagnosis.gate.part import GATE
from nearsight.diagnosis.lead import Lead
from nearsight.diagnosis.look import Look
from nearsight.diagnosis.overlap import object_shares
from nearsight.diagnosis.part import Nothing, Part
from nearsight.diagnosis.pictures import Picture
from nearsight.diagnosis.reasons.atlas import Atlas, build_atlas
from nearsight.diagnosis.reasons.errors_by_reason import Ranked, errors_by_reason, ranked
from nearsight.diagnosis.reasons.reason import AtlasTile
from nearsight.diagnosis.reasons.strips import AROUND_SIDE, TILE_SIDE, atlas_strips
from nearsight.diagnosis.reasons.strongest import ImageTiles, strongest_tiles
from nearsight.diagnosis.subject import Subject
from nearsight.diagnosis.table import ESTIMATE, PLACE, PLACES, Column, Table, of_class
from nearsight.numbers import counted
from nearsight.settings.protocols import MEAN_LOGIT
from nearsight.statistics import Estimate
from nearsight.tiles import TileGrid

_ACCURACY = ("accuracy_with", "accuracy_without", "difference", "errors_without")
# Of so many classes sentences say which reason explains the errors, and the first screen of the first of them.
TOLD, LEADS = 5, 2


def _observe(look: Look) -> ImageTiles:
    return strongest_tiles(look.evidence, look.label, look.generator())


def _measure(subject: Subject, seen: Sequence[ImageTiles]) -> Atlas | Nothing:
    subject.progress.say("reasons: the strongest tiles of each class, grouped by the network's own embedding")
    gate = GATE.of(subject.found)
    if gate is None or gate.exact:
        return _atlas(subject, subject.grids, seen)
    if gate.open:
        # If tiles predict an image otherwise, what they show did not decide it.
        agreeing = subject.predictions == subject.evaluation.predictions[MEAN_LOGIT]
        return replace(_atlas(subject, subject.grids, seen, agreeing), counted=int(agreeing.sum()))
    images = subject.images
    lost = subject.removals
    if not lost:
        return Nothing(
            "there are no reasons: tiles do not explain the decision, and there are too many classes, or too large "
            "images, to take tiles away from enough images of each"
        )
    looks = {place: Look(images, place, evidence, subject.seed) for place, evidence in lost.items()}
    grids = [lost[place].grid if place in lost else grid for place, grid in enumerate(subject.grids)]
    tiles = [_observe(looks[place]) if place in looks else tile for place, tile in enumerate(seen)]
    counted = np.isin(np.arange(len(images)), list(lost))
    return replace(_atlas(subject, grids, tiles, counted), kind="removal", counted=len(lost))


def _atlas(
    subject: Subject,
    grids: Sequence[TileGrid],
    tiles: Sequence[ImageTiles],
    counted: NDArray[np.bool_] | None = None,
) -> Atlas:
    images = subject.images

    def on_object(index: int) -> Tensor | None:
        region = images.region(index)
        return None if region is None else object_shares(region, grids[index])

    return build_atlas(
        subject.bound,
        images,
        grids,
        tiles,
        predictions=subject.predictions,
        counted=counted,
        on_object=on_object if images.has_regions else None,
        parted=subject.parted,
        seed=subject.seed,
        progress=subject.progress,
    )


def _sentences(found: Atlas, about: Findings) -> Iterator[str]:
    if found.kind == "removal":
        yield (
            "reasons are the tiles that the decision needs most, searched for in "
            f"{found.counted:,} of {about.images:,} images"
        )
    explained = errors_by_reason(found)
    said = (one.reason.by_accuracy(one.of_class.name, one.rank) for one in explained[:TOLD])
    yield from filter(None, said)
    if len(explained) > TOLD:
        more = counted(len(explained) - TOLD, "more class", "more classes")
        yield f"errors of {more} lie in images without one of their reasons, too: see the page and the table"


def _leads(found: Atlas, _about: Findings) -> Iterator[Lead]:
    explained = errors_by_reason(found)
    for place, one in enumerate(explained[:LEADS], start=1):
        known = one.reason.accuracy
        assert known is not None
        name = one.of_class.name
        more = f"; so it is with {len(explained) - LEADS:,} more" if place == LEADS < len(explained) else ""
        yield Lead.of_share(
            "errors by reason",
            known.errors_without,
            f"of {name}'s errors lie in images without its reason {one.rank}: {one.reason.seen}{more}",
        )


def _pictures(found: Atlas, about: Findings) -> Iterator[Picture]:
    errors = ERRORS.of(about)
    for strips in atlas_strips(found, {} if errors is None else errors.by_class):
        for tile in strips.tiles():
            yield Picture(tile.index, TILE_SIDE, (tile.top, tile.left, about.tile))
            yield Picture(tile.index, AROUND_SIDE)


@dataclass(frozen=True)
class _Shown:
    """A tile under a class: one of the reason with this rank, or an imitator without one."""

    class_name: str
    rank: int | None
    tile: AtlasTile


def _tiles(found: Atlas) -> Iterator[_Shown]:
    for reasons in found.classes:
        for rank, reason in enumerate(reasons.reasons, start=1):
            yield from (_Shown(reasons.name, rank, tile) for tile in reason.examples)
        yield from (_Shown(reasons.name, None, tile) for tile in reasons.imitators)


def _of_tile(name: str, kind: str) -> Column:
    return Column(name, kind, lambda shown, _: getattr(shown.tile, name))


def _of_reason(name: str, kind: str) -> Column:
    return Column(name, kind, lambda ranked, _: getattr(ranked.reason, name))


def _of_accuracy(name: str) -> Column:
    def take(ranked: Ranked, _about: Findings) -> Estimate | None:
        accuracy = ranked.reason.accuracy
        return None if accuracy is None else getattr(accuracy, name)

    return Column(name, ESTIMATE, take)


def _of_place(name: str) -> Column:
    return Column(f"place.{name}", "float64", lambda ranked, _: getattr(ranked.reason.place, name))


REASONS = Part(
    package=__package__,
    title="Reasons",
    found=Atlas,
    observe=_observe,
    measure=_measure,
    tables=(
        Table(
            "reasons",
            ranked,
            (
                Column("class", "string", lambda ranked, _: ranked.of_class.name),
                Column("rank", "int64"),
                Column("main", "bool", lambda ranked, _: ranked.reason is ranked.of_class.main),
                _of_reason("appearance", "string"),
                Column("place", "string", lambda ranked, _: ranked.reason.place.name),
                _of_place("row"),
                _of_place("column"),
                _of_place("spread_row"),
                _of_place("spread_column"),
                Column("tiles", "int64", lambda ranked, _: ranked.reason.count),
                _of_reason("share", ESTIMATE),
                _of_reason("total_share", ESTIMATE),
                _of_reason("purity", ESTIMATE),
                _of_reason("on_object", ESTIMATE),
                _of_reason("stability", "float64"),
                Column("images", PLACES, lambda ranked, _: tuple(sorted(ranked.reason.images))),
                _of_reason("carried", ESTIMATE),
                *(_of_accuracy(name) for name in _ACCURACY),
                Column("q", "float64"),
                Column("explains_errors", "bool"),
            ),
        ),
        Table(
            "tiles",
            _tiles,
            (
                Column("class", "string", lambda shown, _: shown.class_name),
                Column("reason", "int64", lambda shown, _: shown.rank),
                _of_tile("index", PLACE),
                _of_tile("path", "string"),
                of_class("label", lambda shown: shown.tile.label),
                _of_tile("top", "int64"),
                _of_tile("left", "int64"),
                _of_tile("evidence", "float64"),
                _of_tile("kept", "list<int64>"),
                _of_tile("logits", "list<float64>"),
            ),
        ),
    ),
    leads=_leads,
    sentences=_sentences,
    pictures=_pictures,
    needs=(GATE.name,),
)
