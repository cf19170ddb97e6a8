"""How images are read: the fields are one object, one set of keywords and one set of options."""

import inspect
from dataclasses import fields
from typing import Any

import pytest

import nearsight
from nearsight.cli.options import OneLineParser
from nearsight.cli.reading_options import add_reading_options, reading_options
from nearsight.errors import InputError
from nearsight.settings import Reading, ReadingOptions


def test_the_keywords_are_the_fields() -> None:
    assert list(ReadingOptions.__annotations__) == [spec.name for spec in fields(Reading)]


@pytest.mark.parametrize("verb", ["load", "train", "evaluate", "diagnose", "compare", "dimension"])
def test_every_verb_that_reads_a_set_shows_them(verb: str) -> None:
    shown = inspect.signature(getattr(nearsight, verb)).parameters
    assert {spec.name: shown[spec.name].default for spec in fields(Reading)} == {
        spec.name: spec.default for spec in fields(Reading)
    }


def test_options_make_the_same_object() -> None:
    parser = OneLineParser()
    add_reading_options(parser)
    assert Reading(**reading_options(parser.parse_args([]))) == Reading()
    given = parser.parse_args(
        ["--skip-bad", "--range", "0,4095", "--group-seconds", "3", "--regions", "boxes.json"]
    )
    assert Reading(**reading_options(given)) == Reading(
        skip_bad=True, value_range=(0, 4095), group_seconds=3, regions="boxes.json"
    )


@pytest.mark.parametrize("wrong", [{"max_pixels": 0}, {"value_range": (1, 1)}, {"value_range": (1,)}])
def test_values_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Reading(**wrong)


def test_a_keyword_that_is_no_option_is_named_by_its_verb() -> None:
    with pytest.raises(TypeError, match=r"load\(\) got an unexpected keyword argument 'skipbad'"):
        nearsight.load("digits", skipbad=True)  # type: ignore[call-arg]
