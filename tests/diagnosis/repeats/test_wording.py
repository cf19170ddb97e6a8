"""What covers a picture and is one wave is told as lines or as a pattern, and a text as a watermark."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from nearsight.diagnosis.repeats.overlay import Overlay
from nearsight.diagnosis.repeats.wording import said_of

SIDE = 48


def translucent(made: Tensor) -> Overlay:
    """What lightens a grey picture by so much, (SIDE, SIDE), in levels."""
    alpha = torch.where(made > 0, 0.2, 0.0)
    return Overlay(alpha, (made + 128 * alpha).expand(3, SIDE, SIDE), torch.full(alpha.shape, 12.0))


@pytest.mark.parametrize(
    ("down", "across", "words"),
    [
        (np.pi, 0, "fine horizontal lines"),
        (0, np.pi, "fine vertical lines"),
        (2 * np.pi / 3, 0, "fine horizontal lines"),
        (2 * np.pi / 8, 2 * np.pi / 8, "a repeating pattern"),
    ],
)
def test_a_wave_is_told_as_lines_or_as_a_pattern(down: float, across: float, words: str) -> None:
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    wave = 20 * torch.cos(down * rows + across * columns)
    assert said_of(translucent(wave.clamp(min=0))).words == words


def test_a_text_is_no_wave() -> None:
    picture = Image.new("L", (SIDE, SIDE), 0)
    for row in range(4):
        ImageDraw.Draw(picture).text((-(row % 2) * 12, row * 12), "STOCK STOCK", fill=40, font_size=12)
    text = torch.from_numpy(np.asarray(picture.rotate(20), dtype=np.float32).copy())
    assert said_of(translucent(text)).words == "a pale watermark across the middle, white"
