"""Tiles shown to networks of whole images, against networks and sizes of which the answer is known."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from nearsight.data import ImageSet, MemoryImages
from nearsight.evaluation import evaluate
from nearsight.evaluation.reestimation import reestimate_batch_norm
from nearsight.evaluation.tile_views import VIEWS
from nearsight.evaluation.whole_on_tiles import REESTIMATED_TILES, TileAnswers, ViewAnswers, ask_about_tiles
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.models.tile_net import TileNet

Make = Callable[..., Classifier]


def square(images: ImageSet, side: int) -> ImageSet:
    assert images.pixels is not None
    paths = tuple(map(images.path, range(len(images))))
    return replace(images, images=MemoryImages(images.pixels[:, :, :side, :side], paths))


def ask(classifier: Classifier, images: ImageSet, tile: int, most: int = 40) -> TileAnswers:
    return ask_about_tiles(TiledModel(classifier), images, images, [tile], most=most)


def view(found: TileAnswers, name: str) -> ViewAnswers:
    return next(one for one in found.views if one.view == name)


def test_a_tile_as_large_as_the_image_is_the_full_pass(make_classifier: Make, uniform: ImageSet) -> None:
    images, classifier = square(uniform, 10), make_classifier(tile=None)
    found = ask(classifier, images, 10)
    assert tuple(one.view for one in found.views) == VIEWS
    for name in ("alone", "in place"):
        assert view(found, name).predictions == found.whole
        assert set(view(found, name).alike) == {1.0}
    assert len(set(found.whole)) > 2
    again = reestimate_batch_norm(TiledModel(classifier), images, most=REESTIMATED_TILES)
    shifted = tuple(again.full_pass(map(images.image, range(40))).argmax(1).tolist())
    assert view(found, "alone+bn").predictions == view(found, "in place+bn").predictions == shifted


def test_a_network_without_padding_says_of_its_tiles_what_it_says_of_the_image(
    make_classifier: Make, uniform: ImageSet
) -> None:
    torch.manual_seed(0)
    classifier = make_classifier(tile=None)
    classifier.network = TileNet(tile=8, classes=len(classifier.classes), width=0.1).eval()
    found = ask(classifier, square(uniform, 10), 8)
    alone = view(found, "alone")
    assert (alone.stride, alone.tiles) == (1, 9)
    assert alone.predictions == found.whole
    assert len(set(found.whole)) > 1


def test_alone_is_what_an_evaluation_by_tiles_finds(make_classifier: Make, uniform: ImageSet) -> None:
    classifier = make_classifier(tile=None)
    found = ask(classifier, uniform, 5, most=30)
    alone, images = view(found, "alone"), uniform.select(np.array(found.images))
    evaluation = evaluate(TiledModel(classifier, tile=5, stride=alone.stride), images)
    assert np.array_equal(evaluation.predictions["mean-logit"], alone.predictions)
    assert np.array_equal(evaluation.predictions["full-pass"], found.whole)
    assert np.isclose(np.mean(alone.right), evaluation.metrics["single-tile"]["accuracy"])
    assert (len(found.images), found.labels) == (30, tuple(images.labels))
    votes = evaluation.scores["single-tile"]
    assert np.allclose(alone.alike, votes[np.arange(30), list(found.whole)])
    assert np.isclose(alone.chance, votes.mean(0) @ (np.bincount(found.whole, minlength=7) / 30))


def test_statistics_are_of_training_images_alone(make_classifier: Make, uniform: ImageSet) -> None:
    """Images are answered one by one: which others are asked about changes nothing, and training images do."""
    classifier, few = make_classifier(tile=None), uniform.select(np.arange(10))
    darker = replace(uniform, images=MemoryImages(uniform.images.pixels // 4, ("",) * 40))

    def answers(images: ImageSet, training: ImageSet) -> list[tuple[float, ...]]:
        found = ask_about_tiles(TiledModel(classifier), images, training, [5], most=40)
        return [view(found, f"{name}+bn").alike[:10] for name in ("alone", "in place")]

    assert answers(uniform, uniform) == answers(few, uniform)
    changed = zip(answers(few, uniform), answers(few, darker), strict=True)
    assert all(one != other for one, other in changed)


def test_a_network_of_one_size_is_shown_tiles_in_place(make_classifier: Make, uniform: ImageSet) -> None:
    torch.manual_seed(0)
    classifier = make_classifier(tile=None)
    classifier.network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 14 * 11, 7))
    found = ask(classifier, uniform, 5)
    assert [one.view for one in found.views] == ["in place"]
    refused, no_norm = found.left_out
    assert refused.startswith("it takes no tiles of 5 pixels alone (")
    assert no_norm == "it has no BatchNorm whose statistics could be re-estimated"


def test_images_of_several_sizes_have_grids_of_their_own(make_classifier: Make, varied: ImageSet) -> None:
    found = ask_about_tiles(
        TiledModel(make_classifier(tile=None, resize_short=8)), varied, varied, [4], most=30
    )
    # Resized to 8×8, 8×12, 8×10 and 8×23: three rows, and columns at a stride of 2.
    counts = [9, 15, 15, 9, 12, 33]
    assert {(one.stride, one.tiles) for one in found.views} == {(2, np.mean(counts))}
