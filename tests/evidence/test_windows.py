"""Passes over windows against passes over each changed image whole, whichever step windows are given up at."""

from collections.abc import Callable

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nearsight.evidence import TiledModel
from nearsight.evidence.ready import ReadyModel
from nearsight.evidence.removable import Box, Removable, boxes_seen
from nearsight.evidence.removing import plain_logits, removed_logits
from nearsight.evidence.tile_settings import TileSettings
from nearsight.evidence.windows import WindowedPass
from nearsight.models import TileNet, build
from nearsight.tiles import TileGrid


class Branches(nn.Module):
    """What windows must go through: strides, dilation, groups, pools of both kinds, joined and gated branches."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 12, 7, stride=2, padding=3)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.wide = nn.Conv2d(12, 8, 3, padding=2, dilation=2, groups=2)
        self.narrow = nn.Sequential(
            nn.AvgPool2d(3, stride=1, padding=1), nn.Conv2d(12, 4, (1, 3), padding=(0, 1))
        )
        self.norm = nn.BatchNorm2d(12)
        self.thin = nn.Conv2d(12, 12, 1, stride=2)
        self.last = nn.Conv2d(12, 12, 3, stride=2, padding=1)
        self.gate = nn.Linear(12, 12)
        self.head = nn.Linear(12, 4)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.pool(F.silu(self.first(2 * images)))
        joined = torch.cat((self.wide(maps), self.narrow(maps)), 1)
        joined += maps
        maps = F.relu_(self.norm(joined))
        maps = self.last(maps).neg() + self.thin(maps)
        maps = maps * torch.sigmoid(self.gate(maps.mean((2, 3))))[..., None, None]
        return self.head(maps.amax((2, 3)))


class Wide(nn.Module):
    """Enough channels for Winograd's way, with biases and a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 64, 5, stride=2, padding=2)
        self.second, self.third = (nn.Conv2d(64, 64, 3, padding=1) for _ in range(2))
        self.head = nn.Linear(64, 4)

    def forward(self, images: Tensor) -> Tensor:
        maps = F.relu(self.first(images))
        maps = F.relu(self.third(F.relu(self.second(maps))) + maps)
        return self.head(maps.mean((2, 3)))


def settled(network: nn.Module) -> nn.Module:
    """Give batch norms something to do."""
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(std=0.2)
            part.running_var.uniform_(0.5, 2)
    return network.eval()


def taken_out_of(
    network: nn.Module, height: int, width: int, *, tile: int, stride: int, memory: int = 2**28
) -> tuple[ReadyModel, Removable]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        images, fillings = torch.randn(2, 2, 3, height, width)
    ready = ReadyModel(network, TileSettings(tile=tile, memory=memory))
    ready.settle(images[0], whole=True)
    boxes = boxes_seen(TileGrid(height, width, tile, stride, "covering"), Box(0, 0, height, width))
    images = images.contiguous(memory_format=torch.channels_last)
    return ready, Removable(images, fillings, list(boxes.values()))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "branches": Branches,
    "wide": Wide,
    "resnet18": lambda: build("resnet18", 5, width=0.2),
    "airbench": lambda: build("airbench", 5, width=0.2),
    "tilenet": lambda: TileNet(8, 5, width=0.2),
}


def made(name: str) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return settled(NETWORKS[name]())


@pytest.mark.parametrize("name", NETWORKS)
def test_windows_give_what_whole_passes_give_wherever_they_end(name: str) -> None:
    ready, removable = taken_out_of(made(name), 37, 30, tile=8, stride=6)
    wanted = plain_logits(ready, removable, range(len(removable))).unflatten(0, (2, -1))
    with torch.inference_mode():
        understood = len(WindowedPass(ready, removable, most=2**28, steps=2**16).plan.steps)
        assert understood >= 3
        for steps in range(understood, -1, -max(1, understood // 6)):
            passed = WindowedPass(ready, removable, most=2**28, steps=steps)
            assert len(passed.plan.steps) == steps
            torch.testing.assert_close(passed.whole, wanted[:, 0], atol=1e-5, rtol=1e-5)
            found = passed.logits().unflatten(0, (2, -1))
            torch.testing.assert_close(found, wanted[:, 1:], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("memory", [2**24, 2**28])
def test_windows_are_taken_where_they_pay_and_agree(memory: int) -> None:
    ready, removable = taken_out_of(made("wide"), 64, 64, tile=8, stride=8, memory=memory)
    found = removed_logits(ready, removable)
    assert list(ready.windows.values()) in ([""], ["they save too little time"])
    wanted = plain_logits(ready, removable, range(len(removable)))
    torch.testing.assert_close(found.flatten(0, 1), wanted, atol=1e-5, rtol=1e-5)


def test_large_tiles_leave_nothing_to_save() -> None:
    ready, removable = taken_out_of(made("branches"), 32, 32, tile=28, stride=4)
    removed_logits(ready, removable)
    assert "of the operations of whole passes would be left" in next(iter(ready.windows.values()))


class Turning(nn.Module):
    """Another network each time that it is run."""

    def __init__(self) -> None:
        super().__init__()
        self.runs = 0
        self.inner = made("wide")

    def forward(self, images: Tensor) -> Tensor:
        self.runs += 1
        return self.inner(images) + self.runs


class Asking(nn.Module):
    """Reads a number from its images."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = made("wide")

    def forward(self, images: Tensor) -> Tensor:
        return self.inner(images) * float(images.mean() < 100)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (Turning, "they give other logits than whole passes"),
        (Asking, "reads a number from the images"),
        (
            lambda: timm.create_model("vit_tiny_patch16_224", img_size=32, depth=1, num_classes=3),
            "would be left",
        ),
    ],
)
def test_other_networks_are_passed_whole(network: Callable[[], nn.Module], said: str) -> None:
    ready, removable = taken_out_of(network(), 32, 32, tile=4, stride=14)
    found = removed_logits(ready, removable)
    assert found.shape[:2] == (2, 1 + len(removable.boxes))
    assert said in next(iter(ready.windows.values()))


def test_models_outside_pytorch_are_passed_whole() -> None:
    bound = TiledModel(lambda images: images.mean((2, 3)), tile=4)
    [lost] = bound.removal_maps(
        [torch.ones(3, 8, 8)], protocol="full-pass", fill="other", others=[torch.zeros(3, 8, 8)]
    )
    torch.testing.assert_close(lost.logits, torch.full_like(lost.logits, 0.25))
