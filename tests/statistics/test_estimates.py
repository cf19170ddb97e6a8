"""An estimate survives its file, and files of every earlier form are read."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from nearsight.statistics import Estimate, absent, arm_estimate, mean_estimate

RESULTS = Path(__file__).parents[2] / "docs" / "results"


@pytest.mark.parametrize(
    "estimate",
    [
        mean_estimate([0.25, 0.5, 1.0], chance=0.5),
        mean_estimate([]),
        arm_estimate([[1, 0, 1], [1, 1, 1]]),
        absent("all tiles are alike"),
    ],
)
def test_an_estimate_is_read_back_from_its_file(estimate: Estimate) -> None:
    assert Estimate.from_json(json.loads(json.dumps(asdict(estimate)))) == estimate


@pytest.mark.parametrize("name", ["cifar10", "cifar10-paper", "stl10", "tiny-imagenet-40"])
def test_intervals_of_published_comparisons_are_read(name: str) -> None:
    found = json.loads((RESULTS / name / "comparison.json").read_text(encoding="utf-8"))
    for arm in found["arms"]:
        for row in arm["accuracies"]:
            estimate = Estimate.from_json(row["interval"], n=found["images"])
            value, low, high = estimate.numbers
            assert low <= value <= high
            assert value == pytest.approx(sum(row["seeds"]) / len(row["seeds"]))
            assert estimate.n == found["images"]
            assert estimate.covers == row["interval"]["covers"]


def test_earlier_forms_are_read() -> None:
    old = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9, "chance": None}
    assert Estimate.from_json(old, n=5) == Estimate(0.5, 0.4, 0.6, 9)
    assert Estimate.from_json({"value": None, "low": None, "high": None, "reason": "one class"}) == absent(
        "one class"
    )


def test_numbers_that_are_not_known_are_not_made_up() -> None:
    with pytest.raises(ValueError, match="no value or no interval"):
        _ = Estimate(0.5, None, None, 1).numbers
