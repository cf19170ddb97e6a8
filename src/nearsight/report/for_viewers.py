"""Heatmaps for the viewers of large images: a pyramidal TIFF that overlays the image, and the strongest tiles."""

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nearsight.data.part_readers import EXTRA
from nearsight.data.placement import Geo, Placement
from nearsight.errors import InputError
from nearsight.evidence import EvidenceMap
from nearsight.tiles import TileGrid, cell_edges
from nearsight.write import replace_atomically, write_text

if TYPE_CHECKING:
    from nearsight.report.heatmap import Heatmap

Values = NDArray[np.float32]
_TILE = 256
_SMALLEST_LEVEL = 512
# From this many bytes on, a TIFF has offsets of 64 bits.
_BIG = 2**31
_DOUBLE, _SHORT, _ASCII = 12, 3, 2
_COLOURS = {False: [179, 88, 6], True: [84, 39, 136]}


def save_for_viewers(heatmap: "Heatmap", directory: Path, stem: str) -> list[Path]:
    """Write the map of the shown classes as a pyramidal TIFF and the strongest tiles as GeoJSON; return the paths."""
    placement = None if heatmap.large is None else heatmap.large.placement
    geo = placement is not None and placement.geo is not None
    paths = [directory / f"{stem}{'.map.tif' if geo else '.map.ome.tif'}", directory / f"{stem}.geojson"]
    save_map(heatmap.evidence, heatmap.shown, paths[0], placement)
    write_text(paths[1], json.dumps(strongest_tiles(heatmap), ensure_ascii=False))
    return paths


def save_map(
    evidence: EvidenceMap, shown: tuple[int, ...], path: Path, placement: Placement | None = None
) -> None:
    """Write the map of some classes as a pyramidal, tiled TIFF of float32 logits that overlays the image.

    It begins at the image's corner, and its pixels are whole numbers of the image's, `pixel_side` of the grid, so
    that, scaled to the image's size, it matches it to the pixel. NaN is where no tile has its cell. For an image
    with a georeference it is a GeoTIFF with the same one, scaled. Otherwise it is an OME-TIFF with one channel
    per class, whose pixels have their physical size if the image states its own. It is written tile by tile.
    Raises `InputError` if the library is missing.
    """
    try:
        tifffile: Any = import_module("tifffile")
    except ImportError:
        raise InputError(f"maps of large images are written as TIFF, which takes {EXTRA}") from None
    side = pixel_side(evidence.grid)
    levels = _levels(evidence, shown, side)
    names = [evidence.classes[number] for number in shown]
    height, width = levels[0].size
    common = {"dtype": np.float32, "tile": (_TILE, _TILE), "compression": "zlib", "photometric": "minisblack"}
    geo = None if placement is None else placement.geo
    big = 4 * len(shown) * height * width >= _BIG
    with (
        replace_atomically(path) as temporary,
        tifffile.TiffWriter(temporary, bigtiff=big, ome=geo is None) as writer,
    ):
        options: dict[str, Any]
        if geo is None:
            options = {"subifds": len(levels) - 1, "metadata": _ome(names, side, placement)}
        else:
            options = {
                "planarconfig": "separate",
                "metadata": None,
                "extratags": _geo_tags(geo.of_pixels(side), names),
            }
        for number, level in enumerate(levels):
            shape = (len(shown), *level.size)
            planes = shape if geo is None or len(shown) > 1 else level.size
            writer.write(
                level.tiles(),
                shape=planes,
                **common,
                **(options if number == 0 else {}),
                **({} if number == 0 else {"subfiletype": 1, "metadata": None}),
                **({"planarconfig": "separate"} if number and geo is not None and len(shown) > 1 else {}),
            )


