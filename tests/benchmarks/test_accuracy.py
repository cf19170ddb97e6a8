"""Training time to an accuracy, on a tiny stand-in for the arms: what a line holds and which images judge it."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import accuracy, arms
from nearsight.data import ImageSets, load
from nearsight.settings import RECIPES, Machine, recipe_from_values
from nearsight.settings.tile_schedule import tile_sizes
from nearsight.training import total_steps, train

FEW = {"width": 0.1, "batch_size": 32, "precision": "float32"}
DIGITS: dict[str, dict[str, dict[str, Any]]] = {
    "digits": {
        "whole": {
            "recipe": "fast",
            "fields": FEW | {"tile": "full", "tile_schedule": "6@0.5"},
            "lengths": (0.1, 0.2),
            "stride": None,
        },
        "tile 6": {"recipe": "fast", "fields": FEW | {"tile": 6}, "lengths": (0.1,), "stride": 2},
    }
}
KEYS = {
    *("data", "arm", "recipe", "fields", "changes", "epochs", "seed", "judged_on", "accuracy"),
    "evaluation_seconds",
    *(
        "steps",
        "flops",
        "training_pixels",
        "seconds",
        "step_seconds",
        "precision",
        "facts",
        "threads",
        "ceilings",
    ),
}


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return the benchmark on the digits, by its own command line; it gives back the lines it wrote."""
    monkeypatch.setattr(accuracy, "ARMS", DIGITS)
    monkeypatch.setattr(accuracy, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(accuracy, "measure_ceilings", lambda _device: {"convolution bfloat16": 1e12})

    def run(*options: str) -> list[dict[str, Any]]:
        parser = argparse.ArgumentParser()
        accuracy.add_options(parser)
        arguments = parser.parse_args(["digits", *options])
        accuracy.run(arguments)
        (written,) = (tmp_path / "results").glob("*.jsonl") if not arguments.results else [arguments.results]
        return [json.loads(line) for line in written.read_text().splitlines()]

    return run


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the machine is read from /proc")


@on_linux
def test_every_arm_length_and_seed_is_a_line(measure: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lines = measure("--seeds", "0,3")
    assert [(line["arm"], line["steps"], line["seed"]) for line in lines] == [
        *(("whole", 5, 0), ("whole", 5, 3), ("whole", 9, 0), ("whole", 9, 3)),
        *(("tile 6", 5, 0), ("tile 6", 5, 3)),
    ]
    assert all(line.keys() == KEYS for line in lines)
    assert [[*line["accuracy"]] for line in lines] == [["full-pass"]] * 4 + [["full-pass", "mean-logit"]] * 2
    # Half the steps of the longer runs, and 2 of the 5 of the shorter ones, are on tiles of 6 pixels.
    assert [line["training_pixels"] for line in lines[::2]] == [
        *(32 * (2 * 36 + 3 * 64), 32 * (4 * 36 + 5 * 64), 32 * 5 * 36),
    ]
    said = capsys.readouterr().out.splitlines()
    assert [line.split(" {")[0].split(" 0.")[0].strip() for line in said] == ["whole"] * 4 + ["tile 6"] * 2


@on_linux
def test_lengths_arms_and_fields_can_be_chosen_and_lines_are_added_to_those_there(
    measure: Any, tmp_path: Path
) -> None:
    results = tmp_path / "some" / "lines.jsonl"
    chosen = ("--arm", "tile 6", "--epochs", "0.05", "--set", "batch_size=20", "--set", "tile=5")
    first = measure(*chosen, "--results", str(results))
    assert len(first) == 1
    assert first[0]["changes"] == {"batch_size": "20", "tile": "5"}
    assert first[0]["training_pixels"] == first[0]["steps"] * 20 * 25
    again = measure(*chosen, "--results", str(results))
    assert again[0] == first[0]
    assert again[1]["accuracy"] == first[0]["accuracy"]


@on_linux
@pytest.mark.parametrize("share", [0.1, 0.0])
def test_a_run_is_judged_on_images_held_out_or_else_on_the_test_images(
    share: float, measure: Any, tmp_path: Path
) -> None:
    """Against a run of the same recipe whose predictions are counted here."""
    options = ("--arm", "whole", "--epochs", "0.3", "--seeds", "1")
    (line,) = measure(*options, "--held-out", str(share))
    split = "val" if share else "test"
    sets = load("digits", validation=share, seed=1)
    fields = DIGITS["digits"]["whole"]["fields"] | {"epochs": 0.3, "seed": 1, "validation": share}
    recipe = recipe_from_values({"data": "digits"} | fields, RECIPES["fast"])
    trained = train(
        recipe, ImageSets("digits", {"train": sets["train"]}), tmp_path / "run", machine=Machine(device="cpu")
    )
    judged, classifier = sets[split], trained.classifier().eval()
    assert judged.pixels is not None
    with torch.inference_mode():
        logits = classifier(classifier.preprocessing.normalise(judged.pixels))
    right = logits.argmax(1).numpy() == judged.labels
    assert line["judged_on"] == f"{split}, {len(judged)} images"
    # An image on the fence may fall either way in the last bit.
    assert line["accuracy"]["full-pass"] == pytest.approx(np.mean(right), abs=1.5 / len(judged))
    assert line["flops"] == trained.result["training"]["flops"]
    assert [path.name for path in (tmp_path / "results").iterdir()] == [
        "accuracy-digits-tuning.jsonl" if share else "accuracy-digits.jsonl"
    ]


@pytest.mark.parametrize("share", [0.1, 0.0])
def test_an_arms_recipe_holds_out_the_share_asked_for(share: float) -> None:
    recipe = accuracy.arm_recipe("digits", "fast", {"validation": "0.5", "epochs": 3}, share)
    assert (recipe.data, recipe.epochs, recipe.validation) == ("digits", 3.0, share)


@pytest.mark.parametrize("data", sorted(arms.ARMS))
def test_every_arm_is_a_recipe_that_ends_on_its_own_tile(data: str) -> None:
    side, images = {"cifar10": (32, 50_000)}.get(data, (96, 5_000))
    for arm, own in arms.ARMS[data].items():
        recipe = accuracy.arm_recipe(data, own["recipe"], own["fields"], 0.0)
        ends_on = recipe.tile or side
        for epochs in own["lengths"]:
            steps = total_steps(recipe_from_values({"epochs": float(epochs)}, recipe), images)
            spans = tile_sizes(recipe.tile_schedule, (ends_on, ends_on), steps).spans(steps)
            assert spans[-1][1] == (ends_on, ends_on), arm
