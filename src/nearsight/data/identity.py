"""How images are recognised when their set changes: a path below the set's place, and a digest of the content."""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data.packed.original import original_digest
from nearsight.read import open_regular

_BYTES = 8


@dataclass(frozen=True, eq=False)
class Identity:
    """The path of each image, relative to the set's place, and the digest of its content, 16 hexadecimal digits.

    >>> Identity(np.array(["cat/1.png", ""]), np.array(["0011", "2233"])).keys.tolist()
    ['cat/1.png', '2233']

    Both are text of shape (n,). A path is empty if the set names none, or gives two images the same name.
    """

    paths: NDArray[np.str_]
    digests: NDArray[np.str_]

    @property
    def keys(self) -> NDArray[np.str_]:
        """What distinguishes an image from the others of its set: its path, or its digest if it has none, (n,).

        Equal images without a path are numbered, except for the first.
        """
        keys = np.where(self.paths == "", self.digests, self.paths).tolist()
        seen: Counter[str] = Counter()
        for i, key in enumerate(keys):
            seen[key] += 1
            if seen[key] > 1:
                keys[i] = f"{key} {seen[key]}"
        return np.array(keys, dtype=np.str_)

    def select(self, index: NDArray[np.int64]) -> "Identity":
        """Return the identity of a subset, in the order of `index`."""
        return Identity(self.paths[index], self.digests[index])


def digest_of(content: bytes | memoryview | str | Path) -> str:
    """Return the digest of an encoded image, or of the file at a path, empty if there is none to read.

    >>> digest_of(b"a picture")
    '250d5b9b38e1b996'

    A packed file (`nearsight.pack`) has the digest of the file that was packed, unless it was changed since.
    """
    if isinstance(content, str | Path):
        try:
            with open_regular(content) as file:
                if (original := original_digest(file)) is not None:
                    return original
                file.seek(0)
                return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_BYTES)).hexdigest()
        except OSError:
            return ""
    if (original := original_digest(BytesIO(content))) is not None:
        return original
    return hashlib.blake2b(content, digest_size=_BYTES).hexdigest()


def digest_of_pixels(pixels: Tensor) -> str:
    """Return the digest of an image that is held as pixels, uint8 (3, H, W); its size counts too.

    >>> import torch
    >>> wide, high = torch.zeros(3, 1, 2, dtype=torch.uint8), torch.zeros(3, 2, 1, dtype=torch.uint8)
    >>> digest_of_pixels(wide) == digest_of_pixels(high)
    False
    """
    found = hashlib.blake2b(str(tuple(pixels.shape)).encode(), digest_size=_BYTES)
    found.update(np.ascontiguousarray(pixels.numpy()).data)
    return found.hexdigest()


def relative_paths(paths: Sequence[str | None], place: Path | None) -> NDArray[np.str_]:
    """Return paths relative to `place`, with slashes, in one Unicode form; empty if two are equal.

    >>> relative_paths(["/photos/cat/1.png", "dog\\\\2.png", "a.png", "a.png", None], Path("/photos")).tolist()
    ['cat/1.png', 'dog/2.png', '', '', '']
    """
    below = "" if place is None else f"{place.as_posix().rstrip('/')}/"
    # Another system writes the same name with other code points.
    found = np.array(
        [unicodedata.normalize("NFC", _slashed(path).removeprefix(below)) if path else "" for path in paths],
        dtype=np.str_,
    )
    names, place_of, counts = np.unique(found, return_inverse=True, return_counts=True)
    del names
    return np.where(counts[place_of] > 1, "", found)


def _slashed(path: str) -> str:
    return path.replace("\\", "/") if "/" not in path else PurePath(path).as_posix()
