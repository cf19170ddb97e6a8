"""What the files of a set say about its images without their pixels: format, size, quality, camera, time, folder."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nearsight.data.decode import opened, read_encoded, why_unread
from nearsight.data.encoded import encoded, open_image
from nearsight.data.encoded_files import EncodedFiles
from nearsight.data.exif import Exif, mentions_exif, read_exif
from nearsight.data.faults import one_line
from nearsight.data.groups import read_time
from nearsight.data.image_set import ImageSet, image_file
from nearsight.data.jpeg_quality import jpeg_quality
from nearsight.data.large_image import needs_parts
from nearsight.progress import SILENT, Progress

if TYPE_CHECKING:
    import pyarrow as pa


def file_facts(images: ImageSet, progress: Progress = SILENT) -> "pa.Table":
    """Return what is known about each image's file, one row per image; no pixel is decoded.

    >>> from nearsight.data import load
    >>> facts = file_facts(load("digits")["test"].select(np.arange(2)))
    >>> facts["width"].to_pylist(), facts["format"].to_pylist()
    ([8, 8], [None, None])

    The columns are missing where they are not known:

    - `width`, `height` in pixels as decoded, and `aspect`, width by height;
    - `format` as Pillow names it, `bytes` of the encoded file, `mode` of its colours, `bits` of each,
      `jpeg_quality` 1 to 100 by the tables (`jpeg_quality`);
    - of EXIF `camera_make`, `camera_model`, `software`, `orientation` and `taken`, a time, or else the time in the
      file's name;
    - `folder`, the directories above the file without those that say its class;
    - `fault`, why its metadata, or the file, cannot be read completely: nothing is raised for it.

    Images that were drawn, or given by a program, have no files: only their sizes are known, and folders if they
    have paths. Files are read once for a set, and what is known about them is kept as long as the set.
    """
    if images not in _KNOWN:
        _KNOWN[images] = _facts(images, progress)
    return _KNOWN[images]


_KNOWN: "WeakKeyDictionary[ImageSet, pa.Table]" = WeakKeyDictionary()


def _facts(images: ImageSet, progress: Progress) -> "pa.Table":
    import pyarrow as pa

    paths = [str(path) for path in images.identity.paths]
    read = _read_all(images.files, len(images), progress)
    sizes = images.sizes.astype(np.int32)
    columns = {
        "width": pa.array(sizes[:, 1]),
        "height": pa.array(sizes[:, 0]),
        "aspect": pa.array((sizes[:, 1] / np.maximum(sizes[:, 0], 1)).round(3)),
    }
    for name, kind in _TYPES.items():
        columns[name] = pa.array([getattr(one, name) for one in read], getattr(pa, kind)())
    taken = [one.time or read_time(path.rpartition("/")[2]) for one, path in zip(read, paths, strict=True)]
    columns["taken"] = pa.array(taken, pa.timestamp("s"))
    columns["folder"] = pa.array(_folders(paths, images.labels, images.classes), pa.string())
    columns["fault"] = pa.array([one.fault for one in read], pa.string())
    return pa.table(columns)


_TYPES = {
    "format": "string",
    "bytes": "int64",
    "mode": "string",
    "bits": "int32",
    "jpeg_quality": "int32",
    "camera_make": "string",
    "camera_model": "string",
    "software": "string",
    "orientation": "int32",
}


@dataclass(frozen=True)
class _Facts:
    format: str | None = None
    bytes: int | None = None
    mode: str | None = None
    bits: int | None = None
    jpeg_quality: int | None = None
    camera_make: str | None = None
    camera_model: str | None = None
    software: str | None = None
    orientation: int | None = None
    time: datetime | None = None
    fault: str | None = None


def _read_all(files: EncodedFiles | None, count: int, progress: Progress) -> list[_Facts]:
    if files is None:
        return [_Facts()] * count
    found = []
    for i in range(count):
        found.append(_read(image_file(files.cell(i))))
        progress.count("reading the headers of files", i + 1, count)
    return found


def _read(file: bytes | str) -> _Facts:
    # Anything wrong with a file is a fact about it; whether its picture can be used is decided elsewhere.
    try:
        size = len(file) if isinstance(file, bytes) else Path(file).stat().st_size
    except OSError as error:
        return _Facts(fault=one_line(error))
    try:
        with _headed(file) as image:
            # EXIF may follow the pixels of a PNG: they are only decoded if it does.
            silent = image.format == "PNG" and not mentions_exif(_content(file))
            exif = Exif() if silent else read_exif(image)
            return _Facts(
                format=image.format,
                bytes=size,
                mode=image.mode,
                bits=_bits(image),
                jpeg_quality=jpeg_quality(getattr(image, "quantization", None)),
                camera_make=exif.make,
                camera_model=exif.model,
                software=exif.software,
                orientation=exif.orientation,
                time=read_time(exif.taken) if exif.taken else None,
                fault=exif.fault,
            )
    except Exception as error:
        return _Facts(bytes=size, fault=why_unread(file, error))


@contextmanager
def _headed(file: bytes | str) -> Iterator[Image.Image]:
    """Open a file for its header, even if its picture is too large to be decoded whole."""
    if isinstance(file, str) and needs_parts(file):
        with encoded(file) as stream, open_image(stream) as image:
            yield image
        return
    with opened(file) as image:
        yield image


def _content(file: bytes | str) -> bytes:
    return file if isinstance(file, bytes) else read_encoded(file)


def _bits(image: Image.Image) -> int:
    stored = [str(tile.args) for tile in getattr(image, "tile", ())]
    if image.mode == "1":
        return 1
    if image.mode.startswith("I;16") or any(";16" in args for args in stored):
        return 16
    return 32 if image.mode in ("I", "F") else 8


def _folders(paths: Sequence[str], labels: NDArray[np.int64], classes: Sequence[str]) -> list[str | None]:
    """Return the directories of each path without those that give the class; None if nothing is left.

    >>> _folders(["cat/a/1.png", "cat/b/2.png", "dog/a/3.png"], np.array([0, 0, 1]), ("cat", "dog"))
    ['a', 'b', 'a']
    >>> _folders(["x/n01/1.png", "x/n02/2.png", "y/n01/3.png"], np.array([0, 1, 0]), ("cat", "dog"))
    ['x', 'x', 'y']

    These are the directories with the class's name, or else the first level at which each name has one class and
    each class one name.
    """
    parts = [path.split("/")[:-1] for path in paths]
    names = [classes[label].casefold() for label in labels]
    if any(part.casefold() == name for own, name in zip(parts, names, strict=True) for part in own):
        parts = [
            [part for part in own if part.casefold() != name] for own, name in zip(parts, names, strict=True)
        ]
    else:
        coding = next((k for k in range(max(map(len, parts), default=0)) if _codes(parts, k, labels)), None)
        parts = [[part for depth, part in enumerate(own) if depth != coding] for own in parts]
    return ["/".join(own) or None for own in parts]


def _codes(parts: Sequence[Sequence[str]], depth: int, labels: NDArray[np.int64]) -> bool:
    """Whether the names of a level of directories and the classes correspond one to one."""
    if any(len(own) <= depth for own in parts):
        return False
    pairs = {(own[depth], int(label)) for own, label in zip(parts, labels, strict=True)}
    names, numbers = {name for name, _ in pairs}, {number for _, number in pairs}
    return len(pairs) > 1 and len(names) == len(numbers) == len(pairs)
