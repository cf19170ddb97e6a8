"""Huffman tables of a JPEG: the shortest codes for given symbols, as ITU-T T.81 has them."""

import heapq
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

_LONGEST = 16
# No symbol's code may be all ones; this one, which never occurs, takes that code.
_NEVER = 256


@dataclass(frozen=True, eq=False)
class HuffmanTable:
    """Codes for symbols of a byte: `counts` (16,) codes of each length from 1 to 16, and `symbols` in their order."""

    counts: tuple[int, ...]
    symbols: tuple[int, ...]

    def codes(self) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
        """Return the code and its length in bits for each symbol, both (256,); a length of 0 stands for none.

        >>> codes, lengths = HuffmanTable((1, 1) + (0,) * 14, (7, 9)).codes()
        >>> codes[[7, 9]].tolist(), lengths[[7, 9]].tolist()
        ([0, 2], [1, 2])
        """
        codes, lengths = np.zeros(256, np.uint32), np.zeros(256, np.uint8)
        code = place = 0
        for length, number in enumerate(self.counts, 1):
            for symbol in self.symbols[place : place + number]:
                codes[symbol], lengths[symbol] = code, length
                code += 1
            place += number
            code <<= 1
        return codes, lengths

    def segment(self, kind: int, number: int) -> bytes:
        """Return the table as in a DHT segment: `kind` 0 for DC and 1 for AC, and its number."""
        return bytes([kind << 4 | number, *self.counts, *self.symbols])


def shortest_table(occurrences: NDArray[np.int64]) -> HuffmanTable:
    """Return the table with the shortest codes of at most 16 bits for symbols with these frequencies, (256,).

    >>> table = shortest_table(np.bincount([3, 3, 3, 5, 9], minlength=256))
    >>> table.counts[:3], table.symbols
    ((1, 1, 1), (3, 9, 5))

    The limit of 16 bits is kept as in annex K.2 of T.81, which may cost a few bits more than the shortest.
    """
    order = count()
    heap = [
        (int(occurrences[symbol]), next(order), [symbol]) for symbol in np.flatnonzero(occurrences).tolist()
    ]
    heap.append((0, next(order), [_NEVER]))
    heapq.heapify(heap)
    depth = dict.fromkeys((symbol for _, _, symbols in heap for symbol in symbols), 0)
    while len(heap) > 1:
        first, second = heapq.heappop(heap), heapq.heappop(heap)
        together = first[2] + second[2]
        for symbol in together:
            depth[symbol] += 1
        heapq.heappush(heap, (first[0] + second[0], next(order), together))
    counts = np.bincount(list(depth.values()), minlength=2 * _LONGEST + 1)
    for length in range(len(counts) - 1, _LONGEST, -1):
        while counts[length]:
            # Two codes of this length become one that is a bit shorter, and a shorter one becomes two.
            shorter = length - 2
            while not counts[shorter]:
                shorter -= 1
            counts[length] -= 2
            counts[length - 1] += 1
            counts[shorter + 1] += 2
            counts[shorter] -= 1
    counts[int(np.flatnonzero(counts)[-1])] -= 1
    ordered = sorted(
        (symbol for symbol in depth if symbol != _NEVER),
        key=lambda symbol: (depth[symbol], -occurrences[symbol]),
    )
    return HuffmanTable(tuple(counts[1 : _LONGEST + 1].tolist()), tuple(ordered))
