"""A value with its 95 % interval: the one type for everything that is estimated."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Estimate:
    """A value, its 95 % interval, how many were counted, the value by chance and what the interval covers.

    >>> Estimate(0.5, 0.25, 0.75, n=16, chance=0.125).numbers
    (0.5, 0.25, 0.75)
    >>> absent("all images are alike").reason
    'all images are alike'

    None stands for what is not known: the value where nothing counts or nothing can be measured (`reason` may say
    why), the interval where one image counts, and `chance` where there is nothing to compare with. `n` counts
    what is resampled, as a rule images; None in files that did not write it. `covers` names what chance the
    interval covers: "images", "images and seeds" or "tiles".
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
        """The value and the ends of its interval, where they are known; raises `ValueError` where they are not."""
        if self.value is None or self.low is None or self.high is None:
            raise ValueError(f"{self} has no value or no interval")
        return self.value, self.low, self.high

    @classmethod
    def from_json(cls, values: Mapping[str, Any], n: int | None = None) -> Self:
        """Return the estimate that a result's file holds, as `dataclasses.asdict` wrote it.

        >>> Estimate.from_json({"estimate": 0.5, "low": 0.4, "high": 0.6, "covers": "images"}, n=90).value
        0.5

        What a file leaves out has its default, and `n` is for files that do not hold it. The files of
        comparisons called the value `estimate` once.
        """
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        return cls(**{"value": values.get("estimate"), "low": None, "high": None, "n": n, **known})


def absent(reason: str) -> Estimate:
    """Return the estimate of what could not be measured, with the reason."""
    return Estimate(None, None, None, reason=reason)
