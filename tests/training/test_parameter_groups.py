"""Groups of parameters against timm's own, and which of them move."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from timm.optim import param_groups_layer_decay  # type: ignore[attr-defined]
from torch import nn

from nearsight.data import ImageSets
from nearsight.errors import InputError
from nearsight.models import build
from nearsight.settings import Machine, Recipe
from nearsight.training import train
from nearsight.training.optimizers import build_optimizers
from nearsight.training.parameter_groups import parameter_groups

TUNING = Recipe(optimizer="adamw", learning_rate=1.0, weight_decay=0.05, layer_decay=0.75, decay_norms=False)


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224"])
def test_of_a_network_of_timm_they_are_timms(name: str) -> None:
    network = timm.create_model(name, num_classes=3)
    exempt = network.no_weight_decay() if hasattr(network, "no_weight_decay") else ()
    theirs = param_groups_layer_decay(network, 0.05, exempt, layer_decay=0.75)

    def told(groups: list[dict[str, object]], rate: str) -> dict[int, tuple[object, object]]:
        return {id(one): (group[rate], group["weight_decay"]) for group in groups for one in group["params"]}  # type: ignore[attr-defined]

    assert told(parameter_groups(network, TUNING), "lr") == told(theirs, "lr_scale")


def test_of_another_network_the_rate_falls_from_block_to_block_and_vectors_do_not_decay() -> None:
    network = build("resnet18", 3, width=0.125)
    names = {id(value): name for name, value in network.named_parameters()}
    groups = parameter_groups(network, replace(TUNING, head_first=0.2))
    of_name = {names[id(one)]: group for group in groups for one in group["params"]}
    assert of_name.keys() == dict(network.named_parameters()).keys()
    assert of_name["head.weight"]["lr"] == 1.0
    assert of_name["blocks.7.conv1.weight"]["lr"] == 0.75
    assert of_name["blocks.0.conv1.weight"]["lr"] == pytest.approx(0.75**8)
    assert of_name["stem.0.weight"]["lr"] < of_name["blocks.0.conv1.weight"]["lr"]
    for name, group in of_name.items():
        assert (group["weight_decay"] == 0) == (dict(network.named_parameters())[name].ndim == 1)
        assert group["begin"] == (0.0 if name.startswith("head") else 0.2)


def test_what_follows_the_last_layer_does_not_shorten_its_steps() -> None:
    network = build("airbench", 3, width=0.1)
    groups = parameter_groups(network, TUNING)
    (head,) = (group for group in groups for one in group["params"] if one is network.head.weight)  # type: ignore[union-attr]
    assert head["lr"] * network.head_scale == pytest.approx(1.0)
    # What decays is rate times decay.
    assert head["lr"] * head["weight_decay"] == pytest.approx(0.05)


def test_a_recipe_that_treats_all_alike_has_one_group_as_before() -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    (optimizer,) = build_optimizers(network, Recipe(optimizer="adamw"))
    (group,) = optimizer.param_groups
    assert [id(one) for one in group["params"]] == [id(one) for one in network.parameters()]


def test_the_last_layer_alone_is_trained_first(
    sets: ImageSets,
    recipe: Recipe,
    tmp_path: Path,
    read_weights: Callable[[Path], dict[str, torch.Tensor]],
) -> None:
    only_head = replace(recipe, optimizer="adamw", learning_rate=0.01, head_first=1.0, steps=3)
    runs = {}
    for steps in (1, 3):
        train(replace(only_head, steps=steps), sets, tmp_path / str(steps), machine=Machine(device="cpu"))
        runs[steps] = read_weights(tmp_path / str(steps))
    moved = {name for name, value in runs[1].items() if not value.equal(runs[3][name])}
    # The statistics of norms follow the images, whatever is trained.
    assert {name for name in moved if "running" not in name and "num_batches" not in name} == {"head.weight"}


@pytest.mark.parametrize("changes", [{"layer_decay": 0.5}, {"head_first": 0.1}, {"decay_norms": False}])
def test_muon_has_groups_of_its_own(changes: dict[str, float]) -> None:
    with pytest.raises(InputError, match="muon has rates of its own"):
        Recipe(optimizer="muon", **changes)  # type: ignore[arg-type]
