"""Reading parts of image files: TIFF, JPEG and PNG through libvips, whole slides through OpenSlide."""

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nearsight.data.decode import decode_picture, deep_pixels
from nearsight.data.decode_memory import decode_memory, in_one_scan
from nearsight.data.encoded import encoded, open_image
from nearsight.data.values import FLOATING, SIXTEEN

EXTRA = "pip install 'nearsight[large]'"
# Files of whole slides, each of which is a single file; those of several name the others, which are not opened.
SLIDES = frozenset({".svs", ".ndpi", ".scn", ".bif", ".svslide", ".czi"})
_OF_SEVERAL_FILES = frozenset({"mirax", "dicom", "trestle"})
# The readers are called by name, so that libvips uses no other: some of those draw programs or follow links.
_LOADERS = {
    "TIFF": "tiffload_source",
    "JPEG": "jpegload_source",
    "MPO": "jpegload_source",
    "PNG": "pngload_source",
}
_TYPES = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}
_COLOURS = frozenset({"srgb", "rgb", "b-w", "rgb16", "grey16"})
_ROWS_PER_STRIP, _TILE_WIDTH, _TILE_HEIGHT = 278, 322, 323
_BAND = 32 * 2**20
# What OpenSlide keeps of a slide's tiles, and the share of the memory for decoding for files that stay open.
_SLIDE_CACHE = 32 * 2**20
_KEPT_SHARE = 8
# The levels of a pyramid that are looked at, and the most pixels along a side of one that is read whole.
_MOST_LEVELS, _LARGEST_LEVEL = 24, 4096


class NotInPartsError(ValueError):
    """A file whose parts cannot be read separately; the message says why, and in which format to save it."""


class PartReader(Protocol):
    """An opened image file whose parts are read; with `at_random` in any order, otherwise from the top down."""

    @property
    def height(self) -> int:
        """Rows of pixels."""

    @property
    def width(self) -> int:
        """Columns of pixels."""

    @property
    def at_random(self) -> bool:
        """Whether a part costs the same wherever it is."""

    @property
    def held(self) -> int:
        """How many bytes are held of the file while it is open."""

    @property
    def depth(self) -> str | None:
        """How deep values beyond 8 bits are, whose range matters; None for 8 bits."""

    def read(self, top: int, left: int, height: int, width: int) -> Tensor:
        """Return a part, uint8 (3, height, width), as `decode_image` would give it."""


@contextmanager
def part_reader(file: bytes | str | Path) -> Iterator[PartReader]:
    """Open an image file, or its bytes, to read parts of it.

    >>> file = BytesIO()
    >>> Image.radial_gradient("L").save(file, "PNG")
    >>> with part_reader(file.getvalue()) as reader:
    ...     part = reader.read(100, 30, 16, 24)
    >>> reader.at_random, part.shape
    (False, torch.Size([3, 16, 24]))

    A tiled TIFF and a slide are read in any order, all others from the top down. Raises `NotInPartsError` for
    what would have to be decoded whole, `ModuleNotFoundError` without the libraries, and what these raise for
    damage.
    """
    if isinstance(file, str | Path) and is_slide(file):
        slide = _openslide().OpenSlide(file)
        try:
            yield _SlideReader(slide)
        finally:
            slide.close()
        return
    with value_reader(file) as reader:
        yield reader


@contextmanager
def value_reader(file: bytes | str | Path) -> "Iterator[ValueReader]":
    """Open a TIFF, JPEG or PNG, or its bytes, to read parts of it, also as the numbers that it stores.

    >>> file = BytesIO()
    >>> Image.new("L", (3, 2), 7).save(file, "PNG")
    >>> with value_reader(file.getvalue()) as reader:
    ...     reader.values(0, 1, 2, 1).tolist()
    [[[7]], [[7]]]

    Raises where `part_reader` does.
    """
    pyvips = _pyvips()
    with encoded(file) as stream:
        with open_image(stream) as header:
            loader, held = _checked(header)
        source = _source(pyvips, stream)
        options = {"fail_on": "error", **({"page": 0, "n": 1} if loader.startswith("tiff") else {})}
        image = getattr(pyvips.Image, loader)(source, access="random", **options)
        at_random = "tile-width" in image.get_fields()
        if not at_random:
            source = _source(pyvips, stream)
            image = getattr(pyvips.Image, loader)(source, access="sequential", **options)
        if image.format not in _TYPES or image.interpretation not in _COLOURS or not 1 <= image.bands <= 4:
            raise NotInPartsError(
                f"its pixels are {image.bands} bands of the kind {image.interpretation}; save it as a tiled TIFF "
                "of grey or RGB values"
            )
        if image.get_typeof("orientation") and image.get("orientation") not in (0, 1):
            raise NotInPartsError("its EXIF turns it, for which it is needed whole; save it upright")
        yield ValueReader(image, pyvips.Region.new(image), at_random, held)


