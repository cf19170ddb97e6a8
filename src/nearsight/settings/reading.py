"""How a set of images is read: what is skipped, what is black and white, where regions and groups are."""

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TypedDict, cast

from nearsight.errors import InputError
from nearsight.numbers import real, settle_numbers


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a set of images is read; `load`, the verbs and the command line take these fields.

    >>> Reading(value_range=(0, 4095)).value_range
    (0.0, 4095.0)

    `skip_bad` leaves out images that cannot be read. `max_pixels` is how many pixels an image may have, by
    default Pillow's 178,956,970 if they take up to 1 GiB to decode. `value_range` holds the values that become
    black and white in images of more than 8 bits. `class_pattern` is a regular expression whose first group is
    the class in the file names of a flat folder. `regions` is a file or directory that says where the objects
    are. Images belong to one group, and are never divided between splits, if the column `group_column` is the
    same for them, or the first group of the regular expression `group_pattern` in their path, or if they were
    taken within `group_seconds` of each other. Raises `InputError` for values out of range.
    """

    skip_bad: bool = False
    max_pixels: int | None = None
    value_range: tuple[float, float] | None = None
    class_pattern: str | None = None
    regions: str | Path | None = None
    group_column: str | None = None
    group_pattern: str | None = None
    group_seconds: float | None = None

    def __post_init__(self) -> None:
        settle_numbers(self)
        if self.max_pixels is not None and self.max_pixels < 1:
            raise InputError(f"max_pixels must be at least 1 pixel, got {self.max_pixels}")
        if self.regions is not None:
            object.__setattr__(self, "regions", str(self.regions))
        if self.value_range is not None:
            object.__setattr__(self, "value_range", _low_and_high(self.value_range))

    def over(self, base: "Reading") -> "Reading":
        """Return these settings, completed with those of `base`.

        >>> Reading(skip_bad=True).over(Reading(group_column="patient"))
        Reading(skip_bad=True, max_pixels=None, value_range=None, class_pattern=None, regions=None, \
group_column='patient', group_pattern=None, group_seconds=None)
        """
        said = {
            spec.name: getattr(self, spec.name)
            for spec in fields(self)
            if getattr(self, spec.name) != spec.default
        }
        return replace(base, **said)

    @property
    def options(self) -> "ReadingOptions":
        """The fields as keyword arguments of functions.

        >>> Reading(skip_bad=True).options["skip_bad"]
        True
        """
        return cast(ReadingOptions, asdict(self))


class ReadingOptions(TypedDict, total=False):
    """The fields of `Reading`, as functions take them and pass them on."""

    skip_bad: bool
    max_pixels: int | None
    value_range: tuple[float, float] | None
    class_pattern: str | None
    regions: str | Path | None
    group_column: str | None
    group_pattern: str | None
    group_seconds: float | None


def _low_and_high(given: tuple[float, float]) -> tuple[float, float]:
    if len(given) != 2 or not given[0] < given[1]:
        raise InputError(
            f"`value_range` takes two numbers, the lower first, such as (0, 4095), got {given!r}"
        )
    return real("value_range", given[0]), real("value_range", given[1])
