"""The verdict on object and background: made-up answers whose verdict is plain, and answers that mean nothing."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from nearsight.diagnosis.reliance.asking import AS_IT_IS, INTERVENTIONS, SWAPPED, Answers
from nearsight.diagnosis.reliance.verdict import (
    BACKGROUND,
    BOTH,
    INDIFFERENT,
    NOT_KNOWN,
    OBJECT,
    judge_regions,
)
from nearsight.diagnosis.reliance.wording import without_need

CLASSES = ("a", "b", "c", "d", "e", "f")


def answered(rates: tuple[float, float, float], *, each: int = 50, seed: int = 0) -> Answers:
    """Answers right at these rates as they are, without the object and without the background."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(CLASSES)), each)
    as_it_is, without_object, without_background = rates
    rate = {None: as_it_is, "object": without_object, "background": without_background}
    # The same images are hard under every intervention.
    hard = random.random(len(labels))
    columns = []
    for intervention in INTERVENTIONS:
        wrong = (labels + random.integers(1, len(CLASSES), len(labels))) % len(CLASSES)
        columns.append(np.where(hard < rate[intervention.side], labels, wrong))
    return made(labels, np.stack(columns, 1))


def made(labels: NDArray[np.int64], predictions: NDArray[np.int64]) -> Answers:
    return Answers(
        np.arange(len(labels)), labels, predictions, (labels + 1) % len(CLASSES), examples=(), left_out=0
    )


def verdicts(answers: Answers) -> tuple[str, list[str]]:
    found = judge_regions(answers, CLASSES)
    return found.overall.verdict, [row.verdict for row in found.classes]


@pytest.mark.parametrize(
    ("rates", "verdict"),
    [
        ((0.9, 0.2, 0.9), OBJECT),
        ((0.9, 0.3, 0.3), BOTH),
        ((0.95, 0.95, 0.95), INDIFFERENT),
        ((0.95, 0.95, 0.2), BACKGROUND),
        # Steel: erasing the defects leaves 90.8 of 95.6 %, and the background alone is right for 83 %.
        ((0.956, 0.908, 0.9), INDIFFERENT),
    ],
)
def test_plain_answers_have_their_verdict(rates: tuple[float, float, float], verdict: str) -> None:
    whole, rows = verdicts(answered(rates, each=60))
    assert whole == verdict
    assert set(rows) <= {verdict, NOT_KNOWN}
    assert rows.count(verdict) >= 4


def test_classes_that_need_no_object_are_named_beside_the_verdict_on_all_together() -> None:
    kinds = {"object": (0.95, 0.1, 0.95), "background": (0.95, 0.95, 0.1), "either": (0.95, 0.95, 0.95)}
    of_all = {name: answered(rates) for name, rates in kinds.items()}
    labels = of_all["object"].labels
    # Two classes by their background, one by either, the others by their object.
    chosen = [of_all[name].predictions for name in ("background", "background", "either", *["object"] * 3)]
    mixed = judge_regions(made(labels, np.choose(labels[:, None], chosen)), CLASSES)
    assert mixed.overall.verdict not in (BACKGROUND, INDIFFERENT)
    assert without_need(mixed) == (
        "the background decides 2 of 6 classes (a, b); "
        "the background suffices for 1 of 6 classes, which need no object (c)"
    )
    for name in kinds:
        # Nothing to add where no class needs none, or where the verdict on all together says so.
        assert without_need(judge_regions(of_all[name], CLASSES)) == ""


def always(number: int) -> Callable[[NDArray[np.int64], np.random.Generator], NDArray[np.int64]]:
    return lambda labels, _: np.full(len(labels), number)


def at_random(labels: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    return random.integers(0, len(CLASSES), len(labels))


@pytest.mark.parametrize("decide", [always(0), always(3), at_random])
def test_what_decides_without_looking_has_no_verdict(
    decide: Callable[[NDArray[np.int64], np.random.Generator], NDArray[np.int64]],
) -> None:
    for seed in range(20):
        random = np.random.default_rng(seed)
        labels = np.repeat(np.arange(len(CLASSES)), 40)
        answers = made(labels, np.stack([decide(labels, random) for _ in INTERVENTIONS], 1))
        whole, rows = verdicts(answers)
        assert whole == NOT_KNOWN
        assert rows == [NOT_KNOWN] * len(CLASSES)


def test_at_the_border_classes_are_rarely_given_a_verdict() -> None:
    """Where three quarters are left, either answer is wrong; of 600 classes the two together are rare."""
    given = 0
    for seed in range(100):
        # 0.85 right of which 0.68 are beyond the chance of one in six and the rest; three quarters of it are left.
        known = 0.9 - (1 - 0.9) / 5
        left = 0.75 * known
        rate = (left + 0.2) / 1.2
        given += sum(verdict != NOT_KNOWN for verdict in verdicts(answered((0.9, rate, 0.9), seed=seed))[1])
    assert given / 600 < 0.05


def test_few_images_decide_nothing_and_say_so() -> None:
    found = judge_regions(answered((0.9, 0.2, 0.9), each=4), CLASSES)
    whole, rows = found.overall, found.classes
    assert whole.verdict == OBJECT
    assert {row.verdict for row in rows} == {NOT_KNOWN}
    assert all("do not decide it" in (row.reason or "") for row in rows if row.known.value > 0.25)


def test_a_row_holds_the_accuracies_and_their_changes() -> None:
    answers = answered((0.8, 0.5, 0.7))
    found = judge_regions(answers, CLASSES)
    whole, rows = found.overall, found.classes
    assert whole.original.value == np.mean(answers.of(AS_IT_IS) == answers.labels)
    for row in (whole, *rows):
        for fill in row.fills:
            assert row.original.value is not None
            assert fill.accuracy.value == pytest.approx(row.original.value + fill.change.value)
            assert fill.change.low <= fill.change.value <= fill.change.high
    of_b = answers.labels == 1
    assert rows[1].took_donor.value == np.mean(answers.of(SWAPPED)[of_b] == 2)
    assert rows[1].took_donor.chance == np.mean(answers.of(AS_IT_IS)[of_b] == 2)


def test_the_fill_that_harms_least_decides() -> None:
    answers = answered((0.95, 0.1, 0.95), each=60)
    place = next(i for i, each in enumerate(INTERVENTIONS) if each.side == "object" and each.fill == "image")
    predictions = answers.predictions.copy()
    predictions[:, place] = predictions[:, 0]
    assert verdicts(made(answers.labels, predictions))[0] == INDIFFERENT


def test_a_class_without_images_and_one_with_a_single_image_are_not_known() -> None:
    answers = answered((0.9, 0.2, 0.9))
    some = np.flatnonzero((answers.labels != 5) & ((answers.labels != 4) | (np.arange(300) == 200)))
    rows = judge_regions(made(answers.labels[some], answers.predictions[some]), CLASSES).classes
    assert [(row.images, row.verdict) for row in rows[4:]] == [(1, NOT_KNOWN), (0, NOT_KNOWN)]
    assert rows[5].reason == "it has fewer than two images with a region"
    assert rows[0].verdict == OBJECT
