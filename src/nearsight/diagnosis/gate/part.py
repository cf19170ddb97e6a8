"""The part `gate`: whether maps of tiles explain what the classifier decides."""

from collections.abc import Iterator, Sequence

from nearsight.diagnosis.findings import Findings
from nearsight.diagnosis.gate.agreement import Gate, measure_gate
from nearsight.diagnosis.lead import Lead
from nearsight.diagnosis.part import Part
from nearsight.diagnosis.subject import Subject
from nearsight.diagnosis.table import ESTIMATE, Column, Table
from nearsight.settings.protocols import MEAN_LOGIT


def _measure(subject: Subject, _seen: Sequence[None]) -> Gate:
    scores, protocol = subject.evaluation.scores, subject.decision.protocol
    # However its tiles are pooled, a decision by tiles is made by the tiles.
    tiles = MEAN_LOGIT if subject.decision.whole else protocol
    return measure_gate(protocol, scores[protocol], scores[tiles], subject.images.labels, tiles=tiles)


def _sentences(found: Gate, about: Findings) -> Iterator[str]:
    # A decision by tiles needs no comment: the maps are the decision.
    if not found.exact:
        yield found.sentence(about.scored)


def _leads(found: Gate, about: Findings) -> Iterator[Lead]:
    if not found.exact:
        verdict = "so their maps explain it" if found.open else "too few for their maps to explain it"
        says = f"of what it decides on whole images is predicted by tiles ({about.scored}), {verdict}"
        yield Lead.of_share("decided as by tiles", found.agreement, says)


def explains(gate: Gate | None) -> bool:
    """Say whether maps of tiles explain the decision; older versions had no gate and assumed that they do.

    >>> explains(None)
    True
    """
    return gate is None or gate.open


GATE = Part(
    package=__package__,
    title="Do tiles explain its decisions?",
    words="whether tiles explain this classifier",
    found=Gate,
    measure=_measure,
    tables=(
        Table(
            "gate",
            lambda found: (found,),
            (
                Column("protocol", "string"),
                Column("tiles", "string"),
                Column("open", "bool"),
                Column("agreement", ESTIMATE),
                Column("kappa", ESTIMATE),
                Column("on_errors", ESTIMATE),
                Column("margins", ESTIMATE),
            ),
        ),
    ),
    leads=_leads,
    sentences=_sentences,
)
