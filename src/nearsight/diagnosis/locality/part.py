"""The part `locality`: how near-sighted the classifier is."""

from collections.abc import Iterator, Sequence

from nearsight.diagnosis.findings import Findings
from nearsight.diagnosis.lead import Lead
from nearsight.diagnosis.locality.sizes import Locality, measure_locality
from nearsight.diagnosis.part import Nothing, Part
from nearsight.diagnosis.subject import Subject
from nearsight.diagnosis.table import ESTIMATE, Column, Table
from nearsight.numbers import counted
from nearsight.settings.protocols import FULL_PASS
from nearsight.statistics.writing import with_interval

TOO_LARGE = (
    "locality is left out: it reads images again at each size of tiles, and some are too large to be held"
)
ONE_SIZE = "locality is left out: the model takes tiles of one size only"


def _measure(subject: Subject, _seen: Sequence[None]) -> Locality | Nothing:
    if subject.parted is not None:
        return Nothing(TOO_LARGE)
    subject.progress.say("locality: how well tiles of other sizes do")
    found = measure_locality(
        subject.decision,
        subject.images,
        subject.evaluation.scores,
        subject.grids,
        seed=subject.seed,
        leave_out=subject.tell,
        progress=subject.progress,
    )
    if not subject.decision.whole and [row.tile for row in found.sizes] == [subject.bound.tile]:
        return Nothing(ONE_SIZE)
    return found


def _sentences(found: Locality, _about: Findings) -> Iterator[str]:
    if said := found.sentence():
        yield said


def _leads(found: Locality, _about: Findings) -> Iterator[Lead]:
    if not found.sizes:
        return
    enough = found.smallest
    by = "the full pass" if found.decided == FULL_PASS else found.decided
    if found.at_chance:
        yield Lead("what it needs", "not known", f"as {by} is right no more often than by chance")
    elif enough is None and found.partial and found.decided != FULL_PASS:
        yield Lead("what it needs", "its own tiles", f"{found.decided}; {found.losses(1)}")
    elif enough is None:
        yield Lead("what it needs", "whole images", found.losses(1) or "no smaller tile was taken")
    else:
        count = counted(enough.accuracy.n or 0, "image")
        if found.scored(enough) == found.decided:
            says = f"as it decides; {found.losses(1) or 'no smaller tile was taken'}, on {count}"
        else:
            # A loss that does not show may still be there: the interval says how large it can be.
            lost = f"{with_interval(enough.drop)} points"
            says = f"on {count}, {found.decided} minus {found.scored(enough)} is {lost}"
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
