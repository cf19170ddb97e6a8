"""Thumbnails that show whether two images are nearly the same picture."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data.bars import can_redraw, without_bars
from nearsight.data.cache_damage import told_of_damage
from nearsight.data.decode import allowed_pixels, decode_image
from nearsight.data.decode_memory import decode_memory
from nearsight.data.image_set import ImageSet, StreamedImages, image_file
from nearsight.data.kept import kept_of
from nearsight.data.large_image import LargeImage, large_image
from nearsight.data.overview import CELLS, cells_of
from nearsight.data.part_readers import reads_parts
from nearsight.data.stamps import stamp_of_sources
from nearsight.data.values import ValueRange, values_from
from nearsight.errors import InputError
from nearsight.settings.choices import DEFAULT_MEMORY
from nearsight.together import ONE_PROCESS, Processes, processes_here

if TYPE_CHECKING:
    from datasets import Dataset, Features

THUMBNAIL = CELLS
NEAR = 0.55
# In grey levels of 0 to 255; rounding and JPEG leave one or two in a thumbnail without any detail.
FLAT = 2.0

CHUNK = 2048
# The most that images take in float32 while they are reduced; for a larger one, a sixteenth.
_FLOATS = 32 * 2**20
# Rows that are reduced together, and if some are read part by part, which takes seconds each; and the most of a table
# that processes send each other, 3 kB each.
_BATCH, _LARGE_BATCH, _MOST_SENT = 128, 4, 100_000


def thumbnails(
    images: ImageSet, memory: int = DEFAULT_MEMORY, processes: Processes = ONE_PROCESS
) -> Iterator[Tensor]:
    """Yield the thumbnails of a set in chunks, float32 (n, 3 × 16 × 16) of length 1; 0 for images too plain.

    If several `processes` ask for the same, each reduces some of the images that stream. Images too large to be
    held are read part by part, or by a level of their pyramid.
    """
    floats = min(_FLOATS, memory // 2)
    streamed = images.images if isinstance(images.images, StreamedImages) else None
    kept = None
    if streamed is not None:
        kept = _kept(streamed, processes, _LARGE_BATCH if _has_large(images) else _BATCH)
    for first in range(0, len(images), CHUNK):
        numbers = range(first, min(first + CHUNK, len(images)))
        if images.pixels is not None:
            small = _reduced(images.pixels[numbers.start : numbers.stop], floats)
        elif kept is not None and streamed is not None:
            small = _read(kept, streamed.index[numbers.start : numbers.stop])
        else:
            small = torch.cat([_reduced_one(images.looked_at(i), floats) for i in numbers])
        levelled = small - small.mean(2, keepdim=True)
        levelled = (levelled - levelled.mean(3, keepdim=True)).flatten(1)
        deviation = levelled.pow(2).mean(1, keepdim=True).sqrt()
        tiny = torch.from_numpy(images.sizes[numbers.start : numbers.stop].min(1) < THUMBNAIL)[:, None]
        yield torch.where((deviation < FLAT) | tiny, 0, F.normalize(levelled, dim=1))


def _has_large(images: ImageSet) -> bool:
    try:
        return images.first_large() is not None
    except InputError:
        # It is too large, and cannot be read part by part either: like any such image, it has no thumbnail.
        return True


def _reduced_one(image: Tensor | LargeImage, floats: int = _FLOATS) -> Tensor:
    return _reduced(image[None], floats) if isinstance(image, Tensor) else cells_of(image)[None]


def _reduced(pixels: Tensor, floats: int = _FLOATS) -> Tensor:
    """Average images, uint8 (n, 3, H, W), over 16×16 cells, float32 (n, 3, 16, 16), a few at a time."""
    together = floats // (4 * pixels[0].numel())
    if together:
        # If small results were kept between the large ones, the memory of these would not be used again.
        small = torch.empty(len(pixels), 3, THUMBNAIL, THUMBNAIL)
        for some, into in zip(torch.split(pixels, together), torch.split(small, together), strict=True):
            into.copy_(F.adaptive_avg_pool2d(some.float(), THUMBNAIL))
        return small
    height = pixels.shape[2]
    rows = [
        F.adaptive_avg_pool2d(
            image[:, row * height // THUMBNAIL : -(-(row + 1) * height // THUMBNAIL)].float(), (1, THUMBNAIL)
        )
        for image in pixels
        for row in range(THUMBNAIL)
    ]
    return torch.cat(rows, dim=1).view(3, len(pixels), THUMBNAIL, THUMBNAIL).transpose(0, 1)


def near_pairs(images: ImageSet) -> Tensor:
    """Return the pairs of images that are nearly the same picture, or its mirror image, int64 (pairs, 2), in order.

    >>> import numpy as np
    >>> from nearsight.data.image_set import MemoryImages
    >>> pixels = torch.randint(0, 200, (3, 3, 32, 32), dtype=torch.uint8)
    >>> held = MemoryImages(torch.cat([pixels, pixels[:1] + 30]), ("",) * 4)
    >>> near_pairs(ImageSet("toy", "train", ("cat", "dog"), np.zeros(4, int), held)).tolist()
    [[0, 3]]

    It takes 3 kB of memory per image; time grows with the square of their number. Of several processes within
    `all_processes`, which all must call it, each decodes its share of images that stream.
    """
    held = torch.cat([torch.empty(0, 3 * THUMBNAIL**2), *thumbnails(images, processes=processes_here())])
    told = held.any(1)
    mirrored = held.view(-1, 3, THUMBNAIL, THUMBNAIL).flip(3).flatten(1)
    found = []
    for first in range(0, len(held), CHUNK):
        rows = held[first : first + CHUNK]
        for second in range(first, len(held), CHUNK):
            columns = slice(second, second + CHUNK)
            # Of vectors of length 1 the squared distance is 2 − 2 × product.
            product = torch.maximum(rows @ held[columns].T, rows @ mirrored[columns].T)
            near = (product >= 1 - NEAR**2 / 2) & told[first : first + CHUNK, None]
            pairs = near.nonzero() + torch.tensor([first, second])
            found.append(pairs[pairs[:, 0] < pairs[:, 1]])
    return torch.cat(found) if found else torch.empty(0, 2, dtype=torch.int64)


def near_others(images: ImageSet, others: ImageSet) -> Tensor:
    """Return which images are nearly the same picture as which of another set, int64 (pairs, 2), in order.

    >>> import numpy as np
    >>> from nearsight.data.image_set import MemoryImages
    >>> pixels = torch.randint(0, 200, (3, 3, 32, 32), dtype=torch.uint8)
    >>> def split(pixels):
    ...     return ImageSet("toy", "train", ("cat", "dog"), np.zeros(3, int), MemoryImages(pixels, ("",) * 3))
    >>> near_others(split(pixels), split(pixels.flip(0) + 30)).tolist()
    [[0, 2], [1, 1], [2, 0]]

    Mirror images count, as in `near_pairs`. It takes 3 kB of memory per image; time grows with the product of
    their numbers. Several processes share the images as there.
    """
    processes = processes_here()
    held = torch.cat([torch.empty(0, 3 * THUMBNAIL**2), *thumbnails(images, processes=processes)])
    mirrored = held.view(-1, 3, THUMBNAIL, THUMBNAIL).flip(3).flatten(1)
    found = [torch.empty(0, 2, dtype=torch.int64)]
    first = 0
    for theirs in thumbnails(others, processes=processes):
        for mine in range(0, len(held), CHUNK):
            rows = slice(mine, mine + CHUNK)
            product = torch.maximum(held[rows] @ theirs.T, mirrored[rows] @ theirs.T)
            # A plain image is 0, as far from every other image as unrelated ones are.
            found.append((product >= 1 - NEAR**2 / 2).nonzero() + torch.tensor([mine, first]))
        first += len(theirs)
    pairs = torch.cat(found)
    return pairs[torch.argsort(pairs[:, 0], stable=True)]


@dataclass(frozen=True)
class _Reduce:
    """Reduces the images of a batch of a table; its fields are the key of what `datasets` caches."""

    max_pixels: int | None
    value_range: ValueRange | None
    sources: str
    cells: int = THUMBNAIL
    # An image that cannot be read today may be tomorrow, with more memory or the libraries that read its parts.
    memory: int = field(default_factory=decode_memory)
    in_parts: bool = field(default_factory=reads_parts)

    def __call__(self, batch: dict[str, list[Any]]) -> dict[str, list[bytes]]:
        found = []
        for cell in batch["image"]:
            try:
                with allowed_pixels(self.max_pixels), values_from(self.value_range):
                    small = _reduced_one(_looked_at(image_file(cell)))
            except InputError:
                # This is reported when the image itself is read; it has no picture to compare.
                small = torch.zeros(1, 3, THUMBNAIL, THUMBNAIL)
            found.append(small.numpy().tobytes())
        return {"small": found}


def _looked_at(file: bytes | str) -> Tensor | LargeImage:
    large = None if isinstance(file, bytes) else large_image(file, "image")
    return decode_image(file, "image") if large is None else large


def _kept(images: StreamedImages, processes: Processes, together: int) -> "Dataset":
    """Reduce all rows of a table once, of several processes each its share; it is kept in the cache of sets."""
    from datasets import concatenate_datasets

    if processes.launch.processes == 1 or len(images.rows) > _MOST_SENT:
        return _reduced_rows(images, images.rows, together)
    own = processes.share(len(images.rows), together)
    parts = processes.each(lambda: _sent(images, own, together))
    return concatenate_datasets(parts).with_format("arrow")


def _sent(images: StreamedImages, own: range, together: int) -> "Dataset":
    """Reduce some rows of a table, and return them in memory, so that other processes can be given them."""
    from datasets import Dataset

    reduced = _reduced_rows(images, images.rows.select(own), together)[:] if len(own) else None
    small = [] if reduced is None else reduced["small"].to_pylist()
    return Dataset.from_dict({"small": small}, features=_features())


def _features() -> "Features":
    from datasets import Features, Value

    return Features(small=Value("binary"))


def _reduced_rows(images: StreamedImages, rows: "Dataset", together: int) -> "Dataset":
    with told_of_damage(), nullcontext() if can_redraw() else without_bars():
        return kept_of(
            rows,
            _Reduce(images.max_pixels, images.value_range, stamp_of_sources(images.rows)),
            batch_size=together,
            features=_features(),
            desc=f"comparing the images of {images.name}",
        ).with_format("arrow")


def _read(kept: "Dataset", rows: NDArray[np.int64]) -> Tensor:
    raw = b"".join(kept[rows.tolist()]["small"].to_pylist())
    return torch.frombuffer(bytearray(raw), dtype=torch.float32).view(-1, 3, THUMBNAIL, THUMBNAIL)
