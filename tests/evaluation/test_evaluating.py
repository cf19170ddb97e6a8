"""An evaluation against doing it by hand: one image, one tile at a time."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nearsight.data import ImageSet, load
from nearsight.errors import InputError
from nearsight.evaluation import evaluate
from nearsight.evaluation.expected import expected_of
from nearsight.evidence import TiledModel
from nearsight.evidence.cost import Cost
from nearsight.models import Classifier
from nearsight.settings.protocols import USUAL
from nearsight.tiles import TileGrid


def by_hand(classifier: Classifier, image: torch.Tensor, tile: int, stride: int) -> dict[str, np.ndarray]:
    """Score one uint8 image under every protocol with nothing but slicing and the network."""
    prepared = classifier.prepare(image)
    grid = TileGrid(prepared.shape[1], prepared.shape[2], tile, stride, "covering")
    corners = [(top, left) for top in grid.tops for left in grid.lefts]
    with torch.inference_mode():
        whole = classifier(prepared[None])[0].numpy()
        logits = np.stack(
            [
                classifier(prepared[None, :, top : top + tile, left : left + tile])[0].numpy()
                for top, left in corners
            ]
        )
    softmax = np.exp(logits - logits.max(1, keepdims=True))
    softmax /= softmax.sum(1, keepdims=True)
    votes = np.bincount(logits.argmax(1), minlength=logits.shape[1]) / len(corners)
    return {
        "full-pass": whole,
        "mean-logit": logits.mean(0),
        "mean-probability": softmax.mean(0),
        "vote": votes,
        "single-tile": votes,
    }


@pytest.mark.parametrize("kind", ["uniform", "varied"])
@pytest.mark.parametrize("resize_short", [None, 8])
@pytest.mark.parametrize("stride", [None, 4])
def test_every_score_is_that_of_one_image_and_one_tile_at_a_time(
    kind: str,
    resize_short: int | None,
    stride: int | None,
    make_classifier: Callable[..., Classifier],
    request: pytest.FixtureRequest,
) -> None:
    images: ImageSet = request.getfixturevalue(kind)
    classifier = make_classifier(tile=6, resize_short=resize_short)
    evaluation = evaluate(TiledModel(classifier, stride=stride, memory=2**20), images)
    assert list(evaluation.metrics) == list(USUAL)
    for i in range(len(images)):
        expected = by_hand(classifier, images.image(i), 6, stride or 1)
        for protocol in USUAL:
            np.testing.assert_allclose(evaluation.scores[protocol][i], expected[protocol], atol=1e-4)
    assert evaluation.settings["stride"] == (stride or 1)


def test_the_bound_on_memory_changes_no_score(classifier: Classifier, varied: ImageSet) -> None:
    small, large = (evaluate(TiledModel(classifier, memory=memory), varied) for memory in (1, 2**28))
    for protocol in USUAL:
        np.testing.assert_allclose(small.scores[protocol], large.scores[protocol], atol=1e-4)


def test_metrics_follow_from_scores_and_labels(classifier: Classifier, uniform: ImageSet) -> None:
    evaluation = evaluate(TiledModel(classifier, stride=3), uniform)
    rows = np.arange(40)
    for protocol, measured in evaluation.metrics.items():
        scores = evaluation.scores[protocol]
        if protocol == "single-tile":
            expected = scores[rows, uniform.labels].mean()
        else:
            expected = (scores.argmax(1) == uniform.labels).mean()
        assert measured["accuracy"] == pytest.approx(expected)
        assert measured["n"] == 40
        assert (evaluation.predictions[protocol] == scores.argmax(1)).all()
    accuracies = {measured["accuracy"] for measured in evaluation.metrics.values()}
    assert len(accuracies) > 2


def test_the_order_of_the_images_is_that_of_the_set(classifier: Classifier, varied: ImageSet) -> None:
    order = np.random.default_rng(1).permutation(len(varied))
    plain, permuted = (
        evaluate(TiledModel(classifier), varied),
        evaluate(TiledModel(classifier), varied.select(order)),
    )
    assert (permuted.labels == plain.labels[order]).all()
    np.testing.assert_allclose(permuted.scores["vote"], plain.scores["vote"][order], atol=1e-6)


def test_a_classifier_of_whole_images_is_given_full_pass_unless_a_tile_is_named(
    make_classifier: Callable[..., Classifier], uniform: ImageSet
) -> None:
    classifier = make_classifier(tile=None)
    alone = evaluate(TiledModel(classifier), uniform)
    assert list(alone.metrics) == ["full-pass"]
    assert "tile" not in alone.settings
    assert list(evaluate(TiledModel(classifier, tile=6), uniform).metrics) == list(USUAL)
    with pytest.raises(InputError, match="'vote' needs a tile"):
        evaluate(TiledModel(classifier), uniform, protocols=["full-pass", "vote"])


def test_only_what_is_asked_is_done(classifier: Classifier, uniform: ImageSet) -> None:
    evaluation = evaluate(TiledModel(classifier), uniform, protocols=["vote", "full-pass", "vote"])
    assert list(evaluation.metrics) == ["full-pass", "vote"]


def test_the_classifier_given_is_not_changed(classifier: Classifier, uniform: ImageSet) -> None:
    classifier.train()
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    trained = evaluate(TiledModel(classifier), uniform, reestimate=uniform)
    assert all(module.training for module in classifier.modules())
    assert all(value.equal(before[name]) for name, value in classifier.state_dict().items())
    np.testing.assert_array_equal(
        trained.scores["vote"], evaluate(TiledModel(classifier.eval()), uniform).scores["vote"]
    )


def test_re_estimated_batch_norm_is_reported_beside(classifier: Classifier, uniform: ImageSet) -> None:
    evaluation = evaluate(
        TiledModel(classifier), uniform, protocols=["full-pass", "vote"], reestimate=uniform
    )
    assert list(evaluation.metrics) == ["full-pass", "full-pass+bn", "vote"]
    assert not np.allclose(evaluation.scores["full-pass"], evaluation.scores["full-pass+bn"])


@pytest.mark.parametrize("protocols", [None, ["full-pass"]])
def test_progress_counts_every_image(
    protocols: list[str] | None, classifier: Classifier, varied: ImageSet, listener: Any
) -> None:
    evaluate(TiledModel(classifier), varied, protocols=protocols, progress=listener)
    assert listener.counted == [("evaluating images", done, 30) for done in range(1, 31)]


def test_unknown_protocols_are_refused_with_the_nearest(classifier: Classifier, uniform: ImageSet) -> None:
    with pytest.raises(InputError, match="unknown protocol 'votes'; did you mean 'vote'"):
        evaluate(TiledModel(classifier), uniform, protocols=["votes"])
    with pytest.raises(InputError, match="no protocol was given"):
        evaluate(TiledModel(classifier), uniform, protocols=[])


def test_a_tile_that_does_not_fit_names_the_file(
    make_classifier: Callable[..., Classifier], varied: ImageSet
) -> None:
    with pytest.raises(InputError, match=r"a tile of 8 pixels does not fit image-5\.png"):
        evaluate(TiledModel(make_classifier(tile=8)), varied)
    with pytest.raises(InputError, match="resizes to a short side of 7"):
        evaluate(TiledModel(make_classifier(tile=8, resize_short=7)), varied)


def test_other_classes_than_the_classifiers_are_refused(classifier: Classifier, uniform: ImageSet) -> None:
    fewer = ImageSet("toy", "test", uniform.classes[:6], uniform.labels, uniform.images)
    with pytest.raises(InputError, match="knows 7 classes but toy test has 6"):
        evaluate(TiledModel(classifier), fewer)
    renamed = ImageSet("toy", "test", ("cat", "hound", *uniform.classes[2:]), uniform.labels, uniform.images)
    with pytest.raises(InputError, match="class 1 is 'dog' to the classifier but 'hound' in toy test"):
        evaluate(TiledModel(classifier), renamed)


def test_an_empty_set_is_refused(classifier: Classifier, uniform: ImageSet) -> None:
    with pytest.raises(InputError, match="toy test has no images"):
        evaluate(TiledModel(classifier), uniform.select(np.array([], dtype=np.int64)))


@pytest.mark.parametrize("protocols", [["full-pass"], ["vote"]])
def test_weights_that_diverged_are_named(
    protocols: list[str], classifier: Classifier, uniform: ImageSet
) -> None:
    classifier.network[6].bias.data[2] = float("nan")
    with pytest.raises(InputError, match="image 0"):
        evaluate(TiledModel(classifier), uniform, protocols=protocols)


def test_tiles_of_real_photographs(
    real_data: Callable[[str], Path], make_classifier: Callable[..., Classifier]
) -> None:
    """Photographs of many sizes, decoded from JPEG: the same scores as by hand."""
    sample = load(str(real_data("imagenet-sample")))
    split = sample["sample"] if "sample" in sample else next(iter(sample.values()))
    chosen = np.arange(4)
    images = split.select(chosen)
    classifier = make_classifier(tile=48)
    classifier.classes = images.classes
    classifier.network[6] = torch.nn.Linear(8, len(images.classes))
    evaluation = evaluate(TiledModel(classifier, stride=48), images)
    for i in chosen:
        expected = by_hand(classifier, images.image(int(i)), 48, 48)
        for protocol in USUAL:
            np.testing.assert_allclose(evaluation.scores[protocol][i], expected[protocol], atol=1e-4)


class OneSize(torch.nn.Module):
    """A network that takes images of one size, as transformers with fixed positions do."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        assert images.shape[2:] == (8, 8), f"Input height ({images.shape[2]}) doesn't match model (8)."
        return images[:, :, ::4, ::4].flatten(1)[:, :7]


