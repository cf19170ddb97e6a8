"""A value with its 95 % interval: the one type for everything that is estimated."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A value, its 95 % interval, how many were counted, the value by chance and what the interval covers.

    >>> Estimate(0.5, 0.25, 0.75, n=16, chance=0.125).numbers
    (0.5, 0.25, 0.75)
    >>> absent("all images are alike").reason
    'all images are alike'

    None stands for what is not known: the value if nothing counts or nothing can be measured (`reason` may say
    why), the interval if one image counts, and `chance` if there is nothing to compare with. `n` counts what is
    resampled, usually images; None in files that did not write it. `covers` names the variation that the interval
    covers: "images", "images and seeds" or "tiles".
    """

    value: float | None
    low: float | None
    high: float | None
    n: int | None = None
    chance: float | None = None
    covers: str = "images"
    reason: str | None = None

    @property
    def numbers(self) -> tuple[float, float, float]:
        """The value and the ends of its interval, if they are known; raises `ValueError` if they are not."""
        if self.value is None or self.low is None or self.high is None:
            raise ValueError(f"{self} has no value or no interval")
        return self.value, self.low, self.high


def absent(reason: str) -> Estimate:
    """Return the estimate of what could not be measured, with the reason."""
    return Estimate(None, None, None, reason=reason)
