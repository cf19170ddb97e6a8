"""The removal benchmark on a small image and network: every way is timed, and ours gives what whole passes give."""

from collections.abc import Callable
from typing import Any


def test_removal_times_every_way_to_one_map(benchmark: Callable[..., Any]) -> None:
    result, said = benchmark(
        "removal --networks test_resnet --side 64 --tile 16 --stride 16 --evaluations 4 --repeats 1"
    )
    [one] = result["maps"]
    assert one["tiles"] == 16
    assert one["largest_difference"] <= 1e-4
    assert set(one["seconds"]) >= {"windows", "batches"}
    assert "test_resnet" in said
