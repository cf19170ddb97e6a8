"""Both ways to a step take turns, and the table holds their ratio."""

from benchmarks.small_grids import measure, table

from nearsight.models import build
from nearsight.training.cost import count_flops


def test_both_ways_are_timed_turn_about() -> None:
    step = measure("resnet9", "fast", 8, 4, turns=2, width=0.1)
    assert step["flops"] == 4 * count_flops(build("resnet9", 10, width=0.1), (8, 8))
    assert all(0 < way["lowest"] <= way["median"] <= way["highest"] for way in step["seconds"].values())
    assert step["times"]["lowest"] > 0


def test_the_table_gives_the_ratio_and_the_share_of_the_quicker_way() -> None:
    one = {
        name: {"median": value, "lowest": value, "highest": value} for name, value in (("a", 3.0), ("b", 2.0))
    }
    step = {
        "model": "n",
        "size": 16,
        "batch": 1000,
        "flops": 4e9,
        "seconds": {"convolutions": one["a"], "products": one["b"]},
        "times": {"median": 1.5, "lowest": 1.25, "highest": 1.75},
    }
    made = table({"ceilings": {"convolution bfloat16": 8e9}, "steps": [step]})
    assert made.splitlines()[-1] == "| n | 16×16 | 1,000 | 3,000 | 2,000 | 1.50 (1.25 to 1.75) | 25% |"
