"""The recipe `auto` of the verbs: said before training, overridden by fields, and kept when a run is resumed."""

import os
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from PIL import Image

import nearsight
from nearsight.errors import InputError
from nearsight.models.at_hand import published_weights
from nearsight.settings import Machine, Recipe
from nearsight.study.settings import Study
from nearsight.verbs import _train, auto_recipe

CPU = Machine(device="cpu", workers=0)


def test_a_run_says_what_was_chosen_and_why_and_goes_on_by_it(tmp_path: Path, listener: Any) -> None:
    short = {"steps": 1, "width": 0.1, "precision": "float32", "out": tmp_path / "run", "machine": CPU}
    run = nearsight.train("digits", progress=listener, **short)
    (line,) = [line for line in listener.said if line.startswith("recipe ")]
    assert line.startswith(
        "recipe fast: 1,797 small images of 8 px, on a processor; airbench, whole images, 1 step in batches of 128"
    )
    assert (run.recipe.name, run.recipe.tile, run.recipe.steps, run.recipe.width) == ("fast", None, 1, 0.1)


def test_weights_are_looked_for_where_images_are_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def there(name: str) -> str:
        asked.append(name)
        return "there"

    monkeypatch.setattr(auto_recipe, "published_weights", there)
    for number, side in enumerate((90, *[300] * 11)):
        path = tmp_path / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (side + 40, side), (20 * number, 9, 9)).save(path)
    images = nearsight.load(str(tmp_path), validation=0, progress=False)["train"]
    facts = auto_recipe.facts_of(images, {}, CPU)
    assert (facts.short, facts.one_size, facts.weights, asked) == (300, False, "fetched", ["timm:resnet18"])
    assert auto_recipe.facts_of(images, {"model": "resnet9"}, CPU).weights == "none"
    assert auto_recipe.facts_of(images, {"weights_of": "x"}, CPU).weights == "own"
    assert auto_recipe.facts_of(images, {"weights_of": "x.pth"}, CPU).weights == "file"
    assert auto_recipe.facts_of(images, {"pretrained": True}, CPU).weights == "published"
    assert asked == ["timm:resnet18"]


@pytest.mark.parametrize(
    ("found", "why", "way"),
    [
        ("offline", "where HF_HUB_OFFLINE forbids to download them", "unset HF_HUB_OFFLINE once"),
        (
            "silent",
            "and the hub that has them does not answer",
            "connect this machine to huggingface.co once",
        ),
        (
            "refused",
            "and the hub that should have them answers with an error",
            "make sure that this machine may download from huggingface.co",
        ),
        ("none", "no published weights for what was asked for", None),
        ("here", "published weights on this machine", None),
    ],
)
def test_why_there_are_no_weights_is_said_with_the_way_to_get_them(
    found: str, why: str, way: str | None, monkeypatch: pytest.MonkeyPatch, listener: Any
) -> None:
    monkeypatch.setattr(auto_recipe, "published_weights", lambda _: found)
    photographs = nearsight.load("scenes", progress=False)["train"]
    auto_recipe.auto_recipe({}, photographs, CPU, listener)
    chosen, *further = listener.said
    assert why in chosen
    assert len(further) == (way is not None)
    if way is not None:
        assert "resnet18" in further[0]
        assert way in further[0]
        assert "`weights_of`" in further[0]


def test_a_hub_that_does_not_answer_is_not_taken_for_missing_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", no_network)
    assert published_weights("timm:resnet10t") == "silent"


@pytest.mark.parametrize(("there", "found"), [((), "refused"), (("pytorch_model.bin",), "there")])
def test_a_hub_that_answers_with_an_error_is_told_from_a_silent_one(
    there: tuple[str, ...], found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub.errors import HfHubHTTPError

    def answer(url: str, **_: Any) -> None:
        if not url.endswith(there):
            raise HfHubHTTPError("404 Client Error", response=MagicMock())

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", answer)
    assert published_weights("timm:resnet10t") == found


def test_what_was_begun_by_another_recipe_is_resumed_by_it(tmp_path: Path, listener: Any) -> None:
    options = {"out": tmp_path / "run", "machine": CPU, "progress": listener}
    small = {"model": "resnet9", "width": 0.1, "steps": 1, "precision": "float32"}
    begun = nearsight.train("digits", recipe="standard", **small, **options)
    again = nearsight.train("digits", resume=True, **options)
    assert again.recipe == begun.recipe
    assert not any(line.startswith("recipe ") for line in listener.said)


@pytest.mark.parametrize("out", [None, "run"])
def test_the_recipe_of_a_begun_run_is_read_once(
    out: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options: dict[str, Any] = {
        "steps": 1,
        "width": 0.1,
        "precision": "float32",
        "out": out,
        "progress": False,
    }
    options |= {"machine": CPU}
    nearsight.train("digits", **options)
    read: list[Path] = []
    begun = auto_recipe.begun_recipe
    monkeypatch.setattr(
        _train, "begun_recipe", lambda place, fields: [read.append(place), begun(place, fields)][1]
    )
    nearsight.train("digits", resume=True, **options)
    assert len(read) == 1


def test_top_k_without_its_pooling_is_refused(tmp_path: Path) -> None:
    told = "`top_k` is for the pooling 'top-k', and tiles are pooled by 'mean' here"
    asked: dict[str, Any] = {"top_k": 2, "out": tmp_path / "out", "progress": False}
    for recipe in ("auto", "fast"):
        with pytest.raises(InputError, match=told):
            nearsight.train("digits", tile=6, recipe=recipe, **asked)
        with pytest.raises(InputError, match=told):
            nearsight.compare("digits", arms=["full", "tile-6+max"], recipe=recipe, **asked)
    assert not (tmp_path / "out").exists()


def test_a_comparison_is_resumed_by_its_own_recipe_and_arms(tmp_path: Path) -> None:
    names = ("full", "tile-6")
    Study(Recipe(data="digits", epochs=3.0), names, 1, "steps", ("vote",), None).save(tmp_path)
    found = auto_recipe.begun_study(tmp_path, {"batch_size": "64"})
    assert found == (Recipe(data="digits", epochs=3.0, batch_size=64), names)
    assert auto_recipe.begun_study(tmp_path / "nothing", {}) is None


def test_weights_in_the_hubs_cache_are_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert published_weights("timm:resnet10t") == "offline"
    assert published_weights("resnet18") == "none"
    assert published_weights("timm:no-such-network") == "none"
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    file = "resnet10t_176_c3-f3215ab1.pth"
    (tmp_path / "hub" / "checkpoints" / file).touch()
    assert published_weights("timm:resnet10t") == "here"
    assert published_weights(f"timm:local-dir:{os.fspath(tmp_path)}") == "here"
