"""How estimates are written on the pages: shares, numbers, intervals, and why one is missing."""

from dataclasses import dataclass
from typing import Literal

from nearsight.statistics import Estimate
from nearsight.statistics.writing import MISSING, number, per_cent, points

Unit = Literal["share", "points", "number"]


@dataclass(frozen=True)
class Words:
    """An estimate in words: its value, its interval and the value by chance; `why` if one of them is missing."""

    value: str
    interval: str
    chance: str
    why: str


def in_words(estimate: Estimate, unit: Unit = "share") -> Words:
    """Write an estimate as a share in per cent, a difference of shares in points, or a plain number.

    >>> in_words(Estimate(0.5823, 0.511, 0.64, n=250, chance=0.2))
    Words(value='58.2\\xa0%', interval='51.1 to 64.0', chance='20.0\\xa0%', why='')
    >>> in_words(Estimate(None, None, None, n=0, chance=0.2)).why
    'no images'

    `why` says what is missing: the value, if nothing counts, or the interval.
    """
    chance = "" if estimate.chance is None else _written(estimate.chance, unit)
    if estimate.value is None:
        return Words(MISSING, "", chance, "no images" if estimate.n == 0 else "undefined here")
    value = _written(estimate.value, unit)
    if estimate.low is None or estimate.high is None:
        return Words(value, "", chance, "one image, no interval" if estimate.n == 1 else "no interval")
    ends = (_bare(end, unit) for end in (estimate.low, estimate.high))
    return Words(value, " to ".join(ends), chance, "")


def count(amount: int, one: str, many: str = "") -> str:
    """Write an amount and the word for it.

    >>> count(1, "image"), count(1200, "image"), count(0, "class", "classes")
    ('1 image', '1,200 images', '0 classes')
    """
    return f"{amount:,} {one if amount == 1 else many or f'{one}s'}"


def others(amount: int, one: str, many: str = "") -> str:
    """Write that these are the others.

    >>> others(1, "class", "classes"), others(70, "class", "classes")
    ('The other class', 'The other 70 classes')
    """
    return f"The other {one}" if amount == 1 else f"The other {count(amount, one, many)}"


def sentence(text: str) -> str:
    """Write a sentence with a capital and a full stop.

    >>> sentence("none of 80 images is wrong")
    'None of 80 images is wrong.'
    """
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _written(value: float, unit: Unit) -> str:
    return per_cent(value) if unit == "share" else _bare(value, unit)


def _bare(value: float, unit: Unit) -> str:
    return number(value) if unit == "number" else points(value)
