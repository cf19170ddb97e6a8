"""Whole runs: what they leave, that the seed fixes them, and that stopping and going on changes no bit."""

import csv
import json
import logging
import os
import re
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from nearsight.data import ImageSet, ImageSets, MemoryImages, load
from nearsight.errors import InputError
from nearsight.evaluation import evaluate
from nearsight.evidence import TiledModel
from nearsight.progress import Silent
from nearsight.read import read_tensors
from nearsight.settings import RECIPES, Machine, Recipe
from nearsight.settings.tile_schedule import TileSizes
from nearsight.training import Interrupted, train
from nearsight.training.checkpoint import NEWEST
from nearsight.training.cost import count_flops
from nearsight.training.memory_tiles import MemoryTiles
from nearsight.training.patches import draw_patches, patch
from nearsight.training.prepare import build_classifier
from nearsight.training.step import class_weights
from nearsight.write import write_tensors

CPU = Machine(device="cpu")
EVERY_STEP = Machine(device="cpu", checkpoint_seconds=0.0)
# What the clock does not touch.
DETERMINISTIC = ("step", "epoch", "loss", "accuracy", "learning_rate", "val_accuracy")

Weights = Callable[[Path], dict[str, Tensor]]
Snapshot = Callable[[Path], dict[str, bytes]]


def identical(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(ours[name].equal(theirs[name]) for name in ours)


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return [{name: row[name] for name in DETERMINISTIC} for row in csv.DictReader(file)]


class Noisy(nn.Module):
    """A small network without batch norm, with or without dropout."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Dropout(dropout)]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(8, 3)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(images).mean((2, 3)))
        return logits


@pytest.fixture
def use_network(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a switch that trains a small network without batch norm in place of the recipe's."""
    return lambda dropout: monkeypatch.setattr(
        "nearsight.training.prepare.build", lambda *_args, **_options: Noisy(dropout)
    )


VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {
        "model": "resnet9",
        "optimizer": "sgd",
        "learning_rate": 0.05,
        "momentum": 0.9,
        "flip": "none",
        "whiten": False,
        "schedule": "cosine",
        "nesterov": False,
        "label_smoothing": 0.0,
    },
    "fast": {},
    "adamw": {"optimizer": "adamw", "learning_rate": 0.01, "tile": None, "cutout": 3},
    "everything": {
        "ema": 0.7,
        "clip": 0.5,
        "accumulate": 3,
        "class_weights": "balanced",
        "warmup": 0.3,
        "cutmix": 0.7,
    },
    "bfloat16": {"precision": "bfloat16"},
    "finetune": {
        "optimizer": "adamw",
        "learning_rate": 0.01,
        "layer_decay": 0.7,
        "decay_norms": False,
        "head_first": 0.5,
        "tile": None,
        "resized_crop": 0.4,
        "augmentation": "jitter",
        "mixup": 0.8,
        "ema": 0.7,
    },
    "randaugment": {"augmentation": "randaugment", "tile": 6, "tiles_per_image": 2},
    "attention": {"pooling": "attention", "tiles_per_image": 3, "accumulate": 2},
    # The stages end at steps 2 and 6, the stops are after steps 2 and 5.
    "schedule": {"tile_schedule": "5@0.25,6@0.75"},
    "tiles of padded crops": {
        "tile": None,
        "tile_schedule": "5@0.5",
        "tiles_per_image": 2,
        "crop_fill": "reflect",
        "flip": "random",
    },
}


def test_a_finished_run_holds_what_the_design_says(sets: ImageSets, recipe: Recipe, tmp_path: Path) -> None:
    run = train(recipe, sets, tmp_path / "run", machine=CPU)
    assert run.finished
    names = {path.name.split(".out.")[0] for path in run.directory.iterdir()}
    assert names == {
        "recipe.toml",
        "split.parquet",
        "model.safetensors",
        "model.json",
        "metrics.csv",
        "result.json",
        "events",
    }
    metrics = run.result["training"]
    assert metrics["training_pixels"] == 8 * 12 * 64
    assert metrics["epochs"] == 2.0
    assert abs(metrics["flops"] - metrics["flops_per_image"] * 96) <= 48
    assert metrics["peak_memory_bytes"] > 0
    assert metrics["images_per_second"] == pytest.approx(96 / metrics["seconds"])
    assert [row["step"] for row in rows(run.directory)] == [str(step) for step in range(1, 9)]
    assert run.classifier().tile == 8


