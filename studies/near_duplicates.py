"""Near-duplicates: what share of planted copies is found, and what is found where there are none.

Images of a set are drawn at random and copied in several ways. For the pairs in the set itself, the study reports
how many have two labels. Noise and plain pictures contain no copies.
"""

import argparse
import io
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages
from nearsight.data.groups import clusters
from nearsight.data.loading import read_set
from nearsight.data.splits import alike
from nearsight.data.thumbnails import near_pairs
from nearsight.statistics.means import wilson_interval


def _stored(quality: int) -> Callable[[Tensor], Tensor]:
    def store(image: Tensor) -> Tensor:
        buffer = io.BytesIO()
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(buffer, "JPEG", quality=quality)
        return torch.from_numpy(np.array(Image.open(buffer))).permute(2, 0, 1)

    return store


def _resized(image: Tensor, factor: float) -> Tensor:
    sides = [round(side * factor) for side in image.shape[1:]]
    small = F.interpolate(image[None].float(), sides, mode="bilinear", antialias=True)
    back = F.interpolate(small, image.shape[1:], mode="bilinear")
    return back[0].round().clamp(0, 255).to(torch.uint8)


def _inside(image: Tensor, share: float) -> Tensor:
    height, width = (round(side * share) for side in image.shape[1:])
    part = image[:, image.shape[1] - height :, image.shape[2] - width :]
    found = F.interpolate(part[None].float(), image.shape[1:], mode="bilinear", antialias=True)
    return found[0].round().clamp(0, 255).to(torch.uint8)


COPIES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "JPEG, quality 90": _stored(90),
    "JPEG, quality 50": _stored(50),
    "half the size and back": lambda image: _resized(image, 0.5),
    "40 grey levels brighter": lambda image: (image.int() + 40).clamp(0, 255).to(torch.uint8),
    "half the contrast": lambda image: (image.float() / 2 + 64).round().to(torch.uint8),
    "a twentieth of height and width cut off": lambda image: _inside(image, 0.95),
    "a tenth of height and width cut off": lambda image: _inside(image, 0.9),
    "mirrored": lambda image: image.flip(2),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--sets", nargs="+", default=["cifar10", "stl10", "tiny-imagenet-40"])
    parser.add_argument("--images", type=int, default=10_000, help="of each set, at most")
    parser.add_argument("--copies", type=int, default=500, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)


def run(arguments: argparse.Namespace) -> None:
    """Print the tables."""
    rng = np.random.default_rng(arguments.seed)
    for name in arguments.sets:
        images = read_set(name, progress=False)["train"]
        images = images.select(np.sort(rng.permutation(len(images))[: arguments.images]))
        _print_found(name, images)
        _print_planted(images, rng.permutation(len(images))[: arguments.copies])
    for name, pixels in (("noise", _noise(rng, 5_000)), ("plain pictures", _plain(rng, 5_000))):
        paths = tuple(map(str, range(len(pixels))))
        _print_found(name, ImageSet(name, "train", ("a", "b"), _halves(5_000), MemoryImages(pixels, paths)))


def _print_found(name: str, images: ImageSet) -> None:
    started = time.process_time()
    pairs, notes = alike(images)
    seconds = time.process_time() - started
    sizes = np.bincount(clusters(len(images), pairs))
    crossed = int((images.labels[pairs[:, 0]] != images.labels[pairs[:, 1]]).sum())
    print(
        f"{name}: {len(images):,} images, {int(sizes[sizes > 1].sum())} in {int((sizes > 1).sum())} clusters, the "
        f"largest of {int(sizes.max())}; {crossed} of {len(pairs)} pairs under two labels; "
        f"{seconds:.1f} s of one thread",
        flush=True,
    )
    for note in notes:
        print(f"  {note}")


def _print_planted(images: ImageSet, chosen: NDArray[np.int64]) -> None:
    originals = images.select(chosen)
    for kind, copy in COPIES.items():
        copies = torch.stack([copy(originals.image(i)) for i in range(len(originals))])
        both = torch.cat([_pixels(originals), copies])
        paths = tuple(map(str, range(len(both))))
        together = replace(
            originals,
            labels=np.concatenate([originals.labels] * 2),
            images=MemoryImages(both, paths),
            regions=None,
            columns=None,
            known_identity=None,
        )
        pairs = near_pairs(together).numpy()
        found = int((pairs[:, 1] - pairs[:, 0] == len(originals)).sum())
        low, high = wilson_interval(found / len(originals), len(originals))
        interval = f"{100 * low:.1f} to {100 * high:.1f} %"
        print(f"  {kind}: {found} of {len(originals)} copies found ({interval})", flush=True)


def _pixels(images: ImageSet) -> Tensor:
    return torch.stack([images.image(i) for i in range(len(images))])


def _noise(rng: np.random.Generator, count: int) -> Tensor:
    return torch.from_numpy(rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8))


def _plain(rng: np.random.Generator, count: int) -> Tensor:
    grey = rng.integers(0, 255, (count, 1, 1, 1)) + rng.integers(0, 2, (count, 3, 32, 32))
    return torch.from_numpy(grey.astype(np.uint8))


def _halves(count: int) -> NDArray[Any]:
    return np.arange(count) % 2
