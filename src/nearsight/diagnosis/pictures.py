"""The pictures that a diagnosis shows: made from the examined images, or read back from its directory."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Protocol, TypedDict

import numpy as np
from PIL import Image
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.parted import PartedPictures
from nearsight.errors import InputError, first_line
from nearsight.numbers import Count, Pixels
from nearsight.read import read_table
from nearsight.rows import from_values
from nearsight.write import write_table

PICTURES = "pictures.parquet"
# Small pictures are kept pixel by pixel; larger ones would fill the page.
LOSSLESS_SIDE = 64
QUALITY = 82
FORMATS = ("PNG", "WEBP")
# Pixels of recent images that are kept; an image larger than that is kept alone.
KEPT_BYTES = 32 * 2**20
# Light grey, for an image whose picture was not kept.
_UNKNOWN = (221, 221, 221)
_COLUMNS = ("index", "longest", "top", "left", "side", "height", "width")


@dataclass(frozen=True)
class Picture:
    """Which picture: an image by its place in the set, at most `longest` pixels per side; all of it, or one tile.

    The tile has its top, its left and its side in pixels of the image as the network takes it.
    """

    index: int
    longest: int
    tile: tuple[int, int, int] | None = None


class Pictures(Protocol):
    """What gives the pictures of the examined images; positions in a diagnosis are pixels of these."""

    def size(self, index: int) -> tuple[int, int]:
        """Return height and width of an image as the network takes it, in pixels."""

    def encoded(self, picture: Picture) -> bytes:
        """Return a picture as the bytes of a PNG or WebP."""


@dataclass(frozen=True, eq=False)
class ExaminedPictures:
    """The pictures of an available set; `resize` brings a decoded image to what the network takes.

    >>> from nearsight.data import load
    >>> pictures = ExaminedPictures(load("digits")["test"], lambda image: image)
    >>> pictures.size(0), pictures.encoded(Picture(0, longest=96))[1:4]
    ((8, 8), b'PNG')
    """

    images: ImageSet
    resize: Callable[[Tensor], Tensor]

    def size(self, index: int) -> tuple[int, int]:
        """Return height and width of an image as the network takes it, in pixels."""
        height, width = self.pixels(index).shape[1:]
        return height, width

    def encoded(self, picture: Picture) -> bytes:
        """Return a picture as the bytes of a PNG or WebP."""
        pixels = self.pixels(picture.index)
        if picture.tile is not None:
            top, left, side = picture.tile
            pixels = pixels[:, top : top + side, left : left + side]
        return encode(pixels, picture.longest)

    @cached_property
    def pixels(self) -> Callable[[int], Tensor]:
        """Return an image as the network takes it, uint8 (3, height, width)."""
        # Several tiles may need a picture, and the set may decode it each time.
        kept: dict[int, Tensor] = {}

        def pixels(index: int) -> Tensor:
            if index not in kept:
                picture = self.resize(self.images.image(index))
                while kept and sum(other.nbytes for other in kept.values()) + picture.nbytes > KEPT_BYTES:
                    kept.pop(next(iter(kept)))
                kept[index] = picture
            return kept[index]

        return pixels


@dataclass(frozen=True, eq=False)
class OverviewPictures:
    """The pictures of an available set some images of which are too large to be held: overviews, and single tiles."""

    parted: PartedPictures

    def size(self, index: int) -> tuple[int, int]:
        """Return height and width of an image in pixels."""
        return self.parted.size(index)

    def encoded(self, picture: Picture) -> bytes:
        """Return a picture as the bytes of a PNG or WebP."""
        if picture.tile is None:
            return encode(self.parted.overview(picture.index), picture.longest)
        top, left, side = picture.tile
        return encode(self.parted.part(picture.index, top, left, (side, side)), picture.longest)


@dataclass(frozen=True, eq=False)
class SavedPictures:
    """The pictures that were kept of a set; the others are grey."""

    sizes: Mapping[int, tuple[int, int]]
    files: Mapping[Picture, bytes]

    def size(self, index: int) -> tuple[int, int]:
        """Return height and width of an image as the network takes it, in pixels; 1×1 for an unknown one."""
        return self.sizes.get(index, (1, 1))

    def encoded(self, picture: Picture) -> bytes:
        """Return a picture as the bytes of a PNG or WebP."""
        return self.files[picture] if picture in self.files else _written(Image.new("RGB", (1, 1), _UNKNOWN))


def encode(pixels: Tensor, longest: int) -> bytes:
    """Return a picture, uint8 (3, height, width), as a file, reduced to `longest` pixels per side.

    >>> import torch
    >>> encode(torch.zeros(3, 100, 80, dtype=torch.uint8), 96)[8:12]
    b'WEBP'

    Pictures of at most 64 pixels per side are PNG and lose nothing; larger ones are WebP at quality 82.
    """
    picture = Image.fromarray(np.ascontiguousarray(pixels.permute(1, 2, 0).cpu().numpy()))
    if max(picture.size) > longest:
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return _written(picture)


def save_pictures(path: Path, pictures: Pictures, wanted: Iterable[Picture]) -> None:
    """Write the needed pictures as a Parquet file, one per row, whole or not at all."""
    import pyarrow

    rows = []
    for picture in dict.fromkeys(wanted):
        top, left, side = picture.tile or (None, None, None)
        place = (picture.index, picture.longest, top, left, side, *pictures.size(picture.index))
        rows.append(dict(zip(_COLUMNS, place, strict=True)) | {"image": {"bytes": pictures.encoded(picture)}})
    image = pyarrow.struct([("bytes", pyarrow.binary())])
    columns = [*((name, pyarrow.int64()) for name in _COLUMNS), ("image", image)]
    write_table(path, pyarrow.Table.from_pylist(rows, pyarrow.schema(columns)))


def load_pictures(path: Path) -> SavedPictures:
    """Read what `save_pictures` wrote; raises `InputError` if it is missing or damaged."""
    mend = "make it again, by the command that wrote it"
    table = read_table(path, mend)
    try:
        read: tuple[_Row, ...] = from_values(tuple[_Row, ...], table.to_pylist(), path)
        for row in read:
            _check_encoded(row, path)
    except InputError as error:
        raise InputError(f"{error}; {mend}") from error
    sizes = {row["index"]: (row["height"], row["width"]) for row in read}
    files = {}
    for row in read:
        top, left, side = row["top"], row["left"], row["side"]
        tile = None if top is None or left is None or side is None else (top, left, side)
        files[Picture(row["index"], row["longest"], tile)] = row["image"]["bytes"]
    return SavedPictures(sizes, files)


def decoded(file: bytes) -> Image.Image:
    """Return a picture that `encode` wrote, decoded; raises `InputError` for any other file and a damaged one."""
    try:
        with Image.open(BytesIO(file), formats=FORMATS) as picture:
            return picture.convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"a picture is damaged ({first_line(error)}); make it again") from error


class _Encoded(TypedDict):
    bytes: bytes


class _Row(TypedDict):
    index: Count
    longest: Pixels
    top: Count | None
    left: Count | None
    side: Pixels | None
    height: Pixels
    width: Pixels
    image: _Encoded


def _check_encoded(row: _Row, path: Path) -> None:
    """Raise `InputError` for a picture in another format than `encode` writes, or larger than stated."""
    try:
        with Image.open(BytesIO(row["image"]["bytes"]), formats=FORMATS) as picture:
            size = picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{path}: the picture of image {row['index']} is damaged ({first_line(error)})"
        ) from error
    if max(size) > row["longest"]:
        raise InputError(
            f"{path}: the picture of image {row['index']} is {size[0]}×{size[1]}, larger than it is said to be"
        )


def _written(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    if max(picture.size) <= LOSSLESS_SIDE:
        picture.save(buffer, "PNG", optimize=True)
    else:
        picture.save(buffer, "WEBP", quality=QUALITY, method=4)
    return buffer.getvalue()
