"""What a packed TIFF says of the file that it was made of, in its description, with a digest of itself."""

import re

import xxhash

_SAID = re.compile(rb"packed by nearsight from ([0-9a-f]{16}), seal ([0-9a-f]{16})")
_UNSEALED = b"0" * 16


def original_said(original: str) -> str:
    """Return a description that names the digest of the file that was packed, with no seal yet.

    >>> original_said("250d5b9b38e1b996")
    'packed by nearsight from 250d5b9b38e1b996, seal 0000000000000000'
    """
    return f"packed by nearsight from {original}, seal {_UNSEALED.decode()}"


def sealed_tiff(content: bytes) -> bytes:
    """Return a TIFF with such a description with the digest of itself in it."""
    said = _SAID.search(content)
    assert said is not None
    seal = xxhash.xxh3_64(content).hexdigest().encode()
    return content[: said.start(2)] + seal + content[said.end(2) :]


def says_original(content: bytes) -> bool:
    """Whether such a description is in a part of a file."""
    return _SAID.search(content) is not None


def original_of_tiff(content: bytes) -> str | None:
    """Return the digest of the file that a packed TIFF was made of; None for others, and if it was changed.

    >>> content = sealed_tiff(b"II*\\0" + original_said("250d5b9b38e1b996").encode())
    >>> original_of_tiff(content), original_of_tiff(content + b"more")
    ('250d5b9b38e1b996', None)
    """
    said = _SAID.search(content)
    if said is None:
        return None
    before = content[: said.start(2)] + _UNSEALED + content[said.end(2) :]
    return said[1].decode() if xxhash.xxh3_64(before).hexdigest().encode() == said[2] else None
