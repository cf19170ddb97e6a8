"""Winograd's way against the convolution in float64."""

import pytest
import torch
import torch.nn.functional as F

from nearsight.evidence.winograd import Winograd


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("size", [(3, 3), (4, 9), (7, 7), (16, 13)])
@pytest.mark.parametrize("biased", [False, True])
def test_it_is_a_convolution(size: tuple[int, int], padding: int, biased: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(3, 64, *size, generator=generator).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(70, 64, 3, 3, generator=generator) / 24
    bias = torch.randn(70, generator=generator) if biased else None
    found = Winograd(most=2**24).convolved(images, weight, bias, padding=padding)
    wanted = F.conv2d(
        images.double(), weight.double(), None if bias is None else bias.double(), padding=padding
    )
    assert found.shape == wanted.shape
    assert float((found - wanted).abs().max()) < 3e-5


SETTINGS = {"stride": [1, 1], "padding": [1, 1], "dilation": [1, 1], "groups": 1}


@pytest.mark.parametrize(
    "other",
    [{"stride": [2, 2]}, {"padding": [2, 2]}, {"padding": "same"}, {"dilation": [2, 2]}, {"groups": 2}],
)
def test_it_takes_only_what_it_can(other: dict[str, object]) -> None:
    weight = torch.zeros(64, 64, 3, 3)
    winograd = Winograd(most=2**24)
    assert winograd.takes(weight, (8, 8), **SETTINGS)
    assert not winograd.takes(weight, (8, 8), **(SETTINGS | other))
    assert not winograd.takes(weight, (1, 1), **SETTINGS)
    assert not winograd.takes(weight.double(), (8, 8), **SETTINGS)
    assert not winograd.takes(torch.zeros(64, 64, 5, 5), (8, 8), **SETTINGS)
    assert not winograd.takes(torch.zeros(8, 64, 3, 3), (8, 8), **SETTINGS)


def test_weights_are_turned_once_and_within_bounds() -> None:
    one, other = torch.rand(2, 64, 64, 3, 3)
    winograd = Winograd(most=4 * one.nbytes)
    images = torch.rand(1, 64, 8, 8)
    assert torch.equal(
        winograd.convolved(images, one, None, padding=1), winograd.convolved(images, one, None, padding=1)
    )
    assert winograd.takes(one, (8, 8), **SETTINGS)
    assert not winograd.takes(other, (8, 8), **SETTINGS)