def pixel_side(grid: TileGrid) -> int:
    """Return the side of a map's pixels in those of the image: as large as the borders of its cells allow.

    >>> pixel_side(TileGrid(1000, 1000, tile=64, stride=16)), pixel_side(TileGrid(1000, 1000, tile=64, stride=64))
    (8, 64)

    A cell is one stride wide around its tile's centre; if that border is on half a pixel, it is drawn half a
    pixel earlier. The same holds for the borders before a last tile that is flush with the far edge.
    """
    return gcd(grid.stride, (grid.tile - grid.stride) // 2)


class _Level:
    """One resolution of the map: its `size` in pixels, and its values by rows and columns of pixels."""

    def __init__(
        self, size: tuple[int, int], planes: int, part: Callable[[int, slice, slice], Values]
    ) -> None:
        self.size, self._planes, self._part = size, planes, part

    def tiles(self) -> Iterator[Values]:
        """Yield the TIFF's tiles, plane by plane, row by row; those at the edge are padded with NaN."""
        for plane in range(self._planes):
            for top in range(0, self.size[0], _TILE):
                for left in range(0, self.size[1], _TILE):
                    found = self._part(plane, slice(top, top + _TILE), slice(left, left + _TILE))
                    tile = np.full((_TILE, _TILE), np.nan, np.float32)
                    tile[: found.shape[0], : found.shape[1]] = found
                    yield tile


def _levels(evidence: EvidenceMap, shown: tuple[int, ...], side: int) -> list[_Level]:
    """Return the levels of the pyramid, each half as large as the one before.

    Levels that are finer than the map's cells are read from it; from there on, one pixel is the mean of four, and
    all of these levels together are no larger than the map.
    """
    grid = evidence.grid
    cells = evidence.logits[list(shown)].float().cpu().numpy()
    found, pixel, means = [], side, None
    while True:
        size = (-(-grid.height // pixel), -(-grid.width // pixel))
        if pixel <= grid.stride:
            rows, columns = (
                _cells(cell_edges(starts, grid.tile), count, pixel)
                for starts, count in ((grid.tops, size[0]), (grid.lefts, size[1]))
            )
            found.append(_Level(size, len(shown), _sampled(cells, rows, columns)))
            if 2 * pixel > grid.stride:
                means = np.stack(
                    [_sampled(cells, rows, columns)(k, slice(None), slice(None)) for k in range(len(shown))]
                )
        else:
            assert means is not None
            means = _halved(means)
            found.append(_Level(size, len(shown), _held(means)))
        if max(size) <= _SMALLEST_LEVEL:
            return found
        pixel *= 2


def _cells(edges: list[float], count: int, pixel: int) -> NDArray[np.int64]:
    """Return the number of the cell in which each pixel of a side lies, −1 for none."""
    begins = np.floor(np.asarray(edges))
    found = np.searchsorted(begins, np.arange(count) * pixel, side="right") - 1
    return np.where(found < len(edges) - 1, found, -1).astype(np.int64)


def _sampled(
    cells: Values, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> Callable[[int, slice, slice], Values]:
    def part(plane: int, down: slice, across: slice) -> Values:
        mine, theirs = rows[down], columns[across]
        found: Values = cells[plane][np.ix_(mine, theirs)]
        found[mine < 0] = np.nan
        found[:, theirs < 0] = np.nan
        return found

    return part


def _held(values: Values) -> Callable[[int, slice, slice], Values]:
    return lambda plane, down, across: values[plane, down, across]


def _halved(values: Values) -> Values:
    """Return the mean of each two by two values that are not NaN, (planes, rows, columns)."""
    planes, rows, columns = values.shape
    even = np.full((planes, rows + rows % 2, columns + columns % 2), np.nan, np.float32)
    even[:, :rows, :columns] = values
    fours = np.stack([even[:, down::2, across::2] for down in (0, 1) for across in (0, 1)])
    kept = ~np.isnan(fours)
    count = kept.sum(0)
    total = np.where(kept, fours, 0).sum(0, dtype=np.float32)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _ome(names: list[str], side: int, placement: Placement | None) -> dict[str, Any]:
    known = None if placement is None else placement.micrometres
    size, unit = (float(side), "pixel") if known is None else (known * side, "µm")
    return {
        "axes": "CYX",
        "Name": "evidence of tiles, logits",
        "Channel": {"Name": names},
        **{f"PhysicalSize{axis}": size for axis in "XY"},
        **{f"PhysicalSize{axis}Unit": unit for axis in "XY"},
    }


def _geo_tags(geo: Geo, names: list[str]) -> list[tuple[int, int, int, Any, bool]]:
    """Return the GeoTIFF's tags, and GDAL's: which value means no data, and the bands' names."""
    bands = "".join(
        f'<Item name="DESCRIPTION" sample="{number}" role="description">{_escaped(name)}</Item>'
        for number, name in enumerate(names)
    )
    numbers = {33550: geo.scale, 33922: geo.tiepoint, 34264: geo.transformation, 34736: geo.doubles}
    found: list[tuple[int, int, int, Any, bool]] = [
        (tag, _DOUBLE, len(values), values, True) for tag, values in numbers.items() if values
    ]
    found.append((34735, _SHORT, len(geo.keys), geo.keys, True))
    for tag, text in (
        (34737, geo.text),
        (42112, f"<GDALMetadata>{bands}</GDALMetadata>"),
        (42113, "nan"),
    ):
        if text:
            found.append((tag, _ASCII, 0, text, True))
    return found


def _escaped(text: str) -> str:
    from xml.sax.saxutils import escape

    return escape(text).encode("ascii", "xmlcharrefreplace").decode()


def strongest_tiles(heatmap: "Heatmap") -> dict[str, Any]:
    """Return the strongest tiles of the shown classes as GeoJSON in pixels of the image, as QuPath reads it."""
    side, classes = heatmap.evidence.grid.tile, heatmap.evidence.classes
    features = []
    for number in heatmap.shown:
        for against in (False, True):
            for rank, tile in enumerate(heatmap.strongest(number, against=against), start=1):
                left, top, right, bottom = tile.left, tile.top, tile.left + side, tile.top + side
                corners = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
                label = f"{'against' if against else 'for'} {classes[number]}"
                features.append(
                    {
                        "type": "Feature",
                        "geometry": {"type": "Polygon", "coordinates": [corners]},
                        "properties": {
                            "objectType": "annotation",
                            "name": f"{label}: {rank}",
                            "classification": {"name": label, "color": _COLOURS[against]},
                            "measurements": {"logit": tile.evidence},
                        },
                    }
                )
    return {"type": "FeatureCollection", "features": features}
