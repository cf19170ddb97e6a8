"""Label suspects: wrong labels that were planted are found again, and the criterion is the one stated."""

import numpy as np
import pytest
import torch

from nearsight.diagnosis.labels.suspects import LabelSuspect, label_suspects
from nearsight.evidence import EvidenceMap
from nearsight.tiles import TileGrid

CLASSES = tuple(f"class {number}" for number in range(5))
GRID = TileGrid(8, 8, tile=4, stride=1)
TRUE = np.arange(600) % len(CLASSES)


def maps(skill: float) -> list[EvidenceMap]:
    """Evidence of tiles that lean to the true class, some images and tiles more and some less."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for label in TRUE:
        logits = torch.randn(len(CLASSES), *GRID.shape, generator=generator) * 2
        logits += torch.randn(len(CLASSES), 1, 1, generator=generator)
        logits[label] += skill
        found.append(EvidenceMap(logits, GRID, CLASSES))
    return found


def suspects_of(found: list[EvidenceMap], labels: np.ndarray) -> tuple[LabelSuspect, ...]:
    probabilities, votes, scores = (
        np.stack([tensor.numpy() for tensor in tensors])
        for tensors in zip(
            *((tiles.probabilities(), tiles.vote(), tiles.mean()) for tiles in found), strict=True
        )
    )
    paths = [f"{i}.png" for i in range(len(found))]
    return label_suspects(probabilities, scores.argmax(1), labels, paths, votes)


def planted(share: float) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    changed = np.flatnonzero(random.random(len(TRUE)) < share)
    labels = TRUE.copy()
    labels[changed] = (TRUE[changed] + random.integers(1, len(CLASSES), len(changed))) % len(CLASSES)
    return labels, changed


def test_planted_wrong_labels_are_found_and_little_else() -> None:
    found = maps(skill=3)
    labels, changed = planted(0.08)
    suspects = suspects_of(found, labels)
    hits = [suspect for suspect in suspects if suspect.index in changed]
    assert np.mean([tiles.predicted() == label for tiles, label in zip(found, TRUE, strict=True)]) < 0.96
    assert len(hits) / len(suspects) >= 0.8
    assert len(hits) / len(changed) >= 0.5
    assert np.mean([suspect.suggested == TRUE[suspect.index] for suspect in hits]) >= 0.95


def test_of_right_labels_few_are_suspect_fewer_than_the_classifier_gets_wrong() -> None:
    found = maps(skill=3)
    wrong = sum(tiles.predicted() != label for tiles, label in zip(found, TRUE, strict=True))
    assert 0.03 * len(TRUE) < wrong
    assert len(suspects_of(found, TRUE)) < 0.02 * len(TRUE)


def test_a_suspect_is_what_the_criterion_says_and_nothing_else_is() -> None:
    found = maps(skill=2)
    labels, _ = planted(0.1)
    probabilities = np.stack([tiles.probabilities().numpy() for tiles in found])
    thresholds = [probabilities[labels == number, number].mean() for number in range(len(CLASSES))]
    best = np.array([tiles.predicted() for tiles in found])
    expected = [
        i
        for i, label in enumerate(labels)
        if best[i] != label
        and probabilities[i, best[i]] >= thresholds[best[i]]
        and probabilities[i, label] < 1 / len(CLASSES)
    ]
    suspects = suspects_of(found, labels)
    assert len(expected) > 10
    assert sorted(suspect.index for suspect in suspects) == expected
    margins = [probabilities[s.index, s.suggested] - probabilities[s.index, s.label] for s in suspects]
    assert margins == sorted(margins, reverse=True)
    for suspect in suspects:
        votes = found[suspect.index].vote()
        assert suspect.label == labels[suspect.index]
        assert suspect.share == pytest.approx(float(votes[suspect.suggested]))
        assert suspect.share_label == pytest.approx(float(votes[suspect.label]))
        assert suspect.path == f"{suspect.index}.png"


def test_a_class_that_labels_no_image_is_not_suggested() -> None:
    probabilities = np.array([[0.01, 0.99], [0.9, 0.1], [0.2, 0.8]], dtype=np.float32)
    predictions, paths = probabilities.argmax(1), ["a", "b", "c"]
    assert label_suspects(probabilities[:2], predictions[:2], np.array([0, 0]), paths) == ()
    [found] = label_suspects(probabilities, predictions, np.array([0, 0, 1]), paths)
    assert (found.path, found.suggested, found.share) == ("a", 1, None)


def test_what_is_decided_rightly_is_no_suspect_whatever_the_probabilities() -> None:
    probabilities = np.array([[0.1, 0.9], [0.9, 0.1], [0.1, 0.9]], dtype=np.float32)
    labels = np.array([0, 0, 1])
    assert label_suspects(probabilities, labels, labels, ["a", "b", "c"]) == ()


def test_no_images_and_one_class_have_no_suspects() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert label_suspects(np.empty((0, 5), dtype=np.float32), nothing, nothing, []) == ()
    one = np.array([0])
    assert label_suspects(np.ones((1, 1), dtype=np.float32), one, one, ["a"]) == ()
