"""The part `reliance`: how much of the evidence lies off the object, where it is known where the object is."""

from collections.abc import Iterator, Sequence

from nearsight.diagnosis.findings import Findings
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

NO_REGION = "no region is known, so nothing is said of object and background"


def _observe(look: Look) -> ImageReliance | None:
    if look.region is None or look.on_object is None:
        return None
    return image_reliance(look.evidence, look.label, look.on_object, look.region)


def _measure(subject: Subject, seen: Sequence[ImageReliance]) -> Reliance | Nothing:
    images = subject.images
    if images.regions is None or not seen:
        return Nothing(NO_REGION)
    cut, empty = images.box_faults()
    notes = [f"boxes that reach beyond their image and are cut off there: {cut:,}"] if cut else []
    notes += [f"boxes without a pixel in their image, which say nothing: {empty:,}"] if empty else []
    return summarise_reliance(seen, images.classes, images.regions.kind, len(images), notes)


def _sentences(found: Reliance, about: Findings) -> Iterator[str]:
    yield found.sentence(about.scored)


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
    sentences=_sentences,
)
