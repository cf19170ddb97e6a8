"""What is said of networks trained on whole images when tiles are asked: the loss beside that of tiles alone."""

import pytest

from nearsight.evaluation.tile_views import ALONE, ALONE_BN, View
from nearsight.statistics import Estimate
from nearsight.study.on_tiles import ArmOnTiles, SizeOnTiles, ViewOnTiles


def view(name: View, agreement: float, lost: float) -> ViewOnTiles:
    def near(value: float) -> Estimate:
        return Estimate(value, value - 0.1, value + 0.1, 28, chance=0.25)

    return ViewOnTiles(name, near(0.5), near(lost), near(agreement), near(0.4), near(0.4))


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        (0.02, "points (−8.0 to 12.0), not 7.0: the rest goes with padding and statistics"),
        (0.07, "points (−3.0 to 17.0), no fewer than alone (7.0)"),
        (0.11, "points (1.0 to 21.0), no fewer than alone (7.0)"),
    ],
)
def test_padding_and_statistics_take_the_rest_only_where_less_is_lost(lost: float, told: str) -> None:
    size = SizeOnTiles(32, 8, 81.0, (view(ALONE, 0.71, 0.07), view(ALONE_BN, 0.77, lost)))
    known = Estimate(0.6, 0.5, 0.7, 28)
    (sentence,) = ArmOnTiles("full", 28, 28, known, known, (size,), (32,)).sentences()
    assert told in sentence
    assert ("the rest" in sentence) == (lost < 0.07)
