"""Floating-point operations against counting by hand, and the mark of peak memory."""

import copy
import mmap
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nearsight.models import build
from nearsight.settings import RECIPES, Recipe
from nearsight.training.cost import count_flops, count_optimizer_flops, peak_memory, reset_peak_memory
from nearsight.training.optimizers import build_optimizers


def test_flops_are_those_counted_by_hand() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, stride=2),
        nn.Flatten(),
        nn.Linear(24, 5),
    )
    first = 2 * (3 * 9) * 4 * (6 * 5)
    second = 2 * (4 * 9) * 6 * (2 * 2)
    head = 2 * 24 * 5
    # Backward costs a layer twice its forward: gradients of weights and of inputs; the first has no inputs'.
    assert count_flops(network, (6, 5)) == 2 * first + 3 * second + 3 * head


@pytest.mark.parametrize("recipe", [RECIPES["fast"], RECIPES["paper"], Recipe(optimizer="adamw")])
def test_an_optimizers_products_are_those_of_a_real_step(recipe: Recipe) -> None:
    network = build("airbench", 10, width=0.1)
    counted = count_optimizer_flops(network, recipe)
    optimizers = build_optimizers(network, recipe)
    network(torch.rand(2, 3, 16, 16)).sum().backward()
    with FlopCounterMode(display=False) as counter:
        for optimizer in optimizers:
            optimizer.step()
    assert counted == counter.get_total_flops()
    assert (counted > 0) == (recipe.optimizer == "muon")


def test_counting_leaves_the_network_and_the_global_generator_alone() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.Dropout(), nn.Flatten(), nn.Linear(8, 2)
    )
    before, state = copy.deepcopy(network.state_dict()), torch.get_rng_state()
    count_flops(network.eval(), (2, 2))
    assert torch.get_rng_state().equal(state)
    assert not network.training
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux can reset the mark")
def test_peak_memory_sees_what_was_allocated_since_the_reset() -> None:
    cpu = torch.device("cpu")
    reset_peak_memory()
    before = peak_memory(cpu)
    # Mapped by hand: an allocator may keep what it is given back.
    held = mmap.mmap(-1, 2**26)
    for page in range(0, len(held), mmap.PAGESIZE):
        held[page] = 1
    high = peak_memory(cpu)
    assert high - before > 2**25
    held.close()
    assert peak_memory(cpu) > high - 2**24  # the system counts pages in batches
    reset_peak_memory()
    assert 2**20 < peak_memory(cpu) < high - 2**25


def test_a_system_that_does_not_let_the_mark_be_reset_is_left_at_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nearsight.training.cost._PEAK_RESET", Path("/no such directory/clear_refs"))
    monkeypatch.setattr("nearsight.training.cost._STATUS", Path("/no such directory/status"))
    reset_peak_memory()
    assert peak_memory(torch.device("cpu")) > 2**20
