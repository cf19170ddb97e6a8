"""A value with its interval."""

import pytest

from nearsight.statistics import Estimate


def test_numbers_that_are_not_known_are_not_made_up() -> None:
    with pytest.raises(ValueError, match="no value or no interval"):
        _ = Estimate(0.5, None, None, 1).numbers
