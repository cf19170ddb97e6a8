"""The step taken apart: every operation is of one kind, and the table says so."""

from benchmarks.step import KINDS, REST, measure_step, table

from nearsight.models import build
from nearsight.training.cost import count_flops


def test_a_step_is_timed_and_taken_apart_whole() -> None:
    step = measure_step("airbench", size=8, batch=4, width=0.1)
    assert step["flops"] == 4 * count_flops(build("airbench", 10, width=0.1), (8, 8))
    spent = step["microseconds"]
    assert list(spent) == [*KINDS, REST]
    assert all(spent[kind] > 0 for kind in KINDS)
    assert 0 < step["seconds"] < 60


def test_the_table_gives_rates_and_shares() -> None:
    spent = dict.fromkeys([*KINDS, REST], 0.0) | {"convolutions": 1e6, REST: 1e6}
    step = {"size": 16, "batch": 1000, "flops": 3e9, "seconds": 2.0, "microseconds": spent}
    made = table({"ceilings": {"convolution bfloat16": 6e9}, "steps": [step]})
    assert (
        made.splitlines()[-1] == "| 16×16 | 1,000 | 2,000 | 2 | 25% | 50% | 0% | 50% | 0% | 0% | 0% | 50% |"
    )
