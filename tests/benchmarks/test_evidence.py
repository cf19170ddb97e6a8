"""The evidence benchmark on a small image: every way gives the same map, and each is timed."""

from collections.abc import Callable
from typing import Any

FEW = "--side 40 --tiles 16 --width 0.1 --sample 3 --repeats 2"


def test_evidence_times_every_way_to_the_same_map(benchmark: Callable[..., Any]) -> None:
    result, said = benchmark(f"evidence {FEW}")
    assert [one["tiles"] for one in result["maps"]] == [25**2, 7**2, 3**2]
    for one in result["maps"]:
        assert one["loop_tiles_timed"] == 3
        assert one["largest_difference"] <= 1e-4
        seconds, ratio = one["seconds"], one["faster_than_loop"]
        assert ratio["lowest"] <= ratio["median"] <= ratio["highest"]
        assert ratio["lowest"] >= seconds["loop"]["lowest"] / seconds["engine"]["highest"]
        assert ratio["highest"] <= seconds["loop"]["highest"] / seconds["engine"]["lowest"]
    assert "TileNet(16)" in said
