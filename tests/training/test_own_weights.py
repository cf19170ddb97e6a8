"""Starting from the weights of a run of one's own, or in a file: what is kept, what is new, and what cannot be."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from nearsight.data import ImageSet, ImageSets
from nearsight.errors import InputError
from nearsight.progress import SILENT, watched
from nearsight.settings import Machine, Recipe, make_recipe
from nearsight.training import train
from nearsight.training.prepare import build_classifier, pretrained_preprocessing


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
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match=f"no file; give `model='timm:local-dir:{tmp_path}'`"):
        make_recipe("toy", "finetune", {"weights_of": str(tmp_path)})
    with pytest.raises(InputError, match=r"names a file of weights, and .* is no file"):
        make_recipe("toy", "finetune", {"weights_of": str(tmp_path / "weights.pth")})


@pytest.fixture
def published(tmp_path: Path) -> tuple[str, Path, dict[str, torch.Tensor]]:
    """Return the name of a network of timm, a file of its weights as a script leaves it, and the weights."""
    torch.manual_seed(1)
    weights = timm.create_model("test_resnet", num_classes=1000).state_dict()
    path = tmp_path / "weights.pth"
    torch.save({"epoch": 3, "state_dict": {f"module.{name}": one for name, one in weights.items()}}, path)
    return "timm:test_resnet", path, weights


@pytest.mark.parametrize("classes", [3, 1000])
def test_a_file_gives_all_weights_but_those_of_the_last_layer(
    classes: int,
    published: tuple[str, Path, dict[str, torch.Tensor]],
    make_images: Callable[..., ImageSet],
) -> None:
    """The last layer is new for as many classes, too: the file does not say which they are."""
    model, path, weights = published
    recipe = make_recipe("toy", "finetune", {"weights_of": str(path), "model": model, "tile": 32})
    assert not recipe.pretrained
    images = make_images(classes, height=40, width=40, classes=classes)
    plain, _ = build_classifier(replace(recipe, weights_of=None), images, SILENT)
    tuned, _ = build_classifier(recipe, images, SILENT)
    state, new = tuned.network.state_dict(), plain.network.state_dict()
    assert all(state[name].equal(new[name] if name.startswith("fc.") else weights[name]) for name in weights)
    assert tuned.preprocessing == pretrained_preprocessing(plain.network, None)


def test_a_file_of_our_own_network_keeps_the_colours_of_the_images(
    sets: ImageSets,
    recipe: Recipe,
    begun: Path,
    tmp_path: Path,
    read_weights: Callable[[Path], dict[str, torch.Tensor]],
) -> None:
    held = read_weights(begun)
    save_file(held, tmp_path / "weights.safetensors")
    plain, _ = build_classifier(recipe, sets["train"], SILENT)
    tuned, _ = build_classifier(
        replace(recipe, weights_of=str(tmp_path / "weights.safetensors")), sets["train"], SILENT
    )
    state = tuned.network.state_dict()
    assert all(value.equal(state[name]) for name, value in held.items() if not name.startswith("head"))
    assert tuned.preprocessing == plain.preprocessing


def test_a_file_of_another_network_is_refused_with_the_way_out(
    published: tuple[str, Path, dict[str, torch.Tensor]], sets: ImageSets, recipe: Recipe
) -> None:
    with pytest.raises(
        InputError, match="`model` is airbench: give the network whose weights the file holds"
    ):
        build_classifier(replace(recipe, weights_of=str(published[1])), sets["train"], SILENT)


def test_attention_is_learned_on_the_weights_in_a_file(
    published: tuple[str, Path, dict[str, torch.Tensor]], make_images: Callable[..., ImageSet]
) -> None:
    model, path, weights = published
    asked = {
        "weights_of": str(path),
        "model": model,
        "tile": 32,
        "pooling": "attention",
        "tiles_per_image": 2,
    }
    recipe = make_recipe("toy", "finetune", asked)
    tuned, _ = build_classifier(recipe, make_images(6, height=40, width=40), SILENT)
    state = tuned.network.state_dict()
    assert tuned.architecture.attention
    assert all(state[name].equal(value) for name, value in weights.items() if not name.startswith("fc."))
