"""What whole-image arms say of tiles, redone from made-up answers, and kept beside a run."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import cohen_kappa_score

from nearsight.data import ImageSet, MemoryImages
from nearsight.digest import unsealed_json
from nearsight.errors import InputError
from nearsight.evaluation.whole_on_tiles import TileAnswers, ViewAnswers
from nearsight.evidence import TiledModel
from nearsight.models import Architecture, Classifier, Preprocessing
from nearsight.runs import Run
from nearsight.statistics import agreement_beside_seeds, arm_estimate, paired_difference, widened_by_folds
from nearsight.study.asking_about_tiles import ANSWERS, ask_run, measure_on_tiles

IMAGES, CLASSES, SEEDS = 60, 4, 3
LABELS = np.random.default_rng(9).integers(CLASSES, size=IMAGES)


def answers_of(seed: int, labels: np.ndarray = LABELS, same: float = 0.5) -> TileAnswers:
    """Full passes that are right in three of four, and tiles that say the same with some probability."""
    random = np.random.default_rng(seed)
    other = random.integers(CLASSES, size=(2, len(labels)))
    whole = np.where(random.random(len(labels)) < 0.75, labels, other[0])
    views = []
    for tile in (8, 16):
        for view in ("alone", "in place"):
            predicted = np.where(random.random(len(labels)) < same, whole, other[1])
            right, alike = random.integers(10, size=(2, len(labels))) / 9
            views.append(
                ViewAnswers(
                    tile,
                    tile // 2,
                    9.0,
                    view,
                    tuple(predicted.tolist()),
                    tuple(right),
                    tuple(alike),
                    0.1 * seed,
                )
            )
    numbers = tuple(range(len(labels)))
    return TileAnswers(numbers, tuple(labels.tolist()), tuple(whole.tolist()), tuple(views), 100)


def test_estimates_are_those_of_the_answers() -> None:
    answers = [answers_of(seed) for seed in range(SEEDS)]
    found = measure_on_tiles("full", [[one] for one in answers], [16])
    whole = np.array([one.whole for one in answers])
    right = (whole == LABELS).astype(float)
    assert found.full_pass == arm_estimate(right)
    assert [(size.tile, size.stride) for size in found.sizes] == [(8, 4), (16, 8)]
    assert found.asked == (16,)
    for number, row in enumerate(view for size in found.sizes for view in size.views):
        told = [one.views[number] for one in answers]
        predicted = np.array([one.predictions for one in told])
        assert row.accuracy == arm_estimate(predicted == LABELS)
        assert row.lost == paired_difference(right, predicted == LABELS)
        assert row.beside_seeds == agreement_beside_seeds(predicted == whole, whole)
        alone = np.array([one.views[number - number % 2].predictions for one in answers])
        gained = paired_difference(predicted == LABELS, alone == LABELS)
        assert row.gained == (gained if number % 2 else None)
        assert row.agreement.numbers == arm_estimate(predicted == whole).numbers
        assert row.single_accuracy == arm_estimate([one.right for one in told])
        assert row.single_agreement.numbers == arm_estimate([one.alike for one in told]).numbers
        assert row.single_agreement.chance == pytest.approx(0.1)
        kappas = [cohen_kappa_score(*pair) for pair in zip(predicted, whole, strict=True)]
        assert row.kappa.value == pytest.approx(np.mean(kappas), abs=0.01)
    pairs = [np.mean(whole[one] == whole[other]) for one, other in ((0, 1), (0, 2), (1, 2))]
    assert found.between_seeds.value == pytest.approx(np.mean(pairs))


def test_folds_are_put_one_after_the_other_and_widen_what_is_estimated() -> None:
    halves = [[answers_of(seed, LABELS[:30]), answers_of(seed + 9, LABELS[30:])] for seed in range(SEEDS)]
    found = measure_on_tiles("full", halves, [], ratio=0.5)
    right = [np.concatenate([one.whole for one in of_seed]) == LABELS for of_seed in halves]
    assert found.full_pass == widened_by_folds(
        arm_estimate(right), right, np.repeat([0, 1], 30), ratio=0.5, least=0
    )
    covered = {row.lost.covers for size in found.sizes for row in size.views}
    assert covered == {"images, training sets and seeds"}


def test_runs_of_different_images_are_not_put_together() -> None:
    with pytest.raises(InputError, match="different images"):
        measure_on_tiles("full", [[answers_of(0)], [answers_of(1, LABELS[::-1])]], [])


@pytest.mark.parametrize(
    ("same", "ending"),
    [
        (1.0, "; so its tiles together say much the same"),
        (0.3, "; so its tiles do not say much the same (kappa below 0.6, however they are shown)"),
        (0.66, "; whether its tiles together say much the same is not settled"),
    ],
)
def test_the_verdict_goes_by_the_whole_interval_of_kappa(same: float, ending: str) -> None:
    found = measure_on_tiles("full+standard", [[answers_of(seed, same=same)] for seed in range(SEEDS)], [16])
    [sentence] = found.sentences()
    assert sentence.endswith(ending)
    assert sentence.startswith("full+standard, trained on whole images, predicts ")
    assert " % of images from tiles of 16 pixels alone as it does from the whole image" in sentence
    assert "; two seeds agree on" in sentence
    assert ") % of whole images, a difference of " in sentence


def test_a_control_that_is_better_says_what_is_not_of_the_size() -> None:
    answers = [answers_of(seed, same=0.1) for seed in range(SEEDS)]
    views = [
        replace(one, predictions=given.whole) if one.view == "in place" else one
        for given in answers
        for one in given.views
    ]
    shown = [replace(given, views=tuple(views[4 * k : 4 * k + 4])) for k, given in enumerate(answers)]
    [sentence] = measure_on_tiles("full", [[one] for one in shown], [16]).sentences()
    assert "at their place in an image of the mean colour, tiles predict 100.0 (" in sentence
    assert "lose 0.0 (" in sentence
    assert ") points go with padding and statistics, not with their size" in sentence
    assert sentence.endswith("so its tiles together say much the same once they are shown so")


def test_one_seed_is_of_one_network() -> None:
    [sentence] = measure_on_tiles("full", [[answers_of(0)]], []).sentences()
    assert sentence.startswith("one network of full, trained on whole images, predicts ")
    assert "two seeds" not in sentence


def test_two_seeds_and_folds_have_no_difference_to_two_seeds() -> None:
    halves = [[answers_of(seed, LABELS[:30]), answers_of(seed + 9, LABELS[30:])] for seed in range(SEEDS)]
    for answers in ([[answers_of(0)], [answers_of(1)]], halves):
        found = measure_on_tiles("full", answers, [16])
        assert all(row.beside_seeds is None or row.beside_seeds.value is None for row in found.sizes[0].views)
        assert "a difference of" not in next(found.sentences())


def test_answers_are_kept_with_the_run_until_something_else_is_asked(tmp_path: Path, listener: Any) -> None:
    torch.manual_seed(0)
    architecture, half = Architecture("airbench", classes=2, width=0.1), (0.5, 0.5, 0.5)
    toy = Classifier(
        architecture.build(), architecture, ("cat", "dog"), None, Preprocessing(half, half)
    ).eval()
    pixels = torch.randint(256, (12, 3, 8, 8), dtype=torch.uint8)
    images = ImageSet("toy", "test", toy.classes, np.arange(12) % 2, MemoryImages(pixels, ("",) * 12))
    run, bound = Run(tmp_path), TiledModel(toy)

    def ask(tiles: list[int], most: int) -> TileAnswers:
        return ask_run(run, bound, images, images, tiles, most=most, progress=listener)

    first, written = ask([5], 10), (tmp_path / ANSWERS).read_bytes()
    assert {one.tile for one in first.views} == {2, 4, 5, 6}
    content = json.loads(unsealed_json(written, ANSWERS))
    content["answers"]["whole"][0] = 7
    (tmp_path / ANSWERS).write_text(json.dumps(content))
    assert ask([5], 10).whole == (7, *first.whole[1:])
    assert ask([5], 9).whole[0] != 7
    assert ask([5], 10) == first
    assert (tmp_path / ANSWERS).read_bytes() == written
    # The answers of another network, as beside a run that was copied; older files do not say whose they are.
    for weights, kept in (("of another", False), (None, True)):
        (tmp_path / ANSWERS).write_text(json.dumps({**content, "weights": weights}))
        assert (ask([5], 10).whole[0] == 7) == kept
    content["answers"]["whole"].pop()
    for damaged in ("{", json.dumps(content)):
        (tmp_path / ANSWERS).write_text(damaged)
        assert ask([5], 10) == first
        assert "on-tiles.json" in listener.said[-1]
        assert "measured again" in listener.said[-1]
    assert len(listener.said) == 2
