"""Odd environments: what no command depends on does not end one."""

import pytest

from nearsight.cli.environment import settle_environment


@pytest.mark.parametrize("name", ["COLUMNS", "LINES"])
@pytest.mark.parametrize("size", ["9" * 5000, "\u00b2", "-80", ""])
def test_a_size_that_no_terminal_has_is_left_to_the_terminal(name: str, size: str) -> None:
    environment = {name: size}
    settle_environment(environment)
    assert name not in environment
    environment[name] = "120"
    settle_environment(environment)
    assert environment[name] == "120"


@pytest.mark.parametrize(
    ("given", "settled"), [("9" * 5000, "-1"), ("0," + "9" * 5000, "-1"), ("0,1", "0,1"), ("", "")]
)
def test_a_device_whose_number_cannot_be_read_is_none(given: str, settled: str) -> None:
    environment = {"CUDA_VISIBLE_DEVICES": given}
    settle_environment(environment)
    assert environment["CUDA_VISIBLE_DEVICES"] == settled
