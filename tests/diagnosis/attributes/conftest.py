"""Pictures with the spectrum and the colours of photographs, made for tests."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

Photographs = Callable[..., list[Tensor]]


@pytest.fixture(scope="session")
def photographs() -> Photographs:
    """What makes pictures whose amplitudes fall with frequency as those of photographs do, uint8 (3, side, side)."""
    return _photographs


def _photographs(count: int, *, side: int = 64, seed: int = 0) -> list[Tensor]:
    generator = np.random.default_rng(seed)
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    falloff = 1 / np.maximum(radius, 1 / side) ** 1.2
    made = []
    for _ in range(count):
        waves = falloff * (
            generator.normal(size=(3, *falloff.shape)) + 1j * generator.normal(size=(3, *falloff.shape))
        )
        planes = np.fft.irfft2(waves, s=(side, side))
        planes /= planes.std()
        colour = generator.normal(110, 12) + generator.normal(0, 8, (3, 1, 1))
        channels = colour + generator.uniform(25, 40) * (planes[:1] + 0.25 * planes)
        made.append(torch.from_numpy(np.clip(np.rint(channels), 0, 255).astype(np.uint8)))
    return made
