"""What would have changed the errors, in sentences."""

from collections.abc import Iterator, Sequence

import numpy as np

from nearsight.diagnosis.errors.image_errors import Errors
from nearsight.statistics import Estimate
from nearsight.statistics.writing import points, whole_per_cent


def removal_words(errors: Errors) -> Iterator[str]:
    """Say what leaving tiles out of a mean of tiles does, and whether it also holds when their pixels are hidden.

    >>> list(removal_words(Errors((), (), images=9)))
    []
    """
    flips = [error.flip for error in errors.errors if error.flip is not None]
    if not flips:
        return
    covering = _median([flip.area for flip in flips])
    yield (
        f"leaving out {_median([flip.share for flip in flips])} % of its tiles, the strongest"
        f"{f', which cover {covering} % of the image' if covering else ''} (medians), would change a wrong "
        f"prediction; {len(errors.errors) - len(flips):,} of the errors stand whatever is left out"
    )
    if errors.hidden is not None and errors.hidden.value is not None:
        yield (
            f"with these pixels really hidden, in the image's mean colour, {whole_per_cent(errors.hidden)} of "
            f"{errors.hidden.n:,} such predictions change, and {_chance(errors.hidden)} with as many hidden elsewhere"
        )


def hiding_words(errors: Errors) -> Iterator[str]:
    """Say what hiding tiles does to errors of decisions on whole images, and what explains these errors.

    >>> list(hiding_words(Errors((), (), images=9)))
    []
    """
    explained = [error for error in errors.errors if error.kind is not None]
    if not explained:
        return
    flips = [error.flip for error in explained if error.flip is not None]
    removal = sum(error.kind == "removal" for error in explained)
    by_kind = {"what is lost without each tile": removal, "the map of their tiles": len(explained) - removal}
    said = ", ".join(f"by {what} in {count:,}" for what, count in by_kind.items() if count)
    yield f"these errors are explained {said}{_others(len(errors.errors) - len(explained))}"
    if flips and errors.hidden is not None:
        yield (
            f"hiding the tiles whose loss costs most, in the image's mean colour, changes {len(flips):,} of "
            f"{errors.tried:,} wrong predictions, with {_median([flip.area for flip in flips])} % of the image "
            f"hidden (the median); with as many pixels hidden elsewhere {_chance(errors.hidden)} of these change"
        )


def _median(shares: Sequence[float | None]) -> str:
    known = [share for share in shares if share is not None]
    return points(float(np.median(known)), 0) if known else ""


def _chance(share: Estimate) -> str:
    return "–" if share.chance is None else f"{points(share.chance, 0)} %"


def _others(count: int) -> str:
    return f"; {count:,} less costly {'one has' if count == 1 else 'ones have'} no map" if count else ""
