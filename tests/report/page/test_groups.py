"""Accuracy by group on the page of a run: the worst is named, and names are text."""

from pathlib import Path

import numpy as np

from nearsight.data.value_groups import ValueGroups
from nearsight.evaluation import Evaluation
from nearsight.evaluation.metrics import protocol_metrics
from nearsight.report.page.run_page import run_html


def test_the_page_of_a_run_has_the_groups_of_its_evaluation(tmp_path: Path) -> None:
    labels = np.repeat([0, 1], 30)
    scores = np.eye(2, dtype=np.float32)[labels]
    scores[45:] = scores[45:, ::-1]
    groups = ValueGroups("site <b>", ("north", "south"), np.tile(np.repeat([0, 1], 15), 2))
    metrics = {"vote": protocol_metrics("vote", scores, labels, ("cat", "dog"), groups)}
    settings = {"split": "test", "data": "toy", "groups": "site <b>"}
    Evaluation(metrics, settings, labels, {"vote": scores.argmax(1)}, {"vote": scores}).save(tmp_path)
    page = run_html(tmp_path)
    assert "Worst: dog, site &lt;b&gt; south: 0.0 % (0.0 to 20.4) of 15 images" in page
    assert "<b>50.0\N{NO-BREAK SPACE}%</b>" in page
    assert "site <b>" not in page


def test_the_page_of_a_run_without_groups_says_nothing_of_them(tmp_path: Path) -> None:
    labels = np.array([0, 1])
    scores = np.eye(2, dtype=np.float32)
    metrics = {"vote": protocol_metrics("vote", scores, labels, ("cat", "dog"))}
    Evaluation(metrics, {"split": "test", "data": "toy"}, labels, {"vote": labels}, {"vote": scores}).save(
        tmp_path
    )
    assert "worst" not in run_html(tmp_path).casefold()
