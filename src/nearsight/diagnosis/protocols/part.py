"""The part `protocols`: the accuracy under every protocol, and the agreement with the full pass."""

from collections.abc import Iterator, Sequence

from nearsight.diagnosis.findings import Findings
from nearsight.diagnosis.lead import Lead
from nearsight.diagnosis.part import Part
from nearsight.diagnosis.protocols.agreement import AgreementRow, Protocols, protocol_agreement
from nearsight.diagnosis.subject import Subject
from nearsight.diagnosis.table import ESTIMATE, Column, Table
from nearsight.numbers import counted
from nearsight.settings.protocols import WHOLE
from nearsight.statistics.writing import whole_per_cent


def _measure(subject: Subject, _seen: Sequence[None]) -> Protocols:
    return Protocols(protocol_agreement(subject.evaluation.scores, subject.images.labels))


def _sentences(found: Protocols, about: Findings) -> Iterator[str]:
    for row in found.rows:
        if row.protocol == about.decision:
            # The gate tells how a decision on whole images agrees with its tiles.
            told = row.protocol in WHOLE or row.agreement.value is None
            yield (
                f"{whole_per_cent(row.accuracy)} of {counted(about.images, 'image')} are right under {about.decided} "
                f"(chance {100 / len(about.classes):.2g} %)"
                f"{'' if told else f'; {whole_per_cent(row.agreement)} are predicted as by the full pass'}"
            )


def _leads(found: Protocols, about: Findings) -> Iterator[Lead]:
    for row in found.rows:
        if row.protocol == about.decision:
            yield Lead.of_share(
                "right", row.accuracy, f"of {counted(about.images, 'image')}, under {about.decided}"
            )


def _of_tiles(side: str) -> Column:
    def take(row: AgreementRow, about: Findings) -> int | None:
        found: int = getattr(about, side)
        return None if row.protocol in WHOLE else found

    return Column(side, "int64", take)


PROTOCOLS = Part(
    package=__package__,
    title="Accuracy and agreement, by protocol",
    found=Protocols,
    measure=_measure,
    tables=(
        Table(
            "protocols",
            lambda found: found.rows,
            (
                Column("protocol", "string"),
                _of_tiles("tile"),
                _of_tiles("stride"),
                Column("accuracy", ESTIMATE),
                Column("agreement", ESTIMATE),
            ),
        ),
    ),
    leads=_leads,
    sentences=_sentences,
)
