"""An image set: images, labels, class names and regions of one split; and all splits of a set."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.arguments import checked, plain_tensor, shown
from nearsight.data.conversion import numbers_of, to_pixels
from nearsight.data.decode import allowed_pixels, decode_image, most_pixels, read_encoded_part
from nearsight.data.decode_memory import decode_memory, most_bytes
from nearsight.data.encoded_files import EncodedFiles
from nearsight.data.identity import Identity, digest_of, digest_of_pixels, relative_paths
from nearsight.data.large_image import LargeImage, large_image
from nearsight.data.regions import ColumnRegions, Regions
from nearsight.data.tile import decode_tile
from nearsight.data.values import ValueRange, values_from
from nearsight.errors import InputError, listed
from nearsight.notebook import Shown, Summary
from nearsight.numbers import counted
from nearsight.settings import Reading

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

_T = TypeVar("_T")
MEND = "repair or remove it, or leave such images out with `skip_bad=True`"


@dataclass(frozen=True, eq=False)
class MemoryImages:
    """Images of one size, held as one tensor: uint8 of shape (n, 3, H, W); `paths` names each for messages.

    `value_range` is what became 0 to 255 in images of more than 8 bits, None if there are none.

    >>> MemoryImages(torch.zeros(2, 3, 4, 5, dtype=torch.uint8), ("a", "b")).sizes.tolist()
    [[4, 5], [4, 5]]
    """

    pixels: Tensor
    paths: tuple[str, ...]
    value_range: ValueRange | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def sizes(self) -> NDArray[np.int32]:
        """Height and width of each image, int32 of shape (n, 2)."""
        return np.tile(np.array(self.pixels.shape[2:], dtype=np.int32), (len(self), 1))

    def image(self, i: int) -> Tensor:
        """Return image i, uint8 of shape (3, H, W)."""
        return self.pixels[i]

    def tile(self, i: int, top: int, left: int, size: tuple[int, int]) -> Tensor:
        """Return the tile of `size` (height, width) at `top` and `left` of image i, uint8 of shape (3, *size)."""
        return self.pixels[i, :, top : top + size[0], left : left + size[1]]

    def path(self, i: int) -> str:
        """Return the file name of image i."""
        return self.paths[i]

    def select(self, index: NDArray[np.int64]) -> "MemoryImages":
        """Return a copy of a subset, in the order of `index`."""
        paths = tuple(self.paths[i] for i in index)
        return MemoryImages(self.pixels[torch.from_numpy(index)], paths, self.value_range)


@dataclass(frozen=True, eq=False)
class StreamedImages:
    """Images of any size, read from disk and decoded when asked for.

    `rows` is a memory-mapped `datasets.Dataset` whose column `image` holds encoded bytes or a path; `index` (n,)
    is the row of each image and `sizes` (n, 2) its height and width. `max_pixels` is the bound under which it was
    opened, and `value_range` is what becomes 0 to 255 in images of more than 8 bits. Pickling it, as a loader's
    workers do, copies `index` and `sizes` but no image.
    """

    rows: "Dataset"
    index: NDArray[np.int64]
    sizes: NDArray[np.int32]
    name: str
    max_pixels: int | None = field(default_factory=most_pixels)
    value_range: ValueRange | None = None

    def __len__(self) -> int:
        return len(self.index)

    def image(self, i: int) -> Tensor:
        """Decode image i, uint8 of shape (3, H, W); raises `InputError` naming the file if it is damaged."""
        return self._decoded(i, decode_image)

    def large(self, i: int) -> LargeImage | None:
        """Return image i, to be read part by part, if memory should not hold it; nothing is decoded."""
        # Most are so small that their header need not be read.
        if most_bytes(int(self.sizes[i].prod(dtype=np.int64))) <= decode_memory():
            return None
        if not isinstance(self.file(i), str):
            return None
        return self._decoded(i, lambda file, name: large_image(str(file), name))

    def looked_at(self, i: int) -> Tensor | LargeImage:
        """Decode image i, or return it to be read part by part if memory should not hold it."""
        found = self.large(i)
        return self.image(i) if found is None else found

    def tile(self, i: int, top: int, left: int, size: tuple[int, int]) -> Tensor:
        """Decode one tile of image i, of `size` (height, width) at `top` and `left`: the same pixels as in `image`.

        If the file's format allows it, the rest is not decoded. uint8 of shape (3, *size); raises `InputError`
        naming the file if it is damaged.
        """
        return self._decoded(i, lambda file, name: decode_tile(file, top, left, size, name))

    def _decoded(self, i: int, decode: Callable[[bytes | str, str], _T]) -> _T:
        row = int(self.index[i])
        cell = self.rows[row]["image"]
        try:
            with allowed_pixels(self.max_pixels), values_from(self.value_range):
                return decode(image_file(cell), image_name(cell, self.name, row))
        except InputError as error:
            raise InputError(f"{error}; {MEND}") from error

    def file(self, i: int) -> bytes | str:
        """Return the encoded bytes of image i, or the path of its file."""
        return image_file(self.rows[int(self.index[i])]["image"])

    def path(self, i: int) -> str:
        """Return the file name of image i, or its row if the table names none."""
        row = int(self.index[i])
        return image_name(self.rows[row]["image"], self.name, row)

    def paths(self) -> list[str]:
        """Return what `path` returns for every image, without reading one."""
        names = image_paths(self.rows, self.name)
        return [names[row] for row in self.index]

    def select(self, index: NDArray[np.int64]) -> "StreamedImages":
        """Return a subset, in the order of `index`, without reading an image."""
        return replace(self, index=self.index[index], sizes=self.sizes[index])


@dataclass(frozen=True, eq=False)
class GivenImages:
    """Images of any size that a program holds or makes, read one by one on request.

    `items[i]` is an image in any form that `to_pixels` takes, with its label; `index` (n,) is the item of each
    image and `sizes` (n, 2) its height and width when it was first read.
    """

    items: Any
    index: NDArray[np.int64]
    sizes: NDArray[np.int32]
    name: str
    max_pixels: int | None = field(default_factory=most_pixels)
    value_range: ValueRange | None = None

    def __len__(self) -> int:
        return len(self.index)

    def image(self, i: int) -> Tensor:
        """Return image i, uint8 of shape (3, H, W); raises `InputError` if its size is not what it was at first."""
        with allowed_pixels(self.max_pixels), values_from(self.value_range):
            pixels = to_pixels(self.items[int(self.index[i])][0], self.path(i))
        if list(pixels.shape[1:]) != self.sizes[i].tolist():
            (height, width), (now, across) = self.sizes[i], pixels.shape[1:]
            raise InputError(
                f"{self.path(i)} was {height}×{width} pixels at first and is {now}×{across} now; give a data set "
                "whose images keep their size"
            )
        return pixels

    def tile(self, i: int, top: int, left: int, size: tuple[int, int]) -> Tensor:
        """Return one tile of image i, `size` (height, width) pixels from `top` and `left`, uint8 (3, *size)."""
        return self.image(i)[:, top : top + size[0], left : left + size[1]]

    def path(self, i: int) -> str:
        """Return the number of image i, for messages."""
        return f"image {self.index[i]} of {self.name}"

    def select(self, index: NDArray[np.int64]) -> "GivenImages":
        """Return a subset, in the order of `index`, without reading an image."""
        return replace(self, index=self.index[index], sizes=self.sizes[index])


class Store(Protocol):
    """Images that are kept together, by their numbers."""

    @property
    def sizes(self) -> NDArray[np.int32]:
        """Height and width of each image, int32 of shape (n, 2)."""

    @property
    def value_range(self) -> ValueRange | None:
        """What becomes 0 to 255 in images of more than 8 bits."""

    def image(self, i: int) -> Tensor:
        """Return image i, uint8 of shape (3, H, W)."""

    def tile(self, i: int, top: int, left: int, size: tuple[int, int]) -> Tensor:
        """Return one tile of image i, uint8 (3, *size)."""

    def path(self, i: int) -> str:
        """Return the file name of image i."""


@dataclass(frozen=True, eq=False)
class JoinedImages:
    """Images of several stores as one: image i is image `place[i]` of store `part[i]`."""

    parts: tuple["Store", ...]
    part: NDArray[np.int64]
    place: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.place)

    @property
    def sizes(self) -> NDArray[np.int32]:
        """Height and width of each image, int32 of shape (n, 2)."""
        found = np.zeros((len(self), 2), dtype=np.int32)
        for k, images in enumerate(self.parts):
            mine = self.part == k
            found[mine] = images.sizes[self.place[mine]]
        return found

    @property
    def value_range(self) -> ValueRange | None:
        """What becomes 0 to 255 in images of more than 8 bits, the same for all of a set."""
        return self.parts[0].value_range

    def image(self, i: int) -> Tensor:
        """Return image i, uint8 of shape (3, H, W), as its store gives it."""
        return self.parts[int(self.part[i])].image(int(self.place[i]))

    def large(self, i: int) -> LargeImage | None:
        """Return image i, to be read part by part, if memory should not hold it; nothing is decoded."""
        part = self.parts[int(self.part[i])]
        return part.large(int(self.place[i])) if isinstance(part, StreamedImages | JoinedImages) else None

    def looked_at(self, i: int) -> Tensor | LargeImage:
        """Return image i, or what reads it part by part if memory should not hold it, as its store gives it."""
        found = self.large(i)
        return self.image(i) if found is None else found

    def tile(self, i: int, top: int, left: int, size: tuple[int, int]) -> Tensor:
        """Return one tile of image i, `size` (height, width) pixels from `top` and `left`, uint8 (3, *size)."""
        return self.parts[int(self.part[i])].tile(int(self.place[i]), top, left, size)

    def path(self, i: int) -> str:
        """Return the file name of image i, as its store gives it."""
        return self.parts[int(self.part[i])].path(int(self.place[i]))

    def select(self, index: NDArray[np.int64]) -> "JoinedImages":
        """Return a subset, in the order of `index`, without reading an image."""
        return replace(self, part=self.part[index], place=self.place[index])


@dataclass(frozen=True, eq=False)
class ImageSet:
    """One split of a set: images with their labels, class names and, if known, the object's region.

    >>> pixels = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    >>> ImageSet("toy", "train", ("cat", "dog"), np.array([0, 1]), MemoryImages(pixels, ("a", "b")))
    ImageSet(toy train: 2 images, 2 classes, in memory)

    `labels` is int64 of shape (n,), each an index into `classes`. `columns` is what else is known about each
    image, such as its patient or its time: a `pyarrow.Table` of n rows, None if nothing else is known.
    `known_identity` and `files` are given if the files of the images are known.
    """

    name: str
    split: str
    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    images: MemoryImages | StreamedImages | GivenImages | JoinedImages
    regions: Regions | None = None
    columns: "pa.Table | None" = None
    known_identity: Identity | None = None
    files: EncodedFiles | None = None

    def __post_init__(self) -> None:
        if self.columns is not None and len(self.columns) != len(self.labels):
            raise InputError(
                f"`columns` has {counted(len(self.columns), 'row')} for {counted(len(self.labels), 'image')}; "
                "give a row for each image"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def _repr_html_(self) -> str:
        from nearsight.data.contact_strip import contact_strip

        sizes = self.sizes
        rows = [
            ("images", f"{len(self):,}"),
            ("classes", f"{len(self.classes):,}: {listed(self.classes, 8)}"),
            ("regions", "known" if self.has_regions else "none"),
        ]
        if self.columns is not None:
            rows.append(("columns", ", ".join(self.columns.column_names)))
        if len(self):
            low, high = sizes.min(0), sizes.max(0)
            largest = "" if (low == high).all() else f" to {high[0]}×{high[1]}"
            rows.insert(1, ("height×width", f"{low[0]}×{low[1]}{largest}"))
        return Summary(f"{self.name} {self.split}", rows=rows, picture=contact_strip(self)).html()

    def __repr__(self) -> str:
        storage = "streamed" if self.pixels is None else "in memory"
        return (
            f"ImageSet({self.name} {self.split}: {counted(len(self), 'image')}, "
            f"{counted(len(self.classes), 'class', 'classes')}, {storage})"
        )

    @property
    def pixels(self) -> Tensor | None:
        """All images as uint8 of shape (n, 3, H, W) when they are in memory, None when they stream."""
        return self.images.pixels if isinstance(self.images, MemoryImages) else None

    @property
    def sizes(self) -> NDArray[np.int32]:
        """Height and width of each image as decoded, int32 of shape (n, 2)."""
        return self.images.sizes

    @property
    def value_range(self) -> ValueRange | None:
        """What becomes 0 to 255 in images of more than 8 bits; None if there are none."""
        return self.images.value_range

    @property
    def smallest(self) -> int:
        """The largest tile that fits every image, in pixels."""
        return int(self.sizes.min())

    @cached_property
    def identity(self) -> Identity:
        """How each image is recognised after the set has changed: its path in the set and a digest of its content."""
        if self.known_identity is not None:
            return self.known_identity
        if isinstance(self.images, StreamedImages):
            cells = [self.images.rows[int(row)]["image"] for row in self.images.index]
            paths: Sequence[str | None] = [(cell or {}).get("path") for cell in cells]
            digests = [digest_of(image_file(cell)) for cell in cells]
        else:
            paths = self.images.paths if isinstance(self.images, MemoryImages) else [None] * len(self)
            digests = [digest_of_pixels(self.image(i)) for i in range(len(self))]
        return Identity(relative_paths(paths, None), np.array(digests, dtype=np.str_))

    @property
    def has_regions(self) -> bool:
        """Whether the region of at least one image is known."""
        return self.regions is not None and bool(self.regions.known.any())

    @checked
    def image(self, i: int) -> Tensor:
        """Return image i, uint8 of shape (3, H, W).

        >>> images = MemoryImages(torch.zeros(2, 3, 8, 9, dtype=torch.uint8), ("a.png", "b.png"))
        >>> toy = ImageSet("toy", "train", ("cat", "dog"), np.array([0, 1]), images)
        >>> toy.image(0).shape
        torch.Size([3, 8, 9])

        A streamed image is read and decoded now. Raises `InputError`, which names the file, if it is damaged.
        """
        return self.images.image(i)

    @checked
    def looked_at(self, i: int) -> Tensor | LargeImage:
        """Return image i, uint8 of shape (3, H, W), or what reads it part by part if memory should not hold it.

        >>> images = MemoryImages(torch.zeros(2, 3, 8, 9, dtype=torch.uint8), ("a.png", "b.png"))
        >>> toy = ImageSet("toy", "train", ("cat", "dog"), np.array([0, 1]), images)
        >>> toy.looked_at(0).shape
        torch.Size([3, 8, 9])

        Raises `InputError`, which names the file, if it is damaged.
        """
        return (
            self.images.looked_at(i)
            if isinstance(self.images, StreamedImages | JoinedImages)
            else self.image(i)
        )

    def file(self, i: int) -> bytes | str | None:
        """Return the encoded bytes of image i, or the path of its file; None if it is held as pixels.

        >>> images = MemoryImages(torch.zeros(2, 3, 8, 9, dtype=torch.uint8), ("a.png", "b.png"))
        >>> toy = ImageSet("toy", "train", ("cat", "dog"), np.array([0, 1]), images)
        >>> toy.file(0) is None
        True
        """
        return self.images.file(i) if isinstance(self.images, StreamedImages) else None

    def first_large(self) -> int | None:
        """Return the number of the first image that memory should not hold; None if there is none.

        >>> images = MemoryImages(torch.zeros(2, 3, 8, 9, dtype=torch.uint8), ("a.png", "b.png"))
        >>> toy = ImageSet("toy", "train", ("cat", "dog"), np.array([0, 1]), images)
        >>> toy.first_large() is None
        True

        None is decoded. Raises `InputError` for one that is too large to be decoded whole and cannot be read part by
        part.
        """
        store, memory = self.images, decode_memory()
        if not isinstance(store, StreamedImages | JoinedImages):
            return None
        for i, pixels in enumerate(self.sizes.prod(1, dtype=np.int64).tolist()):
            if most_bytes(pixels) > memory and store.large(i) is not None:
                return i
        return None

    @checked
    def tile(self, i: int, top: int, left: int, size: tuple[int, int]) -> Tensor:
        """Return one tile of image i, `size` (height, width) pixels from `top` and `left`, uint8 (3, h, w).

        >>> images = MemoryImages(torch.zeros(2, 3, 8, 9, dtype=torch.uint8), ("a.png", "b.png"))
        >>> toy = ImageSet("toy", "train", ("cat", "dog"), np.array([0, 1]), images)
        >>> toy.tile(1, top=2, left=3, size=(4, 4)).shape
        torch.Size([3, 4, 4])

        If the format of the file allows it, the rest is not decoded. Raises `InputError` if the file is damaged.
        """
        return self.images.tile(i, top, left, size)

    @checked
    def path(self, i: int) -> str:
        """Return the file name of image i, for messages.

        >>> images = MemoryImages(torch.zeros(2, 3, 8, 9, dtype=torch.uint8), ("a.png", "b.png"))
        >>> toy = ImageSet("toy", "train", ("cat", "dog"), np.array([0, 1]), images)
        >>> toy.path(1)
        'b.png'
        """
        return self.images.path(i)

    def paths(self) -> list[str]:
        """Return the file name of every image.

        >>> images = MemoryImages(torch.zeros(2, 3, 8, 9, dtype=torch.uint8), ("a.png", "b.png"))
        >>> toy = ImageSet("toy", "train", ("cat", "dog"), np.array([0, 1]), images)
        >>> toy.paths()
        ['a.png', 'b.png']

        No image is read.
        """
        if isinstance(self.images, StreamedImages):
            return self.images.paths()
        return [self.images.path(i) for i in range(len(self))]

    @checked
    def region(self, i: int) -> Tensor | None:
        """Return where the object of image i is, bool of shape (H, W), or None if that is not known.

        >>> images = MemoryImages(torch.zeros(2, 3, 8, 9, dtype=torch.uint8), ("a.png", "b.png"))
        >>> toy = ImageSet("toy", "train", ("cat", "dog"), np.array([0, 1]), images)
        >>> toy.region(0) is None, toy.has_regions
        (True, False)
        """
        if self.regions is None:
            return None
        height, width = self.sizes[i] if self.pixels is None else self.pixels.shape[2:]
        return self.regions.region(i, int(height), int(width))

    def box_faults(self) -> tuple[int, int]:
        """Return how many boxes of all images are cut off at an image's edge, and how many mark nothing.

        >>> images = MemoryImages(torch.zeros(2, 3, 8, 9, dtype=torch.uint8), ("a.png", "b.png"))
        >>> toy = ImageSet("toy", "train", ("cat", "dog"), np.array([0, 1]), images)
        >>> toy.box_faults()
        (0, 0)
        """
        if not isinstance(self.regions, ColumnRegions):
            return 0, 0
        found = [self.regions.box_faults(i, int(h), int(w)) for i, (h, w) in enumerate(self.sizes)]
        return sum(cut for cut, _ in found), sum(empty for _, empty in found)

    @checked
    def select(self, index: NDArray[np.int64]) -> "ImageSet":
        """Return the subset of the images in `index`, in its order; a streamed set reads nothing for it.

        >>> images = MemoryImages(torch.zeros(2, 3, 8, 9, dtype=torch.uint8), ("a.png", "b.png"))
        >>> toy = ImageSet("toy", "train", ("cat", "dog"), np.array([0, 1]), images)
        >>> toy.select([1, 1, 0]).labels.tolist()
        [1, 1, 0]

        Raises `InputError` for what are no numbers of images of this set.
        """
        index = _numbers(index, len(self))
        return replace(
            self,
            labels=self.labels[index],
            images=self.images.select(index),
            regions=None if self.regions is None else self.regions.select(index),
            columns=None if self.columns is None else self.columns.take(index),
            known_identity=self.identity.select(index)
            if "identity" in self.__dict__
            else (None if self.known_identity is None else self.known_identity.select(index)),
            files=None if self.files is None else self.files.select(index),
        )


def _numbers(index: Any, count: int) -> NDArray[np.int64]:
    """Return the numbers of images of a set of so many."""
    if isinstance(index, Tensor):
        index = numbers_of(plain_tensor(index, "`index`"))
    # The ends of a range are enough, which may hold more numbers than memory does.
    ends = (index[0], index[-1]) if isinstance(index, range) and index else ()
    found = index if isinstance(index, np.ndarray) else np.array(list(ends or index))
    if found.ndim != 1 or (len(found) and found.dtype.kind not in "iu"):
        raise InputError(f"`index` takes the numbers of images, got {shown(index)}")
    if len(found) and not -count <= found.min() <= found.max() < count:
        raise InputError(f"`index` takes numbers of the {counted(count, 'image')}, got {shown(index)}")
    return np.asarray(index if ends else found).astype(np.int64, copy=False)


@dataclass(frozen=True, eq=False, repr=False)
class ImageSets(Shown, Mapping[str, ImageSet]):
    """The splits of one set by name, usually `train`, `val` and `test`, with notes on how they were made.

    >>> sets = ImageSets("toy", {})
    >>> "test" in sets, list(sets)
    (False, [])

    `splits_follow_seed` says whether another seed would have made other splits; `reading` is how the set was
    read. Asking for a split that does not exist raises `InputError` with the names of those that do.
    """

    name: str
    splits: Mapping[str, ImageSet]
    notes: tuple[str, ...] = ()
    splits_follow_seed: bool = False
    reading: Reading = field(default_factory=Reading)

    @checked
    def __getitem__(self, split: str) -> ImageSet:
        if split not in self.splits:
            raise InputError(
                f"'{self.name}' has no split '{split}'; it has: {', '.join(self.splits) or 'none'}"
            )
        return self.splits[split]

    def __contains__(self, split: object) -> bool:
        return split in self.splits

    @checked
    def get(self, split: str, default: Any = None) -> Any:
        """Return a split, or `default` if the set does not have it.

        >>> ImageSets("toy", {}).get("val") is None
        True
        """
        return self.splits.get(split, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self.splits)

    def __len__(self) -> int:
        return len(self.splits)

    def _summary(self) -> Summary:
        rows = [
            (
                name,
                f"{len(images):,}",
                "no images" if not len(images) else f"smallest side {images.smallest}",
                "streamed" if images.pixels is None else "in memory",
            )
            for name, images in self.items()
        ]
        count = f", {counted(len(self.classes), 'class', 'classes')}" if self.splits else ""
        return Summary(
            f"ImageSets({self.name}{count})", ("split", "images", "sizes", "held"), rows, self.notes
        )

    @property
    def value_range(self) -> ValueRange | None:
        """What becomes 0 to 255 in images of more than 8 bits, the same in every split; None if there are none."""
        return next((images.value_range for images in self.splits.values()), None)

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names, the same in every split."""
        return next(iter(self.splits.values())).classes