class _Kept(threading.local):
    """The readers that a thread has open, the last used at the end, by the file as it was."""

    def __init__(self) -> None:
        self.readers: OrderedDict[tuple[object, ...], tuple[PartReader, ExitStack]] = OrderedDict()


_KEPT = _Kept()


def kept_reader(path: str | Path) -> PartReader | None:
    """Return a reader of a file that stays open for the next call; None if it does not read at random.

    Files that were used longest ago are closed, so that the others hold no more than a share of the memory for
    decoding. Raises where `part_reader` does.
    """
    found = Path(path).stat()
    # A forked process has none of its parent's readers: they would continue from wherever the other process
    # stopped.
    key = (os.getpid(), str(path), found.st_ino, found.st_mtime_ns, found.st_size)
    if key in _KEPT.readers:
        _KEPT.readers.move_to_end(key)
        return _KEPT.readers[key][0]
    with ExitStack() as stack:
        reader = stack.enter_context(part_reader(path))
        if not reader.at_random:
            return None
        _KEPT.readers[key] = reader, stack.pop_all()
    while len(_KEPT.readers) > 1 and _held() > decode_memory() // _KEPT_SHARE:
        _, (_, opened) = _KEPT.readers.popitem(last=False)
        opened.close()
    return reader


def _held() -> int:
    return sum(reader.held for reader, _ in _KEPT.readers.values())


def is_slide(path: str | Path) -> bool:
    """Whether a file is a whole slide in a format of a single file, which its content confirms."""
    if Path(path).suffix.casefold() not in SLIDES:
        return False
    with encoded(path):
        found = _openslide().OpenSlide.detect_format(path)
    return found is not None and found not in _OF_SEVERAL_FILES


def reduced_level(path: str | Path, height: int, width: int, least: int) -> Tensor | None:
    """Return the smallest level of a pyramid with at least `least` pixels along its longer side, uint8 (3, h, w).

    None for an image of this height and width that has no such level, or none of its proportions. The writer of the
    file made it, in some way of its own.
    """
    if is_slide(path):
        with _openslide().OpenSlide(path) as slide:
            sizes = [(high, wide) for wide, high in slide.level_dimensions]
            chosen = _level(sizes, height, width, least)
            if chosen is None:
                return None
            high, wide = sizes[chosen]
            return _of_slide(slide.read_region((0, 0), chosen, (wide, high)))
    pyvips = _pyvips()
    with encoded(path) as stream:
        with open_image(stream) as header:
            if header.format != "TIFF":
                return None
            _checked(header)

        def page(**options: int) -> Any:
            return pyvips.Image.tiffload_source(
                _source(pyvips, stream), access="random", fail_on="error", **options
            )

        first = page(page=0, n=1)
        below = first.get("n-subifds") if first.get_typeof("n-subifds") else 0
        pages = first.get("n-pages") if first.get_typeof("n-pages") else 1
        levels = (
            [{"subifd": number} for number in range(min(below, _MOST_LEVELS))]
            if below
            else [{"page": number, "n": 1} for number in range(1, min(pages, _MOST_LEVELS))]
        )
        images = [page(**options) for options in levels]
        chosen = _level([(image.height, image.width) for image in images], height, width, least)
        if chosen is None:
            return None
        image = images[chosen]
        same = (image.format, image.bands, image.interpretation) == (
            first.format,
            first.bands,
            first.interpretation,
        )
        if not same:
            return None
        return ValueReader(image, pyvips.Region.new(image), True, 0).read(0, 0, image.height, image.width)


def _level(sizes: Sequence[tuple[int, int]], height: int, width: int, least: int) -> int | None:
    """Return the number of the smallest level that is large enough, and smaller than the image in both directions.

    >>> _level([(600, 900), (300, 450), (150, 225), (300, 300)], 600, 900, 250)
    1
    """
    able = [
        number
        for number, (high, wide) in enumerate(sizes)
        if high < height
        and least <= max(high, wide) <= _LARGEST_LEVEL
        and abs(high * width - wide * height) <= max(height, width)
    ]
    return min(able, key=lambda number: max(sizes[number]), default=None)


def slide_micrometres(path: str | Path) -> float | None:
    """Return the side of a slide's pixels in micrometres, None if it states none."""
    with _openslide().OpenSlide(path) as slide:
        said = slide.properties.get("openslide.mpp-x")
    return float(said) if said else None


@cache
def reads_parts() -> bool:
    """Whether the libraries for it are installed."""
    return all(find_spec(name) is not None for name in ("pyvips", "openslide"))