def test_the_loss_falls_and_the_last_row_validates(tmp_path: Path) -> None:
    recipe = replace(RECIPES["fast"], data="digits", tile=8, width=0.1, steps=60, batch_size=64)
    recipe = replace(recipe, precision="float32", label_smoothing=0.0)
    train(recipe, load("digits"), tmp_path / "run", machine=CPU)
    first, last = rows(tmp_path / "run")[0], rows(tmp_path / "run")[-1]
    assert float(last["loss"]) < 0.7 * float(first["loss"])
    assert float(last["val_accuracy"]) > 0.6


def test_training_of_more_than_an_hour_says_before_the_first_step_what_shortens_it(
    sets: ImageSets, recipe: Recipe, tmp_path: Path, listener: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nearsight.training.training_run.seconds_of_step", lambda *_: 3601.0)
    train(replace(recipe, steps=1), sets, tmp_path / "run", machine=CPU, progress=listener)
    assert (
        "training takes about 1:00:01, 1 step; to shorten it, give fewer `epochs` or `steps`, or a smaller "
        "`width` or `tile`"
    ) in listener.said


@pytest.mark.parametrize("pooling", ["top-k", "max", "noisy-or", "attention"])
def test_a_run_predicts_as_its_tiles_were_pooled(
    pooling: Any, sets: ImageSets, recipe: Recipe, tmp_path: Path
) -> None:
    recipe = replace(recipe, tile=6, pooling=pooling, tiles_per_image=3, top_k=2, steps=2)
    run = train(recipe, sets, tmp_path / "run", machine=CPU)
    classifier = run.classifier()
    assert classifier.pooling == recipe.pooled
    assert classifier.architecture.attention == (pooling == "attention")
    tiles = TiledModel(classifier, stride=1)
    found = evaluate(tiles, sets["train"].select(np.arange(4)))
    assert pooling in found.metrics
    for number, evidence in enumerate(tiles.maps(sets["train"].image(i) for i in range(4))):
        assert evidence.protocol == pooling
        np.testing.assert_allclose(found.scores[pooling][number], evidence.scores(), rtol=1e-5, atol=1e-6)


def test_attention_is_learned_on_the_weights_of_a_run_without(
    sets: ImageSets, recipe: Recipe, tmp_path: Path, read_weights: Weights
) -> None:
    first = replace(recipe, tile=6, steps=1)
    train(first, sets, tmp_path / "first", machine=CPU)
    second = replace(first, weights_of=str(tmp_path / "first"), pooling="attention", tiles_per_image=2)
    rates = {"learning_rate": 0.0, "bias_learning_rate": 0.0, "head_learning_rate": 0.0}
    train(replace(second, **rates), sets, tmp_path / "second", machine=CPU)
    before, after = read_weights(tmp_path / "first"), read_weights(tmp_path / "second")
    assert after["head.linear.weight"].equal(before["head.weight"])
    assert "head.score.weight" in after
    with pytest.raises(InputError, match="`weights_of` is a run with attention"):
        train(replace(first, weights_of=str(tmp_path / "second")), sets, tmp_path / "third", machine=CPU)


def test_a_pooling_without_its_tiles_is_refused(sets: ImageSets, recipe: Recipe, tmp_path: Path) -> None:
    for fields, said in (
        ({"pooling": "max"}, "a step has one; give `tiles_per_image=8`, for example"),
        ({"pooling": "max", "tile": None, "tiles_per_image": 4}, "give a `tile`"),
        ({"pooling": "top-k", "top_k": 5, "tiles_per_image": 4}, "`top_k` takes 5 tiles, and an image has 4"),
    ):
        with pytest.raises(InputError, match=re.escape(said)):
            train(replace(recipe, **fields), sets, tmp_path / "run", machine=CPU)
    assert not (tmp_path / "run").exists()


def test_the_seed_fixes_every_bit(
    sets: ImageSets, recipe: Recipe, tmp_path: Path, read_weights: Weights
) -> None:
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        torch.manual_seed(len(name))
        train(replace(recipe, seed=seed), sets, tmp_path / name, machine=CPU)
    assert identical(read_weights(tmp_path / "one"), read_weights(tmp_path / "same"))
    assert rows(tmp_path / "one") == rows(tmp_path / "same")
    one, other = read_weights(tmp_path / "one"), read_weights(tmp_path / "other")
    assert not one["head.weight"].equal(other["head.weight"])


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_stopped_twice_ends_with_the_weights_of_one_never_stopped(
    variant: str,
    sets: ImageSets,
    recipe: Recipe,
    tmp_path: Path,
    read_weights: Weights,
    stop_at: Callable[..., Silent],
) -> None:
    recipe, handler = replace(recipe, **VARIANTS[variant]), signal.getsignal(signal.SIGINT)
    train(recipe, sets, tmp_path / "whole", machine=CPU)
    for resume, step, number in ((False, 2, signal.SIGINT), (True, 5, signal.SIGTERM)):
        with pytest.raises(Interrupted, match=f"interrupted after step {step} of 8; `resume=True` continues"):
            train(recipe, sets, tmp_path / "run", resume=resume, machine=CPU, progress=stop_at(step, number))
    run = train(recipe, sets, tmp_path / "run", resume=True, machine=CPU)
    assert identical(read_weights(tmp_path / "run"), read_weights(tmp_path / "whole"))
    assert rows(tmp_path / "run") == rows(tmp_path / "whole")
    assert not (run.directory / "checkpoint").exists()
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize("damaged", [("state",), ("state", "previous"), ("metrics",)])
def test_a_damaged_checkpoint_gives_way_to_the_one_before_it_and_changes_no_bit(
    damaged: tuple[str, ...],
    sets: ImageSets,
    recipe: Recipe,
    tmp_path: Path,
    read_weights: Weights,
    stop_at: Callable[..., Silent],
    listener: Any,
) -> None:
    with pytest.raises(Interrupted):
        train(recipe, sets, tmp_path / "run", machine=EVERY_STEP, progress=stop_at(5))
    for name in damaged:
        path = tmp_path / "run" / ("metrics.csv" if name == "metrics" else f"checkpoint/{name}.safetensors")
        content = bytearray(path.read_bytes())
        content[-20] ^= 1
        path.write_bytes(content)
    if damaged != ("state",):
        with pytest.raises(InputError, match=r"is damaged: [^\n]*; (remove|put back a copy)[^\n]*$"):
            train(recipe, sets, tmp_path / "run", resume=True, machine=CPU)
        return
    train(recipe, sets, tmp_path / "run", resume=True, machine=CPU, progress=listener)
    warned = [line for line in listener.said if line.startswith("warning:") and "checkpoint" in line]
    assert [line.endswith("digest says; the checkpoint before it is used") for line in warned] == [True]
    assert f"resuming {tmp_path / 'run'} after step 4" in listener.said
    train(recipe, sets, tmp_path / "whole", machine=CPU)
    assert identical(read_weights(tmp_path / "run"), read_weights(tmp_path / "whole"))
    assert rows(tmp_path / "run") == rows(tmp_path / "whole")


@pytest.mark.parametrize("other", [{"seed": 9}, {"images": 1}])
def test_the_checkpoint_of_another_run_is_refused(
    other: dict[str, int],
    sets: ImageSets,
    recipe: Recipe,
    tmp_path: Path,
    stop_at: Callable[..., Silent],
) -> None:
    without = ImageSets(
        sets.name, {**dict(sets.items()), "train": sets["train"].select(np.arange(1, len(sets["train"])))}
    )
    theirs = (recipe, without) if "images" in other else (replace(recipe, **other), sets)
    with pytest.raises(Interrupted):
        train(recipe, sets, tmp_path / "run", machine=CPU, progress=stop_at(3))
    with pytest.raises(Interrupted):
        train(*theirs, tmp_path / "other", machine=CPU, progress=stop_at(3))
    for name in ("checkpoint", "metrics.csv"):
        (tmp_path / "run" / name).rename(tmp_path / f"own-{name}")
        (tmp_path / "other" / name).rename(tmp_path / "run" / name)
    with pytest.raises(
        InputError, match=r"checkpoint is of another run than .*(recipe\.toml|split\.parquet); put"
    ):
        train(recipe, sets, tmp_path / "run", resume=True, machine=CPU)
    shutil.rmtree(tmp_path / "run" / "checkpoint")
    assert train(recipe, sets, tmp_path / "run", resume=True, machine=CPU).finished


def test_dropout_too_is_fixed_by_the_seed_and_outlives_a_stop(
    sets: ImageSets,
    recipe: Recipe,
    tmp_path: Path,
    read_weights: Weights,
    stop_at: Callable[..., Silent],
    use_network: Callable[[float], None],
) -> None:
    use_network(0.4)
    recipe = replace(recipe, whiten=False, optimizer="sgd")
    train(recipe, sets, tmp_path / "whole", machine=CPU)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    with pytest.raises(Interrupted):
        train(recipe, sets, tmp_path / "run", machine=CPU, progress=stop_at(3))
    train(recipe, sets, tmp_path / "run", resume=True, machine=CPU)
    assert identical(read_weights(tmp_path / "run"), read_weights(tmp_path / "whole"))
    assert torch.get_rng_state().equal(state)


def test_a_stop_at_the_last_step_is_resumed_to_a_finished_run(
    sets: ImageSets, recipe: Recipe, tmp_path: Path, read_weights: Weights, stop_at: Callable[..., Silent]
) -> None:
    train(recipe, sets, tmp_path / "whole", machine=CPU)
    with pytest.raises(Interrupted, match="after step 8 of 8"):
        train(recipe, sets, tmp_path / "run", machine=CPU, progress=stop_at(8))
    run = train(recipe, sets, tmp_path / "run", resume=True, machine=CPU)
    assert run.finished
    assert identical(read_weights(tmp_path / "run"), read_weights(tmp_path / "whole"))


def test_resuming_a_finished_run_changes_nothing(
    sets: ImageSets, recipe: Recipe, tmp_path: Path, snapshot: Snapshot
) -> None:
    train(recipe, sets, tmp_path, machine=CPU)
    before = snapshot(tmp_path)
    assert train(recipe, sets, tmp_path, resume=True, machine=CPU).finished
    for again in (recipe, replace(recipe, seed=9)):
        with pytest.raises(InputError):
            train(again, sets, tmp_path, machine=CPU)
    with pytest.raises(InputError, match="already holds a run of another recipe"):
        train(replace(recipe, seed=9), sets, tmp_path, resume=True, machine=CPU)
    assert snapshot(tmp_path) == before


def test_seconds_count_steps_on_both_sides_of_a_stop(
    sets: ImageSets, recipe: Recipe, tmp_path: Path, stop_at: Callable[..., Silent]
) -> None:
    from nearsight.training.checkpoint import read_checkpoint

    with pytest.raises(Interrupted):
        train(recipe, sets, tmp_path, machine=CPU, progress=stop_at(4))
    checkpoint = read_checkpoint(tmp_path)
    assert checkpoint is not None
    assert checkpoint.milestone.step == 4
    assert checkpoint.milestone.seconds > 0
    metrics = train(recipe, sets, tmp_path, resume=True, machine=CPU).result["training"]
    assert metrics["seconds"] > checkpoint.milestone.seconds


def test_a_resumed_run_keeps_its_precision(
    sets: ImageSets,
    recipe: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stop_at: Callable[..., Silent],
) -> None:
    def never(*_args: object, **_options: object) -> NoReturn:
        raise AssertionError("the check must not run again")

    recipe = replace(recipe, precision="auto")
    with pytest.raises(Interrupted):
        train(recipe, sets, tmp_path, machine=CPU, progress=stop_at(2))
    monkeypatch.setattr("nearsight.training.precision._probe", never)
    assert train(recipe, sets, tmp_path, resume=True, machine=CPU).finished


@pytest.mark.parametrize("machine", [CPU, EVERY_STEP])
def test_a_loss_that_is_no_longer_finite_stops_with_step_checkpoint_and_what_to_try(
    machine: Machine, sets: ImageSets, recipe: Recipe, tmp_path: Path
) -> None:
    from nearsight.training.checkpoint import TrainingState, read_checkpoint, restore
    from nearsight.training.optimizers import build_optimizers
    from nearsight.training.prepare import build_classifier

    # Nothing bounds a linear rate of a million but the range of float32.
    recipe = replace(recipe, optimizer="sgd", learning_rate=1e6, clip=None, steps=40)
    with pytest.raises(InputError, match=r"became NaN or infinite at step \d+; .* try a smaller") as caught:
        train(recipe, sets, tmp_path, machine=machine)
    assert "\n" not in str(caught.value)
    assert "`clip=1`" in str(caught.value)
    checkpoint = read_checkpoint(tmp_path)
    if machine is CPU:
        assert "no checkpoint had been written" in str(caught.value)
        assert checkpoint is None
    else:
        assert checkpoint is not None
        step = checkpoint.milestone.step
        assert f"the last good checkpoint, of step {step}, is in {tmp_path}" in str(caught.value)
        classifier, _ = build_classifier(recipe, sets["train"], Silent())
        network = classifier.network
        running = torch.zeros(4, dtype=torch.float64)
        restore(checkpoint, TrainingState(network, build_optimizers(network, recipe), None, running), 40)
        assert all(value.isfinite().all() for value in network.state_dict().values())
    assert not (tmp_path / "result.json").exists()
    with pytest.raises(InputError, match="became NaN or infinite"):
        train(recipe, sets, tmp_path, resume=True, machine=machine)


def test_a_checkpoint_with_other_numbers_that_diverges_changes_no_file(
    sets: ImageSets,
    recipe: Recipe,
    tmp_path: Path,
    stop_at: Callable[..., Silent],
    snapshot: Snapshot,
    use_network: Callable[[float], None],
) -> None:
    use_network(0.0)
    recipe = replace(recipe, optimizer="sgd", whiten=False, steps=40)
    with pytest.raises(Interrupted):
        train(recipe, sets, tmp_path, machine=CPU, progress=stop_at(4))
    checkpoint = tmp_path / "checkpoint" / NEWEST
    held, header = read_tensors(checkpoint, "")
    # Whole and finite under a right digest, but so large that the steps overflow.
    for name, value in held.items():
        if name.startswith("network.") and name.endswith("weight"):
            value.mul_(1e15)
    write_tensors(checkpoint, held, header)
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match=r"became NaN or infinite at step \d+; the last good checkpoint"):
        train(recipe, sets, tmp_path, resume=True, machine=CPU)
    assert snapshot(tmp_path) == before


