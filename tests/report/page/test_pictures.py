"""Pictures: every cell of a map has its tile's colour, and the image comes out as it went in."""

import base64
from io import BytesIO

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nearsight.diagnosis.pictures import encode
from nearsight.evidence import EvidenceMap
from nearsight.report.page import pictures
from nearsight.report.page.pictures import data_uri, map_uri, nearest_tiles, scale_colours
from nearsight.tiles import TileGrid, cell_edges


def decoded(uri: str, mode: str) -> np.ndarray:
    head, _, body = uri.partition(",")
    assert head in ("data:image/png;base64", "data:image/webp;base64")
    with Image.open(BytesIO(base64.b64decode(body))) as image:
        return np.asarray(image.convert(mode))


def test_a_small_picture_is_kept_pixel_by_pixel() -> None:
    pixels = torch.randint(256, (3, 20, 33), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(
        decoded(data_uri(encode(pixels, 64)), "RGB"), pixels.permute(1, 2, 0).numpy()
    )


def test_a_large_picture_is_made_smaller_in_proportion() -> None:
    pixels = torch.full((3, 300, 600), 90, dtype=torch.uint8)
    found = decoded(data_uri(encode(pixels, 200)), "RGB")
    assert found.shape == (100, 200, 3)
    assert np.abs(found.astype(int) - 90).max() <= 2


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(0, 20),
    st.integers(0, 20),
    st.sampled_from(["aligned", "covering"]),
)
def test_every_half_pixel_belongs_to_the_nearest_centre(
    tile: int, stride: int, down: int, across: int, kind: str
) -> None:
    grid = TileGrid(tile + down, tile + across, tile, stride, kind)
    for starts, length in ((grid.tops, grid.height), (grid.lefts, grid.width)):
        centres = np.array(starts) + tile / 2
        gaps = np.diff(starts, prepend=starts[0] - tile)
        gaps[0] = min(tile, gaps[1]) if len(gaps) > 1 else tile
        for place, found in enumerate(nearest_tiles(starts, tile, length).tolist()):
            where = (place + 0.5) / 2
            distances = np.abs(centres - where)
            if found < 0:
                outer = where < centres[0] or where > centres[-1]
                assert outer
                assert distances.min() >= min(tile, *np.diff(starts), tile) / 2 - 0.25
            else:
                assert distances[found] == distances.min()


def test_a_map_has_the_colours_of_matplotlib_and_a_clear_margin() -> None:
    from matplotlib import colormaps

    grid = TileGrid(8, 12, tile=4, stride=4)
    logits = torch.tensor([[-3.0, 0.0, 3.0], [1.5, -1.5, 0.3]])
    found = decoded(map_uri(logits, grid, limit=3.0), "RGBA")
    assert found.shape == (16, 24, 4)
    for row in range(2):
        for column in range(3):
            cell = found[8 * row : 8 * row + 8, 8 * column : 8 * column + 8].reshape(-1, 4)
            assert len(np.unique(cell, axis=0)) == 1
            wanted = 255 * np.array(colormaps["PuOr_r"]((float(logits[row, column]) + 3) / 6))
            assert np.abs(cell[0] - wanted).max() <= 3
    overlapping = decoded(map_uri(torch.ones(1, 1), TileGrid(8, 8, tile=8, stride=1), 1.0), "RGBA")
    assert (overlapping[..., 3] == 255).all()
    margin = decoded(map_uri(torch.ones(3, 3), TileGrid(10, 10, tile=8, stride=1), 1.0), "RGBA")
    assert margin[:7, :, 3].max() == 0
    assert margin[7:13, 7:13, 3].min() == 255


def test_equal_evidence_for_and_against_is_as_far_from_white() -> None:
    colours = [tuple(bytes.fromhex(colour[1:])) for colour in scale_colours(21)]
    assert min(colours[10]) > 240
    brightness = [sum(colour) for colour in colours]
    assert brightness[:11] == sorted(brightness[:11])
    assert brightness[10:] == sorted(brightness[10:], reverse=True)


def test_edges_are_those_of_the_drawn_heatmap() -> None:
    grid = TileGrid(20, 23, tile=7, stride=5, kind="covering")
    evidence_map = EvidenceMap(torch.zeros(1, *grid.shape), grid, ("cat",))
    mesh = evidence_map.plot("cat").axes[0].collections[0]
    corners = mesh.get_coordinates()
    assert corners[0, :, 0].tolist() == pytest.approx(cell_edges(grid.lefts, grid.tile))
    assert corners[:, 0, 1].tolist() == pytest.approx(cell_edges(grid.tops, grid.tile))


def test_the_map_of_a_large_image_has_few_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_DRAWN", 64)
    grid = TileGrid(100, 300, tile=20, stride=20)
    drawn = decoded(map_uri(torch.linspace(-1, 1, 75).view(5, 15), grid, 1.0), "RGBA")
    assert max(drawn.shape[:2]) <= 64
    assert len(np.unique(drawn.reshape(-1, 4), axis=0)) == 75
