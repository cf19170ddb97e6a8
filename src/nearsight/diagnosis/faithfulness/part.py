"""The part `faithfulness`: whether the maps show what the classifier uses, beside other maps."""

from collections.abc import Sequence
from typing import cast

from nearsight.diagnosis.faithfulness.affordable import affordable_images
from nearsight.diagnosis.faithfulness.maps import Faithfulness, ScoredBy, measure_faithfulness
from nearsight.diagnosis.part import Nothing, Part
from nearsight.diagnosis.subject import Subject
from nearsight.diagnosis.table import ESTIMATE, Column, Table
from nearsight.settings import FAITHFULNESS_IMAGES

TOO_LARGE = "faithfulness is left out: it classifies changed images, and some are too large to be held"
BLANK = "faithfulness is left out: it compares maps tile by tile, and blank tiles are skipped"


def _measure(subject: Subject, _seen: Sequence[None]) -> Faithfulness | Nothing:
    if subject.parted is not None:
        return Nothing(TOO_LARGE)
    if subject.bound.skip_blank is not None:
        return Nothing(BLANK)
    limit = min(len(subject.images), _images(subject))
    said = f"faithfulness: how good the maps are, compared with others, on {limit} images"
    more = min(len(subject.images), FAITHFULNESS_IMAGES)
    if subject.faithfulness is None and limit < more:
        said += f"; each costs much, and `faithfulness={more}` checks more"
    subject.progress.say(said)
    protocol = cast(ScoredBy, subject.decision.protocol)
    return measure_faithfulness(
        subject.bound,
        subject.images,
        protocol=protocol,
        limit=limit,
        seed=subject.seed,
        progress=subject.progress,
    )


def _images(subject: Subject) -> int:
    if subject.faithfulness is not None:
        return subject.faithfulness
    # Images of the middle size stand for all.
    grid = sorted(subject.grids, key=len)[len(subject.grids) // 2]
    return affordable_images(
        grid.height,
        grid.width,
        grid.tile,
        whole=subject.decision.whole,
        evaluated=sum(map(len, subject.grids)),
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
