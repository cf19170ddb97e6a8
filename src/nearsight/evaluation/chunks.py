"""An image set as a stream of chunks, decoded and resized, within bounded memory."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.data.workers import begin_worker, told_of_workers, usable_workers
from nearsight.errors import InputError
from nearsight.models import Preprocessing
from nearsight.models.banded import Banded

# An image in the form in which a model sees it: held, or read by bands.
Looked = Tensor | Banded
TOO_LARGE = "an image is too large to be passed whole; ask for a protocol of tiles, such as mean-logit"
# Images are scored in blocks, so that batches, and the last bits of a score, are the same for any number of
# processes.
BLOCK = 128
# Of sets with images that are read part by part: there are few, and an interruption should lose one of them.
LARGE_BLOCK = 1


def resized_chunks(
    images: ImageSet, preprocessing: Preprocessing | None, most: int, workers: int = 0
) -> Iterator[list[Looked]]:
    """Yield the images of a set in order, in lists of uint8 (3, h, w) of at most this many bytes.

    >>> import numpy as np
    >>> from nearsight.data import MemoryImages
    >>> pixels = torch.zeros(5, 3, 8, 8, dtype=torch.uint8)
    >>> memory_images = MemoryImages(pixels, ("",) * 5)
    >>> toy = ImageSet("toy", "test", ("cat", "dog"), np.zeros(5, dtype=np.int64), memory_images)
    >>> half = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    >>> [len(chunk) for chunk in resized_chunks(toy, half, most=500)]
    [2, 2, 1]

    No list has images of two blocks (`BLOCK`). An image larger than `most` is a chunk of its own, and so is one
    that is read by bands. A streaming set is decoded and resized by `workers` processes, or in this process if
    there are none. The caller may empty the lists.
    """
    if images.pixels is not None and (preprocessing is None or not preprocessing.resizes):
        size = max(1, most // images.pixels[0].numel())
        for block in torch.split(images.pixels, BLOCK):
            for pixels in torch.split(block, size):
                yield list(pixels)
        return
    chunk: list[Looked] = []
    held = 0
    for number, image in enumerate(_resized(images, preprocessing, workers), start=1):
        if not isinstance(image, Tensor):
            if chunk:
                yield chunk
                chunk, held = [], 0
            yield [image]
            continue
        if chunk and held + image.nbytes > most:
            yield chunk
            chunk, held = [], 0
        chunk.append(image)
        held += image.nbytes
        del image
        # An image that fills a chunk is not kept until the next is decoded.
        if held >= most or number % BLOCK == 0:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def as_looked_at(image: Looked, preprocessing: Preprocessing | None) -> Looked:
    """Return an image, resized as a model's preprocessing says; one that is read by bands stays so if possible."""
    if preprocessing is None:
        return image
    return preprocessing.resize(image) if isinstance(image, Tensor) else preprocessing.resize_banded(image)


class _Resized(torch.utils.data.Dataset[Looked | InputError]):
    def __init__(self, images: ImageSet, preprocessing: Preprocessing | None) -> None:
        self.images, self.preprocessing = images, preprocessing

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> Looked | InputError:
        try:
            return as_looked_at(self.images.looked_at(i), self.preprocessing)
        except InputError as error:
            # A loader would raise it with the worker's whole traceback as its message.
            return error


def _resized(images: ImageSet, preprocessing: Preprocessing | None, workers: int) -> Iterator[Looked]:
    source = _Resized(images, preprocessing)
    workers = 0 if images.pixels is not None else usable_workers(workers, source)
    if workers == 0:
        items: Iterable[Looked | InputError] = (source[i] for i in range(len(source)))
    else:
        items = torch.utils.data.DataLoader(
            source, batch_size=None, num_workers=workers, worker_init_fn=begin_worker(workers)
        )
    with told_of_workers():
        for item in items:
            if isinstance(item, InputError):
                raise item
            yield item
            del item
