"""Embeddings against the features that each network is known to have before its head."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nearsight.evidence import forward
from nearsight.evidence.embedding import embed
from nearsight.models import build

TILES = torch.randn(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def mean(features: Tensor) -> Tensor:
    return features.mean((2, 3))


def maximum(features: Tensor) -> Tensor:
    return features.amax((2, 3))


def network(name: str) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(name, classes=5, width=1.0 if name.startswith("timm:") else 0.2, tile=16).eval()


@pytest.mark.parametrize(
    ("name", "pool"),
    [
        ("resnet18", mean),
        ("resnet50-imagenet", mean),
        ("resnet9", maximum),
        ("airbench", maximum),
        ("tilenet", mean),
        ("tilenet-pooled", mean),
    ],
)
def test_the_embedding_is_the_input_of_our_heads(name: str, pool: Callable[[Tensor], Tensor]) -> None:
    model = network(name)
    with torch.inference_mode():
        features = pool(model.forward_features(TILES))
    scale = model.head_scale if name.startswith(("airbench", "tilenet")) else 1.0
    torch.testing.assert_close(embed(model, TILES), features * scale)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext", "mobilenetv3_small_050"])
def test_the_embedding_is_what_timm_takes_before_its_classifier(name: str) -> None:
    import timm

    tiles = torch.randn(3, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    model = timm.create_model(name, num_classes=3).eval()
    with torch.inference_mode():
        features = model.forward_head(model.forward_features(tiles), pre_logits=True)
    torch.testing.assert_close(embed(model, tiles), features)


class Head(nn.Module):
    """Means of colours under a head that multiplies in one of PyTorch's ways."""

    def __init__(self, multiply: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.multiply = multiply
        self.weight = nn.Parameter(torch.randn(3, 4))

    def forward(self, tiles: Tensor) -> Tensor:
        return self.multiply(tiles.mean((2, 3)), self.weight)


@pytest.mark.parametrize(
    "multiply",
    [
        lambda rows, weight: rows @ weight,
        lambda rows, weight: torch.mm(rows, weight),
        lambda rows, weight: torch.addmm(torch.ones(4), rows, weight),
        lambda rows, weight: F.linear(rows, weight.T, torch.ones(4)),
    ],
    ids=["matmul", "mm", "addmm", "linear"],
)
def test_every_way_to_multiply_rows_by_a_matrix_is_seen(
    multiply: Callable[[Tensor, Tensor], Tensor],
) -> None:
    torch.testing.assert_close(embed(Head(multiply), TILES), TILES.mean((2, 3)))


def test_a_head_without_a_matrix_product_and_a_model_outside_pytorch_give_their_logits() -> None:
    convolutions = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    torch.testing.assert_close(embed(convolutions, TILES), forward(convolutions, TILES))

    def outside(tiles: Tensor) -> object:
        return tiles.numpy().mean((2, 3))

    torch.testing.assert_close(embed(outside, TILES), TILES.mean((2, 3)))


def test_products_whose_rows_are_not_the_batch_are_passed_over() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix, self.head = nn.Linear(3, 3), nn.Linear(3, 2)

        def forward(self, tiles: Tensor) -> Tensor:
            rows = self.head(tiles.mean((2, 3)))
            # Nine rows, which are no images.
            self.mix(torch.ones(9, 3))
            return rows

    torch.testing.assert_close(embed(Attention(), TILES), TILES.mean((2, 3)))


def test_a_tile_has_the_same_embedding_in_any_batch_and_the_tiles_are_left_as_they_were() -> None:
    model = nn.Sequential(nn.ReLU(inplace=True), network("resnet18"))
    before = TILES.clone()
    alone = torch.cat([embed(model, tile[None]) for tile in TILES])
    torch.testing.assert_close(embed(model, TILES), alone, atol=1e-5, rtol=1e-5)
    assert torch.equal(TILES, before)


class PixelHead(nn.Module):
    """A head that is a convolution of one pixel, before or after the pooling, behind squeeze and excitation."""

    def __init__(self, pooled_first: bool) -> None:
        super().__init__()
        self.body, self.squeeze, self.head = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 1), nn.Conv2d(6, 4, 1)
        self.pooled_first = pooled_first

    def forward(self, images: Tensor) -> Tensor:
        maps = self.body(images)
        maps = maps * self.squeeze(maps.mean((2, 3), keepdim=True)).sigmoid()
        if self.pooled_first:
            return self.head(maps.mean((2, 3), keepdim=True)).flatten(1)
        return self.head(maps).mean((2, 3))


def test_the_input_of_a_pixel_head_after_the_pooling_is_the_embedding() -> None:
    torch.manual_seed(0)
    model, tiles = PixelHead(pooled_first=True).eval(), torch.rand(5, 3, 8, 8)
    found = embed(model, tiles)
    assert found.shape == (5, 6)
    with torch.no_grad():
        torch.testing.assert_close(
            F.conv2d(found[..., None, None], model.head.weight, model.head.bias).flatten(1), model(tiles)
        )
    assert embed(PixelHead(pooled_first=False).eval(), tiles).shape == (5, 4)
