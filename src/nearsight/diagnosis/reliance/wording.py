"""The findings without object and without background, in sentences."""

from nearsight.diagnosis.reliance.asking import SWAPPED, Intervention
from nearsight.diagnosis.reliance.verdict import (
    BACKGROUND,
    BOTH,
    INDIFFERENT,
    NOT_KNOWN,
    OBJECT,
    ByIntervention,
)
from nearsight.errors import listed
from nearsight.statistics.writing import whole_per_cent

NAMED = 5
# At most so many classes stand beside a figure of the first screen.
NAMED_SHORTLY = 3
_CLASSES = {
    BACKGROUND: "the background decides {count}",
    INDIFFERENT: "the background suffices for {count}, which need no object",
    BOTH: "both are needed for {count}",
    OBJECT: "the object decides {count}",
}


def accuracies(found: ByIntervention) -> str:
    """Say what was right with everything, without object and without background, and the verdict on all classes."""
    row = found.overall
    by = {Intervention(fill.side, fill.fill): whole_per_cent(fill.accuracy) for fill in row.fills}
    verdict = row.verdict if row.reason is None else f"{row.verdict} ({row.reason})"
    return (
        f"of {found.images:,} images {whole_per_cent(row.original)} are right as they are, "
        f"{by[Intervention('object', found.object_fill)]} with the object erased, "
        f"{by[Intervention('background', 'colour')]} with the background erased and {by[SWAPPED]} on the background "
        f"of another class; what decides, of all classes together: {verdict}"
    )


def verdicts(found: ByIntervention) -> str:
    """Say for how many classes what is decisive, with the doubtful ones by name.

    At most `NAMED` classes of each verdict are named.
    """
    said: list[str] = []
    for verdict, words in _CLASSES.items():
        names = found.of(verdict)
        if not names and verdict is not BACKGROUND:
            continue
        counted = words.format(
            count=f"{len(names)} of {len(found.classes)} classes" if not said else len(names)
        )
        said.append(
            f"{counted} ({listed(names, NAMED)})"
            if names and verdict in (BACKGROUND, INDIFFERENT)
            else counted
        )
    if unknown := len(found.of(NOT_KNOWN)):
        said.append(f"{unknown} cannot be told")
    return "; ".join(said)


def without_need(found: ByIntervention) -> str:
    """Say which classes need no object, unless that is the verdict on all classes together; empty if none does."""
    said = []
    for verdict in (BACKGROUND, INDIFFERENT):
        names = found.of(verdict)
        if names and verdict != found.overall.verdict:
            count = f"{len(names)} of {len(found.classes)} classes"
            said.append(f"{_CLASSES[verdict].format(count=count)} ({listed(names, NAMED_SHORTLY)})")
    return "; ".join(said)
