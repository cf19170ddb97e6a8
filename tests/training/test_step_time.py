"""The time of a step, measured before training: scaled to the tiles of a step, and nothing is changed by it."""

import copy
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from nearsight.models import build
from nearsight.settings import RECIPES, Recipe
from nearsight.training import step_time
from nearsight.training.cost import count_flops, count_optimizer_flops

CPU = torch.device("cpu")


@pytest.fixture
def one_second_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_time, "Stopwatch", lambda: SimpleNamespace(seconds=lambda: 1.0))


@pytest.mark.usefixtures("one_second_a_pass")
def test_a_pass_on_some_tiles_is_scaled_to_all_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_time, "PIXELS", 4 * 8 * 8)
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 3))
    recipe = Recipe(batch_size=6, tiles_per_image=2, optimizer="sgd")
    assert step_time.seconds_of_step(network, recipe, (8, 8), CPU) == 3.0
    # No more tiles are timed than a step has.
    assert (
        step_time.seconds_of_step(network, replace(recipe, batch_size=2, tiles_per_image=1), (8, 8), CPU)
        == 1.0
    )


@pytest.mark.usefixtures("one_second_a_pass")
def test_the_optimizers_share_is_added() -> None:
    network, recipe = build("airbench", 10, width=0.1), replace(RECIPES["fast"], batch_size=2)
    share = count_optimizer_flops(network, recipe) / (2 * count_flops(network, (16, 16)))
    assert step_time.seconds_of_step(network, recipe, (16, 16), CPU) == pytest.approx(1 + share)


def test_network_and_generator_are_left_as_they_were() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(), nn.Linear(144, 3)
    ).eval()
    before, state = copy.deepcopy(network.state_dict()), torch.get_rng_state()
    step_time.seconds_of_step(network, Recipe(batch_size=4), (8, 8), CPU)
    assert not network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert torch.get_rng_state().equal(state)
