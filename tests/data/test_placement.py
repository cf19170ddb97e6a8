"""Where an image lies in the world: what its file says, and nothing else."""

from pathlib import Path

import pytest
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from nearsight.data.placement import Geo, Placement, read_placement

KEYS = (1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32633)


def save(path: Path, tags: dict[int, object]) -> Path:
    directory = ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory[tag] = value
        if isinstance(value, tuple):
            directory.tagtype[tag] = 3 if tag == 34735 else 12
    Image.new("RGB", (8, 6)).save(path, tiffinfo=directory)
    return path


def test_a_georeference_is_read_and_scaled(tmp_path: Path) -> None:
    scale, point = (0.5, 0.5, 0.0), (0.0, 0.0, 0.0, 4e5, 5e6, 0.0)
    found = read_placement(save(tmp_path / "a.tif", {33550: scale, 33922: point, 34735: KEYS}))
    assert found == Placement(None, Geo(KEYS, scale=scale, tiepoint=point))
    assert found.geo is not None
    assert found.geo.of_pixels(8).scale == (4.0, 4.0, 0.0)


def test_a_transformation_is_scaled_where_it_takes_pixels() -> None:
    rows = (2.0, 1.0, 0.0, 400.0, 1.0, -2.0, 0.0, 700.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    found = Geo(KEYS, transformation=rows).of_pixels(4).transformation

    def place(matrix: tuple[float, ...], x: float, y: float) -> tuple[float, float]:
        return tuple(matrix[row] * x + matrix[row + 1] * y + matrix[row + 3] for row in (0, 4))  # type: ignore[return-value]

    assert place(found, 3, 5) == place(rows, 12, 20)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {34735: KEYS},
        {33550: (0.5, 0.5, 0.0), 33922: (0.0, 0.0, 0.0, 1.0, 2.0, 0.0)},
        {33550: (0.5,), 33922: (0.0, 0.0, 0.0, 1.0, 2.0, 0.0), 34735: KEYS},
    ],
)
def test_half_a_georeference_is_none(tags: dict[int, object], tmp_path: Path) -> None:
    assert read_placement(save(tmp_path / "a.tif", tags)) == Placement()


def test_of_screens_dots_nothing_is_learned(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.tif", dpi=(72, 72))
    assert read_placement(tmp_path / "a.tif") == Placement()
    assert read_placement(tmp_path / "none.tif") == Placement()
    (tmp_path / "b.tif").write_bytes(b"II*\0" + bytes(3))
    assert read_placement(tmp_path / "b.tif") == Placement()
