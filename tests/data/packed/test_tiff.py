"""Lossless formats packed: the same pixels in a tiled TIFF, of which a tile is read by itself."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nearsight.data.decode import decode_image
from nearsight.data.identity import digest_of
from nearsight.data.packed.jpeg import NotPackedError
from nearsight.data.packed.tiff import is_lossless, tiled
from nearsight.data.part_readers import part_reader
from nearsight.data.tile import decode_tile

pytest.importorskip("pyvips")
pytest.importorskip("openslide")


def encode(mode: str, kind: str) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (150, 170, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("RGB", "PNG"), ("L", "PNG"), ("P", "PNG"), ("1", "BMP"), ("CMYK", "TIFF"), ("RGB", "PPM")],
)
def test_pixels_and_tiles_are_those_of_the_original(mode: str, kind: str, tmp_path: Path) -> None:
    content = encode(mode, kind)
    assert is_lossless(content)
    whole, made = decode_image(content), tiled(content)
    assert decode_image(made).equal(whole)
    # It keeps its name, whatever that says.
    file = tmp_path / "image.png"
    file.write_bytes(made)
    with part_reader(file) as reader:
        assert reader.at_random
    assert decode_tile(file, 100, 120, (50, 50)).equal(whole[:, 100:150, 120:170])
    assert digest_of(file) == digest_of(made) == digest_of(content)
    assert digest_of(made + b"x") != digest_of(content)


def test_what_the_new_file_would_not_keep_is_refused() -> None:
    with pytest.raises(NotPackedError, match="more than 8 bits, transparency"):
        tiled(encode("RGBA", "PNG"))
    with pytest.raises(NotPackedError, match="more than 8 bits, transparency"):
        tiled(encode("I;16", "PNG"))
    with pytest.raises(NotPackedError, match="its tiles can be read as it is"):
        tiled(tiled(encode("RGB", "PNG")))
    assert not is_lossless(encode("RGB", "WEBP"))
