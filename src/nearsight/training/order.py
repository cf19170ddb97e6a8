"""All randomness of a run, addressed by seed, purpose and position, so that any step can be repeated alone."""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import torch
from torch import Tensor


def generator(seed: int, purpose: str, position: int = 0) -> torch.Generator:
    """Return the generator for one purpose at one position of a run.

    >>> a = torch.rand(3, generator=generator(0, "tiles", 5))
    >>> torch.equal(a, torch.rand(3, generator=generator(0, "tiles", 5)))
    True
    """
    digest = blake2b(f"{seed}/{purpose}/{position}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)


@lru_cache(maxsize=2)
def epoch_order(seed: int, epoch: int, images: int) -> Tensor:
    """Return the order of the images in one epoch: the same for every arm of a comparison with this seed."""
    return torch.randperm(images, generator=generator(seed, "order", epoch))


@dataclass(frozen=True)
class Positions:
    """Which images a section of the endless sequence of epochs contains, and in which epoch each comes."""

    index: Tensor
    epoch: Tensor


def positions(seed: int, start: int, stop: int, images: int) -> Positions:
    """Return positions `start` to `stop` of the sequence of epochs; batches continue across its seams.

    >>> sorted(positions(0, 0, 4, images=4).index.tolist())
    [0, 1, 2, 3]
    """
    parts, epochs = [], []
    while start < stop:
        epoch, offset = divmod(start, images)
        take = min(stop - start, images - offset)
        parts.append(epoch_order(seed, epoch, images)[offset : offset + take])
        epochs.append(torch.full((take,), epoch))
        start += take
    return Positions(torch.cat(parts), torch.cat(epochs))
