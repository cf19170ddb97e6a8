"""Training networks that take their maps apart with `view`."""

import subprocess
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from nearsight import Machine, evaluate, train
from nearsight.models import build
from nearsight.training.layout import lay_out


class Viewing(nn.Module):
    """A small LeNet, as it stands in many tutorials."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 3))
        self.head = nn.Linear(16, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        maps = self.features(images)
        logits: Tensor = self.head(maps.view(maps.size(0), -1))
        return logits


def test_a_network_that_views_its_maps_gives_the_same_in_either_order() -> None:
    torch.manual_seed(0)
    network, images = Viewing().eval(), torch.rand(3, 3, 6, 6)
    expected = network(images)
    lay_out(network, (6, 6))
    found = network(images.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(found, expected)


def test_a_network_that_views_its_maps_is_trained_and_evaluated(tmp_path: Path) -> None:
    machine = Machine(device="cpu", workers=0)
    run = train(
        "digits", model=lambda _: Viewing(), tile=6, steps=2, out=tmp_path, machine=machine, progress=False
    )
    again = evaluate(run, network=Viewing(), machine=machine, progress=False)
    told = run.result["evaluation"]["test"]["protocols"]["mean-logit"]
    assert again.metrics["mean-logit"]["accuracy"] == told["accuracy"]


BACKWARD = """
import torch
from torch import nn
from nearsight.models import build
from nearsight.training.layout import lay_out

torch.manual_seed(0)
seen = []
for name in ("airbench", "resnet9"):
    network = build(name, 10, width=0.1).train()
    lay_out(network, (8, 8))
    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            part.register_forward_pre_hook(lambda part, given: seen.append(given[0].is_contiguous()))
    for _ in range(3):
        images = torch.randn(50, 3, 8, 8).contiguous(memory_format=torch.channels_last)
        network(images).square().sum().backward()
assert all(seen)
"""


def test_a_narrow_network_is_trained_contiguous() -> None:
    # In a process of its own: what goes wrong ends it.
    ended = subprocess.run([sys.executable, "-c", BACKWARD], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_network_that_is_wide_enough_is_in_channels_last_order() -> None:
    network = build("airbench", 10, width=0.25)
    lay_out(network, (8, 8))
    assert network.get_submodule("groups.1.conv1").weight.is_contiguous(memory_format=torch.channels_last)
