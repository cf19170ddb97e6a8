"""The recipe `auto`: whatever a set and a machine are, it can be trained, and what is asked for stays."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearsight.settings import RECIPES, Recipe
from nearsight.settings.auto import Facts, asks_for_published, choose_recipe, tiles_for, written_choice

FACTS = st.builds(
    Facts,
    images=st.integers(2, 2_000_000),
    short=st.integers(1, 5000),
    one_size=st.booleans(),
    gpu=st.booleans(),
    weights=st.sampled_from(["published", "fetched", "none"]),
)
PHOTOGRAPHS = Facts(images=1000, short=224, one_size=False, gpu=False, weights="published")
SMALL = Facts(images=50_000, short=32, one_size=True, gpu=True)


def steps_of(recipe: Recipe, facts: Facts) -> float:
    return recipe.epochs * facts.images / recipe.batch_size


@given(facts=FACTS)
def test_whatever_the_set_is_the_recipe_can_be_trained_on_it(facts: Facts) -> None:
    chosen = choose_recipe(facts)
    side = chosen.resize_short or facts.short
    assert chosen.resize_short is None or chosen.resize_short <= facts.short * (2 if chosen.pretrained else 1)
    assert facts.one_size or chosen.resize_short is not None
    assert chosen.tile is None or chosen.tile <= side
    assert chosen.batch_size <= facts.images
    # Steps enough to learn, unless a set is so large that its images are seen a few times at most.
    assert steps_of(chosen, facts) >= 199 or chosen.epochs <= 10
    assert chosen.epochs * facts.images <= max(facts.images, 20_000_000)
    assert chosen.pretrained == chosen.model.startswith("timm:") == (chosen.name == "finetune")
    line = written_choice(chosen, facts)
    assert "\n" not in line
    assert line.startswith(f"recipe {chosen.name}: {facts.images:,} ")
    assert "`recipe`" in line
    tiles = tiles_for(side)
    assert len(tiles) >= 2
    assert all(0 < tile <= max(side, 1) for tile in tiles if tile is not None)


@given(facts=FACTS, data=st.data())
def test_what_is_asked_for_stays(facts: Facts, data: st.DataObject) -> None:
    values: dict[str, Any] = {
        "tile": st.sampled_from([None, 8, 40]),
        "model": st.sampled_from(["resnet18", "airbench", "tilenet", "tilenet-pooled", "timm:resnet10t"]),
        "epochs": st.floats(0.5, 50),
        "steps": st.sampled_from([None, 70]),
        "batch_size": st.integers(2, 99),
        "optimizer": st.sampled_from(["sgd", "adamw", "muon"]),
        "resize_short": st.sampled_from([None, 50]),
        "width": st.just(1.0),
        "head_first": st.just(0.0),
        "augmentation": st.sampled_from(["none", "jitter"]),
        "pretrained": st.just(False),
        "seed": st.integers(0, 9),
    }
    names = data.draw(st.sets(st.sampled_from(sorted(values))))
    asked = {name: data.draw(values[name]) for name in sorted(names)}
    if "muon" in asked.values() and asked.get("model", "airbench") not in (
        "airbench",
        "tilenet",
        "tilenet-pooled",
    ):
        del asked["optimizer"]
    chosen = choose_recipe(facts, asked)
    assert {name: getattr(chosen, name) for name in asked} == asked
    # As the command line writes them.
    written = {
        name: ("full" if name == "tile" else "none") if value is None else str(value)
        for name, value in asked.items()
    }
    assert choose_recipe(facts, written) == chosen


def test_small_images_of_a_large_set_get_the_fast_recipe_as_it_is() -> None:
    assert choose_recipe(SMALL) == replace(RECIPES["fast"], tile=16, batch_size=512)


@pytest.mark.parametrize(
    ("facts", "asked", "name", "model"),
    [
        (PHOTOGRAPHS, {}, "finetune", "timm:resnet18"),
        (replace(PHOTOGRAPHS, gpu=True), {}, "finetune", "timm:resnet50"),
        (replace(PHOTOGRAPHS, weights="none"), {}, "fast", "airbench"),
        (PHOTOGRAPHS, {"pretrained": False}, "fast", "airbench"),
        (PHOTOGRAPHS, {"model": "resnet18"}, "standard", "resnet18"),
        (PHOTOGRAPHS, {"model": "timm:resnet10t"}, "finetune", "timm:resnet10t"),
        (replace(PHOTOGRAPHS, weights="none"), {"model": "timm:resnet10t"}, "standard", "timm:resnet10t"),
        (
            replace(PHOTOGRAPHS, weights="own"),
            {"weights_of": "x", "model": "airbench"},
            "finetune",
            "airbench",
        ),
        (SMALL, {"model": "timm:resnet10t", "pretrained": True}, "finetune", "timm:resnet10t"),
        (SMALL, {"optimizer": "adamw"}, "standard", "resnet18"),
        (SMALL, {"model": "tilenet"}, "tilenet-whole", "tilenet"),
        (SMALL, {"model": "tilenet", "tile": 16}, "tilenet", "tilenet"),
        (SMALL, {"model": "tilenet-pooled"}, "tilenet-pooled", "tilenet-pooled"),
        (SMALL, {"model": "custom:Mine"}, "standard", "custom:Mine"),
    ],
)
def test_the_network_asked_for_and_the_weights_decide_how_it_is_trained(
    facts: Facts, asked: dict[str, Any], name: str, model: str
) -> None:
    chosen = choose_recipe(facts, asked)
    assert (chosen.name, chosen.model) == (name, model)


def test_larger_tiles_that_are_compared_fit_the_resized_images() -> None:
    assert choose_recipe(PHOTOGRAPHS, largest_tile=200).resize_short == 200
    assert choose_recipe(PHOTOGRAPHS, {"tile": 160}).resize_short == 160


def test_the_hub_is_asked_only_where_the_answer_matters() -> None:
    assert asks_for_published({}, 32, gpu=False) is None
    assert asks_for_published({"pretrained": "false"}, 224, gpu=False) is None
    assert asks_for_published({"weights_of": "runs/first"}, 224, gpu=False) is None
    assert asks_for_published({"model": "airbench"}, 224, gpu=True) is None
    assert asks_for_published({}, 224, gpu=True) == "timm:resnet50"


@given(facts=FACTS, model=st.sampled_from(["timm:resnet18", "timm:resnet10t"]))
def test_weights_in_a_file_are_trained_as_if_timm_had_them(facts: Facts, model: str) -> None:
    had = choose_recipe(replace(facts, weights="published"), {"model": model, "pretrained": True})
    held = choose_recipe(replace(facts, weights="file"), {"model": model, "weights_of": "weights.pth"})
    assert replace(held, weights_of=None, pretrained=True) == had


@pytest.mark.parametrize(
    ("tiles", "resize", "words"),
    [
        ([48], None, "; resnet18, tile 48, 3 epochs"),
        ([48], 128, "; resnet18, tile 48 of images resized to 128 px, 3 epochs"),
        ([None], 128, "; resnet18, whole images resized to 128 px, 3 epochs"),
        ([None, 48], 128, "; resnet18, whole images and tile 48 of images resized to 128 px, 3 epochs"),
    ],
)
def test_the_choice_says_that_images_are_resized(
    tiles: list[int | None], resize: int | None, words: str
) -> None:
    recipe = Recipe(model="resnet18", tile=tiles[0], resize_short=resize, epochs=3)
    facts = Facts(images=1770, short=200, one_size=True, gpu=False)
    assert words in written_choice(recipe, facts, tiles=tiles)
    assert "1,770 images of 200 px" in written_choice(recipe, facts)
