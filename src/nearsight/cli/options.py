"""Options of the commands: those of the recipe are derived from its fields, the others are declared here."""

import argparse
import re
from dataclasses import fields
from typing import Any, NoReturn, get_args, get_origin

from nearsight.errors import InputError

_NOT_OPTIONS = ("name", "data")
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line that ends the program with code 2."""

    def error(self, message: str) -> NoReturn:
        """Raise the message as an `InputError` with the command to ask for help."""
        raise InputError(f"{message}; see '{self.prog} --help'")


def add_recipe_options(parser: argparse.ArgumentParser, without: tuple[str, ...] = ()) -> None:
    """Add --recipe and an option for each field of the recipe."""
    from nearsight.training.recipe import RECIPES, Recipe, field_types

    group = parser.add_argument_group("recipe")
    group.add_argument(
        "--recipe", default="standard", help=f"{', '.join(RECIPES)}, or a TOML file (default: standard)"
    )
    types = field_types()
    for spec in fields(Recipe):
        if spec.name in _NOT_OPTIONS or spec.name in without:
            continue
        option, text = f"--{spec.name.replace('_', '-')}", spec.metadata["help"]
        if types[spec.name] is bool:
            group.add_argument(option, action=argparse.BooleanOptionalAction, default=None, help=text)
        else:
            group.add_argument(option, metavar=_metavar(spec.name, types[spec.name]), default=None, help=text)


def recipe_fields(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the recipe's fields that were given on the command line, as plain values."""
    from nearsight.training.recipe import field_types

    given = {name: getattr(arguments, name, None) for name in field_types() if name not in _NOT_OPTIONS}
    return {name: value for name, value in given.items() if value is not None}


def add_machine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where a command runs."""
    from nearsight.training.machine import Device

    group = parser.add_argument_group("machine")
    group.add_argument("--device", choices=get_args(Device), default="auto", help="where to run")
    group.add_argument(
        "--workers", type=int, default=None, metavar="N", help="processes that decode a set that streams"
    )


def parse_memory(text: str) -> int:
    """Read a size of memory in bytes.

    >>> parse_memory("512M"), parse_memory("2G")
    (536870912, 2147483648)
    """
    match = re.fullmatch(r"(\d+)([KMG]?)B?", text.strip().upper())
    if not match or not int(match[1]):
        raise InputError(f"memory takes a size such as 512M or 2G, got '{text}'")
    return int(match[1]) * _UNITS[match[2]]


def _metavar(name: str, kind: Any) -> str:
    options = [option for option in get_args(kind) if option is not type(None)]
    if get_origin(kind) is not None and all(isinstance(option, str) for option in options):
        return "{" + ",".join(options) + "}"
    if name == "tile":
        return "N|full"
    return {int: "N", float: "X", str: "NAME"}[options[0] if options else kind]
