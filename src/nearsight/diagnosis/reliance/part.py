"""The part `reliance`: object or background, if it is known where the object is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor

from nearsight.data.regions import ColumnRegions
from nearsight.diagnosis.findings import Findings
from nearsight.diagnosis.gate.part import GATE, explains
from nearsight.diagnosis.lead import Lead
from nearsight.diagnosis.look import Look
from nearsight.diagnosis.part import Nothing, Part
from nearsight.diagnosis.reliance.asking import ask, draw_asked
from nearsight.diagnosis.reliance.background import (
    ImageReliance,
    Reliance,
    image_reliance,
    summarise_reliance,
    with_chance,
    with_contrasts,
)
from nearsight.diagnosis.reliance.contrast import OffShareSums, off_shares
from nearsight.diagnosis.reliance.verdict import FillRow, RegionRow, judge_regions
from nearsight.diagnosis.reliance.wording import accuracies, verdicts, without_need
from nearsight.diagnosis.subject import Subject
from nearsight.diagnosis.table import ESTIMATE, Column, Table
from nearsight.evidence import TiledModel
from nearsight.statistics.writing import whole_per_cent

NO_SAMPLE = (
    "nothing can be said about the evidence off the object: tiles do not explain the decision, and there are "
    "too few images "
    "with a region to take tiles away from"
)
NOT_TRAINED = "no network was trained on permuted labels for the values by chance"
NO_REGION = "no region is known, so nothing can be said about object and background"


@dataclass(frozen=True, eq=False)
class _Seen:
    """What one image's evidence gets from tiles off the object, and each class's share, float16 (classes,)."""

    reliance: ImageReliance
    shares: Tensor


def _observe(look: Look) -> _Seen | None:
    evidence, on_object = look.evidence, look.on_object
    if look.region is None or on_object is None:
        return None
    return _Seen(
        image_reliance(evidence, look.label, on_object, look.region), off_shares(evidence, on_object).half()
    )


def _measure(subject: Subject, seen: Sequence[_Seen]) -> Reliance | Nothing:
    images = subject.images
    if images.regions is None or not seen:
        if subject.nulls is not None:
            subject.tell(f"{NOT_TRAINED}: no region is known")
        return Nothing(NO_REGION)
    by_tiles = explains(GATE.of(subject.found))
    if not by_tiles:
        lost = [_of_loss(Look(images, place, found)) for place, found in subject.removals.items()]
        seen = [record for record in lost if record is not None]
    cut, empty = images.box_faults()
    read_as = images.regions.read_as() if isinstance(images.regions, ColumnRegions) else None
    notes = [read_as] if read_as is not None else []
    notes += [f"boxes that reach beyond their image and are cut off there: {cut:,}"] if cut else []
    notes += [f"boxes without a pixel in their image, which say nothing: {empty:,}"] if empty else []
    answers = None
    if subject.parted is not None:
        notes += ["images too large to be held are not classified again without object or background"]
    else:
        subject.progress.say(
            "object or background: classifying images again without the one and without the other"
        )
        answers = ask(
            subject.decision, images, subject.predictions, seed=subject.seed, progress=subject.progress
        )
    if not seen and answers is None:
        return Nothing(NO_SAMPLE)
    found = replace(
        _summarised(subject, seen, len(images) if by_tiles else len(subject.removals), notes),
        asked=None if answers is None else judge_regions(answers, images.classes),
        evidence="tile" if by_tiles else "removal",
    )
    if subject.nulls is None:
        return found
    if subject.parted is not None:
        subject.tell(f"{NOT_TRAINED}: images are too large to be held")
        return found
    # What networks that learned nothing say by their tiles is not the chance of what a decision loses without
    # them.
    if not by_tiles:
        subject.tell(f"{NOT_TRAINED}: tiles do not explain the decision")
        return found
    return with_chance(found, [_of_null(subject, null) for null in subject.nulls()])


def _of_loss(look: Look) -> _Seen | None:
    """Return the reliance of what the decision loses without each tile, which no tile can answer alone."""
    found = _observe(look)
    if found is None:
        return None
    return replace(found, reliance=replace(found.reliance, background=None, object=None))


def _summarised(
    subject: Subject, seen: Sequence[_Seen], looked_at: int, notes: Sequence[str] = ()
) -> Reliance:
    images = subject.images
    assert images.regions is not None
    sums = OffShareSums(len(images.classes))
    for one in seen:
        sums.add(one.reliance.label, one.shares)
    records = [one.reliance for one in seen]
    return with_contrasts(
        summarise_reliance(records, images.classes, images.regions.kind, looked_at, notes), sums
    )


def _of_null(subject: Subject, null: TiledModel) -> Reliance:
    """Return the findings for a network that learned nothing, on the images that are asked about."""
    images = subject.images
    assert images.regions is not None
    drawn = draw_asked(images.labels, images.regions.known, seed=subject.seed).tolist()
    maps = zip(drawn, null.maps(map(images.image, drawn)), strict=True)
    seen = [_observe(Look(images, index, evidence_map)) for index, evidence_map in maps]
    return _summarised(subject, [record for record in seen if record is not None], len(drawn))


def _sentences(found: Reliance, about: Findings) -> Iterator[str]:
    yield found.sentence(about.scored)
    if found.asked is not None:
        yield accuracies(found.asked)
        yield verdicts(found.asked)


@dataclass(frozen=True)
class _Changed:
    """What was decided about the images of a class, or of all, under one intervention."""

    name: str
    row: FillRow


def _regions(found: Reliance) -> Iterator[RegionRow]:
    if found.asked is not None:
        yield from (found.asked.overall, *found.asked.classes)


def _changed(found: Reliance) -> Iterator[_Changed]:
    yield from (_Changed(row.name, fill) for row in _regions(found) for fill in row.fills)


_of_class = partial(Column, "class", "string", lambda row, _: row.name)


def _of_fill(name: str, kind: str) -> Column:
    return Column(name, kind, lambda changed, _: getattr(changed.row, name))


def _leads(found: Reliance, about: Findings) -> Iterator[Lead]:
    if found.asked is not None:
        row = found.asked.overall
        erased = next(
            fill.accuracy
            for fill in row.fills
            if (fill.side, fill.fill) == ("object", found.asked.object_fill)
        )
        beside = f"right of {row.images:,} images with the object erased, {whole_per_cent(row.original)} as they are"
        decides = "; ".join(filter(None, (f"what decides: {row.verdict}", without_need(found.asked))))
        yield Lead.of_share("without the object", erased, f"{beside}; {decides}")
        return
    alone = found.overall.background
    if alone.value is not None:
        says = f"right of {alone.n:,} images by tiles without any of the object ({about.scored})"
        yield Lead.of_share("from background alone", alone, says)


RELIANCE = Part(
    package=__package__,
    title="The object or the background",
    found=Reliance,
    observe=_observe,
    measure=_measure,
    tables=(
        Table(
            "reliance",
            lambda found: (found.overall, *found.classes),
            (
                _of_class(),
                Column("images", "int64"),
                Column("off_share", ESTIMATE),
                Column("off_area", ESTIMATE),
                Column("excess", ESTIMATE),
                Column("contrast", ESTIMATE),
                Column("contrast_q", "float64"),
                Column("background", ESTIMATE),
                Column("object", ESTIMATE),
                Column("pointing", ESTIMATE),
            ),
        ),
        Table(
            "regions",
            _regions,
            (
                _of_class(),
                Column("images", "int64"),
                Column("verdict", "string"),
                Column("q", "float64"),
                Column("reason", "string"),
                Column("original", ESTIMATE),
                Column("known", ESTIMATE),
                Column("background_keeps", ESTIMATE),
                Column("object_keeps", ESTIMATE),
                Column("took_donor", ESTIMATE),
            ),
        ),
        Table(
            "interventions",
            _changed,
            (
                _of_class(),
                _of_fill("side", "string"),
                _of_fill("fill", "string"),
                _of_fill("accuracy", ESTIMATE),
                _of_fill("change", ESTIMATE),
            ),
        ),
    ),
    leads=_leads,
    sentences=_sentences,
    needs=(GATE.name,),
)
