"""Five thousand classes: memory and files grow with their number, not with its square."""

import tracemalloc
from pathlib import Path

import numpy as np

from nearsight.diagnosis.gate.agreement import measure_gate
from nearsight.diagnosis.reliance.contrast import OffShareSums
from nearsight.evaluation import Evaluation
from nearsight.evaluation.metrics import confusion_cells, protocol_metrics

CLASSES, IMAGES = 5_000, 12
# A table of all pairs of classes takes 200 MB.
BOUND = 100 * 2**20


def test_five_thousand_classes_are_measured_within_a_bound(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, CLASSES, IMAGES)
    scores = random.random((IMAGES, CLASSES), dtype=np.float32)
    names = [f"class {number}" for number in range(CLASSES)]
    tracemalloc.start()
    try:
        metrics = {"vote": protocol_metrics("vote", scores, labels, names)}
        found = Evaluation(metrics, {"split": "test"}, labels, {"vote": scores.argmax(1)}, {"vote": scores})
        found.save(tmp_path)
        again = Evaluation.load(tmp_path)
        measure_gate("full-pass", scores, scores[:, ::-1], labels)
        OffShareSums(CLASSES).contrasts()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < BOUND
    assert again.metrics == found.metrics
    assert sum(metrics["vote"]["confusion"]["count"]) == IMAGES


def test_cells_are_those_of_the_whole_table_under_every_kind_of_score() -> None:
    random = np.random.default_rng(1)
    labels = random.integers(0, 7, 50)
    shares = random.dirichlet(np.ones(7), 50).astype(np.float32)
    shares[shares < 0.1] = 0
    whole = np.zeros((7, 7))
    np.add.at(whole, labels, shares.astype(np.float64))
    np.testing.assert_allclose(confusion_cells("single-tile", shares, labels).toarray(), whole, rtol=1e-12)
    cells = confusion_cells("vote", shares, labels)
    places = list(zip(*(part.tolist() for part in cells.coords), strict=True))
    assert places == sorted(set(places))
    assert cells.sum() == 50
