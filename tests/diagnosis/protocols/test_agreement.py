"""Agreement with the full pass, and what chance gives."""

import numpy as np
import pytest

from nearsight.diagnosis.protocols.agreement import protocol_agreement


def test_agreement_by_chance_is_that_of_predictions_drawn_apart() -> None:
    random = np.random.default_rng(0)
    full, votes = (random.dirichlet(shape, 400).astype(np.float32) for shape in ((3, 1, 1), (1, 1, 2)))
    labels = random.integers(0, 3, 400)
    rows = protocol_agreement({"full-pass": full, "vote": votes, "single-tile": votes}, labels)
    shuffled = [votes[random.permutation(400)] for _ in range(400)]
    by_vote = np.mean([(some.argmax(1) == full.argmax(1)).mean() for some in shuffled])
    by_tile = np.mean([some[np.arange(400), full.argmax(1)].mean() for some in shuffled])
    assert rows[1].agreement.chance == pytest.approx(by_vote, abs=0.005)
    assert rows[2].agreement.chance == pytest.approx(by_tile, abs=0.005)
    assert rows[0].agreement.value == 1.0
    assert rows[2].agreement.value == pytest.approx(votes[np.arange(400), full.argmax(1)].mean())
