"""Are tiles good enough? What a comparison says about a margin that its user gave."""

from dataclasses import dataclass
from typing import SupportsFloat

from nearsight.errors import InputError
from nearsight.numbers import real
from nearsight.statistics import Estimate
from nearsight.statistics.margins import (
    MOST_IMAGES,
    MOST_SEEDS,
    NO,
    UNKNOWN,
    YES,
    Answer,
    Spread,
    within_margin,
)
from nearsight.statistics.means import Z95
from nearsight.statistics.pairs import IMAGES
from nearsight.statistics.writing import points
from nearsight.study.undertrained import undertrained_note

# A difference this many half-widths from the margin has an interval without it in four of five comparisons.
FOUR_OF_FIVE = 1 + 0.8416 / Z95


def checked_margin(margin: SupportsFloat | None) -> float | None:
    """Return a margin in points as a float, None if none is given.

    >>> checked_margin(1)
    1.0

    Raises `InputError` for anything but a number from 0 to 100.
    """
    if margin is None:
        return None
    found = real("margin", margin)
    if not 0 <= found <= 100:
        raise InputError(
            f"`margin` takes points of accuracy from 0 to 100, got {found:g}; 1 asks whether tiles are less than one "
            "point behind whole images"
        )
    return found


@dataclass(frozen=True)
class GoodEnough:
    """Whether an arm is good enough compared with a reference: the answer, what would decide, and the sentence.

    About `seeds` on the same images, or `images` with the same seeds, would give an answer in four of five
    comparisons, if the difference is as measured. None if there is an answer, or if no number would suffice.
    """

    arm: str
    protocol: str
    reference: str
    reference_protocol: str
    answer: Answer
    seeds: int | None
    images: int | None
    said: str


@dataclass(frozen=True)
class Held:
    """An arm and its reference, how each was scored in a sentence (`scored`), and which of them are undertrained."""

    arm: str
    protocol: str
    reference: str
    reference_protocol: str
    scored: tuple[str, str]
    undertrained: tuple[str, ...] = ()


def good_enough(held: Held, difference: Estimate, margin: float, spread: Spread | None) -> GoodEnough:
    """Answer whether an arm is worse than its reference by less than a margin, in points, and what would decide.

    >>> held = Held("tile-16", "mean-logit", "full", "full-pass", ("tile 16 (mean-logit)", "full (full-pass)"))
    >>> found = good_enough(held, Estimate(-0.002, -0.007, 0.003, covers="images and seeds"), 1, None)
    >>> print(found.answer, found.said, sep=": ")
    yes: tile 16 (mean-logit) is good enough, less than 1 point behind full (full-pass): the difference is −0.2 \
(−0.7 to 0.3)
    >>> spread = Spread(0.05, 0.2, 0.1, seeds=2, images=5000)
    >>> print(good_enough(held, Estimate(-0.02, -0.03, -0.005, covers="images and seeds"), 1, spread).said)
    whether tile 16 (mean-logit) is less than 1 point behind full (full-pass) is not yet known: \
the difference is −2.0 (−3.0 to −0.5); 15 seeds on these images should tell, or 15,685 images at these seeds

    `difference` is the accuracy of the arm minus that of its reference. If its interval covers images alone, with
    one seed, the answer is about these two networks. Without a `spread`, as with folds and in comparisons of
    earlier versions, it is not known what would decide.
    """
    answer = within_margin(difference, margin / 100)
    value, low, high = difference.numbers
    one_seed = difference.covers == IMAGES
    arm, reference = held.scored
    most = f"{margin:g} point{'' if margin == 1 else 's'}"
    found = f"the difference is {points(value)} ({points(low)} to {points(high)})"
    seeds = images = None
    if answer == UNKNOWN and spread is not None:
        room = abs(value + margin / 100) / FOUR_OF_FIVE
        seeds, images = spread.seeds_for(room), spread.images_for(room)
    said = {
        YES: f"{arm} is good enough, less than {most} behind {reference}: {found}",
        NO: f"{arm} is not good enough, more than {most} behind {reference}: {found}",
        UNKNOWN: f"whether {arm} is less than {most} behind {reference} is not yet known: {found}"
        + _what_would_tell(seeds, images, spread),
    }[answer]
    if one_seed:
        said = f"of these two networks, {said}; of the two ways of training one seed tells nothing"
    said += undertrained_note(held.undertrained)
    return GoodEnough(
        held.arm, held.protocol, held.reference, held.reference_protocol, answer, seeds, images, said
    )


def _what_would_tell(seeds: int | None, images: int | None, spread: Spread | None) -> str:
    if spread is None:
        return ""
    ways = []
    if seeds is not None:
        ways.append(f"{seeds} seeds on these images")
    if images is not None:
        ways.append(f"{images:,} images at {'this seed' if spread.seeds == 1 else 'these seeds'}")
    if ways:
        return f"; {ways[0]} should tell" + (f", or {ways[1]}" if len(ways) > 1 else "")
    return (
        f"; neither {MOST_SEEDS} seeds nor {MOST_IMAGES:,} images would tell: "
        "the difference lies too near the margin"
    )
