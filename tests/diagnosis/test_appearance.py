"""Words for tiles against colours and textures that are plain."""

import pytest
import torch
from torch import Tensor

from nearsight.diagnosis.appearance import COLOURS, appearance, nearest_colour, to_lab


def plain(colour: tuple[int, int, int], tiles: int = 1, side: int = 16) -> Tensor:
    return torch.tensor(colour, dtype=torch.uint8).view(1, 3, 1, 1).expand(tiles, 3, side, side).clone()


@pytest.mark.parametrize(
    ("colour", "lab"),
    # B. Lindbloom's colour calculator, sRGB under D65.
    [
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
    ],
)
def test_cielab_is_that_of_published_values(
    colour: tuple[int, int, int], lab: tuple[float, float, float]
) -> None:
    torch.testing.assert_close(to_lab(plain(colour))[0, :, 0, 0], torch.tensor(lab), atol=0.02, rtol=0)


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((135, 206, 235), "light blue"),
        ((0, 0, 128), "dark blue"),
        ((34, 139, 34), "green"),
        ((0, 60, 0), "dark green"),
        ((139, 69, 19), "brown"),
        ((220, 20, 60), "red"),
        ((255, 165, 0), "orange"),
        ((255, 192, 203), "pink"),
        ((255, 255, 0), "yellow"),
        ((128, 0, 128), "purple"),
        ((169, 169, 169), "light grey"),
        ((10, 10, 10), "black"),
        ((255, 255, 255), "white"),
    ],
)
def test_a_plain_tile_is_flat_and_has_its_colour(colour: tuple[int, int, int], name: str) -> None:
    assert appearance(plain(colour, tiles=3)) == f"flat {name}"


def test_every_named_colour_is_nearest_to_itself() -> None:
    table = torch.tensor(list(COLOURS.values()), dtype=torch.uint8)[:, :, None, None]
    assert nearest_colour(to_lab(table)[:, :, 0, 0]) == list(COLOURS)


def test_a_ramp_is_smooth_and_a_chessboard_textured() -> None:
    ramp = torch.arange(60, 220, 10).to(torch.uint8).expand(2, 3, 16, 16)
    board = (torch.arange(16)[:, None] // 2 + torch.arange(16) // 2) % 2 * 200
    assert appearance(ramp).split()[0] == "smooth"
    assert appearance(board.to(torch.uint8).expand(2, 3, 16, 16)).split()[0] == "textured"


def test_two_colours_are_both_named_and_many_are_not() -> None:
    cells = torch.cat(
        [plain(COLOURS[name], 1, 4) for name in ["green"] * 7 + ["light blue"] * 5 + ["red"] * 4]
    )
    rows = [torch.cat(list(row), dim=2) for row in cells.split(4)]
    assert appearance(torch.cat(rows, dim=1)[None]).endswith(" green and light blue")
    some = [COLOURS[name] for name in ("red", "green", "blue", "yellow", "white", "black", "pink", "orange")]
    many = torch.cat([plain(colour, tiles=1) for colour in some])
    assert appearance(many) == "flat, many colours"


def test_a_mark_in_one_place_of_tiles_of_all_colours_is_named() -> None:
    generator = torch.Generator().manual_seed(0)
    tiles = torch.randint(0, 256, (30, 3, 16, 16), generator=generator).to(torch.uint8)
    assert "always" not in appearance(tiles)
    tiles[:, :, 12:, 12:] = plain((235, 220, 60), side=4)
    assert appearance(tiles).endswith(", always yellow at the bottom right corner")
    # In as few tiles, any cell is the same by chance.
    assert "always" not in appearance(tiles[:5])


def test_a_colour_that_is_everywhere_or_nearly_is_not_said_to_be_in_one_place() -> None:
    tiles = plain((60, 140, 50), tiles=20)
    assert appearance(tiles) == "flat green"
    tiles[:, :, :4, :4] = 255
    assert appearance(tiles).endswith(" green, always white at the top left corner")


def test_large_tiles_are_looked_at_in_parts_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tiles = torch.randint(0, 256, (12, 3, 16, 16), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    tiles[:, :, :4, :4] = 10
    at_once = appearance(tiles)
    monkeypatch.setattr("nearsight.diagnosis.appearance._PIXELS_TOGETHER", 16 * 16 * 5)
    assert appearance(tiles) == at_once
    assert "black" in at_once
