"""Scores, predictions and correctness under each protocol."""

import numpy as np
import pytest
import torch

from nearsight.errors import InputError
from nearsight.evaluation import correctness, predict, tile_scores
from nearsight.evaluation.protocols import TILE_PROTOCOLS, probabilities
from nearsight.evidence import EvidenceMap
from nearsight.settings.protocols import PROTOCOLS, USUAL
from nearsight.tiles import TileGrid

GRID = TileGrid(9, 8, tile=4, stride=2)


@pytest.fixture
def evidence_map() -> EvidenceMap:
    logits = torch.randn(3, *GRID.shape, generator=torch.Generator().manual_seed(2)) * 4
    return EvidenceMap(logits, GRID, ("cat", "dog", "owl"))


def test_single_tile_accuracy_is_the_mean_of_tiles_judged_one_by_one(evidence_map: EvidenceMap) -> None:
    scores = tile_scores("single-tile", evidence_map).numpy()[None]
    for label in range(3):
        judged = [int(tile.argmax()) == label for tile in evidence_map.logits.flatten(1).T]
        assert correctness("single-tile", scores, np.array([label]))[0] == pytest.approx(np.mean(judged))


@pytest.mark.parametrize("protocol", ["mean-probability", "vote", "single-tile"])
def test_shares_sum_to_one_and_are_their_own_probabilities(protocol: str, evidence_map: EvidenceMap) -> None:
    scores = tile_scores(protocol, evidence_map).numpy()[None]
    assert scores.sum() == pytest.approx(1)
    assert probabilities(protocol, scores) is scores


@pytest.mark.parametrize(
    "protocol", ["full-pass", "full-pass+bn", "mean-logit", "top-k", "max", "noisy-or", "attention"]
)
def test_logits_become_probabilities_by_softmax(protocol: str) -> None:
    scores = np.array([[1.0, 3.0, -2.0]], dtype=np.float32)
    np.testing.assert_allclose(
        probabilities(protocol, scores), np.exp(scores) / np.exp(scores).sum(), rtol=1e-6
    )


def test_one_tile_makes_all_protocols_agree() -> None:
    logits = torch.randn(5, 3, 1, 1, generator=torch.Generator().manual_seed(0))
    for one in logits:
        grid = TileGrid(4, 4, tile=4, stride=1)
        tiles = EvidenceMap(one, grid, ("cat", "dog", "owl"), attention=torch.zeros(grid.shape))
        chosen = {int(tile_scores(protocol, tiles).argmax()) for protocol in TILE_PROTOCOLS}
        assert chosen == {int(one.argmax())}


def test_of_equal_scores_the_first_class_is_predicted() -> None:
    scores = np.array([[0.0, 0.5, 0.5], [0.25, 0.25, 0.5], [0.4, 0.4, 0.2]], dtype=np.float32)
    assert predict(scores).tolist() == [1, 2, 0]


def test_an_unknown_protocol_is_refused_with_the_nearest(evidence_map: EvidenceMap) -> None:
    with pytest.raises(InputError, match="did you mean 'mean-logit'"):
        tile_scores("mean-logits", evidence_map)
    assert USUAL == ("full-pass", "mean-logit", "mean-probability", "vote", "single-tile")
    assert PROTOCOLS[1:] == tuple(TILE_PROTOCOLS)