def test_how_long_it_takes_is_said_before_it_begins(
    uniform: ImageSet,
    make_classifier: Callable[..., Classifier],
    listener: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def cost(_bound: TiledModel, grids: list[Any]) -> Cost:
        asked.append(sum(map(len, grids)))
        return Cost(asked[-1], None, 90.0)

    monkeypatch.setattr(TiledModel, "cost", cost)
    bound = TiledModel(make_classifier(tile=6), stride=4, device="cpu")
    evaluate(bound, uniform, progress=listener)
    assert asked == []
    monkeypatch.setattr("nearsight.evaluation.scoring.expected_of", partial(expected_of, least=1))
    found = evaluate(bound, uniform, progress=listener)
    assert asked == [found.settings["tiles"]]
    assert listener.said == [f"evaluating {len(uniform)} images: {asked[0]:,} tiles, about 1:31"]


def test_a_full_pass_that_the_network_refuses_is_left_out_and_said(uniform: ImageSet, listener: Any) -> None:
    one = Classifier.of(OneSize(), classes=uniform.classes, tile=8, mean=0.5, std=0.5)
    found = evaluate(TiledModel(one, device="cpu"), uniform, progress=listener)
    assert list(found.metrics) == ["mean-logit", "mean-probability", "vote", "single-tile"]
    assert list(found.scores) == list(found.metrics)
    [left] = found.settings["left_out"]
    assert left.startswith("full-pass is left out: Input height")
    assert listener.said == [f"warning: {left}"]
    with pytest.raises(InputError, match="full-pass cannot be obtained: Input height"):
        evaluate(TiledModel(one, device="cpu"), uniform, protocols=["full-pass"])
    cut = Classifier.of(OneSize(), classes=uniform.classes, tile=8, mean=0.5, std=0.5, crop=8)
    assert "full-pass" in evaluate(TiledModel(cut, device="cpu"), uniform).metrics


@pytest.mark.parametrize("tile", [6, None])
def test_a_fault_that_is_not_of_the_size_is_named_in_one_line(uniform: ImageSet, tile: int | None) -> None:
    def faulty(images: torch.Tensor) -> torch.Tensor:
        if images.shape[-1] > 8 and bool((images != images.min()).any()):
            raise RuntimeError("no weights\nof a layer")
        return images.flatten(1)[:, :7]

    classifier = Classifier.of(faulty, classes=uniform.classes, tile=tile, mean=0.5, std=0.5)
    with pytest.raises(InputError, match=r"not for the size, with RuntimeError: no weights$"):
        evaluate(TiledModel(classifier, tile=tile, device="cpu"), uniform)


def test_a_tile_that_the_network_refuses_is_named(uniform: ImageSet) -> None:
    one = Classifier.of(OneSize(), classes=uniform.classes, tile=6, mean=0.5, std=0.5)
    with pytest.raises(InputError, match=r"refuses images of 6×6 pixels \(Input height"):
        evaluate(TiledModel(one, device="cpu"), uniform)