def image_file(cell: Mapping[str, Any] | None) -> bytes | str:
    """Return the encoded bytes, or else the path, in a table's image cell; no bytes for an empty cell.

    A file that lies in another one, the cell's `shard`, is read from its place there.

    >>> image_file({"bytes": None, "path": "cat/1.png"}), image_file(None)
    ('cat/1.png', b'')
    """
    if cell is None:
        return b""
    if cell.get("shard") is not None:
        return read_encoded_part(cell["shard"], cell["offset"], cell["size"], cell["path"])
    file: bytes | str = cell["bytes"] if cell["bytes"] is not None else cell["path"] or b""
    return file


def image_name(cell: Mapping[str, Any] | None, split: str, row: int) -> str:
    """Name an image for messages: its path, or its row in the split if the table gives none.

    >>> image_name({"path": "cat/1.png"}, "train", 7), image_name(None, "train", 7)
    ('cat/1.png', 'row 7 of train')
    """
    return (cell or {}).get("path") or f"row {row} of {split}"


def image_paths(rows: "Dataset", split: str) -> list[str]:
    """Name every image of a table as `image_name` does, without reading one."""
    import pyarrow.compute as pc

    names: list[str] = []
    for batch in rows.select_columns(["image"]).with_format("arrow").iter(batch_size=1000):
        for path in pc.struct_field(batch["image"], "path").to_pylist():
            names.append(image_name({"path": path}, split, len(names)))
    return names


def require_tile(images: ImageSet, tile: int, *, resizable: bool = True) -> None:
    """Raise `InputError` unless a tile of `tile` pixels fits every image of the set.

    >>> pixels = torch.zeros(1, 3, 8, 9, dtype=torch.uint8)
    >>> toy = ImageSet("toy", "train", ("cat", "dog"), np.array([0]), MemoryImages(pixels, ("a.png",)))
    >>> require_tile(toy, 8)
    >>> require_tile(toy, 9)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    nearsight.errors.InputError: a tile of 9 pixels does not fit a.png (8×9), ...
    """
    short = np.flatnonzero(images.sizes.min(1) < tile)
    if not len(short):
        return
    height, width = images.sizes[short[0]]
    larger = f"enlarge with `resize_short={tile}`" if resizable else "leave the small ones out"
    others = (
        "the only image too small"
        if len(short) == 1
        else f"the first of {counted(len(short), 'image')} too small"
    )
    raise InputError(
        f"a tile of {tile} pixels does not fit {images.path(int(short[0]))} ({height}×{width}), {others} "
        f"of {len(images)} in {images.name} {images.split}; the largest tile that fits every image is "
        f"{images.smallest}; choose `tile={images.smallest}` or less, or {larger}"
    )
