"""Images too large to be held, each reduced once to the size at which a classifier sees it, and kept in the cache."""

from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data.bars import can_redraw, without_bars
from nearsight.data.cache_damage import told_of_damage
from nearsight.data.decode import allowed_pixels
from nearsight.data.decode_memory import decode_memory
from nearsight.data.image_set import ImageSet, JoinedImages, Store, StreamedImages, image_file
from nearsight.data.kept import kept_of
from nearsight.data.large_image import large_image
from nearsight.data.part_readers import reads_parts
from nearsight.data.regions import ReducedRegions
from nearsight.data.stamps import stamp_of_sources
from nearsight.data.values import ValueRange, values_from
from nearsight.errors import InputError
from nearsight.numbers import agreeing, counted
from nearsight.together import processes_here

if TYPE_CHECKING:
    from datasets import Dataset


class Reduction(Protocol):
    """How a classifier resizes images, as its `Preprocessing` says."""

    @property
    def resizes(self) -> bool:
        """Whether it resizes any."""

    @property
    def resizing(self) -> "Reduction":
        """What it does to an image, and nothing else: the same for all classifiers that resize alike."""

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width to which an image of a size is resized."""

    def resize_banded(self, image: Any) -> Any:
        """Return an image that is read by bands of rows, resized, uint8 (3, height, width)."""


@dataclass(frozen=True, eq=False)
class ReducedImages:
    """Images that are read part by part, `originals`, reduced to their `sizes`, int32 (n, 2).

    Row i of `kept`, which lies on disk, has the pixels of image i.
    """

    originals: StreamedImages
    kept: "Dataset"
    sizes: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def value_range(self) -> ValueRange | None:
        """What becomes 0 to 255 in images of more than 8 bits."""
        return self.originals.value_range

    def image(self, i: int) -> Tensor:
        """Return image i, uint8 of shape (3, H, W)."""
        [pixels] = self.kept[i : i + 1]["pixels"].to_pylist()
        height, width = self.sizes[i].tolist()
        return torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(3, height, width)

    def tile(self, i: int, top: int, left: int, size: tuple[int, int]) -> Tensor:
        """Return one tile of image i, uint8 (3, *size)."""
        return self.image(i)[:, top : top + size[0], left : left + size[1]]

    def path(self, i: int) -> str:
        """Return the file name of image i."""
        return self.originals.path(i)


def reduced_large(images: ImageSet, reduction: Reduction) -> tuple[ImageSet, str | None]:
    """Return a set in which the images that memory should not hold are reduced as `reduction` does, and a note.

    All others are unchanged. If there are none, or nothing is resized, the set itself is returned, without a note.
    Each large image is read once, part by part, by one of several processes within `all_processes`, which all must
    call this. Its identity and the facts of its file stay those of the original. Raises `InputError` for an image
    that is damaged, or that stays too large.
    """
    if not reduction.resizes or images.first_large() is None:
        return images, None
    found, store = images, _with_reduced(images.images, reduction.resizing)
    # Without one that is resized, the store itself is returned.
    if isinstance(store, JoinedImages):
        regions = None if images.regions is None else ReducedRegions(images.regions, images.sizes)
        found = replace(images, images=store, regions=regions, known_identity=images.identity)
    left = found.first_large()
    if left is not None:
        raise InputError(
            f"{images.path(left)} is too large to be held, also at the size at which the classifier sees it; cut it "
            "into parts"
        )
    changed = int((found.sizes != images.sizes).any(1).sum())
    return found, (
        f"{counted(changed, 'image')} of {images.split} too large to be held {agreeing(changed, 'is', 'are')} "
        "reduced as the classifier does: what shows only at full resolution is not seen"
    )


def _with_reduced(store: Store, reduction: Reduction) -> Store:
    if isinstance(store, JoinedImages):
        parts, places = [*store.parts], store.place.copy()
        for number, each in enumerate(store.parts):
            if isinstance(each, StreamedImages | JoinedImages):
                # It may hold images that this set does not have.
                mine = store.part == number
                used, places[mine] = np.unique(store.place[mine], return_inverse=True)
                parts[number] = _with_reduced(each.select(used), reduction)
        return replace(store, parts=tuple(parts), place=places)
    if not isinstance(store, StreamedImages):
        return store
    numbers = [
        i
        for i, (height, width) in enumerate(store.sizes.tolist())
        if reduction.resized(height, width) != (height, width) and store.large(i) is not None
    ]
    if not numbers:
        return store
    large = store.select(np.array(numbers))
    sizes = np.array([reduction.resized(*size) for size in large.sizes.tolist()], dtype=np.int32)
    part, place = np.zeros(len(store), dtype=np.int64), np.arange(len(store), dtype=np.int64)
    part[numbers], place[numbers] = 1, np.arange(len(numbers))
    reduced = ReducedImages(large, _kept(large, reduction), sizes.reshape(-1, 2))
    return JoinedImages((store, reduced), part, place)


def _kept(large: StreamedImages, reduction: Reduction) -> "Dataset":
    """Reduce images, of several processes each its share; all then find those of the others in the cache."""
    from datasets import Features, Value, concatenate_datasets

    features = Features(pixels=Value("binary"))
    reduce = _Reduce(reduction, large.max_pixels, large.value_range, stamp_of_sources(large.rows))
    rows, processes = large.rows.select(large.index.tolist()), processes_here()

    def kept(span: range) -> "Dataset":
        told = f"reducing the images of {large.name}"
        with told_of_damage(), nullcontext() if can_redraw() else without_bars():
            return kept_of(rows.select(span), reduce, features, batch_size=1, desc=told)

    def own() -> range:
        span = processes.share(len(rows))
        if span:
            kept(span)
        return span

    found = [kept(span) for span in processes.each(own) if span]
    return concatenate_datasets(found).with_format("arrow")


@dataclass(frozen=True)
class _Reduce:
    """Reduces the images of a batch of a table; its fields are the key of what `datasets` caches."""

    reduction: Reduction
    max_pixels: int | None
    value_range: ValueRange | None
    sources: str
    memory: int = field(default_factory=decode_memory)
    in_parts: bool = field(default_factory=reads_parts)

    def __call__(self, batch: dict[str, list[Any]]) -> dict[str, list[bytes]]:
        found = []
        for cell in batch["image"]:
            with allowed_pixels(self.max_pixels), values_from(self.value_range):
                image = large_image(str(image_file(cell)))
            assert image is not None
            found.append(self.reduction.resize_banded(image).numpy().tobytes())
        return {"pixels": found}
