import io

import numpy as np
import pytest
from PIL import Image

from benchmarks import decoding

# torchvision's decoders are to be replaced by those of torchcodec.
pytestmark = pytest.mark.filterwarnings("ignore:The image decoding:DeprecationWarning")


def encode(seed: int, kind: str, **options: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 50, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def test_every_way_is_timed_on_the_same_tiles_with_the_same_pixels() -> None:
    files = [encode(0, "JPEG"), encode(1, "JPEG", progressive=True), encode(2, "JPEG")]
    measured = decoding.measure_set(files, side=16, repeats=3, copied=1e10)
    assert (measured["images"], measured["sequential"]) == (3, 2)
    assert measured["bytes_per_image"] == sum(map(len, files)) / 3
    ways = measured["ways"]
    assert [one["tiles_that_differ_from_pillow"] for one in ways.values()] == [0] * 5
    assert set(ways["Pillow"]["times_pillow"].values()) == {1.0}
    assert set(ways["torchvision"]["times_torchvision"].values()) == {1.0}
    for one in ways.values():
        rate = 1000 / one["ms_per_tile"]["median"]
        assert one["tiles_per_second"]["median"] == pytest.approx(rate)
        assert one["share_of_copy"]["median"] == pytest.approx(rate * measured["bytes_per_image"] / 1e10)
    said = decoding.table({"settings": {"tile": 16}, "sets": [{"name": "noise"} | measured]})
    assert all(name in said for name in ways)


def test_a_way_with_other_pixels_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(decoding.WAYS, "decode_tile", lambda *job: 255 - decoding.WAYS["Pillow"](*job))
    measured = decoding.measure_set([encode(0, "JPEG"), encode(1, "JPEG")], side=16, repeats=1, copied=1.0)
    assert measured["ways"]["decode_tile"]["tiles_that_differ_from_pillow"] == 2
