"""The atlas: few classes are drawn with many tiles, many with few, and the rest told in words."""

from collections.abc import Callable

import pytest

from nearsight.diagnosis.reasons.atlas import Atlas
from nearsight.diagnosis.reasons.strips import CLASSES_DRAWN, MOST, TILES_DRAWN
from nearsight.report.page.atlas_view import ClassView
from nearsight.report.page.drawing import Drawing
from nearsight.report.page.tile_views import TileView


def tiles(found: ClassView) -> list[TileView]:
    return [*(tile for reason in found.reasons for tile in reason.tiles), *found.imitators]


@pytest.mark.parametrize("classes", [8, 40, 300])
def test_tiles_and_classes_are_bounded(make_diagnosis: Callable, classes: int) -> None:
    names = [f"class {number}" for number in range(classes)]
    diagnosis = make_diagnosis(count=32, wrong=8, names=names)
    found = Drawing(diagnosis).atlas(diagnosis["reasons"])
    drawn = [one for one in found if one.drawn]
    assert len(drawn) == min(classes, CLASSES_DRAWN)
    assert sum(len(tiles(one)) for one in found) <= TILES_DRAWN
    assert all(len(one.imitators) <= MOST for one in found)
    assert [one.name for one in found] == names
    assert all(not tiles(one) for one in found if not one.drawn)
    labels = {error.label for error in diagnosis["errors"].errors}
    assert labels <= {one.number for one in drawn}
    views = [tile.name for one in found for tile in tiles(one)]
    assert len(set(views)) == len(views)


def test_an_empty_atlas_has_no_classes(make_diagnosis: Callable) -> None:
    diagnosis = make_diagnosis(count=8, wrong=0)
    assert Drawing(diagnosis).atlas(Atlas(())) == ()