class ValueReader:
    """An opened TIFF, JPEG or PNG, a `PartReader` of it."""

    def __init__(self, image: Any, region: Any, at_random: bool, held: int) -> None:
        self._region, self._type, self._bands = region, _TYPES[image.format], image.bands
        self.height: int = image.height
        self.width: int = image.width
        self.at_random, self.held = at_random, held
        self.depth = {"ushort": SIXTEEN, "float": FLOATING}.get(image.format)

    def read(self, top: int, left: int, height: int, width: int) -> Tensor:
        """Return a part, uint8 (3, height, width), as `decode_image` would give it."""
        return _pixels(self.values(top, left, height, width))

    def values(self, top: int, left: int, height: int, width: int) -> NDArray[Any]:
        """Return the numbers of a part as they are stored, (height, width, bands); a palette is looked up."""
        raw = self._region.fetch(left, top, width, height)
        return np.frombuffer(raw, self._type).reshape(height, width, self._bands)


class _SlideReader:
    at_random = True
    held = _SLIDE_CACHE
    depth = None

    def __init__(self, slide: Any) -> None:
        self._slide = slide
        self.width, self.height = slide.dimensions

    def read(self, top: int, left: int, height: int, width: int) -> Tensor:
        return _of_slide(self._slide.read_region((left, top), 0, (width, height)))


def _of_slide(part: Image.Image) -> Tensor:
    # Areas that were never scanned are transparent.
    if part.getchannel("A").getextrema() == (255, 255):
        part = part.convert("RGB")
    return decode_picture(part)


def _pixels(values: NDArray[Any]) -> Tensor:
    """Return values (height, width, bands) as uint8 (3, height, width), by the rules for whole images."""
    bands = values.shape[2]
    if values.dtype == np.uint8 and bands == 3:
        return torch.from_numpy(np.array(values.transpose(2, 0, 1), order="C"))
    if values.dtype == np.uint16 and bands >= 3:
        return deep_pixels(values)
    if values.dtype != np.uint8 and bands != 1:
        raise NotInPartsError("it has grey of 16 bits or more beside alpha; save it without alpha")
    return decode_picture(Image.fromarray(values[..., 0] if bands == 1 else values))


def _source(pyvips: ModuleType, stream: BinaryIO) -> Any:
    if isinstance(stream, BytesIO):
        return pyvips.Source.new_from_memory(stream.getvalue())
    # It reads the file itself, from wherever reading stopped.
    os.lseek(stream.fileno(), 0, os.SEEK_SET)
    return pyvips.Source.new_from_descriptor(stream.fileno())


def _checked(header: Image.Image) -> tuple[str, int]:
    """Return the loader of a file by its header, and what it holds, if that is a small part of the memory."""
    loader = _LOADERS.get(header.format or "")
    if loader is None:
        raise NotInPartsError(f"parts of a {header.format} are not read; save it as a tiled TIFF")
    if header.format in ("JPEG", "MPO"):
        # The coefficients of all scans are held until the last one has been read.
        needed = 0 if in_one_scan(header) else 6 * header.width * header.height
        what = "it comes in several scans (progressive)"
    elif header.format == "PNG":
        needed = 8 * header.width * header.height if header.info.get("interlace") else 0
        what = "it is interlaced"
    else:
        needed, what = _piece_bytes(header), "its tiles or strips are too large"
    if needed > max(_BAND, decode_memory() // 2):
        raise NotInPartsError(
            f"{what}, so that it is decoded whole; save it as a TIFF with tiles of 256 pixels"
        )
    return loader, needed


def _piece_bytes(header: Image.Image) -> int:
    """What two rows of a TIFF's tiles take, or two of its strips."""
    tags: Any = getattr(header, "tag_v2", {})
    high, wide = (_whole(tags.get(tag)) for tag in (_TILE_HEIGHT, _TILE_WIDTH))
    bits = tags.get(258, 8)
    each = len(header.getbands()) * max(1, int(max(bits) if isinstance(bits, tuple) else bits) // 8)
    if high and wide:
        return 2 * high * each * (header.width // wide + 2) * wide
    rows = _whole(tags.get(_ROWS_PER_STRIP)) or header.height
    return 2 * min(rows, header.height) * header.width * each


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


@cache
def _pyvips() -> ModuleType:
    with suppress(AttributeError):
        # It logs oddities of files, which are not faults; a fault is raised.
        logging.getLogger("pyvips").setLevel(logging.CRITICAL)
    pyvips = import_module("pyvips")
    # Results of operations would be kept, with their files.
    pyvips.cache_set_max(0)
    return pyvips


def refused_by_libvips() -> type[Exception]:
    """Return the error for what libvips does not read, which may be an image that Pillow reads."""
    found: type[Exception] = _pyvips().Error
    return found


@cache
def _openslide() -> ModuleType:
    return import_module("openslide")
