"""Options of the commands: those of the recipe are derived from its fields, the others are declared here."""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, NoReturn, Protocol, get_args, get_origin

from nearsight.errors import InputError, shortened, unknown_name
from nearsight.numbers import memory_size
from nearsight.settings import RECIPES, Machine, Recipe, Sampling, make_recipe
from nearsight.settings.choices import AUTO, DEFAULT_RECIPE
from nearsight.settings.machine import Device
from nearsight.settings.recipe import field_types, parse_value

_NOT_OPTIONS = ("name", "data")
_METAVARS = {"tile": "N|full", "tile_schedule": "N@SHARE,…", "weights_of": "RUN|FILE"}
# What a command returns, for --json.
Result = dict[str, Any]


class Container(Protocol):
    """What options are added to: a parser or one of its groups."""

    def add_argument(self, *names: str, **settings: Any) -> Any:
        """Declare one option."""


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line that ends the program with code 2."""

    def error(self, message: str) -> NoReturn:
        """Raise the message as an `InputError` that names the command for help."""
        refused = sys.exc_info()[1]
        if refused is not None and isinstance(refused.__context__, InputError):
            # argparse would only keep that an error of a reader of options is a ValueError.
            raise refused.__context__ from None
        if "required: RUN" in message and "--model" in self._option_string_actions:
            message += ", or another model by --model"
        raise InputError(f"{message}; see '{self.prog} --help'")

    @property
    def actions(self) -> list[argparse.Action]:
        """What the command takes: its arguments and options."""
        return self._actions

    def parse_all(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parse a command's arguments; raises `InputError` for an unknown option, with the nearest one."""
        # Before anything else, so that a misspelt option is not reported as a missing argument.
        for argument in arguments:
            name = argument.partition("=")[0]
            if name.startswith("--") and name != "--" and name not in self._option_string_actions:
                close = get_close_matches(name, self._option_string_actions, n=1)
                hint = f"did you mean '{close[0]}'?" if close else f"see '{self.prog} --help'"
                raise InputError(f"unknown option '{name}'; {hint}")
            if argument == f"{name}=--":
                # argparse drops these dashes, and the option would have no value at all.
                raise InputError(f"{name} takes a value, got '--'; see '{self.prog} --help'")
        parsed, left = self.parse_known_args(arguments)
        if left:
            named = [one for one in self._actions if not one.option_strings]
            behind = [one for one in named if one.nargs in {"*", "?"} and not getattr(parsed, one.dest)]
            # argparse takes arguments in one row, and an empty one for what may be left out.
            how = (
                f"; write {' and '.join(str(one.metavar) for one in named)} in a row, with no option between them"
                if behind
                else ""
            )
            self.error(f"unrecognized arguments: {' '.join(left)}{how}")
        return parsed

    def options_last(self, arguments: Sequence[str]) -> list[str]:
        """Return arguments that `parse_all` accepts with the options last, so that RUN or DATA is the first.

        >>> parser = OneLineParser()
        >>> parser.add_argument("run"), parser.add_argument("--stride")  # doctest: +ELLIPSIS
        (...)
        >>> parser.options_last(["--stride", "8", "runs/a"])
        ['runs/a', '--stride', '8']

        They mean the same. What could be taken for an option, such as a file -.png after `--`, stays where it is.
        """
        own: list[str] = []
        options: list[str] = []
        left = list(arguments)
        while left:
            one = left.pop(0)
            if one == "--":
                own += left
                break
            name, has_value, _ = one.partition("=")
            action = self._option_string_actions.get(name)
            if action is None:
                own.append(one)
                continue
            options.append(one)
            takes = action.nargs is None or (action.nargs == "?" and left and not left[0].startswith("-"))
            if takes and not has_value:
                options.append(left.pop(0))
        return list(arguments) if any(one.startswith("-") for one in own) else [*own, *options]


def add_choice(
    container: Container, option: str, choices: Sequence[str], *, default: str | None, text: str
) -> None:
    """Add an option that takes one of a few names, and proposes the nearest for any other."""

    def read(value: str) -> str:
        if value not in choices:
            raise unknown_name(option.removeprefix("--"), value, choices)
        return value

    if default is not None:
        text = f"{text} (default: {default})"
    container.add_argument(option, type=read, default=default, metavar="|".join(choices), help=text)


def whole_number(option: str, low: int) -> Callable[[str], int]:
    """Return a reader of an option's whole number of at least `low`.

    >>> whole_number("--seeds", 1)("3")
    3
    """

    def read(value: str) -> int:
        # Up to 18 digits, because everything that is counted is held in 64 bits.
        if not re.fullmatch(r"[+-]?\d{1,18}", value.strip()) or int(value) < low:
            raise InputError(f"{option} takes a whole number of at least {low}, got '{shortened(value)}'")
        return int(value)

    return read


