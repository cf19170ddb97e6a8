"""Padding against PyTorch's own."""

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from nearsight.tiles import pad

FILLS = {"black": "constant", "reflect": "reflect"}


@settings(max_examples=40)
@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    pixels=st.integers(0, 8),
    fill=st.sampled_from(["black", "reflect"]),
)
def test_padding_is_that_of_pytorch(height: int, width: int, pixels: int, fill: str) -> None:
    pixels = min(pixels, height - 1, width - 1) if fill == "reflect" else pixels
    images = torch.randint(256, (2, 3, height, width), generator=torch.Generator().manual_seed(width))
    expected = F.pad(images.float(), (pixels,) * 4, mode=FILLS[fill])
    assert pad(images.float(), pixels, fill).equal(expected)
    assert pad(images.to(torch.uint8), pixels, fill).equal(expected.to(torch.uint8))
