"""The page of a run: what explains a number stands beside it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nearsight.evaluation import Evaluation
from nearsight.evaluation.metrics import protocol_metrics
from nearsight.report.page.run_page import run_html
from nearsight.runs import RECIPE
from nearsight.settings import RECIPES
from nearsight.settings.recipe import recipe_to_toml


@pytest.mark.parametrize(("smoothing", "said"), [(0.2, True), (0.0, False)])
def test_smoothed_labels_explain_the_calibration_error(tmp_path: Path, smoothing: float, said: bool) -> None:
    labels, scores = np.array([0, 1]), np.eye(2, dtype=np.float32)
    metrics = {"vote": protocol_metrics("vote", scores, labels, ("cat", "dog"))}
    found = Evaluation(metrics, {"split": "test", "data": "toy"}, labels, {"vote": labels}, {"vote": scores})
    found.save(tmp_path)
    recipe = replace(RECIPES["fast"], data="toy", label_smoothing=smoothing)
    (tmp_path / RECIPE).write_text(recipe_to_toml(recipe), encoding="utf-8")
    page = run_html(tmp_path)
    assert ("labels were smoothed by 0.2, so the network learns to be at most 90 % sure" in page) is said


@pytest.mark.parametrize("classes", [2, 6])
def test_top_five_is_a_column_only_where_there_are_more_classes(tmp_path: Path, classes: int) -> None:
    labels, scores = np.arange(classes), np.eye(classes, dtype=np.float32)
    metrics = {"vote": protocol_metrics("vote", scores, labels, tuple("abcdef"[:classes]))}
    Evaluation(metrics, {"split": "test", "data": "toy"}, labels, {"vote": labels}, {"vote": scores}).save(
        tmp_path
    )
    assert ("top 5" in run_html(tmp_path)) is (classes > 5)


@pytest.mark.parametrize("protocols", [("vote",), ("vote", "mean-logit")])
def test_the_protocol_of_predictions_is_marked_among_several(
    tmp_path: Path, protocols: tuple[str, ...]
) -> None:
    labels, scores = np.array([0, 1]), np.eye(2, dtype=np.float32)
    metrics = {name: protocol_metrics(name, scores, labels, ("cat", "dog")) for name in protocols}
    settings = {"split": "test", "data": "toy", "tile": 8}
    chosen, scored = dict.fromkeys(protocols, labels), dict.fromkeys(protocols, scores)
    Evaluation(metrics, settings, labels, chosen, scored).save(tmp_path)
    page, several = run_html(tmp_path), len(protocols) > 1
    assert page.count('class="headline"') == several
    assert ("<code>predict</code> uses <code>mean-logit</code>" in page) is several


@pytest.mark.parametrize(
    ("tile", "command"), [(4, "nearsight diagnose DIR"), (None, "nearsight diagnose DIR --tile 8")]
)
def test_the_page_of_a_run_says_how_to_go_on(tmp_path: Path, tile: int | None, command: str) -> None:
    labels, scores = np.array([0, 1]), np.eye(2, dtype=np.float32)
    metrics = {"vote": protocol_metrics("vote", scores, labels, ("cat", "dog"))}
    Evaluation(metrics, {"split": "test"}, labels, {"vote": labels}, {"vote": scores}).save(tmp_path)
    (tmp_path / RECIPE).write_text(recipe_to_toml(replace(RECIPES["fast"], tile=tile)), encoding="utf-8")
    assert f"<code>{command}</code>" in run_html(tmp_path)
