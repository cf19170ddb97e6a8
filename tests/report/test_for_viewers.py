"""Maps for the viewers of large images lie on the image to the pixel, at every resolution."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from nearsight.data.placement import Geo, Placement
from nearsight.evidence import EvidenceMap
from nearsight.report.for_viewers import pixel_side, save_map, strongest_tiles
from nearsight.report.heatmap import Heatmap
from nearsight.settings import GridKind
from nearsight.tiles import TileGrid

tifffile = pytest.importorskip("tifffile")

CLASSES = ("cat", "dog", "owl & <bat>")
KEYS = (1, 1, 0, 1, 1024, 0, 1, 1)


def make_map(*, tile: int = 64, stride: int = 16, kind: GridKind = "aligned") -> EvidenceMap:
    grid = TileGrid(5000, 3100, tile=tile, stride=stride, kind=kind)
    logits = torch.randn(3, *grid.shape, generator=torch.Generator().manual_seed(0))
    logits[:, 3:40, 5:9] = torch.nan
    return EvidenceMap(logits, grid, CLASSES)


def cell_of(evidence: EvidenceMap, x: float, y: float) -> tuple[int, int] | None:
    """The tile in whose cell a point of the image lies."""
    grid = evidence.grid
    places = []
    for at, count in ((y, grid.shape[0]), (x, grid.shape[1])):
        number = int((at - (grid.tile - grid.stride) / 2) // grid.stride)
        if not 0 <= number < count:
            return None
        places.append(number)
    return places[0], places[1]


@pytest.mark.parametrize(("tile", "stride"), [(64, 16), (64, 64), (48, 24)])
def test_each_pixel_is_that_of_the_cell_over_which_it_lies(tile: int, stride: int, tmp_path: Path) -> None:
    evidence = make_map(tile=tile, stride=stride)
    path = tmp_path / "a.ome.tif"
    save_map(evidence, (2, 0), path)

    side = pixel_side(evidence.grid)
    with tifffile.TiffFile(path) as file:
        levels = file.series[0].levels
        values = levels[0].asarray()
    assert values.shape == (2, -(-5000 // side), -(-3100 // side))
    assert values.dtype == np.float32
    halves = [(-(-5000 // (side << k)), -(-3100 // (side << k))) for k in range(len(levels))]
    assert [level.shape[1:] for level in levels] == halves
    assert max(halves[-1]) <= 512
    random = np.random.default_rng(0)
    for _ in range(300):
        row, column = (int(random.integers(size)) for size in values.shape[1:])
        cell = cell_of(evidence, (column + 0.5) * side, (row + 0.5) * side)
        expected = np.nan if cell is None else float(evidence.logits[2][cell])
        np.testing.assert_equal(values[0, row, column], np.float32(expected))


def test_the_pyramid_holds_means_of_what_was_looked_at(tmp_path: Path) -> None:
    evidence = make_map(stride=64)
    save_map(evidence, (1,), tmp_path / "a.ome.tif")
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        assert file.is_ome
        levels = [np.squeeze(level.asarray()) for level in file.series[0].levels]
    assert len(levels) == 1
    evidence = make_map(stride=4, tile=4)
    save_map(evidence, (1,), tmp_path / "b.ome.tif")
    with tifffile.TiffFile(tmp_path / "b.ome.tif") as file:
        levels = [np.squeeze(level.asarray()) for level in file.series[0].levels]
    assert [level.shape for level in levels] == [(1250, 775), (625, 388), (313, 194)]
    np.testing.assert_allclose(levels[1][100, 100], levels[0][200:202, 200:202].mean(), rtol=1e-5)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(levels[1][2, 2], np.nanmean(levels[0][4:6, 4:6]), rtol=1e-5)


def test_an_ome_tiff_names_its_channels_and_the_size_of_its_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    save_map(make_map(), (2, 0), path, Placement(0.25))
    with tifffile.TiffFile(path) as file:
        tree = ElementTree.fromstring(file.ome_metadata)
    pixels = next(element for element in tree.iter() if element.tag.endswith("Pixels"))
    assert float(pixels.attrib["PhysicalSizeX"]) == 0.25 * 8
    assert pixels.attrib["PhysicalSizeXUnit"] == "µm"
    names = [element.attrib["Name"] for element in tree.iter() if element.tag.endswith("Channel")]
    assert names == ["owl & <bat>", "cat"]


@pytest.mark.parametrize("shown", [(2, 0), (1,)])
def test_a_geotiff_has_the_images_georeference_scaled(shown: tuple[int, ...], tmp_path: Path) -> None:
    geo = Geo(KEYS, scale=(0.5, 0.5, 0.0), tiepoint=(0.0, 0.0, 0.0, 4e5, 5e6, 0.0))
    path = tmp_path / "a.map.tif"
    save_map(make_map(), shown, path, Placement(None, geo))
    with tifffile.TiffFile(path) as file:
        first = file.pages[0]
        assert first.geotiff_tags["ModelPixelScale"] == [4.0, 4.0, 0.0]
        assert first.geotiff_tags["ModelTiepoint"][3:5] == [4e5, 5e6]
        assert first.tags[34735].value == KEYS
        assert first.tags[42113].value == "nan"
        assert "owl &amp; &lt;bat&gt;" in first.tags[42112].value or shown == (1,)
        assert first.samplesperpixel == len(shown)
        assert [page.is_reduced for page in file.pages] == [False, True]
        assert file.pages[1].shape[-2:] == (313, 194)
    from PIL import Image

    if len(shown) == 1:
        with Image.open(path) as image:
            assert image.size == (388, 625)


def test_the_strongest_tiles_are_polygons_in_pixels_of_the_image() -> None:
    evidence = make_map()
    heatmap = Heatmap("a.tif", torch.zeros(3, 2500, 1550, dtype=torch.uint8), evidence, chosen=2)
    found = strongest_tiles(heatmap)
    first = found["features"][0]
    tile = heatmap.strongest(2, against=False)[0]
    assert first["geometry"]["coordinates"][0][0] == [tile.left, tile.top]
    assert first["geometry"]["coordinates"][0][2] == [tile.left + 64, tile.top + 64]
    assert first["properties"]["classification"]["name"] == "for owl & <bat>"
    assert len(found["features"]) == 6 * len(heatmap.shown)
