"""The options that say how images are read, declared once."""

import shlex
from argparse import ArgumentTypeError, Namespace
from typing import TYPE_CHECKING

from nearsight.cli.options import Container, OneLineParser, whole_number

if TYPE_CHECKING:
    from nearsight.settings import ReadingOptions


def add_reading_options(parser: OneLineParser) -> None:
    """Add all options that are fields of `Reading`."""
    group = parser.add_argument_group("how images are read")
    group.add_argument("--skip-bad", action="store_true", help="leave out images that cannot be read")
    add_max_pixels(group)
    add_range(group)
    group.add_argument(
        "--class-pattern",
        default=None,
        metavar="REGEX",
        help="for a folder without class directories: a pattern whose first group, in a file's name, is the class",
    )
    group.add_argument(
        "--regions",
        default=None,
        metavar="PATH",
        help="where the objects are: a COCO file, or a directory of VOC files, YOLO files or masks",
    )
    group.add_argument(
        "--group-column",
        default=None,
        metavar="NAME",
        help="a column, such as a patient or a place: images with the same value stay in the same split",
    )
    group.add_argument(
        "--group-pattern",
        default=None,
        metavar="REGEX",
        help="the same by path, such as a burst of shots: images whose first group is the same stay together",
    )
    group.add_argument(
        "--group-seconds",
        type=float,
        default=None,
        metavar="X",
        help="the same by time: images taken within this many seconds stay together",
    )


def add_new_images(parser: Container) -> None:
    """Add `--new-images`."""
    parser.add_argument(
        "--new-images",
        action="store_true",
        help="include images added to the run's data after training; results are kept only with --out",
    )


def add_max_pixels(parser: Container) -> None:
    """Add `--max-pixels`."""
    parser.add_argument(
        "--max-pixels",
        type=whole_number("--max-pixels", 1),
        default=None,
        metavar="N",
        help="how many pixels an image may have (default: 178956970, if decoding takes at most 1 GiB)",
    )


def add_range(parser: Container) -> None:
    """Add `--range`."""
    parser.add_argument(
        "--range",
        dest="value_range",
        type=_two_numbers,
        default=None,
        metavar="LOW,HIGH",
        help="values that become black and white in images of more than 8 bits "
        "(default: those of the run, or found for the whole set)",
    )


def reading_options(options: Namespace) -> "ReadingOptions":
    """Return what the options say of how images are read, as the verbs take it."""
    return {
        "skip_bad": options.skip_bad,
        "max_pixels": options.max_pixels,
        "value_range": options.value_range,
        "class_pattern": options.class_pattern,
        "regions": options.regions,
        "group_column": options.group_column,
        "group_pattern": options.group_pattern,
        "group_seconds": options.group_seconds,
    }


def read_alike(options: Namespace) -> str:
    """Return the given options of how images are read, for the next command of the same set: it must read them alike.

    >>> given = {"max_pixels": None, "class_pattern": "([a-z]+) [0-9]", "group_seconds": 2.5, "skip_bad": True}
    >>> rest = {"regions": None, "group_column": None, "group_pattern": None, "value_range": (0.0, 4095.0)}
    >>> read_alike(Namespace(**given, **rest))
    " --skip-bad --range 0,4095 --class-pattern '([a-z]+) [0-9]' --group-seconds 2.5"
    >>> nothing = dict.fromkeys({**given, **rest})
    >>> read_alike(Namespace(**nothing)), read_alike(Namespace(**{**nothing, "value_range": (-1024.0, 1048575.0)}))
    ('', ' --range=-1024,1048575')
    """
    told = []
    for name, value in reading_options(options).items():
        option = "--range" if name == "value_range" else f"--{name.replace('_', '-')}"
        if value is True:
            told.append(option)
        elif value:
            numbers = value if isinstance(value, tuple) else ()
            text = ",".join(repr(one).removesuffix(".0") for one in numbers) or str(value)
            # What begins with a dash would be taken for an option.
            told.append(f"{option}{'=' if text.startswith('-') else ' '}{shlex.quote(text)}")
    return "".join(f" {one}" for one in told)


def _two_numbers(text: str) -> tuple[float, float]:
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not low < high:
        raise ArgumentTypeError(f"takes two numbers, the lower first, such as 0,4095, got '{text}'")
    return low, high
