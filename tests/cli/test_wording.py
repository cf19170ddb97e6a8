"""Messages speak Python to Python, and options on the command line."""

import ast
import inspect
import re
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

import nearsight
from nearsight.cli.main import COMMANDS
from nearsight.cli.options import OneLineParser
from nearsight.cli.wording import in_options

SOURCE = Path(nearsight.__file__).parent
# It is a command line of its own.
OWN_OPTIONS = SOURCE / "report" / "contact_sheet.py"
# It writes whole commands, for whoever reads a page.
WHOLE_COMMANDS = SOURCE / "report" / "page" / "going_on.py"


def texts(path: Path) -> Iterator[str]:
    """Every text of a module that is no docstring; what an f-string puts in is an ellipsis."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    skipped = {id(node.body[0].value) for node in ast.walk(tree)
               if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.value


def refusals(path: Path) -> Iterator[str]:
    """The text of every error for bad input that a module raises."""
    source = path.read_text(encoding="utf-8")
    # Every process that collects tests reads all modules here, so only those that raise one are parsed.
    for node in ast.walk(ast.parse(source)) if "InputError(" in source else ():
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "InputError":
            yield from (
                "".join(part.value if isinstance(part, ast.Constant) else "…" for part in found.values)
                if isinstance(found, ast.JoinedStr)
                else str(found.value)
                for found in node.args
                if isinstance(found, ast.JoinedStr | ast.Constant)
            )


NAMED = sorted(
    {
        (name, text)
        for path in SOURCE.rglob("*.py")
        for text in refusals(path)
        for name in re.findall(r"`([a-z_]+)(?:=[^`]*)?`", text)
    }
)


@cache
def actions() -> list:
    """What all commands take together."""
    parsers = [OneLineParser() for _ in COMMANDS]
    for parser, command in zip(parsers, COMMANDS.values(), strict=True):
        command.declare(parser)
    return [action for parser in parsers for action in parser.actions]


@cache
def parameters() -> set[str]:
    """What the verbs and public methods take, with the fields of the settings that they take."""
    verbs = [
        getattr(nearsight, name) for name in nearsight.__all__ if inspect.isfunction(getattr(nearsight, name))
    ]
    verbs += [nearsight.Classifier.of, nearsight.Classifier.prepare]
    verbs += [nearsight.ImageSet.select, nearsight.TiledModel.cost]
    settings = (nearsight.Recipe, nearsight.Machine, nearsight.Sampling, nearsight.ImageSet)
    return {name for verb in verbs for name in inspect.signature(verb).parameters} | {
        spec.name for kind in settings for spec in fields(kind)
    }


def test_no_message_outside_the_command_line_names_an_option() -> None:
    outside = [path for path in SOURCE.rglob("*.py") if path.relative_to(SOURCE).parts[0] != "cli"]
    messages = [
        (path.name, text)
        for path in outside
        if path not in (OWN_OPTIONS, WHOLE_COMMANDS)
        for text in texts(path)
    ]
    assert len(messages) > 1000
    assert [message for message in messages if re.search(r"(?<![\w-])--[a-z]", message[1])] == []


def test_the_commands_that_a_page_suggests_have_the_options_that_there_are() -> None:
    suggested = {option for text in texts(WHOLE_COMMANDS) for option in re.findall(r"--[a-z][a-z-]*", text)}
    assert len(suggested) > 5
    assert suggested <= {option for action in actions() for option in action.option_strings}


@pytest.mark.parametrize(("name", "text"), NAMED)
def test_what_a_message_names_is_a_parameter_and_an_option(name: str, text: str) -> None:
    assert name in parameters()
    shown = in_options(text, actions())
    taken = [action for action in actions() if action.dest == name]
    options = [option for action in taken for option in action.option_strings or [name.upper()]]
    # Without an option of that name, as for what only a program can give, the message stays as it is.
    assert (f"`{name}" in shown) == (not taken)
    assert not taken or any(option in shown for option in options)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("choose another `out`", "choose another --out"),
        ("give `tile=32`, or tile=16", "give --tile 32, or --tile 16"),
        ("give `tiles=[8, None]`", "give --tiles 8,full"),
        ("give `device='auto'`", "give --device auto"),
        ("leave it out with `skip_bad=True`", "leave it out with --skip-bad"),
        ("take `pretrained=False`, not `pretrained=True`", "take --no-pretrained, not --pretrained"),
        ("batch_size must be even, got 3", "--batch-size must be even, got 3"),
        ("give `class_name`", "give --class"),
        ("give `data`", "give DATA"),
        ("a tile of 3 pixels, the device", "a tile of 3 pixels, the device"),
        ("scenes:shortcut=0.9,tile=1", "scenes:shortcut=0.9,tile=1"),
        ("runs/batch_size/batch_size.toml, 'batch_size'", "runs/batch_size/batch_size.toml, 'batch_size'"),
        ("run `nearsight train` or `classes`", "run `nearsight train` or `classes`"),
    ],
)
def test_parameters_become_options(text: str, shown: str) -> None:
    parser = ArgumentParser()
    parser.add_argument("data", metavar="DATA")
    parser.add_argument("--class", dest="class_name")
    for name in ("--out", "--tile", "--tiles", "--device", "--batch-size"):
        parser.add_argument(name)
    parser.add_argument("--skip-bad", action="store_true")
    parser.add_argument("--pretrained", action=BooleanOptionalAction)
    assert in_options(text, parser._actions) == shown
