"""The atlas: few classes are drawn with many tiles, many with few, and the rest told in words."""

from collections.abc import Callable

import pytest

from nearsight.diagnosis.atlas import Atlas
from nearsight.diagnosis.shown import CLASSES_DRAWN, MOST, TILES_DRAWN
from nearsight.report.page.atlas_view import view_atlas


@pytest.mark.parametrize("classes", [8, 40, 300])
def test_tiles_and_classes_are_bounded(make_diagnosis: Callable, classes: int) -> None:
    names = [f"class {number}" for number in range(classes)]
    diagnosis = make_diagnosis(count=32, wrong=8, names=names)
    found = view_atlas(
        diagnosis.atlas, diagnosis.errors, diagnosis.tile, diagnosis.classes, diagnosis.pictures
    )
    drawn = [one for one in found if one.drawn]
    assert len(drawn) == min(classes, CLASSES_DRAWN)
    assert sum(len(list(one.tiles())) for one in found) <= TILES_DRAWN
    assert all(len(one.imitators) <= MOST for one in found)
    assert [one.name for one in found] == names
    assert all(not list(one.tiles()) for one in found if not one.drawn)
    labels = {error.label for error in diagnosis.errors.errors}
    assert labels <= {one.number for one in drawn}
    views = [tile.name for one in found for tile in one.tiles()]
    assert len(set(views)) == len(views)


def test_an_empty_atlas_has_no_classes(make_diagnosis: Callable) -> None:
    diagnosis = make_diagnosis(count=8, wrong=0)
    assert view_atlas(Atlas(()), diagnosis.errors, 16, diagnosis.classes, diagnosis.pictures) == ()
