"""Runs that were made without steps are runs like any other."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from nearsight.data import ImageSets
from nearsight.data.split_list import Listing
from nearsight.errors import InputError
from nearsight.models import Classifier
from nearsight.settings import Machine, Recipe
from nearsight.training import keep, train


@pytest.fixture
def made(sets: ImageSets, recipe: Recipe, tmp_path: Path) -> Classifier:
    """Return a classifier whose head was changed by hand."""
    classifier = train(recipe, sets, tmp_path / "old", machine=Machine(device="cpu")).classifier()
    with torch.no_grad():
        classifier.network.get_parameter("head.weight").zero_()
    return classifier


def test_it_holds_the_classifier_the_listing_and_the_names_of_a_trained_run(
    made: Classifier, sets: ImageSets, recipe: Recipe, tmp_path: Path
) -> None:
    run = keep(recipe, sets, tmp_path / "new", made, {"seconds": 3.0, "flops": 12})
    held = run.classifier()
    assert all(held.state_dict()[name].equal(value) for name, value in made.state_dict().items())
    assert (held.preprocessing, held.tile, held.classes) == (made.preprocessing, made.tile, made.classes)
    assert run.recipe == recipe
    listed, trained = Listing.load(run.directory), Listing.load(tmp_path / "old")
    assert listed is not None
    assert trained is not None
    assert listed.trained_with(trained)
    metrics, names = (
        run.result["training"],
        train(recipe, sets, tmp_path / "old", resume=True).result["training"],
    )
    assert metrics.keys() == names.keys()
    assert (metrics["seconds"], metrics["flops"], metrics["steps"]) == (3.0, 12, 0)


def test_nothing_is_overwritten_but_by_going_on(
    made: Classifier,
    sets: ImageSets,
    recipe: Recipe,
    tmp_path: Path,
    snapshot: Callable[[Path], dict[str, bytes]],
) -> None:
    keep(recipe, sets, tmp_path / "new", made, {})
    before = snapshot(tmp_path / "new")
    with pytest.raises(InputError, match="already holds a finished run"):
        keep(recipe, sets, tmp_path / "new", made, {"seconds": 1.0})
    assert snapshot(tmp_path / "new") == before
    assert keep(recipe, sets, tmp_path / "new", made, {}, resume=True).finished
