"""What is told of a model before it is trusted, and of whom nothing is told."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nearsight.evidence.behaviour import behaviour
from nearsight.models import build

EXAMPLE = torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(1))
torch.manual_seed(0)
HEAD = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]


def network(*layers: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 5, 3), *layers).eval()


class Function(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> Tensor:
        return self.function(images)


@pytest.mark.parametrize(
    ("layers", "kinds", "says"),
    [
        ([Function(F.dropout), *HEAD], ["chance"], "no number repeats"),
        ([nn.BatchNorm2d(5, track_running_stats=False), *HEAD], ["company"], "BatchNorm without running"),
        ([*HEAD, nn.Softmax(1)], ["probabilities"], "takes their logarithm"),
        ([*HEAD, nn.Linear(5, 1)], ["single"], "looks like a logit"),
        ([*HEAD, nn.Linear(5, 1), nn.Sigmoid()], ["single"], "looks like a probability"),
        ([nn.BatchNorm2d(5), nn.Dropout(0.5), *HEAD], [], ""),
        ([*HEAD, nn.Sigmoid()], [], ""),
        ([Function(lambda images: images.mul_(0.5)), *HEAD], [], ""),
        ([*HEAD, nn.LogSoftmax(1)], [], ""),
        (
            [nn.BatchNorm2d(5, track_running_stats=False), *HEAD, nn.Softmax(1)],
            ["probabilities", "company"],
            "",
        ),
    ],
)
def test_what_is_told(layers: list[nn.Module], kinds: list[str], says: str) -> None:
    for device_type in (torch.float32, torch.float64):
        model = network(*layers).to(device_type)
        with torch.inference_mode():
            found = behaviour(model, EXAMPLE.to(device_type))
        assert [finding.kind for finding in found] == kinds
        assert says in " ".join(finding.sentence for finding in found)
        assert not any("\n" in finding.sentence for finding in found)


@pytest.mark.parametrize(
    ("name", "width"), [("airbench", 0.25), ("resnet18", 0.25), ("tilenet", 0.25), ("timm:test_vit", 1.0)]
)
def test_nothing_is_told_of_networks_that_behave(name: str, width: float) -> None:
    torch.manual_seed(0)
    model = build(name, classes=10, width=width, tile=16).eval()
    with torch.inference_mode():
        assert behaviour(model, EXAMPLE) == ()
        assert behaviour(model.to(torch.bfloat16), EXAMPLE.to(torch.bfloat16)) == ()


def test_constant_logits_are_no_chance() -> None:
    assert behaviour(lambda tiles: torch.zeros(len(tiles), 3), EXAMPLE) == ()


def test_chance_is_told_where_only_usual_tiles_show_it() -> None:
    """The probes far beyond images have logits so large that what chance adds is lost in their rounding."""

    def noisy(tiles: Tensor) -> Tensor:
        sums = tiles.mean((2, 3)) * 100
        return sums + torch.rand_like(sums)

    assert "chance" in [finding.kind for finding in behaviour(noisy, torch.zeros(3, 8, 8))]
