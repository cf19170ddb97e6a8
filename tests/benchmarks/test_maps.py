"""The maps of a whole set: every tile of every image is counted."""

from collections.abc import Callable
from typing import Any


def test_maps_counts_every_tile_of_every_image(benchmark: Callable[..., Any]) -> None:
    result, said = benchmark("maps --images 5 --width 0.1 --repeats 1")
    assert result["tiles"] == 5 * 17**2
    assert 0 < result["seconds"]["lowest"] <= result["seconds"]["highest"]
    assert "5 maps of 289 tiles" in said
