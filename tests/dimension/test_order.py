"""Predicted against measured order: correlations as SciPy has them, and a comparison read or refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from nearsight.dimension.order import caveat, rank_correlation, read_accuracies, side_by_side
from nearsight.errors import InputError
from nearsight.statistics import Estimate
from nearsight.study import Accuracy, ArmResult, Comparison

OLD = Path(__file__).parents[1] / "fixtures" / "schema-1" / "comparison"


def arm(like: ArmResult, name: str, tile: int | None, accuracy: float) -> ArmResult:
    rows = [("single-tile", 0.0), ("mean-logit", accuracy), ("full-pass", accuracy if tile is None else 0.01)]
    return replace(
        like,
        name=name,
        tile=tile,
        headline="full-pass" if tile is None else "mean-logit",
        accuracies=tuple(
            Accuracy(protocol, Estimate(value, value - 0.1, value + 0.1), (value,))
            for protocol, value in rows
        ),
    )


@pytest.fixture
def compared(tmp_path: Path) -> Path:
    """Return the directory of a comparison of tiles 16 and 24 and whole images."""
    found = Comparison.load(OLD)
    arms = [("full", None, 0.6), ("full+standard", None, 0.9), ("tile-16", 16, 0.5), ("tile-24", 24, 0.7)]
    replace(found, arms=tuple(arm(found.arms[0], *given) for given in arms)).save(tmp_path)
    return tmp_path


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=9))
@settings(deadline=None)
def test_correlations_are_those_of_scipy(pairs: list[tuple[int, int]]) -> None:
    one, other = zip(*pairs, strict=True)
    correlation, p = rank_correlation(one, other)
    if len(set(one)) < 2 or len(set(other)) < 2:
        assert (correlation, p) == (None, None)
    else:
        assert correlation == pytest.approx(spearmanr(one, other).statistic)
        assert 0 <= p <= 1


def test_p_counts_orders() -> None:
    assert rank_correlation(range(5), range(5)) == (1.0, pytest.approx(2 / 120))
    assert rank_correlation(range(4), [3, 2, 1, 0]) == (-1.0, pytest.approx(2 / 24))
    assert rank_correlation([1, 2], [5, 6]) == (1.0, 1.0)


@pytest.mark.parametrize(("sizes", "meaningless"), [(2, True), (3, True), (4, True), (5, False), (9, False)])
def test_few_sizes_mean_nothing_and_it_is_said(sizes: int, meaningless: bool) -> None:
    assert ("means nothing" in caveat(sizes)) is meaningless
    best = rank_correlation(range(sizes), range(sizes))[1]
    assert (best > 0.05) is meaningless


def test_an_arm_is_read_under_its_own_protocol_and_whole_images_without_augmentation(compared: Path) -> None:
    _, rows = read_accuracies(compared)
    assert [(row.arm, row.tile, row.value) for row in rows] == [
        ("full", None, 0.6),
        ("tile-16", 16, 0.5),
        ("tile-24", 24, 0.7),
    ]


def test_orders_are_over_the_sizes_that_both_have(compared: Path) -> None:
    found = side_by_side(
        compared,
        {
            "less is better": (-1, {8: 0.0, 16: 3.0, 24: 1.0, None: 2.0}),
            "more is better": (1, {8: 9.0, 16: 3.0, 24: 1.0, None: 2.0}),
            "equal": (1, dict.fromkeys((8, 16, 24, None), 1.0)),
            "unknown": (1, {8: 1.0, 16: 2.0, 24: None, None: 3.0}),
        },
    )
    assert found.order == (24, None, 16)
    right, wrong, equal, unknown = found.predicted
    assert (right.order, right.correlation) == ((24, None, 16), 1.0)
    assert (wrong.order, wrong.correlation) == ((16, None, 24), -1.0)
    assert (equal.correlation, equal.reason) == (None, "all tile sizes are equal by it")
    assert (unknown.order, unknown.reason) == ((), "not measured at every tile size")
    assert "with 3 tile sizes the rank correlation means nothing" in found.caveat


def test_no_comparison_or_another_one_is_refused(compared: Path, tmp_path: Path) -> None:
    predictors = {"size": (1, {8: 1.0, 16: 2.0})}
    with pytest.raises(InputError, match=r"fewer than two are asked for; give `tiles=\[None, 16, 24\]`"):
        side_by_side(compared, predictors)
    with pytest.raises(InputError, match=r"holds no comparison\.json; give a directory that"):
        side_by_side(tmp_path / "nowhere", predictors)
    for broken in ("{", "[]", '{"arms": [{"tile": 3}]}', '{"arms": 3}'):
        (compared / "comparison.json").write_text(broken)
        with pytest.raises(InputError, match=r"comparison\.json"):
            read_accuracies(compared)


def test_the_order_of_ties_is_that_of_the_sizes(compared: Path) -> None:
    found = side_by_side(compared, {"two alike": (1, {16: 1.0, 24: 1.0, None: 0.0})})
    assert found.predicted[0].order == (16, 24, None)
    assert np.isclose(found.predicted[0].correlation, spearmanr([1, 1, 0], [0.5, 0.7, 0.6]).statistic)
