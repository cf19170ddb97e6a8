"""The head with attention, against the formula, and what it leaves alone."""

import copy

import pytest
import torch
from torch import nn

from nearsight.errors import InputError
from nearsight.models import Architecture, build
from nearsight.models.gated_attention import AttentionHead, with_attention
from nearsight.models.several_tiles import attended_mean


def test_the_mean_of_logits_by_attention_is_the_head_of_the_embeddings_mean() -> None:
    torch.manual_seed(0)
    head = AttentionHead(nn.Linear(6, 3))
    nn.init.normal_(head.score.weight)
    embeddings = torch.randn(9, 6)
    outputs = head(embeddings)
    normed = nn.functional.layer_norm(embeddings, (6,))
    scores = head.score.weight[0] @ (torch.tanh(head.value(normed)) * torch.sigmoid(head.gate(normed))).T
    torch.testing.assert_close(outputs[:, -1], scores)
    together = head.linear(scores.softmax(0) @ embeddings)
    torch.testing.assert_close(attended_mean(outputs[:, :-1], outputs[:, -1]), together)


@pytest.mark.parametrize(
    "name", ["airbench", "resnet9", "resnet18", "tilenet", "tilenet-pooled", "timm:test_vit"]
)
def test_a_network_keeps_its_logits_and_begins_with_equal_attention(name: str) -> None:
    side = 160 if name.startswith("timm") else 16
    plain = build(name, 3, tile=side, width=1 if name.startswith("timm") else 0.1).eval()
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    attending = with_attention(copy.deepcopy(plain), 3, side).eval()
    with torch.no_grad():
        found = attending(images)
        torch.testing.assert_close(found[:, :3], plain(images))
    assert found[:, 3].tolist() == [0.0, 0.0]


def test_an_architecture_with_attention_is_built_again() -> None:
    network = Architecture("airbench", classes=3, width=0.1, tile=16, attention=True).build()
    assert network(torch.zeros(2, 3, 16, 16)).shape == (2, 4)


def test_a_network_that_ends_on_no_linear_layer_is_refused() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(InputError, match="Sequential ends on none; choose another `pooling`"):
        with_attention(network, 4, side=8)
