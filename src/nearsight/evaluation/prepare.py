"""An image set as a stream of chunks in the form the network takes, bounded in memory."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.errors import InputError
from nearsight.models import Preprocessing

# Enough for full batches; more only delays progress.
LARGEST_CHUNK = 2048


def prepared_chunks(
    images: ImageSet, preprocessing: Preprocessing, memory: int, device: torch.device, workers: int = 0
) -> Iterator[list[Tensor]]:
    """Yield the images of a set in order, in lists of float32 (3, h, w) of at most `memory` bytes.

    >>> import numpy as np
    >>> from nearsight.data import MemoryImages
    >>> pixels = torch.zeros(5, 3, 8, 8, dtype=torch.uint8)
    >>> memory_images = MemoryImages(pixels, ("",) * 5)
    >>> toy = ImageSet("toy", "test", ("cat", "dog"), np.zeros(5, dtype=np.int64), memory_images)
    >>> half = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    >>> [len(chunk) for chunk in prepared_chunks(toy, half, memory=2000, device=torch.device("cpu"))]
    [2, 2, 1]

    An image larger than `memory` is a chunk of its own. A set that streams is decoded and resized by
    `workers` processes, in this one when there are none.
    """
    if images.pixels is not None and not preprocessing.resizes:
        size = max(1, min(LARGEST_CHUNK, memory // (4 * images.pixels[0].numel())))
        for pixels in torch.split(images.pixels, size):
            yield list(preprocessing.normalise(pixels.to(device)))
        return
    chunk: list[Tensor] = []
    held = 0
    for image in _resized(images, preprocessing, workers):
        if chunk and (held + 4 * image.numel() > memory or len(chunk) == LARGEST_CHUNK):
            yield chunk
            chunk, held = [], 0
        chunk.append(preprocessing.normalise(image.to(device)))
        held += 4 * image.numel()
    yield chunk


class _Resized(torch.utils.data.Dataset[Tensor | InputError]):
    def __init__(self, images: ImageSet, preprocessing: Preprocessing) -> None:
        self.images, self.preprocessing = images, preprocessing

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> Tensor | InputError:
        try:
            return self.preprocessing.resize(self.images.image(i))
        except InputError as error:
            # A loader would raise it with the worker's whole traceback as its message.
            return error


def _resized(images: ImageSet, preprocessing: Preprocessing, workers: int) -> Iterator[Tensor]:
    source = _Resized(images, preprocessing)
    if images.pixels is not None or workers == 0:
        items: Iterable[Tensor | InputError] = (source[i] for i in range(len(source)))
    else:
        items = torch.utils.data.DataLoader(source, batch_size=None, num_workers=workers)
    for item in items:
        if isinstance(item, InputError):
            raise item
        yield item
