"""What is said of networks trained on whole images when tiles are asked: the loss beside that of tiles alone."""

import pytest

from nearsight.evaluation.tile_views import ALONE, ALONE_BN, View
from nearsight.statistics import Estimate
from nearsight.study.on_tiles import ArmOnTiles, SizeOnTiles, ViewOnTiles


def view(name: View, agreement: float, lost: float, gained: Estimate | None = None) -> ViewOnTiles:
    def near(value: float) -> Estimate:
        return Estimate(value, value - 0.1, value + 0.1, 28, chance=0.25)

    return ViewOnTiles(name, near(0.5), near(lost), near(agreement), near(0.4), near(0.4), gained)


@pytest.mark.parametrize(
    ("lost", "gained", "told"),
    [
        (
            0.02,
            (0.05, 0.02, 0.08),
            "not 7.0: 5.0 (2.0 to 8.0) points go with padding and statistics, not with",
        ),
        (
            0.02,
            (0.05, -0.02, 0.12),
            "and statistics make a difference is not shown, 5.0 (−2.0 to 12.0) points",
        ),
        (0.02, None, "lose 2.0 (−8.0 to 12.0) points, not 7.0; "),
        (0.07, (0.0, -0.02, 0.02), "lose 7.0 (−3.0 to 17.0) points, no fewer than alone (7.0)"),
        (0.11, (-0.04, -0.05, -0.03), "lose 11.0 (1.0 to 21.0) points, no fewer than alone (7.0)"),
    ],
)
def test_what_goes_with_padding_and_statistics_has_an_interval_of_its_own(
    lost: float, gained: tuple[float, float, float] | None, told: str
) -> None:
    more = None if gained is None else Estimate(*gained, 28)
    size = SizeOnTiles(32, 8, 81.0, (view(ALONE, 0.71, 0.07), view(ALONE_BN, 0.77, lost, more)))
    known = Estimate(0.6, 0.5, 0.7, 28)
    (sentence,) = ArmOnTiles("full", 28, 28, known, known, (size,), (32,)).sentences()
    assert told in sentence
