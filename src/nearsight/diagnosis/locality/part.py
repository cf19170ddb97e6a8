"""The part `locality`: how near-sighted the classifier is."""

from collections.abc import Iterator, Sequence

from nearsight.diagnosis.findings import Findings
from nearsight.diagnosis.lead import Lead
from nearsight.diagnosis.locality.sizes import Locality, measure_locality
from nearsight.diagnosis.part import Nothing, Part
from nearsight.diagnosis.subject import Subject
from nearsight.diagnosis.table import ESTIMATE, Column, Table
from nearsight.numbers import counted
from nearsight.settings.protocols import MEAN_LOGIT, scored_by
from nearsight.statistics.writing import with_interval

# Without a full pass, there is nothing that tiles could agree with.
NO_FULL_PASS = "locality is left out: it compares tiles with the full pass"


def _measure(subject: Subject, _seen: Sequence[None]) -> Locality | Nothing:
    if not subject.takes_whole:
        return Nothing(NO_FULL_PASS)
    subject.progress.say("locality: how well tiles of other sizes do")
    return measure_locality(
        subject.bound,
        subject.images,
        seed=subject.seed,
        leave_out=subject.tell,
        progress=subject.progress,
    )


def _sentences(found: Locality, _about: Findings) -> Iterator[str]:
    if said := found.sentence():
        yield said


def _leads(found: Locality, _about: Findings) -> Iterator[Lead]:
    if not found.sizes:
        return
    enough = found.smallest
    if found.at_chance:
        yield Lead("what it needs", "not known", "as the full pass is right no more often than by chance")
    elif enough is None:
        yield Lead("what it needs", "whole images", found.losses(1) or "no smaller tile was taken")
    else:
        # A loss that does not show may still be there: the interval says how large it can be.
        scored = scored_by(MEAN_LOGIT, enough.tile, enough.stride)
        lost = f"{with_interval(enough.drop)} points"
        says = f"on {counted(enough.accuracy.n or 0, 'image')}, full-pass minus {scored} is {lost}"
        yield Lead("smallest tiles without a proven loss", f"{enough.tile} px", says)


LOCALITY = Part(
    package=__package__,
    alone=True,
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
    leads=_leads,
    sentences=_sentences,
)
