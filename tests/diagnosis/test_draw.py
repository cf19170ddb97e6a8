"""What is drawn is a subset in order, each image once, and the same by seed."""

from hypothesis import given
from hypothesis import strategies as st

from nearsight.diagnosis.draw import draw


@given(st.integers(0, 50), st.none() | st.integers(0, 60), st.integers(0, 5))
def test_it_is_an_ordered_subset_that_the_seed_decides(total: int, most: int | None, seed: int) -> None:
    chosen = draw(total, most, seed).tolist()
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(range(total))
    assert len(chosen) == (total if most is None else min(total, most))
    assert chosen == draw(total, most, seed).tolist()