def add_recipe_options(parser: argparse.ArgumentParser, without: tuple[str, ...] = ()) -> None:
    """Add --recipe and an option for each field of the recipe."""
    group = parser.add_argument_group(
        "recipe",
        "What determines a run. An option that is not given keeps the value of the chosen recipe; 'auto' chooses it. "
        "If the named recipes differ, their values are listed.",
    )
    group.add_argument(
        "--recipe",
        default=DEFAULT_RECIPE,
        metavar="NAME|FILE",
        help=f"{AUTO}, which chooses settings that fit the images, the device and the available weights, and says "
        f"which; {', '.join(RECIPES)}; or a TOML file such as a run's recipe.toml (default: {DEFAULT_RECIPE})",
    )
    types = field_types()
    for spec in fields(Recipe):
        if spec.name in _NOT_OPTIONS or spec.name in without:
            continue
        option = f"--{spec.name.replace('_', '-')}"
        text = f"{spec.metadata['help']} ({_defaults(spec.name, RECIPES.values())})".replace("%", "%%")
        if types[spec.name] is bool:
            group.add_argument(option, action=argparse.BooleanOptionalAction, default=None, help=text)
        else:
            group.add_argument(option, metavar=_metavar(spec.name, types[spec.name]), default=None, help=text)


def recipe_of(arguments: argparse.Namespace) -> Recipe:
    """Return the recipe that a command line asks for; raises `InputError` where `Recipe` does."""
    return make_recipe(arguments.data, arguments.recipe, recipe_fields(arguments))


def recipe_fields(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of the recipe that a command line changes, as they were written."""
    given = {name: getattr(arguments, name, None) for name in field_types() if name not in _NOT_OPTIONS}
    return {name: value for name, value in given.items() if value is not None}


def add_sampling_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for each field of `Sampling`."""
    group = parser.add_argument_group("sampling", "How much is measured; less is faster and less precise.")
    for spec in fields(Sampling):
        option = f"--{spec.name.replace('_', '-')}"
        text = f"{spec.metadata['help']} (default: {spec.default:,})"
        group.add_argument(
            option, type=whole_number(option, spec.metadata["least"]), default=None, metavar="N", help=text
        )


def sampling_of(arguments: argparse.Namespace) -> Sampling:
    """Return the sampling that a command line asks for; raises `InputError` where `Sampling` does."""
    given = {spec.name: getattr(arguments, spec.name) for spec in fields(Sampling)}
    return Sampling(**{name: value for name, value in given.items() if value is not None})


def add_machine_options(parser: argparse.ArgumentParser) -> Container:
    """Add the options that say where a command runs, and return their group."""
    group = parser.add_argument_group(
        "machine", "Where and how it runs; this does not change what is learned."
    )
    add_choice(group, "--device", get_args(Device), default=Machine.device, text="where to run")
    group.add_argument(
        "--workers",
        type=whole_number("--workers", 0),
        default=None,
        metavar="N",
        help="processes that decode images of sets not held in memory (default: one per core, at most 16)",
    )
    return group


def parse_memory(text: str) -> int:
    """Read a size of memory in bytes.

    >>> parse_memory("512M"), parse_memory("2G")
    (536870912, 2147483648)
    """
    return memory_size("--memory", text)


def parse_tiles(text: str) -> tuple[int | None, ...]:
    """Read sides of tiles in pixels, separated by commas; None is the whole image.

    >>> parse_tiles("16,24,full")
    (16, 24, None)
    """
    return tuple(parse_value("tile", part.strip()) for part in text.split(","))


def written_tiles(tiles: Iterable[int | None]) -> str:
    """Write sides of tiles as `parse_tiles` reads them.

    >>> written_tiles((16, 24, None))
    '16,24,full'
    """
    return ",".join("full" if tile is None else str(tile) for tile in tiles)


def listed(text: str | None) -> list[str] | None:
    """Read names separated by commas; None stays None.

    >>> listed("vote, mean-logit")
    ['vote', 'mean-logit']
    """
    return None if text is None else [part.strip() for part in text.split(",")]


def _defaults(name: str, recipes: Iterable[Recipe]) -> str:
    of_value: dict[str, list[str]] = {}
    for recipe in recipes:
        of_value.setdefault(_shown(name, getattr(recipe, name)), []).append(recipe.name)
    if len(of_value) == 1:
        return f"default: {next(iter(of_value))}"
    usual = max(of_value, key=lambda value: len(of_value[value]))
    others = [f"{', '.join(names)}: {value}" for value, names in of_value.items() if value != usual]
    return "; ".join([*others, f"others: {usual}"])


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "full" if name == "tile" else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _metavar(name: str, kind: Any) -> str:
    options = [option for option in get_args(kind) if option is not type(None)]
    if get_origin(kind) is not None and all(isinstance(option, str) for option in options):
        return "|".join(options)
    if name in _METAVARS:
        return _METAVARS[name]
    return {int: "N", float: "X", str: "NAME"}[options[0] if options else kind]
