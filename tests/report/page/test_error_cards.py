"""Cards: the costliest first, one scale for both maps, and never more than the page can hold."""

from collections.abc import Callable

import pytest

from nearsight.report.page import error_cards
from nearsight.report.page.error_cards import HOVERED_TILES, enlargeable, make_cards
from nearsight.tiles import TileGrid


def test_the_costliest_errors_are_shown(make_diagnosis: Callable) -> None:
    diagnosis = make_diagnosis(count=24, wrong=12)
    cards = make_cards(diagnosis["errors"], diagnosis.pictures, most=5)
    assert [card.error for card in cards] == list(diagnosis["errors"].errors[:5])
    assert len({card.name for card in cards}) == 5
    assert make_cards(diagnosis["errors"], diagnosis.pictures, most=0) == ()
    for card in cards:
        assert card.limit == pytest.approx(float(card.error.evidence[:2].abs().max()))


def test_cards_stop_at_the_bound_of_their_size(
    make_diagnosis: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    diagnosis = make_diagnosis(count=24, wrong=12)
    sizes = [card.size for card in make_cards(diagnosis["errors"], diagnosis.pictures, most=100)]
    monkeypatch.setattr(error_cards, "MOST_BYTES", sum(sizes[:4]))
    assert len(make_cards(diagnosis["errors"], diagnosis.pictures, most=100)) == 4


def test_enlarged_tiles_have_the_logits_of_their_place(make_diagnosis: Callable) -> None:
    diagnosis = make_diagnosis(count=8, wrong=2, grid=TileGrid(64, 64, tile=16, stride=1))
    for card in make_cards(diagnosis["errors"], diagnosis.pictures, most=100):
        grid, lens = card.error.grid, card.lens
        assert len(lens["tops"]) * len(lens["lefts"]) <= HOVERED_TILES < len(grid)
        for which in (0, 1):
            values = iter(lens["values"][which])
            for top in lens["tops"]:
                for left in lens["lefts"]:
                    logit = card.error.evidence[which, grid.tops.index(top), grid.lefts.index(left)]
                    assert next(values) == pytest.approx(float(logit), rel=1e-3)
        for tile, (left, top, bars) in zip(card.error.deciding, lens["deciding"], strict=True):
            assert (left, top) == (tile.left, tile.top)
            assert bars[0][1] - bars[1][1] == pytest.approx(tile.evidence, abs=1e-5)
            assert [number for number, _ in bars] == list(card.error.kept)


@pytest.mark.parametrize("sides", [(1, 1), (32, 32), (33, 32), (193, 193), (1, 5000), (2000, 2)])
def test_the_tiles_that_can_be_enlarged_are_bounded_and_spread(sides: tuple[int, int]) -> None:
    rows, columns = sides
    down, across = enlargeable(range(rows), columns), enlargeable(range(columns), rows)
    assert 1 <= len(down) * len(across) <= HOVERED_TILES
    if rows * columns <= HOVERED_TILES:
        assert (len(down), len(across)) == sides
