"""What `nearsight --print-completion` prints: a script with which a shell completes commands."""

import argparse
import re
from collections.abc import Callable, Mapping

from nearsight.cli.options import OneLineParser
from nearsight.errors import InputError
from nearsight.settings import RECIPES
from nearsight.settings.choices import AUTO
from nearsight.settings.models import MODELS

SHELLS = ("bash", "zsh", "tcsh")
# Texts in place of a value: capitals are a placeholder, everything else is a value as it is.
_VALUE = re.compile(r"[a-z][a-z0-9.-]*")
_NAMES = {"recipe": (AUTO, *RECIPES), "model": MODELS}


def read_shell(arguments: list[str]) -> str:
    """Return the shell that the arguments after `--print-completion` name; raises `InputError` for another.

    >>> read_shell(["zsh"])
    'zsh'
    """
    if len(arguments) != 1 or arguments[0] not in SHELLS:
        got = f", got '{' '.join(arguments)}'" if arguments else ""
        raise InputError(f"--print-completion takes one of {', '.join(SHELLS)}{got}")
    return arguments[0]


def completion_script(commands: Mapping[str, tuple[str, Callable[[OneLineParser], None]]], shell: str) -> str:
    """Return the script for a shell, from each command's line of help and the function that declares its options.

    >>> def declare(parser):
    ...     _ = parser.add_argument("--budget", metavar="steps|pixels")
    >>> completion_script({"compare": ("Compare.", declare)}, "bash").count("--budget") > 0
    True
    """
    import shtab

    parser = argparse.ArgumentParser(prog="nearsight", description="Train image classifiers on small tiles.")
    parser.add_argument("--version", action="store_true", help="print versions")
    parser.add_argument("--print-completion", choices=SHELLS, help="print a script of completions")
    declared = parser.add_subparsers()
    for name, (text, declare) in commands.items():
        command = declared.add_parser(
            name, help=text, description=text, parents=[_declared(declare)], add_help=False
        )
        command.set_defaults(command=name)
    return shtab.complete(parser, shell=shell)


def _declared(declare: Callable[[OneLineParser], None]) -> OneLineParser:
    parser = OneLineParser()
    declare(parser)
    for action in parser.actions:
        _complete(action)
    return parser


def _complete(action: argparse.Action) -> None:
    """Say what a shell proposes as the value of an option: the names in its help, or else files."""
    import shtab

    shown = action.metavar if isinstance(action.metavar, str) else ""
    values = _NAMES.get(action.dest) or [part for part in shown.split("|") if _VALUE.fullmatch(part)]
    if values:
        action.choices = values
    elif any(word in shown for word in ("FILE", "DIR", "DATA", "RUN", "IMAGE")):
        action.complete = shtab.FILE  # type: ignore[attr-defined]