class Masked(nn.Sequential):
    """A network with a mask that is infinite from the start, as attention has."""

    def __init__(self) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3))
        self.register_buffer("mask", torch.full((2, 2), -torch.inf).triu(1))


def test_a_network_with_an_infinite_mask_is_trained_and_resumed(
    sets: ImageSets, recipe: Recipe, tmp_path: Path, stop_at: Callable[..., Silent]
) -> None:
    recipe = replace(recipe, model="custom:masked", whiten=False)
    with pytest.raises(Interrupted):
        train(recipe, sets, tmp_path, network=Masked(), machine=CPU, progress=stop_at(2))
    assert train(recipe, sets, tmp_path, network=Masked(), resume=True, machine=CPU).finished
    averaged = replace(recipe, ema=0.9)
    assert train(averaged, sets, tmp_path / "averaged", network=Masked(), machine=CPU).finished


@pytest.mark.parametrize("weights", ["none", "balanced"])
def test_a_batch_cut_into_parts_takes_the_same_steps(
    weights: str,
    sets: ImageSets,
    recipe: Recipe,
    tmp_path: Path,
    read_weights: Weights,
    use_network: Callable[[float], None],
) -> None:
    use_network(0.0)
    train_set = sets["train"]
    unbalanced = train_set.select(np.flatnonzero((train_set.labels != 1) | (np.arange(48) < 9)))
    sets = ImageSets("toy", {"train": unbalanced})
    recipe = replace(recipe, whiten=False, optimizer="sgd", learning_rate=0.1, class_weights=weights)
    for parts in (1, 3, 12):
        train(replace(recipe, accumulate=parts), sets, tmp_path / str(parts), machine=CPU)
    whole = read_weights(tmp_path / "1")
    for parts in (3, 12):
        cut = read_weights(tmp_path / str(parts))
        for name in whole:
            torch.testing.assert_close(cut[name], whole[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("many", "accumulate", "patches"),
    [(1, 1, {"cutout": 2, "cutmix": 0.6}), (3, 1, {}), (3, 2, {"cutmix": 1.0})],
)
def test_a_step_goes_down_the_loss_of_the_mean_logit_of_an_images_tiles(
    many: int,
    accumulate: int,
    patches: dict[str, Any],
    sets: ImageSets,
    recipe: Recipe,
    tmp_path: Path,
    read_weights: Weights,
    use_network: Callable[[float], None],
) -> None:
    """Against steps written by hand, tile by tile; those of the mean loss of the tiles end elsewhere."""
    use_network(0.0)
    recipe = replace(
        recipe,
        whiten=False,
        optimizer="sgd",
        learning_rate=0.1,
        schedule="constant",
        tile=6,
        steps=5,
        tiles_per_image=many,
        accumulate=accumulate,
        **patches,
    )
    train(recipe, sets, tmp_path / "run", machine=CPU)
    images = sets["train"]
    assert images.pixels is not None
    labels = torch.from_numpy(images.labels)
    ends = []
    for of_mean_logit in (True, False):
        classifier, size = build_classifier(recipe, images, Silent())
        network, normalise = classifier.network.train(), classifier.preprocessing.normalise
        optimizer = torch.optim.SGD(
            network.parameters(), 0.1, recipe.momentum, weight_decay=recipe.weight_decay, nesterov=True
        )
        tiles = MemoryTiles(images.pixels, labels, recipe, TileSizes(size))
        fill = torch.tensor(classifier.preprocessing.mean).mul(255).round().to(torch.uint8)
        for step, drawn in enumerate(tiles.draws(0, recipe.steps or 0)):
            batch = tiles.cut(drawn, size)
            targets = F.one_hot(batch.labels, len(images.classes)).float()
            if patches:
                batch = patch(batch, draw_patches(recipe, step, size), recipe, fill)
            if batch.kept is not None:
                targets = batch.kept * targets + (1 - batch.kept) * targets.roll(1, 0)
            logits = [network(normalise(batch.tiles[:, tile])) for tile in range(many)]
            judged = [sum(logits) / many] if of_mean_logit else logits
            losses = [F.cross_entropy(one, targets, label_smoothing=0.2) for one in judged]
            optimizer.zero_grad()
            (sum(losses) / len(losses)).backward()
            optimizer.step()
        ends.append(network.state_dict())
    ours, (of_logits, of_losses) = read_weights(tmp_path / "run"), ends
    for name in ours:
        torch.testing.assert_close(ours[name], of_logits[name], rtol=1e-4, atol=1e-6)
    if many > 1:
        assert not all(torch.allclose(ours[name], of_losses[name], rtol=1e-3, atol=1e-5) for name in ours)


@pytest.mark.parametrize(
    ("changes", "sides"),
    [
        ({"tile_schedule": "5@0.25,6@0.6"}, [5] * 2 + [6] * 2 + [8] * 4),
        ({"tile_schedule": "5@0.25,6@0.6", "tiles_per_image": 2}, [5] * 2 + [6] * 2 + [8] * 4),
        ({"tile": 6, "tiles_per_image": 3}, [6] * 8),
        ({"tile": None, "tile_schedule": "7@0.5", "tiles_per_image": 2}, [7] * 4 + [8] * 4),
    ],
)
def test_what_a_run_says_it_cost_is_the_sum_over_its_steps(
    changes: dict[str, Any],
    sides: list[int],
    sets: ImageSets,
    recipe: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shapes = []

    class Listening(Noisy):
        """Keeps the shape of what it is trained on; images of other numbers than a step's come from probes."""

        def forward(self, images: Tensor) -> Tensor:
            if self.training and len(images) == 12 * recipe.tiles_per_image:
                shapes.append(images.shape)
            return super().forward(images)

    monkeypatch.setattr("nearsight.training.prepare.build", lambda *_args, **_options: Listening())
    recipe = replace(recipe, whiten=False, optimizer="sgd", **changes)
    metrics = train(recipe, sets, tmp_path, machine=CPU).result["training"]
    tiles = 12 * recipe.tiles_per_image
    assert [tuple(shape) for shape in shapes] == [(tiles, 3, side, side) for side in sides]
    assert metrics["training_pixels"] == sum(tiles * side**2 for side in sides)
    assert metrics["flops"] == sum(tiles * count_flops(Noisy(), (side, side)) for side in sides)
    assert metrics["images_seen"] == 8 * 12
    for name, total in (("pixels_per_image", "training_pixels"), ("flops_per_image", "flops")):
        assert abs(metrics[name] * 96 - metrics[total]) <= 48


def test_balanced_weights_are_those_of_scikit_learn(make_images: Callable[..., ImageSet]) -> None:
    from sklearn.utils.class_weight import compute_class_weight

    images = make_images(30).select(np.array([0, 1, 2, 3, 4, 6, 9, 12]))
    expected = compute_class_weight("balanced", classes=np.arange(3), y=images.labels)
    weights = class_weights(images, Recipe(class_weights="balanced"), torch.device("cpu"))
    assert weights is not None
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    assert class_weights(images, Recipe(), torch.device("cpu")) is None


def test_a_class_without_images_weighs_nothing(make_images: Callable[..., ImageSet]) -> None:
    images = make_images(30).select(np.array([0, 1, 3]))
    weights = class_weights(images, Recipe(class_weights="balanced"), torch.device("cpu"))
    assert weights is not None
    assert weights.tolist() == [0.5, 1.0, 0.0]


def test_clipping_bounds_what_a_step_moves(
    sets: ImageSets,
    recipe: Recipe,
    tmp_path: Path,
    read_weights: Weights,
    use_network: Callable[[float], None],
) -> None:
    use_network(0.0)
    plain = {
        "whiten": False,
        "optimizer": "sgd",
        "momentum": 0.0,
        "weight_decay": 0.0,
        "schedule": "constant",
    }
    recipe = replace(recipe, **plain, learning_rate=1.0, clip=1e-3)
    starts = {}
    for steps in (1, 2):
        train(replace(recipe, steps=steps), sets, tmp_path / str(steps), machine=CPU)
        starts[steps] = torch.cat([value.flatten() for value in read_weights(tmp_path / str(steps)).values()])
    assert (starts[2] - starts[1]).norm().item() == pytest.approx(1e-3, rel=0.05)


def test_clipping_is_of_the_gradient_over_all_optimizers(
    sets: ImageSets, recipe: Recipe, tmp_path: Path
) -> None:
    squares = []

    def keep(optimizer: torch.optim.Optimizer, _arguments: Any, _settings: Any) -> None:
        given = [parameter.grad for group in optimizer.param_groups for parameter in group["params"]]
        squares.append(sum(float(gradient.square().sum()) for gradient in given if gradient is not None))

    hook = register_optimizer_step_pre_hook(keep)
    try:
        train(replace(recipe, optimizer="muon", steps=1, clip=1e-3), sets, tmp_path / "run", machine=CPU)
    finally:
        hook.remove()
    muon, rest = squares
    assert min(muon, rest) > 0
    assert muon + rest == pytest.approx(1e-6, rel=1e-3)


def test_the_average_of_the_weights_is_the_result(
    sets: ImageSets,
    recipe: Recipe,
    tmp_path: Path,
    read_weights: Weights,
    use_network: Callable[[float], None],
) -> None:
    use_network(0.0)
    recipe = replace(recipe, whiten=False, optimizer="sgd", schedule="constant")
    raw = []
    for steps in (1, 2, 3):
        train(replace(recipe, steps=steps), sets, tmp_path / str(steps), machine=CPU)
        raw.append(read_weights(tmp_path / str(steps)))
    train(replace(recipe, steps=3, ema=0.75), sets, tmp_path / "ema", machine=CPU)
    averaged = read_weights(tmp_path / "ema")
    for name in averaged:
        expected = 0.75 * (0.75 * raw[0][name] + 0.25 * raw[1][name]) + 0.25 * raw[2][name]
        torch.testing.assert_close(averaged[name], expected)


def test_a_compiler_that_fails_falls_back_to_eager(
    sets: ImageSets, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_weights: Weights
) -> None:
    said: list[str] = []

    class Listener(Silent):
        def warn(self, text: str) -> None:
            said.append(text)

    def broken(network: nn.Module) -> Callable[[Tensor], Tensor]:
        def forward(images: Tensor) -> Tensor:
            network(images)  # moves batch norm's statistics before it fails
            raise RuntimeError("no C++ compiler\nand a long traceback")

        return forward

    monkeypatch.setattr(torch, "compile", broken)
    train(replace(recipe, compile=True), sets, tmp_path / "run", machine=CPU, progress=Listener())
    train(recipe, sets, tmp_path / "eager", machine=CPU)
    assert "torch.compile failed, training without it: no C++ compiler" in said
    assert identical(read_weights(tmp_path / "run"), read_weights(tmp_path / "eager"))


def test_training_prints_nothing_itself(
    sets: ImageSets, recipe: Recipe, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    handler = logging.StreamHandler()
    logging.getLogger("lightning_fabric").addHandler(handler)
    try:
        train(replace(recipe, precision="bfloat16"), sets, tmp_path, machine=CPU)
    finally:
        logging.getLogger("lightning_fabric").removeHandler(handler)
    assert capfd.readouterr() == ("", "")


def test_a_full_disk_at_a_checkpoint_keeps_the_one_before_and_the_run_resumable(
    sets: ImageSets, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_weights: Weights
) -> None:
    import errno

    from nearsight.training.checkpoint import read_checkpoint

    written = Path.write_bytes
    calls = []

    def filling(path: Path, content: bytes) -> int:
        calls.append(path)
        if len(calls) > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return written(path, content)

    train(recipe, sets, tmp_path / "whole", machine=CPU)
    monkeypatch.setattr(Path, "write_bytes", filling)
    with pytest.raises(InputError, match="the disk is full"):
        train(recipe, sets, tmp_path / "run", machine=EVERY_STEP)
    monkeypatch.undo()
    checkpoint = read_checkpoint(tmp_path / "run")
    assert checkpoint is not None
    assert checkpoint.milestone.step == 3
    train(recipe, sets, tmp_path / "run", resume=True, machine=CPU)
    assert identical(read_weights(tmp_path / "run"), read_weights(tmp_path / "whole"))


@pytest.mark.parametrize(
    "changes",
    [
        {"tile_schedule": "6@0.5", "tiles_per_image": 3},
        {"tile": None, "resize_short": 8, "resized_crop": 0.5, "augmentation": "jitter", "mixup": 0.5},
    ],
)
def test_a_set_that_streams_trains_and_resumes_the_same(
    changes: dict[str, Any],
    recipe: Recipe,
    tmp_path: Path,
    read_weights: Weights,
    stop_at: Callable[..., Silent],
    stream: Callable[[list[np.ndarray]], ImageSet],
) -> None:
    random = np.random.default_rng(0)
    sizes = [(9, 11), (12, 8), (10, 10)]
    pixels = [random.integers(0, 256, (*sizes[i % 3], 3), dtype=np.uint8) for i in range(30)]
    sets = ImageSets("toy", {"train": stream(pixels), "val": stream(pixels[:6])})
    recipe = replace(recipe, **changes)
    inline, one = (Machine(device="cpu", workers=workers) for workers in (0, 1))
    train(recipe, sets, tmp_path / "whole", machine=inline)
    with pytest.raises(Interrupted):
        train(recipe, sets, tmp_path / "run", machine=one, progress=stop_at(3))
    train(recipe, sets, tmp_path / "run", resume=True, machine=one)
    assert identical(read_weights(tmp_path / "run"), read_weights(tmp_path / "whole"))
    assert rows(tmp_path / "run") == rows(tmp_path / "whole")


def test_bad_input_leaves_no_directory(
    sets: ImageSets, recipe: Recipe, tmp_path: Path, make_images: Callable[..., ImageSet]
) -> None:
    small_val = ImageSets("toy", {"train": sets["train"], "val": make_images(6, 6, 6, split="val")})
    bad = [
        (replace(recipe, tile=9), sets, CPU, "a tile of 9 pixels does not fit train/0.png"),
        (recipe, small_val, CPU, "a tile of 8 pixels does not fit val/0.png"),
        (
            replace(recipe, tile=None),
            small_val,
            CPU,
            "the val images of toy are 6×6 and its train images 8×8",
        ),
        (
            replace(recipe, tile_schedule="8@0.5"),
            sets,
            CPU,
            "must grow and stay below the 8 pixels that the run ends on",
        ),
        (replace(recipe, model="airbrench"), sets, CPU, "did you mean 'airbench'"),
        (recipe, sets, Machine(device="cpu", devices=5), "devices must divide batch_size 12, got 5"),
        (recipe, sets, Machine(device="cpu", devices=0), "devices must divide batch_size 12, got 0"),
        (recipe, ImageSets("toy", {"val": sets["val"]}), CPU, "'toy' has no split 'train'"),
    ]
    for wrong, data, machine, message in bad:
        with pytest.raises(InputError, match=message) as caught:
            train(wrong, data, tmp_path / "run", machine=machine)
        assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_set_of_fewer_images_than_a_batch_runs_on_across_epochs(
    recipe: Recipe, tmp_path: Path, make_images: Callable[..., ImageSet]
) -> None:
    sets = ImageSets("toy", {"train": make_images(5)})
    run = train(replace(recipe, steps=None, epochs=10), sets, tmp_path, machine=CPU)
    assert run.result["training"]["steps"] == 5
    assert all(row["val_accuracy"] == "" for row in rows(tmp_path))


def test_the_result_is_plain_json(sets: ImageSets, recipe: Recipe, tmp_path: Path) -> None:
    train(recipe, sets, tmp_path, machine=CPU)
    metrics = json.loads((tmp_path / "result.json").read_text())["training"]
    assert metrics["seed"] == 0
    assert {"python", "torch", "nearsight"} <= metrics["versions"].keys()


def test_images_in_memory_are_not_changed_by_training(
    sets: ImageSets, recipe: Recipe, tmp_path: Path
) -> None:
    images = sets["train"].images
    assert isinstance(images, MemoryImages)
    before = images.pixels.clone()
    train(replace(recipe, tile=None), sets, tmp_path, machine=CPU)
    assert images.pixels.equal(before)
