"""What a diagnosis comes to, in sentences."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from nearsight.diagnosis.atlas import ClassReasons
from nearsight.settings.protocols import MEAN_LOGIT, scored_by
from nearsight.statistics.writing import points, whole_per_cent

if TYPE_CHECKING:
    from nearsight.diagnosis.result import Diagnosis

NAMED = 5


def summarise(diagnosis: "Diagnosis") -> tuple[str, ...]:
    """Return the sentences of the summary, the most general first."""
    return tuple(
        sentence for part in (_accuracy, _reliance, _reasons, _errors, _rest) for sentence in part(diagnosis)
    )


def off_object(reasons: ClassReasons) -> bool | None:
    """Say whether a class's main reason is background: its tiles lie on the object less than tiles do at large.

    The whole interval must lie below chance; True or False, None where no region is known.
    """
    covered = reasons.main.on_object if reasons.main else None
    if covered is None or covered.chance is None or covered.value is None:
        return None
    return (covered.value if covered.high is None else covered.high) < covered.chance


def _scored(diagnosis: "Diagnosis") -> str:
    return scored_by(MEAN_LOGIT, diagnosis.tile, diagnosis.stride)


def _accuracy(diagnosis: "Diagnosis") -> Iterator[str]:
    for row in diagnosis.accuracies:
        if row.protocol == MEAN_LOGIT:
            agreeing = f"; {whole_per_cent(row.agreement)} are predicted as by the full pass"
            yield (
                f"{whole_per_cent(row.accuracy)} of {diagnosis.images:,} images are right under {_scored(diagnosis)} "
                f"(chance {100 / len(diagnosis.classes):.2g} %)"
                f"{'' if row.agreement.value is None else agreeing}"
            )
    if said := diagnosis.locality.sentence():
        yield said


def _reliance(diagnosis: "Diagnosis") -> Iterator[str]:
    if diagnosis.reliance is None:
        yield "no region is known, so nothing is said of object and background"
    else:
        yield diagnosis.reliance.sentence(_scored(diagnosis))


def _reasons(diagnosis: "Diagnosis") -> Iterator[str]:
    known = [(found, off_object(found)) for found in diagnosis.atlas.classes]
    background = [found for found, off in known if off]
    answered = sum(off is not None for _, off in known)
    if answered:
        named = ", ".join(found.name for found in background[:NAMED])
        more = f" and {len(background) - NAMED} more" if len(background) > NAMED else ""
        yield (
            f"the main reason of {len(background)} of {answered} classes is background"
            + (f": {named}{more}" if background else "")
        )
    for found in background[:NAMED]:
        if found.main is not None:
            yield found.main.sentence(found.name)


def _errors(diagnosis: "Diagnosis") -> Iterator[str]:
    errors, classes = diagnosis.errors, diagnosis.classes
    if not errors.errors:
        yield f"none of {errors.images:,} images is wrong under {_scored(diagnosis)}"
        return
    pair = errors.pairs[0]
    yield (
        f"{len(errors.errors):,} of {errors.images:,} images are wrong under {_scored(diagnosis)}; most often "
        f"{classes[pair.label]} is taken for {classes[pair.prediction]} ({pair.count:,} images, "
        f"{points(pair.share, 0)} % of the class)"
    )
    shares = [error.flip.share for error in errors.errors if error.flip is not None]
    standing = len(errors.errors) - len(shares)
    if shares:
        yield (
            f"taking away {points(float(np.median(shares)), 0)} % of its tiles (the median; the strongest ones) "
            f"would change a wrong prediction; {standing:,} of them stand whatever is taken"
        )


def _rest(diagnosis: "Diagnosis") -> Iterator[str]:
    if diagnosis.suspects:
        count = len(diagnosis.suspects)
        yield (
            f"{count:,} {'label is' if count == 1 else 'labels are'} contradicted by the image's tiles; look at "
            "them before you trust or mend them"
        )
    if diagnosis.duplicates:
        images = len({duplicate.index for duplicate in diagnosis.duplicates})
        other = len({duplicate.index for duplicate in diagnosis.duplicates if not duplicate.same_label})
        yield (
            f"{images:,} of {diagnosis.images:,} images {'has' if images == 1 else 'have'} a near-duplicate, nearly "
            "the same picture, in another split"
            + (f", {other:,} of them under another label" if other else "")
        )
