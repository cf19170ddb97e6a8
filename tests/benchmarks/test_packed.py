"""Tiles of small packed photographs in every way: the pixels are the same, and the table has them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyvips")
pytest.importorskip("jpeglib")
# torchvision's decoders are to be replaced by those of torchcodec.
pytestmark = pytest.mark.filterwarnings("ignore:The image decoding:DeprecationWarning")


@pytest.mark.parametrize("kind", ["4:2:0", "PNG"])
def test_every_way_reads_the_same_tiles(
    kind: str, benchmark: Callable[..., Any], real_data: Callable[[str], Path]
) -> None:
    real_data("imagenet-sample")
    result, said = benchmark(
        f"packed --kinds {kind} --photos 2 --height 300 --width 400 --tiles 4 --repeats 1 --batch 2"
    )
    ways = result["kinds"][kind]["ways"]
    assert list(ways) == ["Pillow", "torchvision", "pyvips", "decode_tile, not packed", "decode_tile, packed"]
    for figures in ways.values():
        assert not figures["differs_from_pillow"]
    assert f"| {kind} | torchvision | " in said
