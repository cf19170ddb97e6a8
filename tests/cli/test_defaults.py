"""Defaults: an option left out and a parameter left out mean the same."""

import inspect
from dataclasses import fields
from typing import Any

import pytest

import nearsight
from nearsight.cli.main import COMMANDS
from nearsight.cli.options import OneLineParser

# Options with another name than their parameter, and what a command does that a program decides for itself:
# where results are left, how they are shown, and whether a comparison begun before may go on.
DIFFERENT = {"out", "json", "quiet", "help", "run", "recipe"}


def defaults(command: str) -> dict[str, Any]:
    """What a command's options are when they are left out."""
    parser = OneLineParser()
    COMMANDS[command].declare(parser)
    return {action.dest: action.default for action in parser.actions if action.dest not in DIFFERENT}


VERBS = [name for name in COMMANDS if inspect.isfunction(getattr(nearsight, name, None))]


@pytest.mark.parametrize("command", VERBS)
def test_options_and_parameters_have_the_same_defaults(command: str) -> None:
    parameters = inspect.signature(getattr(nearsight, command)).parameters
    given = {name: value for name, value in defaults(command).items() if name in parameters}
    taken = {
        name: parameters[name].default
        for name in given
        if parameters[name].default is not inspect.Parameter.empty
    }
    assert {name: given[name] for name in taken} == taken


@pytest.mark.parametrize("command", VERBS)
def test_what_is_left_out_keeps_the_values_of_the_settings(command: str) -> None:
    own = inspect.signature(getattr(nearsight, command)).parameters
    for settings in (nearsight.Recipe, nearsight.Machine, nearsight.Sampling):
        kept = {spec.name: spec.default for spec in fields(settings) if spec.name not in own}
        for name, value in defaults(command).items():
            assert value is None or name not in kept or value == kept[name], name


def test_data_are_loaded_alike() -> None:
    parameters = inspect.signature(nearsight.load).parameters
    given = {name: value for name, value in defaults("data").items() if name in parameters and name != "data"}
    assert given == {name: parameters[name].default for name in given}
    assert len(given) == 10


def test_most_options_are_compared() -> None:
    compared = sum(
        len(inspect.signature(getattr(nearsight, name)).parameters.keys() & defaults(name)) for name in VERBS
    )
    assert compared > 25
