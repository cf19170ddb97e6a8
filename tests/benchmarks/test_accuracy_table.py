"""Tables of the time to an accuracy, against looking through the lines one by one."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import accuracy_table

Line = dict[str, Any]


def line(arm: str, epochs: float, full_pass: float, seconds: float, **others: Any) -> Line:
    """A run's line, of 10 TFLOP an epoch, on a machine that convolves 2 TFLOP/s."""
    return {
        "arm": arm,
        "changes": {},
        "epochs": epochs,
        "seed": 0,
        "accuracy": {"full-pass": full_pass},
        "seconds": seconds,
        "flops": epochs * 1e13,
        "ceilings": {"convolution bfloat16": 2e12},
    } | others


def cells(table: str, arm: str) -> list[str]:
    """The cells of an arm's only row, without its name."""
    (row,) = (row for row in table.splitlines() if row.startswith(f"| {arm} |"))
    return [cell.strip() for cell in row.strip("|").split("|")][1:]


lines = st.lists(
    st.builds(
        line,
        arm=st.sampled_from(["a", "b"]),
        epochs=st.sampled_from([1.0, 2.0, 4.0]),
        full_pass=st.integers(0, 100).map(lambda right: right / 100),
        seconds=st.integers(1, 500).map(float),
        changes=st.sampled_from([{}, {"width": "0.5"}]),
        seed=st.integers(0, 3),
    ),
    max_size=12,
)


def said(seconds: int) -> str:
    """Seconds as the tables have them: with a decimal where there are few."""
    return f"{seconds}.0" if seconds < 10 else f"{seconds:,}"


@settings(max_examples=40)
@given(lines)
def test_seeds_are_grouped_arm_by_arm_as_they_came_and_from_short_to_long(some: list[Line]) -> None:
    def arm(one: Line) -> tuple[str, str]:
        return one["arm"], str(one["changes"])

    expected = []
    for wanted in dict.fromkeys(map(arm, some)):
        for epochs in (1.0, 2.0, 4.0):
            seeds = [one for one in some if arm(one) == wanted and one["epochs"] == epochs]
            expected += [seeds] if seeds else []
    assert accuracy_table.group(some) == expected


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 100), st.integers(1, 9999)),
        min_size=1,
        max_size=6,
        unique_by=lambda run: run[1],
    ),
    st.integers(1, 99),
)
def test_a_target_takes_the_shortest_length_that_reaches_it_or_else_the_longest_as_a_bound(
    measured: list[tuple[int, int]], target: int
) -> None:
    runs = accuracy_table.group(
        line("a", float(number), right / 100, float(seconds))
        for number, (right, seconds) in enumerate(measured, 1)
    )
    (found,) = cells(accuracy_table.targets_table(runs, [target / 100]), "a")
    reaching = sorted(
        (seconds, number) for number, (right, seconds) in enumerate(measured, 1) if right >= target
    )
    if reaching:
        seconds, number = reaching[0]
        assert found == f"{said(seconds)} s, {10 * number} TFLOP"
    else:
        seconds, right = max((seconds, right) for right, seconds in measured)
        assert found == f"more than {said(seconds)} s ({right}.0%)"


def test_seeds_are_averaged_before_a_target_is_judged() -> None:
    """One seed of the shorter length reaches 90 % and their mean does not."""
    runs = accuracy_table.group(
        [
            line("a", 1, 0.86, 10, seed=0),
            line("a", 1, 0.92, 30, seed=1),
            line("a", 2, 0.89, 40, seed=0),
            line("a", 2, 0.93, 50, seed=1),
        ]
    )
    assert cells(accuracy_table.targets_table(runs, [0.88, 0.9, 0.92]), "a") == [
        "20 s, 10 TFLOP",
        "45 s, 20 TFLOP",
        "more than 45 s (91.0%)",
    ]


def test_tiles_are_judged_by_their_mean_logit() -> None:
    runs = accuracy_table.group(
        [
            line("tiles", 1, 0.95, 10, accuracy={"full-pass": 0.95, "mean-logit": 0.8}),
            line("tiles", 2, 0.5, 20, accuracy={"full-pass": 0.5, "mean-logit": 0.9}),
            line("whole", 1, 0.95, 30),
        ]
    )
    table = accuracy_table.targets_table(runs, [0.9])
    assert cells(table, "tiles") == ["20 s, 20 TFLOP"]
    assert cells(table, "whole") == ["30 s, 10 TFLOP"]


def test_a_length_says_the_mean_over_its_seeds_and_their_ends() -> None:
    both = [{"full-pass": 0.5, "mean-logit": 0.6}, {"full-pass": 0.7, "mean-logit": 0.9}]
    table = accuracy_table.lengths_table(
        accuracy_table.group(
            [
                *(line("tiles", 2, 0, 20 * (seed + 1), accuracy=both[seed], seed=seed) for seed in (0, 1)),
                line(
                    *("whole", 0.5, 0.25, 1000),
                    changes={"width": "0.5"},
                    ceilings={"convolution bfloat16": 1e12},
                ),
            ]
        )
    )
    # 20 TFLOP in 20 and in 40 seconds are a half and a quarter of 2 TFLOP/s, the highest peak of all runs.
    assert cells(table, "tiles") == [
        "2",
        "2",
        "60.0 (50.0 to 70.0)",
        "75.0 (60.0 to 90.0)",
        "30",
        "20.0",
        "38%",
    ]
    assert cells(table, "whole, width 0.5") == ["0.5", "1", "25.0", "–", "1,000", "5.0", "0%"]


def test_both_tables_are_printed_as_markdown_from_the_lines_of_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = [line("a", 1, 0.81, 10), line("a", 2, 0.86, 20), line("b", 1, 0.7, 15)]
    file = tmp_path / "lines.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in some))
    parser = argparse.ArgumentParser()
    accuracy_table.add_options(parser)
    accuracy_table.run(parser.parse_args([str(file), "--targets", "80,85"]))
    lengths, targets = capsys.readouterr().out.split("\n\n")
    assert (len(lengths.splitlines()), len(targets.splitlines())) == (2 + 3, 2 + 2)
    assert targets.startswith("| arm | to 80 % | to 85 % |\n")
    assert cells(targets, "a") == ["10 s, 10 TFLOP", "20 s, 20 TFLOP"]
    assert cells(targets, "b") == ["more than 15 s (70.0%)"] * 2
    for table in (lengths, targets):
        assert len({row.count("|") for row in table.strip().splitlines()}) == 1
