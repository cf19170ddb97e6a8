"""Optimizers: which parameter goes where, airbench's summed loss from a mean one, and schedules."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from nearsight.models import build
from nearsight.settings import RECIPES, Recipe
from nearsight.training.optimizers import WHITEN_BIAS_SHARE, build_optimizers, rate_factor, set_rates

FAST = RECIPES["fast"]


def test_muon_takes_the_filters_and_sgd_the_rest_each_parameter_once() -> None:
    network = build("airbench", 10, width=0.1)
    network.whiten.weight.requires_grad_(False)
    muon, rest = build_optimizers(network, FAST)
    names = {parameter: name for name, parameter in network.named_parameters()}

    def names_of(group: dict[str, list[nn.Parameter]]) -> set[str]:
        return {names[parameter] for parameter in group["params"]}

    assert names_of(muon.param_groups[0]) == {f"groups.{i}.conv{j}.weight" for i in range(3) for j in (1, 2)}
    vectors, head, first_bias = rest.param_groups
    assert names_of(vectors) == {f"groups.{i}.norm{j}.bias" for i in range(3) for j in (1, 2)}
    assert names_of(head) == {"head.weight"}
    assert names_of(first_bias) == {"whiten.bias"}
    assert first_bias["share"] == WHITEN_BIAS_SHARE
    assert vectors["peak_lr"] == pytest.approx(0.053 * 500)
    assert head["peak_lr"] == pytest.approx(0.67 * 500)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "muon"])
def test_every_trainable_parameter_has_one_place(optimizer: str) -> None:
    network = build("resnet18", 3, width=0.1)
    optimizers = build_optimizers(network, Recipe(optimizer=optimizer))
    placed = [p for one in optimizers for group in one.param_groups for p in group["params"]]
    assert sorted(map(id, placed)) == sorted(map(id, network.parameters()))


def test_muon_without_rates_for_the_rest_trains_filters_alone() -> None:
    recipe = Recipe(optimizer="muon", bias_learning_rate=0.0, head_learning_rate=0.0)
    assert len(build_optimizers(build("airbench", 3, width=0.1), recipe)) == 1


def test_muon_of_a_network_without_filters_leaves_all_to_sgd() -> None:
    network = nn.Linear(3, 2)
    (sgd,) = build_optimizers(network, RECIPES["fast"])
    assert sum(len(group["params"]) for group in sgd.param_groups) == 2


def test_a_mean_loss_takes_the_steps_of_airbench_summed_one() -> None:
    recipe = Recipe(
        optimizer="muon",
        batch_size=20,
        head_learning_rate=0.02,
        bias_learning_rate=0.004,
        weight_decay=1e-3,
        schedule="constant",
    )
    draw = torch.Generator().manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten(), nn.Linear(16, 5)).double()
    summed = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten(), nn.Linear(16, 5)).double()
    summed.load_state_dict(network.state_dict())
    # airbench gives the decay as a share of the weights a step, whatever the rate.
    groups = [
        {"params": [summed[2].weight], "lr": 0.02, "weight_decay": 1e-3 / 0.02},
        {"params": [summed[0].bias, summed[2].bias], "lr": 0.004, "weight_decay": 1e-3 / 0.004},
    ]
    theirs = torch.optim.SGD(groups, lr=0.1, momentum=0.85, nesterov=True)
    ours = build_optimizers(network, recipe, torch.float64)
    for _ in range(5):
        images = torch.randn(20, 3, 2, 2, generator=draw, dtype=torch.float64)
        labels = torch.randint(5, (20,), generator=draw)
        for one in ours:
            one.zero_grad()
        theirs.zero_grad()
        F.cross_entropy(network(images), labels).backward()
        F.cross_entropy(summed(images), labels, reduction="sum").backward()
        for one in ours:
            one.step()
        theirs.step()
        summed[0].weight.data.copy_(network[0].weight.data)  # the filters are Muon's
    for name in ("0.bias", "2.weight", "2.bias"):
        torch.testing.assert_close(network.get_parameter(name), summed.get_parameter(name))


SCHEDULES = st.sampled_from(["cosine", "linear", "constant"])


@given(SCHEDULES, st.integers(1, 500), st.floats(0, 1))
def test_rates_rise_to_the_peak_and_then_never_rise(schedule: str, steps: int, warmup: float) -> None:
    factors = [rate_factor(schedule, step, steps, warmup) for step in range(steps)]
    assert all(0.0 < factor <= 1.0 for factor in factors)
    top = math.ceil(warmup * steps)
    assert factors[:top] == sorted(factors[:top])
    assert factors[top:] == sorted(factors[top:], reverse=True)
    if warmup == 0.0:
        assert factors[0] == 1.0


@given(st.integers(2, 400))
def test_cosine_and_linear_are_half_way_at_the_middle_and_end_at_zero(half: int) -> None:
    for schedule in ("cosine", "linear"):
        assert rate_factor(schedule, half, 2 * half, 0.0) == pytest.approx(0.5)
        assert rate_factor(schedule, 2 * half, 2 * half, 0.0) == pytest.approx(0.0)


def test_a_group_with_a_share_ends_its_schedule_early() -> None:
    network = build("airbench", 10, width=0.1)
    optimizers = build_optimizers(network, FAST)
    whole, first_bias = optimizers[1].param_groups[0], optimizers[1].param_groups[2]
    for step in range(80):
        set_rates(optimizers, FAST, step, 80)
        assert whole["lr"] == pytest.approx(whole["peak_lr"] * (1 - step / 80))
        assert first_bias["lr"] == pytest.approx(first_bias["peak_lr"] * max(0.0, 1 - step / 30))
