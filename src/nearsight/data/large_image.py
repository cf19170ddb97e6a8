"""Images larger than the memory for decoding: read part by part, never held whole."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from nearsight.data.decode import encoded_size, most_pixels, named_faults
from nearsight.data.decode_memory import VARIABLE, decode_memory, decoding_bytes
from nearsight.data.encoded import encoded, open_image
from nearsight.data.part_readers import (
    EXTRA,
    SLIDES,
    NotInPartsError,
    PartReader,
    is_slide,
    part_reader,
    reads_parts,
    reduced_level,
)
from nearsight.data.values import Measured, ValueRange, measuring, value_range_here, values_from

# Rows that are read at a time: those of one tile of most TIFFs.
_ROWS = 256
# Twice as many pixels per side as a figure shows.
_OVERVIEW = 2400
# By squares of so many pixels, so many along each side, a level of a pyramid is compared with its image: their mean
# colours may differ by so many of 255, as a level may be made by taking single pixels, and compressed.
_COMPARED, _PLACES, _ALIKE = 16, 3, 12.0


@dataclass(frozen=True)
class LargeImage:
    """An image that memory should not hold: its `path`, and its `height` and `width` in pixels.

    It replaces a tensor, uint8 (3, height, width), for code that reads `bands` or `tiles`. It gives the pixels
    that `decode_image` would give, bit by bit. `at_random` says that a tile costs the same wherever it is;
    otherwise the image is decoded from the top down to it. Values beyond 8 bits, whose `depth` it states, are
    read from `value_range`.
    """

    path: str
    height: int
    width: int
    at_random: bool
    depth: str | None = None
    value_range: ValueRange | None = None

    @property
    def shape(self) -> torch.Size:
        """The shape that the tensor would have, (3, height, width)."""
        return torch.Size((3, self.height, self.width))

    @property
    def dtype(self) -> torch.dtype:
        """The type that the tensor would have, uint8."""
        return torch.uint8

    def bands(
        self, spans: Iterable[tuple[int, int]], seen: Callable[[int, Tensor], None] | None = None
    ) -> Iterator[Tensor]:
        """Yield the rows from `top` to `bottom` of each span, uint8 (3, bottom - top, width).

        Spans go down the image: neither their tops nor their bottoms go back. Rows are decoded once, even if
        spans overlap, and only as many are held as a span has. `seen`, if given, gets all rows of the image, some
        at a time, with the number of the first. Raises `InputError` naming the image for damage.
        """
        with self._opened() as reader:
            held, start = torch.empty((3, 0, self.width), dtype=torch.uint8), 0
            for top, bottom in spans:
                parts, stop = [held[:, max(0, top - start) :]], start + held.shape[1]
                first = max(top, stop)
                if seen is not None:
                    self._show(reader, stop, first, seen)
                for rows in _steps(first, bottom):
                    part = self._read(reader, rows[0], 0, (rows[1] - rows[0], self.width))
                    if seen is not None:
                        seen(rows[0], part)
                    parts.append(part)
                held, start = torch.cat(parts, 1) if len(parts) > 1 else parts[0], top
                del parts
                yield held
            if seen is not None:
                self._show(reader, start + held.shape[1], self.height, seen)

    def parts(self) -> Iterator[Tensor]:
        """Yield all rows once, some at a time, uint8 (3, n, width)."""
        return self.bands(_steps(0, self.height))

    def tiles(self, corners: Sequence[tuple[int, int]], size: tuple[int, int]) -> list[Tensor]:
        """Return the tiles of `size` (height, width) at these tops and lefts, uint8 (3, *size), in their order."""
        if self.at_random:
            with self._opened() as reader:
                return [self._read(reader, top, left, size) for top, left in corners]
        order = sorted(range(len(corners)), key=lambda number: corners[number])
        spans = [(corners[number][0], corners[number][0] + size[0]) for number in order]
        found: dict[int, Tensor] = {}
        for number, band in zip(order, self.bands(spans), strict=True):
            left = corners[number][1]
            found[number] = band[:, :, left : left + size[1]].clone()
        return [found[number] for number in range(len(corners))]

    def level(self, least: int) -> Tensor | None:
        """Return the smallest level of its pyramid with `least` pixels or more along its longer side, or None.

        Some places of the level are compared with the image, because a file may hold another picture as its level;
        in a file that is read from the top down no level is looked for, as that would read all of it.
        """
        if not self.at_random:
            return None
        reading = nullcontext() if self.value_range is None else values_from(self.value_range)
        with reading, named_faults(self.path, None):
            found = reduced_level(self.path, self.height, self.width, least)
        return found if found is not None and self._shows_the_same(found) else None

    def _shows_the_same(self, level: Tensor) -> bool:
        """Compare the mean colours of squares of a level, a few along each side, with those of the image."""
        high, wide = self.height / level.shape[1], self.width / level.shape[2]
        side = min(_COMPARED, *level.shape[1:])
        starts = [
            [round(place * (length - side) / (_PLACES - 1)) for place in range(_PLACES)]
            for length in level.shape[1:]
        ]
        corners = list(product(*starts))
        squares = [(round(top * high), round(left * wide)) for top, left in corners]
        size = (int(side * high), int(side * wide))
        with self._opened() as reader:
            # One square is held at a time, as they may be large.
            means = torch.stack(
                [self._read(reader, top, left, size).float().mean((1, 2)) for top, left in squares]
            )
        of_level = torch.stack(
            [level[:, top : top + side, left : left + side].float().mean((1, 2)) for top, left in corners]
        )
        return bool((means - of_level).abs().mean() <= _ALIKE)

    @contextmanager
    def _opened(self) -> Iterator[PartReader]:
        with named_faults(self.path, None), part_reader(self.path) as reader:
            if (reader.height, reader.width) != (self.height, self.width):
                raise ValueError(
                    f"it was {self.height}×{self.width} pixels at first and is {reader.height}×{reader.width} now"
                )
            yield reader

    def _show(self, reader: PartReader, first: int, last: int, seen: Callable[[int, Tensor], None]) -> None:
        for top, bottom in _steps(first, last):
            seen(top, self._read(reader, top, 0, (bottom - top, self.width)))

    def _read(self, reader: PartReader, top: int, left: int, size: tuple[int, int]) -> Tensor:
        # The range is that of when the image was found: another may apply when it is read.
        reading = nullcontext() if self.value_range is None else values_from(self.value_range)
        with reading, named_faults(self.path, None):
            return reader.read(top, left, *size)


class Overview:
    """A subsample of an image whose rows pass: `pixels`, uint8 (3, rows, columns), and the `step`.

    >>> overview = Overview(2, 4801)
    >>> overview.add(0, torch.ones(3, 2, 4801, dtype=torch.uint8))
    >>> overview.step, overview.pixels.shape
    (2, torch.Size([3, 1, 2401]))
    """

    def __init__(self, height: int, width: int) -> None:
        self.step = max(1, max(height, width) // _OVERVIEW)
        rows, columns = (-(-side // self.step) for side in (height, width))
        self.pixels = torch.zeros((3, rows, columns), dtype=torch.uint8)

    def add(self, top: int, rows: Tensor) -> None:
        """Take the sampled pixels from these rows, uint8 (3, n, width), the first of which is numbered `top`."""
        first = -top % self.step
        taken = rows[:, first :: self.step, :: self.step]
        place = (top + first) // self.step
        self.pixels[:, place : place + taken.shape[1]] = taken


def large_image(file: str | Path, name: str | None = None) -> LargeImage | None:
    """Return an image file that should be read part by part; None for one that is decoded whole, or is not an image.

    These are whole slides, and images whose decoding takes more than `decode_memory` or that have more pixels
    than Pillow decodes. If `allowed_pixels` allows fewer pixels, the image is refused when it is decoded. If it
    allows more, and the libraries are missing or the image's parts cannot be read, it is decoded whole. Otherwise
    that raises `InputError`, naming the image (`name`, or its path).
    """
    path = str(file)
    if not needs_parts(path):
        return None
    with named_faults(path, name):
        if not reads_parts():
            raise ValueError(
                f"its {_pixels(path):,} pixels are too many to be decoded whole; read them part by part, which takes "
                f"{EXTRA}, or give `max_pixels={_pixels(path)}`"
            )
        try:
            with part_reader(path) as reader:
                return _large(path, reader)
        except NotInPartsError as error:
            if most_pixels() is None:
                raise ValueError(f"{error}, or give `max_pixels={_pixels(path)}`") from error
            return None


def _pixels(path: str) -> int:
    with encoded(path) as stream, open_image(stream) as header:
        return header.width * header.height


def _large(path: str, reader: PartReader) -> LargeImage:
    pixels, most = reader.height * reader.width, most_pixels()
    if most is not None and pixels > most:
        raise ValueError(f"it has {pixels:,} pixels, and up to {most:,} are read; give `max_pixels={pixels}`")
    needed = 2 * 3 * _ROWS * reader.width
    if needed > decode_memory():
        raise ValueError(
            f"it is {reader.width:,} pixels wide, and {_ROWS} rows of it are more than may be held; "
            f"set {VARIABLE}={-(-needed // 2**20)}M"
        )
    return LargeImage(path, reader.height, reader.width, reader.at_random, reader.depth, value_range_here())


def measured(image: LargeImage) -> Measured:
    """Return the values beyond 8 bits in a large image; all of it is read for this."""
    with measuring() as found:
        deque(image.parts(), maxlen=0)
    deep = [part for part in found if part.depth is not None]
    if not deep:
        return Measured()
    low, high = min(part.low for part in deep), max(part.high for part in deep)
    return Measured(deep[0].depth, low, high, all(part.clear for part in found))


def needs_parts(path: str) -> bool:
    """Whether an image file should be read part by part, by its header; False for what is not an image."""
    slide = Path(path).suffix.casefold() in SLIDES
    try:
        if slide and reads_parts() and is_slide(path):
            return True
        with encoded(path) as stream, open_image(stream) as image:
            pixels, most = image.width * image.height, most_pixels()
            if most is not None and (pixels > most or not reads_parts()):
                return False
            limit = Image.MAX_IMAGE_PIXELS
            needed = decoding_bytes(image, encoded_size(stream))
            return (limit is not None and pixels > 2 * limit) or needed > decode_memory()
    except MemoryError:
        raise
    # Anything wrong with a file is reported when it is decoded.
    except Exception:
        return False


def _steps(first: int, last: int) -> Iterator[tuple[int, int]]:
    """Return the spans of rows from `first` to `last` that are read at a time."""
    if first < last:
        ends = [first, *range((first // _ROWS + 1) * _ROWS, last, _ROWS), last]
        yield from pairwise(ends)
