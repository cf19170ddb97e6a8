"""The part `locality`: how near-sighted the classifier is."""

from collections.abc import Iterator, Sequence

from nearsight.diagnosis.findings import Findings
from nearsight.diagnosis.locality.sizes import Locality, measure_locality
from nearsight.diagnosis.part import Nothing, Part
from nearsight.diagnosis.subject import Subject
from nearsight.diagnosis.table import ESTIMATE, Column, Table

# Without a full pass there is nothing that tiles could agree with.
NO_FULL_PASS = "locality is left out: it compares tiles with the full pass"


def _measure(subject: Subject, _seen: Sequence[None]) -> Locality | Nothing:
    if not subject.takes_whole:
        return Nothing(NO_FULL_PASS)
    subject.progress.say("locality: tiles of other sizes")
    return Locality(
        measure_locality(
            subject.bound,
            subject.images,
            seed=subject.seed,
            leave_out=subject.tell,
            progress=subject.progress,
        )
    )


def _sentences(found: Locality, _about: Findings) -> Iterator[str]:
    if said := found.sentence():
        yield said


LOCALITY = Part(
    package=__package__,
    title="Locality: how near-sighted it is",
    found=Locality,
    measure=_measure,
    tables=(
        Table(
            "locality",
            lambda found: found.sizes,
            (
                Column("tile", "int64"),
                Column("stride", "int64"),
                Column("tiles", "float64"),
                Column("accuracy", ESTIMATE),
                Column("agreement", ESTIMATE),
                Column("single", ESTIMATE),
                Column("drop", ESTIMATE),
            ),
        ),
    ),
    sentences=_sentences,
)
