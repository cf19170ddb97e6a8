"""What an image is known by wherever it lies: its path in the set, and a digest of its content."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Identity:
    """What each image of a set is known by.

    >>> identity = Identity(("cat/1.png", None), digests([b"one", b"two"]))
    >>> identity.select(np.array([1])).paths
    (None,)

    `paths` are relative to the set's folder, or a table's own; None where there is none, or where others of the split
    have the same. `digests`, uint64 (n,), are xxHash's XXH3 of the encoded file, or of the pixels of images held in
    memory. It is no cryptographic hash: it tells apart images that nobody made alike on purpose.
    """

    paths: tuple[str | None, ...]
    digests: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.digests)

    def select(self, index: NDArray[np.int64]) -> "Identity":
        """Return a subset, in the order of `index`."""
        return Identity(tuple(self.paths[i] for i in index), self.digests[index])

    def key(self, i: int) -> str:
        """Return what image i is cut by: its path, or its content where it has none."""
        return self.paths[i] or f"{int(self.digests[i]):016x}"


def digest(content: bytes) -> int:
    """Return the digest of one image's content, 0 to 2⁶⁴ - 1.

    >>> digest(b"cat")
    4779597430144128238
    """
    from xxhash import xxh3_64_intdigest

    return xxh3_64_intdigest(content)


def digests(contents: Sequence[bytes]) -> NDArray[np.uint64]:
    """Return the digest of each content, uint64 (n,)."""
    return np.array([digest(content) for content in contents], dtype=np.uint64)


def known_paths(paths: Sequence[str | None], root: Path | None) -> tuple[str | None, ...]:
    """Return the paths of a split that tell its images apart, relative to `root` and with slashes.

    >>> known_paths(["/data/cat/1.png", "/data/dog/1.png", None], Path("/data"))
    ('cat/1.png', 'dog/1.png', None)
    >>> known_paths(["a.png", "image.png", "image.png"], None)
    ('a.png', None, None)
    """
    said = [_relative(path, root) for path in paths]
    counts: dict[str | None, int] = {}
    for path in said:
        counts[path] = counts.get(path, 0) + 1
    return tuple(path if path and counts[path] == 1 else None for path in said)


def _relative(path: str | None, root: Path | None) -> str | None:
    if path is None or root is None or not Path(path).is_relative_to(root):
        return path
    return Path(path).relative_to(root).as_posix()
