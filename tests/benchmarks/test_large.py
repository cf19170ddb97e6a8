"""Tiles and a heatmap of small images in every way: the pixels are the same, and the table has them."""

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks import large

pytest.importorskip("pyvips")
# torchvision's decoders are to be replaced by those of torchcodec.
pytestmark = pytest.mark.filterwarnings("ignore:The image decoding:DeprecationWarning")


def test_every_way_reads_the_same_tiles(
    benchmark: Callable[..., Any], in_this_process: Callable[[Any], None]
) -> None:
    in_this_process(large)
    result, said = benchmark("large --side 300 --tiles-side 512 --tiles 3 --repeats 1")
    assert list(result["files"]["jpg"]["ways"]) == ["Pillow", "torchvision", "pyvips", "decode_tile"]
    assert "torchvision" not in result["files"]["tif"]["ways"]
    for measured in result["files"].values():
        for figures in measured["ways"].values():
            assert not figures["differs_from_pillow"]
    assert 0 < result["heatmap"]["blank"] < result["heatmap"]["tiles"]
    assert "| 512² tiled TIFF | decode_tile | " in said
