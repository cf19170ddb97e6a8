"""Whether one arm is as good as another except for a margin, and how many seeds or images would decide."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from nearsight.errors import InputError
from nearsight.statistics.estimates import Estimate
from nearsight.statistics.pairs import crossed_half_width, mean_squares

Answer = Literal["yes", "no", "not yet known"]
YES: Answer = "yes"
NO: Answer = "no"
UNKNOWN: Answer = "not yet known"
MOST_SEEDS, MOST_IMAGES = 100, 10_000_000


def within_margin(difference: Estimate, margin: float) -> Answer:
    """Say whether the arm of `difference` is worse by less than `margin`.

    >>> within_margin(Estimate(-0.002, -0.007, 0.003), 0.01), within_margin(Estimate(-0.02, -0.03, -0.012), 0.01)
    ('yes', 'no')
    >>> within_margin(Estimate(-0.002, -0.02, 0.016), 0.01)
    'not yet known'

    `difference` is an accuracy minus that of its reference, with its 95 % interval, as shares; so is `margin`.
    The answer is yes if the whole interval lies above -`margin`, no if it lies below. Of arms that are worse by
    exactly the margin, 2.5 % are called good enough (non-inferiority, Piaggio et al., JAMA 308, 2012). Raises
    `InputError` for a margin that is not between 0 and 1.
    """
    if not 0 <= margin <= 1:
        raise InputError(f"margin must lie between 0 and 1, as a share, got {margin:g}")
    _, low, high = difference.numbers
    return YES if low > -margin else NO if high < -margin else UNKNOWN


@dataclass(frozen=True)
class Spread:
    """How a mean over seeds and images varies: the mean squares between them and of the rest.

    `seeds` and `images` are the numbers on which it was measured. With one seed, only images vary:
    `between_seeds` is 0, and so is `within`, which cannot be separated from them.
    """

    between_seeds: float
    between_images: float
    within: float
    seeds: int
    images: int

    @staticmethod
    def of(table: ArrayLike) -> "Spread":
        """Return the spread of a table (seeds, images), for example of differences of two arms.

        >>> Spread.of([[0.0, 1.0], [2.0, 3.0]])
        Spread(between_seeds=4.0, between_images=1.0, within=0.0, seeds=2, images=2)
        """
        values = np.asarray(table, dtype=np.float64)
        seeds, images = values.shape
        if seeds > 1:
            return Spread(*mean_squares(values), seeds, images)
        variance = float(values[0].var(ddof=1)) if images > 1 else 0.0
        return Spread(0.0, variance, 0.0, 1, images)

    def half_width(self, seeds: int, images: int) -> float:
        """Return how far a 95 % interval would reach with other numbers of seeds and images.

        >>> round(Spread(0.5, 0.2, 0.1, seeds=3, images=100).half_width(6, 100), 3)
        0.079

        The variances of seeds, of images and of the rest are computed from the mean squares (Searle, Casella and
        McCulloch, Variance Components, 1992, chapter 4, none below 0), and give those for the other numbers.
        """
        if self.seeds == 1:
            return float(1.96 * (self.between_images / images) ** 0.5)
        of_seeds = max(0.0, self.between_seeds - self.within) / self.images
        of_images = max(0.0, self.between_images - self.within) / self.seeds
        return crossed_half_width(
            self.within + images * of_seeds,
            self.within + seeds * of_images,
            self.within,
            seeds=seeds,
            images=images,
        )

    def seeds_for(self, room: float) -> int | None:
        """Return how many seeds on the same images reach no further than `room`; None beyond 100, or with one seed.

        >>> Spread(0.5, 0.2, 0.1, seeds=3, images=100).seeds_for(0.06)
        12
        """
        if self.seeds == 1:
            return None
        return next(
            (n for n in range(self.seeds, MOST_SEEDS + 1) if self.half_width(n, self.images) <= room), None
        )

    def images_for(self, room: float) -> int | None:
        """Return how many images with the same seeds reach no further than `room`; None beyond ten million.

        >>> Spread(0.01, 0.2, 0.1, seeds=3, images=100).images_for(0.02)
        1105
        """
        least, most = self.images, self.images
        # With very many images only the seeds are left, of which there are few, so the reach grows again a
        # little.
        while self.half_width(self.seeds, most) > room:
            if most >= MOST_IMAGES:
                return None
            least, most = most + 1, min(MOST_IMAGES, most + max(1, most // 20))
        while least < most:
            middle = (least + most) // 2
            enough = self.half_width(self.seeds, middle) <= room
            least, most = (least, middle) if enough else (middle + 1, most)
        return least
