"""The part `faithfulness`: whether the maps show what the classifier uses, beside other maps."""

from collections.abc import Sequence
from typing import cast

from nearsight.diagnosis.faithfulness.maps import Faithfulness, ScoredBy, measure_faithfulness
from nearsight.diagnosis.part import Part
from nearsight.diagnosis.subject import Subject
from nearsight.diagnosis.table import ESTIMATE, Column, Table


def _measure(subject: Subject, _seen: Sequence[None]) -> Faithfulness:
    subject.progress.say("faithfulness: how good the maps are, compared with others")
    protocol = cast(ScoredBy, subject.decision.protocol)
    return measure_faithfulness(
        subject.bound,
        subject.images,
        protocol=protocol,
        limit=subject.faithfulness,
        seed=subject.seed,
        progress=subject.progress,
    )


FAITHFULNESS = Part(
    package=__package__,
    alone=True,
    title="Faithfulness of the map",
    found=Faithfulness,
    measure=_measure,
    tables=(
        Table(
            "faithfulness",
            lambda found: found.rows,
            (
                Column("method", "string"),
                Column("correlation", ESTIMATE),
                Column("insertion", ESTIMATE),
                Column("deletion", ESTIMATE),
            ),
        ),
    ),
)
