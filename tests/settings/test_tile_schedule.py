"""Schedules of tile sizes: read from text, refused in one line, and the same size told step by step or in spans."""

import re
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearsight.errors import InputError
from nearsight.settings.tile_schedule import Stage, TileSizes, parse_schedule, tile_sizes

# Rising tiles with rising shares in thousandths, from 1 to 999.
stages = st.integers(0, 5).flatmap(
    lambda count: st.tuples(
        st.sets(st.integers(1, 500), min_size=count, max_size=count).map(sorted),
        st.sets(st.integers(1, 999), min_size=count, max_size=count).map(sorted),
    )
)


def text(tiles: list[int], thousandths: list[int]) -> str | None:
    parts = [f"{tile}@{share / 1000}" for tile, share in zip(tiles, thousandths, strict=True)]
    return ",".join(parts) or None


@given(stages)
def test_a_schedule_is_read_as_it_is_written(drawn: tuple[list[int], list[int]]) -> None:
    written = text(*drawn)
    expected = tuple(Stage(tile, share / 1000) for tile, share in zip(*drawn, strict=True))
    assert parse_schedule(written) == expected
    assert parse_schedule(None if written is None else written.replace(",", " , ")) == expected


@pytest.mark.parametrize(
    "schedule",
    ["", "16", "16@", "@0.5", "16@half", "16@0.5,", "16@-0.5", "16.5@0.5", "16@5.", "-16@0.5", "0@0.5"],
)
def test_text_of_another_form_is_refused_with_an_example(schedule: str) -> None:
    message = f"tile_schedule takes TILE@SHARE separated by commas, such as 16@0.5,24@0.8; got '{schedule}'"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        parse_schedule(schedule)


@pytest.mark.parametrize(
    "schedule", ["16@1", "16@1.5", "16@0", "16@0.0", "16@0.5,24@0.5", "16@0.5,24@0.4", "16@0.5,24@1.0"]
)
def test_shares_that_do_not_rise_between_0_and_1_are_refused(schedule: str) -> None:
    message = f"the shares of tile_schedule must rise from above 0 to below 1, got '{schedule}'"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        parse_schedule(schedule)


@pytest.mark.parametrize("schedule", ["24@0.5", "25@0.5", "16@0.3,16@0.6", "16@0.3,12@0.6", "16@0.3,24@0.6"])
def test_tiles_that_do_not_grow_to_the_size_of_the_run_are_refused(schedule: str) -> None:
    message = (
        "the tiles of tile_schedule must grow and stay below the 24 pixels that the run ends on, "
        f"got '{schedule}'"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        tile_sizes(schedule, (32, 24), steps=100)


@given(stages, st.integers(1, 60), st.integers(501, 600), st.integers(501, 600))
def test_spans_add_up_to_the_steps_and_are_the_sizes_step_by_step(
    drawn: tuple[list[int], list[int]], steps: int, height: int, width: int
) -> None:
    sizes = tile_sizes(text(*drawn), (height, width), steps)
    by_step = [sizes.at(step) for step in range(steps)]
    assert sizes.spans(steps) == [(len(list(same)), size) for size, same in groupby(by_step)]
    # A run of another length than the schedule was laid out for still has one size a step.
    for other in (steps - 1, steps + 7):
        assert [size for count, size in sizes.spans(other) for _ in range(count)] == [
            sizes.at(step) for step in range(other)
        ]


@given(stages, st.integers(1, 2000))
def test_each_stage_ends_within_a_step_of_its_share_and_leaves_one_for_the_run_s_own_size(
    drawn: tuple[list[int], list[int]], steps: int
) -> None:
    tiles, thousandths = drawn
    sizes = tile_sizes(text(*drawn), (600, 600), steps)
    for tile, share in zip(tiles, thousandths, strict=True):
        done = sum(count for count, (side, _) in sizes.spans(steps) if side <= tile)
        assert 0 <= share / 1000 * steps - done + 1e-9 < 1 + 1e-9
    assert sizes.at(steps - 1) == (600, 600)


def test_a_run_without_a_schedule_has_one_size() -> None:
    assert tile_sizes(None, (7, 9), steps=50) == TileSizes((7, 9))
    assert TileSizes((7, 9)).spans(50) == [(50, (7, 9))]
