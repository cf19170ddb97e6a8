"""Quantised coefficients as the entropy-coded data of a sequential JPEG with restart intervals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearsight.data.packed.huffman import HuffmanTable, shortest_table

BLOCK = 8
# Where each coefficient of a block, row by row, is in the order in which they are coded.
ZIGZAG = np.array(
    sorted(
        range(64), key=lambda place: (sum(divmod(place, 8)), divmod(place, 8)[sum(divmod(place, 8)) % 2 == 0])
    )
)
_LARGEST_DC, _LARGEST_AC = 11, 10
_ZEROS, _END = 0xF0, 0x00
# Blocks that are processed at a time.
_TOGETHER = 1 << 16
_SIZES = np.array([value.bit_length() for value in range(1 << 12)], np.uint8)


class OutOfRangeError(ValueError):
    """A coefficient is larger than those of an 8-bit image."""


@dataclass(frozen=True)
class Component:
    """A colour of a JPEG: its `name`, a number; how often it is sampled; and the number of its quantisation table."""

    name: int
    across: int
    down: int
    quantisation: int


@dataclass(frozen=True)
class Layout:
    """How a JPEG of `height`×`width` pixels is divided into MCUs, the smallest units with all of its colours."""

    height: int
    width: int
    components: tuple[Component, ...]

    @property
    def mcu(self) -> tuple[int, int]:
        """Height and width of an MCU in pixels."""
        down, across = (max(getattr(each, side) for each in self.components) for side in ("down", "across"))
        return BLOCK * down, BLOCK * across

    @property
    def mcus(self) -> tuple[int, int]:
        """How many MCUs the image has down and across."""
        height, width = self.mcu
        return -(-self.height // height), -(-self.width // width)

    @property
    def subsampled(self) -> bool:
        """Whether a colour has fewer samples than pixels, so that a decoder also reads the samples beside a pixel."""
        return len({(each.down, each.across) for each in self.components}) > 1

    def blocks(self, component: Component) -> tuple[int, int]:
        """Return how many blocks a component has down and across, without those that pad the last MCUs."""
        height, width = self.mcu
        return -(-self.height * component.down // height), -(-self.width * component.across // width)


@dataclass(frozen=True, eq=False)
class Coded:
    """Entropy-coded data in restart intervals, with their markers: `data`, and the `lengths` of each without marker.

    `tables` are those of DC and AC, for the first component and, if there are more, for the others.
    """

    data: bytes
    lengths: NDArray[np.uint16]
    tables: tuple[tuple[HuffmanTable, HuffmanTable], ...]


def coded(layout: Layout, coefficients: Sequence[NDArray[np.int16]], interval: int) -> Coded:
    """Code the coefficients of each component, int16 (blocks down, blocks across, 64) row by row, in one scan.

    After every `interval` MCUs, a divisor of those across, there is a restart marker. Raises `OutOfRangeError`
    for coefficients that an 8-bit image cannot have.
    """
    bands = [_symbols(blocks, kinds, interval) for blocks, kinds in _bands(layout, coefficients)]
    occurrences = sum(
        (np.bincount(band.key, minlength=4 * 256) for band in bands), np.zeros(4 * 256, np.int64)
    )
    by_table = [shortest_table(part) for part in occurrences.reshape(4, 256)]
    codes, lengths = (
        np.concatenate(each) for each in zip(*(table.codes() for table in by_table), strict=True)
    )
    data, sizes, first = [], [], 0
    for band in bands:
        part, size = _with_markers(*band.bits(codes, lengths), first)
        data.append(part)
        sizes.append(size)
        first += len(size)
    # Nothing follows the last interval.
    whole = b"".join(data)[:-2]
    kinds = range(min(2, len(layout.components)))
    return Coded(whole, np.concatenate(sizes), tuple((by_table[kind], by_table[2 + kind]) for kind in kinds))


def _bands(
    layout: Layout, coefficients: Sequence[NDArray[np.int16]]
) -> Iterator[tuple[NDArray[np.int16], NDArray[np.uint8]]]:
    """Yield the blocks of some rows of MCUs as they are scanned, (MCUs, blocks, 64), and each block's component."""
    down, across = layout.mcus
    kinds = np.repeat(
        np.arange(len(layout.components), dtype=np.uint8),
        [each.down * each.across for each in layout.components],
    )
    rows = max(1, _TOGETHER // (across * len(kinds)))
    for top in range(0, down, rows):
        bottom, parts = min(top + rows, down), []
        for component, all_blocks in zip(layout.components, coefficients, strict=True):
            have = all_blocks[top * component.down : bottom * component.down]
            wanted = (bottom - top) * component.down, across * component.across
            blocks = np.zeros((*wanted, 64), np.int16)
            blocks[: have.shape[0], : have.shape[1]] = have[..., ZIGZAG]
            # The padding of the last MCUs is never seen; if it equals its neighbour, it takes the fewest bits.
            blocks[: have.shape[0], have.shape[1] :, 0] = blocks[
                : have.shape[0], have.shape[1] - 1 : have.shape[1], 0
            ]
            blocks[have.shape[0] :, :, 0] = blocks[have.shape[0] - 1, :, 0]
            shape = bottom - top, component.down, across, component.across, 64
            parts.append(
                blocks.reshape(shape).transpose(0, 2, 1, 3, 4).reshape((bottom - top) * across, -1, 64)
            )
        yield np.concatenate(parts, axis=1), kinds


@dataclass(frozen=True, eq=False)
class _Symbols:
    """Symbols in their order: `key`, the table's number times 256 and the symbol, and the `size` bits after it.

    `events` is how many there are in each restart interval.
    """

    key: NDArray[np.uint16]
    size: NDArray[np.uint8]
    value: NDArray[np.uint32]
    events: NDArray[np.int64]

    def bits(
        self, codes: NDArray[np.uint32], lengths: NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the bytes of all intervals, each padded with ones, and how many bytes each has."""
        length = lengths[self.key].astype(np.int64) + self.size
        value = codes[self.key] << self.size | self.value
        end = length.cumsum()
        ends = end[self.events.cumsum() - 1]
        bits = np.diff(ends, prepend=0)
        sizes = -(-bits // 8)
        first = 8 * (sizes.cumsum() - sizes)
        at = end - length + np.repeat(first - (ends - bits), self.events)
        fill = 8 * sizes - bits
        at = np.concatenate([at, first + bits])
        length = np.concatenate([length, fill])
        value = np.concatenate([value, (np.uint32(1) << fill.astype(np.uint32)) - np.uint32(1)])
        word, shift = at >> 5, (64 - length - (at & 31)).astype(np.uint64)
        window = value.astype(np.uint64) << shift
        words = int(sizes.sum()) // 4 + 2
        # No two codes share a bit, so a sum sets those of each; doubles hold 53 bits of it.
        high = np.bincount(word, window >> np.uint64(32), words)
        low = np.bincount(word + 1, window & np.uint64(0xFFFFFFFF), words)
        return (high + low).astype(np.uint32).astype(">u4").view(np.uint8)[: sizes.sum()], sizes


def _symbols(blocks: NDArray[np.int16], kinds: NDArray[np.uint8], interval: int) -> _Symbols:
    """Return the symbols of blocks in the order of the scan, (MCUs, blocks, 64) of these components."""
    table = np.tile(np.minimum(kinds, 1).astype(np.uint16), len(blocks))
    difference = _differences(blocks[..., 0], kinds, interval).reshape(-1)
    flat = blocks.reshape(-1, 64)
    block, place = np.nonzero(flat[:, 1:])
    found = flat[block, place + 1].astype(np.int32)
    if np.abs(difference).max(initial=0) >> _LARGEST_DC or np.abs(found).max(initial=0) >> _LARGEST_AC:
        raise OutOfRangeError("its coefficients are larger than those of an image of 8 bits")
    before = np.diff(place, prepend=-1) - 1
    begins = np.diff(block, prepend=-1) != 0
    before[begins] = place[begins]
    skips = before >> 4
    # The place of each symbol: for every block its DC, then its other coefficients, each after its runs of 16
    # zeros.
    each = 1 + skips
    last = np.full(len(flat), -1)
    last[block] = place
    ended = last != 62
    of_block = np.bincount(block, each, len(flat)).astype(np.int64)
    count = 1 + of_block + ended
    start = count.cumsum() - count
    at = each.cumsum() + np.repeat(
        start - (of_block.cumsum() - of_block), np.bincount(block, minlength=len(flat))
    )
    total = int(count.sum())
    key = np.repeat((table + 2) * 256 + _ZEROS, count).astype(np.uint16)
    size, value = np.zeros(total, np.uint8), np.zeros(total, np.uint32)
    size[start], value[start] = _amplitude(difference)
    key[start] = table * 256 + size[start]
    size[at], value[at] = _amplitude(found)
    key[at] = (table[block] + 2) * 256 + ((before & 15) << 4) + size[at]
    key[(start + count - 1)[ended]] = ((table + 2) * 256 + _END)[ended]
    events = count.reshape(-1, interval * len(kinds)).sum(1)
    return _Symbols(key, size, value, events)


def _differences(dc: NDArray[np.int16], kinds: NDArray[np.uint8], interval: int) -> NDArray[np.int32]:
    """Return the DC of each block, (MCUs, blocks), minus the one before it of its component in the same interval."""
    found = np.empty(dc.shape, np.int32)
    for kind in range(int(kinds.max()) + 1):
        own = dc[:, kinds == kind].astype(np.int32)
        in_intervals = own.reshape(len(dc) // interval, -1)
        found[:, kinds == kind] = np.diff(in_intervals, axis=1, prepend=0).reshape(own.shape)
    return found


def _amplitude(values: NDArray[np.int32]) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Return how many bits follow a value's symbol, and these bits: negative values are written minus one."""
    size = _SIZES[np.abs(values)]
    return size, np.where(values < 0, values + (1 << size.astype(np.int32)) - 1, values).astype(np.uint32)


def _with_markers(
    data: NDArray[np.uint8], sizes: NDArray[np.int64], first: int
) -> tuple[bytes, NDArray[np.uint16]]:
    """Return intervals, the first with the given number, with a zero after each 0xFF and a marker after each."""
    full = data == 0xFF
    stuffed = full.cumsum()
    ends = sizes.cumsum()
    lengths = np.diff(ends + stuffed[ends - 1], prepend=0)
    numbers = np.arange(len(sizes))
    out = np.zeros(int(lengths.sum()) + 2 * len(sizes), np.uint8)
    out[np.arange(len(data)) + stuffed - full + 2 * np.repeat(numbers, sizes)] = data
    after = lengths.cumsum() + 2 * numbers
    out[after], out[after + 1] = 0xFF, 0xD0 + (first + numbers) % 8
    return out.tobytes(), lengths.astype(np.uint16)
