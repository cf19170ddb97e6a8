"""What is drawn is a subset in order, each image once, and the same by seed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nearsight.diagnosis.draw import draw, draw_of_each


@given(st.integers(0, 50), st.none() | st.integers(0, 60), st.integers(0, 5))
def test_it_is_an_ordered_subset_that_the_seed_decides(total: int, most: int | None, seed: int) -> None:
    chosen = draw(total, most, seed).tolist()
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(range(total))
    assert len(chosen) == (total if most is None else min(total, most))
    assert chosen == draw(total, most, seed).tolist()


@given(st.lists(st.integers(0, 4), max_size=30), st.integers(0, 8), st.integers(0, 5))
def test_of_each_class_as_many_are_drawn_as_there_are_up_to_the_most(
    classes: list[int], most: int, seed: int
) -> None:
    labels = np.array(classes, dtype=np.int64)
    chosen = draw_of_each(labels, most, np.random.default_rng(seed))
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    of_class = np.bincount(labels, minlength=5)
    assert np.bincount(labels[chosen], minlength=5).tolist() == np.minimum(of_class, most).tolist()
