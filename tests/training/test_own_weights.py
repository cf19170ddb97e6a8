"""Starting from the weights of a run of one's own: what is kept, what is new, and what cannot be."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nearsight.data import ImageSet, ImageSets
from nearsight.errors import InputError
from nearsight.progress import SILENT, watched
from nearsight.settings import Machine, Recipe, make_recipe
from nearsight.training import train
from nearsight.training.prepare import build_classifier


@pytest.fixture
def begun(sets: ImageSets, recipe: Recipe, tmp_path: Path) -> Path:
    train(replace(recipe, steps=2), sets, tmp_path / "begun", machine=Machine(device="cpu"))
    return tmp_path / "begun"


def test_the_same_classes_begin_with_the_runs_own_logits(
    sets: ImageSets, recipe: Recipe, begun: Path, read_weights: Callable[[Path], dict[str, torch.Tensor]]
) -> None:
    classifier, _ = build_classifier(replace(recipe, weights_of=str(begun)), sets["train"], SILENT)
    state = classifier.network.state_dict()
    assert all(value.equal(state[name]) for name, value in read_weights(begun).items())
    # A whitening layer is not trained, and is not measured again.
    assert {name for name, one in classifier.network.named_parameters() if not one.requires_grad} >= {
        "whiten.weight"
    }


def test_other_classes_get_a_new_last_layer_and_the_rest(
    make_images: Callable[..., ImageSet],
    recipe: Recipe,
    begun: Path,
    read_weights: Callable[[Path], dict[str, torch.Tensor]],
) -> None:
    others = make_images(20, classes=5)
    plain, _ = build_classifier(recipe, others, SILENT)
    tuned, _ = build_classifier(replace(recipe, weights_of=str(begun)), others, SILENT)
    state, held = tuned.network.state_dict(), read_weights(begun)
    assert state["head.weight"].equal(plain.network.state_dict()["head.weight"])
    assert all(value.equal(state[name]) for name, value in held.items() if not name.startswith("head"))
    assert tuned.classes == others.classes


@pytest.mark.parametrize(("classes", "said"), [(3, "the last layer included"), (5, "and a new last layer")])
def test_a_new_last_layer_is_told_for_other_classes_alone(
    classes: int,
    said: str,
    make_images: Callable[..., ImageSet],
    recipe: Recipe,
    begun: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Attention that the run has not learned is new too, and no reason to say that classes are others."""
    with_attention = replace(recipe, weights_of=str(begun), pooling="attention", tiles_per_image=2)
    with watched(True) as progress:
        build_classifier(with_attention, make_images(20, classes=classes), progress)
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_run_is_trained_on_and_can_be_resumed(
    sets: ImageSets, recipe: Recipe, begun: Path, tmp_path: Path
) -> None:
    tuning = replace(recipe, weights_of=str(begun), steps=2)
    run = train(tuning, sets, tmp_path / "tuned", machine=Machine(device="cpu"))
    assert run.finished
    assert run.recipe == tuning


def test_a_recipe_takes_the_network_of_the_run_unless_another_is_asked_for(
    begun: Path, sets: ImageSets, recipe: Recipe
) -> None:
    taken = make_recipe("toy", "finetune", {"weights_of": str(begun), "tile": 8})
    assert (taken.model, taken.width, taken.pretrained) == (recipe.model, recipe.width, False)
    other = make_recipe("toy", "finetune", {"weights_of": str(begun), "model": "resnet9", "tile": 8})
    with pytest.raises(
        InputError, match=r"is a run of airbench of width 0\.1, and what is trained is resnet9"
    ):
        build_classifier(other, sets["train"], SILENT)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="takes the directory of a run"):
        make_recipe("toy", "finetune", {"weights_of": str(tmp_path)})
    with pytest.raises(InputError, match="both weights to start from"):
        Recipe(weights_of="runs/first", pretrained=True)
