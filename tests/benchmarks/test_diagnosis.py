"""The benchmark of a diagnosis: few probes, whatever is diagnosed."""

from collections.abc import Callable
from typing import Any


def test_a_diagnosis_makes_at_most_ten_probes(benchmark: Callable[..., Any]) -> None:
    result, said = benchmark("diagnosis --data digits --images 12 --tile 8 --width 0.1 --repeats 1")
    assert set(result["probes"]) == set(result["seconds"]) == {"tilenet", "airbench"}
    assert all(0 < probes <= 10 for probes in result["probes"].values())
    assert "probes" in said
