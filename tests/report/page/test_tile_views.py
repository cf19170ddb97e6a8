"""Which classes an enlarged tile lists, and which pixels it shows."""

import base64
from io import BytesIO

import numpy as np
import torch
from PIL import Image

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.pictures import ExaminedPictures
from nearsight.diagnosis.reasons.reason import AtlasTile
from nearsight.report.page.tile_views import lens_images, tile_view


def test_a_view_shows_the_pixels_of_its_tile() -> None:
    pixels = torch.randint(256, (3, 12, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    four = torch.stack([pixels + number for number in range(4)])
    images = ImageSet("toy", "test", ("a",), np.zeros(4, dtype=np.int64), MemoryImages(four, tuple("abcd")))
    pictures = ExaminedPictures(images, lambda image: image)
    tile = AtlasTile(3, "a.png", 1, top=4, left=9, evidence=1.25, kept=(0, 1, 2), logits=(0.5, 3.0, -2.0))
    view = tile_view(tile, "r0", 6, 0, ("cat", "dog", "owl"), pictures)
    with Image.open(BytesIO(base64.b64decode(view.uri.partition(",")[2]))) as image:
        crop = np.asarray(image)
    np.testing.assert_array_equal(crop, (pixels + 3)[:, 4:10, 9:15].permute(1, 2, 0).numpy())
    assert view.lens["bars"] == [[1, 3.0], [0, 0.5], [2, -2.0]]
    assert view.lens["box"] == [9, 4, 6, 20, 12]
    assert "+1.25 for cat" in view.alt
    assert lens_images([view, view], pictures).keys() == {3}
