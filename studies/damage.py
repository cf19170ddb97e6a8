"""Damage to bytes that several fuzzers do."""

from random import Random


def flip_bits(content: bytearray, draw: Random, times: int, *, within: int | None = None) -> None:
    """Flip a bit in so many bytes, of those before `within` if it is given."""
    end = len(content) if within is None else min(len(content), within)
    for _ in range(times):
        content[draw.randrange(end)] ^= 1 << draw.randrange(8)
