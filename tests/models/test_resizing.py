"""Strips against PyTorch's resizing of the whole image."""

import pytest
import torch
import torch.nn.functional as F

from nearsight.models import resizing
from nearsight.models.resizing import resized


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(13, 29), (70, 61), (130, 97), (64, 144)])
@pytest.mark.parametrize("strip", [1, 4_000, 30_000])
def test_strips_give_bit_by_bit_what_the_whole_image_gives(
    mode: str, size: tuple[int, int], strip: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = torch.randint(256, (3, 64, 97), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    whole = F.interpolate(image[None].float(), size=size, mode=mode, antialias=True, align_corners=False)[0]
    monkeypatch.setattr(resizing, "STRIP", strip)
    monkeypatch.setattr(resizing, "BETWEEN", strip)
    assert resized(image, size, mode).equal(whole.round().clamp(0, 255).to(torch.uint8))
