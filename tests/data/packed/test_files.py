"""One file packed: what is damaged is copied as it is, whatever the damage."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nearsight.data.packed.files import packed_or_same

pytest.importorskip("jpeglib")


def photograph(kind: str) -> bytes:
    buffer = io.BytesIO()
    coarse = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(coarse).resize((256, 256)).save(buffer, kind)
    return buffer.getvalue()


FILES = {kind: photograph(kind) for kind in ("JPEG", "TIFF", "PNG")}


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.integers(0, 700), st.binary(min_size=1, max_size=4), st.booleans())
def test_damage_never_raises(kind: str, at: int, damage: bytes, cut: bool) -> None:
    content = FILES[kind]
    content = content[: 3 + at] + damage + content[3 + at + (0 if cut else len(damage)) :]
    found, outcome = packed_or_same(content)
    assert outcome.packed == 1 or (found == content and outcome.copied.total() == 1)


def test_a_small_image_is_copied() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (255, 256)).save(buffer, "JPEG")
    assert packed_or_same(buffer.getvalue())[1].copied == {"too small to gain by it": 1}
