"""Where an image is in the world: the size of its pixels, and the georeference of a GeoTIFF."""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nearsight.data.encoded import encoded, open_image
from nearsight.data.part_readers import is_slide, slide_micrometres

_RESOLUTION, _UNIT = (282, 283), 296
_MICROMETRES = {2: 25_400.0, 3: 10_000.0}
_SCALE, _TIEPOINT, _TRANSFORMATION = 33550, 33922, 34264
_KEYS, _DOUBLES, _TEXT = 34735, 34736, 34737
# 72 dots per inch and similar values say nothing.
_LARGEST_MICROMETRES = 100.0
_MOST_KEYS = 4096


@dataclass(frozen=True)
class Geo:
    """The georeference of a GeoTIFF (OGC 19-008r4): place and size of its pixels, and its coordinate system's keys.

    Either `scale` and `tiepoint` are given or `transformation` is; `keys`, `doubles` and `text` are as in the file.
    """

    keys: tuple[int, ...]
    doubles: tuple[float, ...] = ()
    text: str = ""
    scale: tuple[float, ...] = ()
    tiepoint: tuple[float, ...] = ()
    transformation: tuple[float, ...] = ()

    def of_pixels(self, side: int) -> "Geo":
        """Return the georeference of the same image in pixels that are `side` times as wide and high.

        >>> Geo((1, 1, 0, 0), scale=(0.5, 0.5, 0.0), tiepoint=(0, 8, 0, 400.0, 700.0, 0)).of_pixels(4)
        ... # doctest: +ELLIPSIS
        Geo(keys=(1, 1, 0, 0), ..., scale=(2.0, 2.0, 0.0), tiepoint=(0.0, 2.0, 0, 400.0, 700.0, 0), transformation=())
        """
        if self.transformation:
            columns = (side, side, 1, 1) * 4
            values = zip(self.transformation, columns, strict=True)
            return replace(self, transformation=tuple(value * times for value, times in values))
        x, y, *rest = self.scale
        points = tuple(
            value / side if number % 6 < 2 else value for number, value in enumerate(self.tiepoint)
        )
        return replace(self, scale=(x * side, y * side, *rest), tiepoint=points)


@dataclass(frozen=True)
class Placement:
    """What a file says about its pixels: their side in `micrometres`, and its georeference; None if it does not."""

    micrometres: float | None = None
    geo: Geo | None = None


def read_placement(path: str | Path) -> Placement:
    """Read what an image file says about its place; what cannot be read counts as missing.

    >>> from PIL import Image
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.tif"
    >>> Image.new("L", (4, 4)).save(path, resolution=20000.0, resolution_unit="cm")
    >>> read_placement(path)
    Placement(micrometres=0.5, geo=None)
    """
    found = Placement()
    # Tags may hold anything, and none of them changes the pixels.
    with suppress(Exception):
        if is_slide(path):
            return Placement(slide_micrometres(path))
        with encoded(path) as stream, open_image(stream) as image:
            tags: Any = getattr(image, "tag_v2", None)
            if tags is None:
                return found
            found = replace(found, micrometres=_micrometres(tags))
            found = replace(found, geo=_geo(tags))
    return found


def _micrometres(tags: Any) -> float | None:
    across, down = (float(tags.get(tag, 0)) for tag in _RESOLUTION)
    unit = _MICROMETRES.get(tags.get(_UNIT, 2))
    if unit is None or across <= 0 or abs(across - down) > 0.01 * across:
        return None
    side = unit / across
    return side if side <= _LARGEST_MICROMETRES else None


def _geo(tags: Any) -> Geo | None:
    keys = tuple(int(key) for key in tags.get(_KEYS, ()))
    numbers = {
        tag: tuple(float(value) for value in tags.get(tag, ()))
        for tag in (_DOUBLES, _SCALE, _TIEPOINT, _TRANSFORMATION)
    }
    placed = len(numbers[_SCALE]) == 3 and len(numbers[_TIEPOINT]) >= 6 and len(numbers[_TIEPOINT]) % 6 == 0
    turned = len(numbers[_TRANSFORMATION]) == 16
    if not keys or len(keys) > _MOST_KEYS or not (placed or turned):
        return None
    return Geo(
        keys,
        numbers[_DOUBLES],
        str(tags.get(_TEXT, "")),
        () if turned else numbers[_SCALE],
        () if turned else numbers[_TIEPOINT],
        numbers[_TRANSFORMATION] if turned else (),
    )
