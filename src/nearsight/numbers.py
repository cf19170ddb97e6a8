"""Numbers as Python's own: NumPy's and others are accepted wherever a number is expected."""

import operator
import re
from dataclasses import dataclass, fields
from typing import Annotated, Any, SupportsFloat, SupportsIndex, get_args, get_type_hints

from nearsight.arguments import check
from nearsight.errors import InputError, shortened

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


@dataclass(frozen=True)
class Within:
    """The least and the largest value of a number, for `Annotated` types of what is read back.

    >>> print(Within(0, 1))
    from 0 to 1
    """

    low: float
    high: float

    def __str__(self) -> str:
        return f"from {self.low:,} to {self.high:,}"


Count = Annotated[int, Within(0, 2**63 - 1)]
"""A whole number of something: from 0 on, and as 64 bits hold it."""
Pixels = Annotated[int, Within(1, 2**24)]
"""A side in pixels."""


def whole(name: str, value: SupportsIndex) -> int:
    """Return a whole number as an int, whatever its type; raises `InputError`, naming the parameter, for others.

    >>> import numpy as np
    >>> whole("tile", np.int64(16))
    16
    """
    check(name, value, SupportsIndex)
    return operator.index(value)


def real(name: str, value: SupportsFloat) -> float:
    """Return a number as a float, whatever its type; raises `InputError`, naming the parameter, for others.

    >>> import numpy as np
    >>> real("learning_rate", np.float32(0.5))
    0.5
    """
    check(name, value, SupportsFloat)
    return float(value)


def memory_size(name: str, text: str) -> int:
    """Read a size of memory in bytes; raises `InputError`, naming its purpose, for anything else.

    >>> memory_size("--memory", "512M"), memory_size("--memory", "2G")
    (536870912, 2147483648)
    """
    match = re.fullmatch(r"([0-9]{1,15})([KMG]?)B?", text.strip().upper())
    if not match or not int(match[1]):
        raise InputError(f"{name} takes a size such as 512M or 2G, got {shortened(text)!r}")
    return int(match[1]) * _UNITS[match[2]]


def settle_numbers(settings: Any) -> None:
    """Convert the numbers in a frozen dataclass to Python's own, by the types of its fields; for `__post_init__`.

    Raises `InputError`, naming the field, for a value of none of its types.
    """
    types = get_type_hints(type(settings))
    for spec in fields(settings):
        value, kinds = getattr(settings, spec.name), get_args(types[spec.name]) or (types[spec.name],)
        if value is not None and int in kinds:
            object.__setattr__(settings, spec.name, whole(spec.name, value))
        elif value is not None and float in kinds:
            object.__setattr__(settings, spec.name, real(spec.name, value))
        else:
            check(spec.name, value, types[spec.name])


def counted(count: int, one: str, several: str | None = None) -> str:
    """Return how many there are of something, in words: `one` of them has this name, and more have an s.

    >>> counted(1, "image"), counted(1200, "image"), counted(0, "class", "classes")
    ('1 image', '1,200 images', '0 classes')

    `several` is the name of more than one, if it is not that of one with an s.
    """
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def agreeing(count: int, one: str, several: str) -> str:
    """Return the verb that goes with so many: `one` with 1, `several` with other numbers.

    >>> agreeing(1, "is", "are"), agreeing(0, "is", "are")
    ('is', 'are')
    """
    return one if count == 1 else several
