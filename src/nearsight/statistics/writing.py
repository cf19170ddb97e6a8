"""How numbers and estimates are written, in every table, page and sentence."""

from collections.abc import Callable
from functools import partial

from nearsight.statistics.estimates import Estimate

MISSING = "–"
_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def number(value: float, decimals: int = 2) -> str:
    """Write a number with a true minus sign, and no minus before a zero.

    >>> number(-0.514), number(-0.0001)
    ('−0.51', '0.00')
    """
    return f"{value:z.{decimals}f}".replace("-", "−")


def signed(value: float) -> str:
    """Write a number with its sign, as for evidence.

    >>> signed(2.5), signed(-1.234)
    ('+2.50', '−1.23')
    """
    return f"{value:+.2f}".replace("-", "−")


def three_digits(value: float) -> str:
    """Write a number to three digits with a true minus sign.

    >>> three_digits(-9.1234), three_digits(54321.0)
    ('−9.12', '5.43e+04')
    """
    return f"{value:.3g}".replace("-", "−")


def whole(value: float) -> str:
    """Write a number without decimals, with separated thousands.

    >>> whole(54321.2), whole(-0.4)
    ('54,321', '0')
    """
    return f"{value:z,.0f}".replace("-", "−")


def points(share: float, decimals: int = 1) -> str:
    """Write a share, or a difference of shares, as points (hundredths).

    >>> points(0.0112), points(-0.002), points(-0.0001)
    ('1.1', '−0.2', '0.0')
    """
    return number(100 * share, decimals)


def per_cent(share: float, decimals: int = 1) -> str:
    """Write a share from 0 to 1 in per cent.

    >>> per_cent(0.0612), per_cent(0.25, 0)
    ('6.1\\xa0%', '25\\xa0%')
    """
    return f"{points(share, decimals)}\N{NO-BREAK SPACE}%"


def with_interval(estimate: Estimate, write: Callable[[float], str] = points) -> str:
    """Write an estimate with its interval, each number as `write` does; a dash if there is no value.

    >>> with_interval(Estimate(0.9123, 0.905, 0.92)), with_interval(Estimate(9.123, 8.9, 9.4), three_digits)
    ('91.2 (90.5 to 92.0)', '9.12 (8.9 to 9.4)')
    >>> with_interval(Estimate(0.5, None, None, n=1)), with_interval(Estimate(None, None, None, n=0))
    ('50.0', '–')
    """
    if estimate.value is None:
        return MISSING
    return f"{write(estimate.value)}{interval(estimate, write)}"


def whole_per_cent(estimate: Estimate) -> str:
    """Write an estimate and its interval in whole per cent, as in sentences; "unknown" if there is none.

    >>> whole_per_cent(Estimate(0.5, 0.25, 0.75)), whole_per_cent(Estimate(-0.25, None, None, n=1))
    ('50 % (25 to 75)', '−25 %')
    """
    if estimate.value is None:
        return "unknown"

    return f"{points(estimate.value, 0)} %{interval(estimate, partial(points, decimals=0))}"


def interval(estimate: Estimate, write: Callable[[float], str] = points) -> str:
    """Write the interval alone, in brackets after a space; nothing if there is none.

    >>> interval(Estimate(0.9123, 0.905, 0.92))
    ' (90.5 to 92.0)'
    """
    if estimate.low is None or estimate.high is None:
        return ""
    return f" ({write(estimate.low)} to {write(estimate.high)})"


def scaled(number: float, unit: str) -> str:
    """Write a number to three digits with the prefix of its size.

    >>> scaled(1_536_000_000, "px"), scaled(950, "px")
    ('1.54 Gpx', '950 px')
    """
    power = 0
    while number >= 999.5 and power < len(_PREFIXES) - 1:
        number, power = number / 1000, power + 1
    digits = 0 if number >= 99.5 or number == round(number) else 1 if number >= 9.95 else 2
    return f"{number:.{digits}f} {_PREFIXES[power]}{unit}"
