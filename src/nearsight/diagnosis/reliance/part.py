"""The part `reliance`: how much of the evidence lies off the object, where it is known where the object is."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from nearsight.diagnosis.findings import Findings
from nearsight.diagnosis.gate.part import GATE, explains
from nearsight.diagnosis.lead import Lead
from nearsight.diagnosis.look import Look
from nearsight.diagnosis.part import Nothing, Part
from nearsight.diagnosis.reliance.background import (
    ImageReliance,
    Reliance,
    image_reliance,
    summarise_reliance,
)
from nearsight.diagnosis.subject import Subject
from nearsight.diagnosis.table import ESTIMATE, Column, Table

NO_SAMPLE = (
    "nothing is said of the evidence off the object: tiles do not explain the decision, and there are too few images "
    "with a region to take tiles away from"
)
NO_REGION = "no region is known, so nothing is said of object and background"


def _observe(look: Look) -> ImageReliance | None:
    if look.region is None or look.on_object is None:
        return None
    return image_reliance(look.evidence, look.label, look.on_object, look.region)


def _measure(subject: Subject, seen: Sequence[ImageReliance]) -> Reliance | Nothing:
    images = subject.images
    if images.regions is None or not seen:
        return Nothing(NO_REGION)
    by_tiles = explains(GATE.of(subject.found))
    if not by_tiles:
        lost = [_of_loss(Look(images, place, found)) for place, found in subject.removals.items()]
        seen = [record for record in lost if record is not None]
        if not seen:
            return Nothing(NO_SAMPLE)
    cut, empty = images.box_faults()
    notes = [f"boxes that reach beyond their image and are cut off there: {cut:,}"] if cut else []
    notes += [f"boxes without a pixel in their image, which say nothing: {empty:,}"] if empty else []
    looked_at = len(images) if by_tiles else len(subject.removals)
    found = summarise_reliance(seen, images.classes, images.regions.kind, looked_at, notes)
    return found if by_tiles else replace(found, evidence="removal")


def _of_loss(look: Look) -> ImageReliance | None:
    """Return the reliance of what the decision loses without each tile, which no tile answers alone."""
    found = _observe(look)
    return None if found is None else replace(found, background=None, object=None)


def _sentences(found: Reliance, about: Findings) -> Iterator[str]:
    yield found.sentence(about.scored)


def _leads(found: Reliance, about: Findings) -> Iterator[Lead]:
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
                Column("class", "string", lambda row, _: row.name),
                Column("images", "int64"),
                Column("off_share", ESTIMATE),
                Column("off_area", ESTIMATE),
                Column("excess", ESTIMATE),
                Column("background", ESTIMATE),
                Column("object", ESTIMATE),
                Column("pointing", ESTIMATE),
            ),
        ),
    ),
    leads=_leads,
    sentences=_sentences,
    needs=(GATE.name,),
)
