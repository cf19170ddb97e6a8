"""The part `labels`: images whose label the decision contradicts, and images that are also in another split."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nearsight.diagnosis.findings import Findings
from nearsight.diagnosis.gate.part import GATE, explains
from nearsight.diagnosis.labels.duplicates import Duplicate, near_duplicates
from nearsight.diagnosis.labels.suspects import LabelSuspect, label_suspects
from nearsight.diagnosis.lead import Lead
from nearsight.diagnosis.part import Part
from nearsight.diagnosis.pictures import Picture
from nearsight.diagnosis.subject import Subject
from nearsight.diagnosis.table import PLACE, Column, Table, of_class
from nearsight.evaluation.protocols import probabilities
from nearsight.settings.protocols import MEAN_LOGIT, MEAN_PROBABILITY, VOTE

# How many of each list are shown, and their longest side in pixels.
LISTED = 30
LISTED_SIDE = 96


@dataclass(frozen=True)
class Labels:
    """Likely label errors, the widest margin first, and near-duplicates in other splits, the nearest first."""

    suspects: tuple[LabelSuspect, ...]
    duplicates: tuple[Duplicate, ...]


def _measure(subject: Subject, _seen: Sequence[None]) -> Labels:
    duplicates: tuple[Duplicate, ...] = ()
    if subject.others:
        subject.progress.say(f"near-duplicates: comparing with the images of {', '.join(subject.others)}")
        duplicates = near_duplicates(subject.images, subject.others, memory=subject.bound.memory)
    return Labels(_suspects(subject), duplicates)


def _suspects(subject: Subject) -> tuple[LabelSuspect, ...]:
    scores, decision = subject.evaluation.scores, subject.decision
    return label_suspects(
        # For a decision by tiles, mean logits decide; as probabilities, these are far too certain or too
        # uncertain.
        scores[MEAN_PROBABILITY]
        if decision.protocol == MEAN_LOGIT
        else probabilities(decision.protocol, scores[decision.protocol]),
        subject.predictions,
        subject.images.labels,
        subject.images.paths(),
        votes=scores[VOTE] if explains(GATE.of(subject.found)) else None,
    )


def _sentences(found: Labels, about: Findings) -> Iterator[str]:
    if found.suspects:
        count = len(found.suspects)
        yield (
            f"{count:,} {'label is' if count == 1 else 'labels are'} contradicted by the decision under "
            f"{about.decided}; look at them before you trust or correct them"
        )
    if found.duplicates:
        images = len({duplicate.index for duplicate in found.duplicates})
        other = len({duplicate.index for duplicate in found.duplicates if not duplicate.same_label})
        yield (
            f"{images:,} of {about.images:,} images {'has' if images == 1 else 'have'} a near-duplicate, nearly "
            "the same picture, in another split"
            + (f", {other:,} of them under another label" if other else "")
        )


def _leads(found: Labels, about: Findings) -> Iterator[Lead]:
    copies = len({duplicate.index for duplicate in found.duplicates})
    also = f"; {copies:,} of {about.images:,} images have a near-duplicate in another split" if copies else ""
    if found.suspects or copies:
        yield Lead("labels to look at", f"{len(found.suspects):,}", f"contradicted by the decision{also}")


def _pictures(found: Labels, _about: Findings) -> Iterator[Picture]:
    listed = [suspect.index for suspect in found.suspects[:LISTED]]
    listed += [duplicate.index for duplicate in found.duplicates[:LISTED]]
    for index in listed:
        yield Picture(index, LISTED_SIDE)


LABELS = Part(
    package=__package__,
    alone=True,
    title="Labels and near-duplicates",
    found=Labels,
    measure=_measure,
    tables=(
        Table(
            "suspects",
            lambda found: found.suspects,
            (
                Column("index", PLACE),
                Column("path", "string"),
                of_class("label"),
                of_class("suggested"),
                Column("share", "float64"),
                Column("share_label", "float64"),
                Column("probability", "float64"),
            ),
        ),
        Table(
            "duplicates",
            lambda found: found.duplicates,
            (
                Column("index", PLACE),
                Column("path", "string"),
                Column("other_split", "string"),
                Column("other_index", "int64"),
                Column("other_path", "string"),
                Column("distance", "float64"),
                Column("same_label", "bool"),
            ),
        ),
    ),
    leads=_leads,
    sentences=_sentences,
    pictures=_pictures,
    needs=(GATE.name,),
)
