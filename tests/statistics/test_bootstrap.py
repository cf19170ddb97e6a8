"""The bootstrap against scipy's, against loops, and within its memory."""

import numpy as np
import pytest
import scipy
from scipy.stats import bootstrap

from nearsight.statistics import bootstrap as ours
from nearsight.statistics.bootstrap import resampled_means, resampled_rows

RANDOM = np.random.default_rng(8)
TABLE = np.stack([RANDOM.gamma(2, 0.1, 250), RANDOM.exponential(1, 250)], 1)


def drawn_with(seed: int) -> dict[str, np.random.Generator]:
    """What draws SciPy's resamples; before 1.15 it had another name."""
    name = "rng" if tuple(map(int, scipy.__version__.split(".")[:2])) >= (1, 15) else "random_state"
    return {name: np.random.default_rng(seed)}


def only(means: np.ndarray) -> np.ndarray:
    return means[:, 0]


def ratio(means: np.ndarray) -> np.ndarray:
    return means[:, 0] / means[:, 1]


def test_means_are_drawn_as_scipy_draws_them() -> None:
    expected = bootstrap(
        (TABLE[:, 0],), np.mean, n_resamples=700, method="percentile", **drawn_with(3)
    ).confidence_interval
    assert resampled_means(TABLE[:, :1], only, samples=700, seed=3) == pytest.approx(
        tuple(expected), abs=1e-12
    )


def test_pairs_are_drawn_as_scipy_draws_them() -> None:
    expected = bootstrap(
        tuple(TABLE.T),
        lambda some, others, axis: some.sum(axis) / others.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=700,
        method="percentile",
        **drawn_with(3),
    ).confidence_interval
    assert resampled_means(TABLE, ratio, samples=700, seed=3) == pytest.approx(tuple(expected), abs=1e-12)


def test_rows_are_drawn_one_resample_after_the_other() -> None:
    random = np.random.default_rng(5)
    drawn = [np.median(random.choice(TABLE[:, 0], len(TABLE))) for _ in range(300)]
    found = resampled_rows(TABLE[:, 0], lambda row: float(np.median(row)), samples=300, seed=5)
    assert found == tuple(np.percentile(drawn, [2.5, 97.5]))


def test_counting_draws_is_drawing() -> None:
    """Multinomial counts, by which some of these intervals were made before, give the same within chance."""
    counts = np.random.default_rng(0).multinomial(250, np.full(250, 1 / 250), size=8000)
    low, high = np.percentile(ratio(counts @ TABLE / 250), [2.5, 97.5])
    found = resampled_means(TABLE, ratio, samples=8000)
    assert found == pytest.approx((low, high), abs=(high - low) / 20)


def test_the_bound_on_memory_does_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_of_them() -> list[tuple[float, float]]:
        return [
            resampled_means(TABLE, ratio, samples=101, seed=1),
            resampled_rows(TABLE[:, 0], np.median, samples=101, seed=1),
        ]

    whole = all_of_them()
    monkeypatch.setattr(ours, "_BATCH_NUMBERS", 7 * len(TABLE))
    assert all_of_them() == [pytest.approx(pair, abs=1e-12) for pair in whole]
