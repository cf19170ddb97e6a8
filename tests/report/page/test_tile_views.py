"""Which classes an enlarged tile lists, and which pixels it shows."""

import base64
from io import BytesIO

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nearsight.diagnosis.reasons import AtlasTile
from nearsight.report.page.tile_views import BARS, lens_images, shown_bars, tile_view


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=40), st.data())
def test_the_ten_largest_and_the_wanted_are_listed_in_order(logits: list[float], data: st.DataObject) -> None:
    wanted = data.draw(st.integers(0, len(logits) - 1))
    found = shown_bars(logits, [wanted])
    assert wanted in found
    assert len(found) in {min(BARS, len(logits)), min(BARS + 1, len(logits))}
    values = [logits[number] for number in found]
    assert values == sorted(logits, reverse=True)[:BARS] + values[BARS:]
    assert values == sorted(values, reverse=True)


def test_a_view_shows_the_pixels_of_its_tile() -> None:
    pixels = torch.randint(256, (3, 12, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    tile = AtlasTile(3, "a.png", 1, top=4, left=9, evidence=1.25, logits=(0.5, 3.0, -2.0))
    view = tile_view(tile, "r0", 6, 0, ("cat", "dog", "owl"), lambda index: pixels + index)
    with Image.open(BytesIO(base64.b64decode(view.uri.partition(",")[2]))) as image:
        crop = np.asarray(image)
    np.testing.assert_array_equal(crop, (pixels + 3)[:, 4:10, 9:15].permute(1, 2, 0).numpy())
    assert view.lens["bars"] == [[1, 3.0], [0, 0.5], [2, -2.0]]
    assert view.lens["box"] == [9, 4, 6, 20, 12]
    assert "+1.25 for cat" in view.alt
    assert lens_images([view, view], lambda _: pixels).keys() == {3}
