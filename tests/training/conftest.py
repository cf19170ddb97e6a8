"""What the tests of training share: small sets in memory and streamed, a quick recipe, a watcher that stops."""

import io
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from nearsight.data import ImageSet, ImageSets, MemoryImages, StreamedImages
from nearsight.progress import Silent
from nearsight.settings import RECIPES, Recipe


@pytest.fixture(autouse=True)
def _same_global_generator() -> None:
    torch.manual_seed(0)


@pytest.fixture
def make_images() -> Callable[..., ImageSet]:
    """Return a maker of sets in memory whose classes differ in brightness."""

    def make(
        count: int, height: int = 8, width: int = 8, classes: int = 3, seed: int = 0, split: str = "train"
    ) -> ImageSet:
        random = np.random.default_rng(seed)
        labels = np.arange(count) % classes
        pixels = random.integers(0, 128, (count, 3, height, width)) + labels[:, None, None, None] * 40
        names = tuple(f"class {k}" for k in range(classes))
        paths = tuple(f"{split}/{i}.png" for i in range(count))
        images = MemoryImages(torch.from_numpy(pixels.astype(np.uint8)), paths)
        return ImageSet("toy", split, names, labels.astype(np.int64), images)

    return make


@pytest.fixture
def stream() -> Callable[[list[np.ndarray | bytes]], ImageSet]:
    """Return a maker of streamed sets from pixels, uint8 (height, width, 3), or from a file's bytes."""

    def make(images: list[np.ndarray | bytes]) -> ImageSet:
        from datasets import Dataset

        files = [image if isinstance(image, bytes) else _png(image) for image in images]
        rows = Dataset.from_dict(
            {"image": [{"bytes": file, "path": f"{i}.png"} for i, file in enumerate(files)]}
        )
        sizes = [(8, 8) if isinstance(image, bytes) else image.shape[:2] for image in images]
        streamed = StreamedImages(rows, np.arange(len(files)), np.array(sizes, dtype=np.int32), "train")
        labels = np.arange(len(files), dtype=np.int64) % 2
        return ImageSet("toy", "train", ("cat", "dog"), labels, streamed)

    return make


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def sets(make_images: Callable[..., ImageSet]) -> ImageSets:
    """Return a set of 48 training and 12 validation images, 8×8, of 3 classes."""
    return ImageSets("toy", {"train": make_images(48), "val": make_images(12, seed=1, split="val")})


@pytest.fixture
def recipe() -> Recipe:
    """Return the fast recipe, cut down to a narrow network and 8 steps of 12 images."""
    return replace(
        RECIPES["fast"], data="toy", tile=8, width=0.1, steps=8, batch_size=12, precision="float32"
    )


@pytest.fixture
def read_weights() -> Callable[[Path], dict[str, torch.Tensor]]:
    """Return a reader of a finished run's weights."""
    return lambda run: load_file(run / "model.safetensors")


class Stopper(Silent):
    """A watcher that sends this process a signal, once, when the run has come to a step."""

    def __init__(self, step: int, number: int) -> None:
        self.step, self.number, self.stopped = step, number, False

    def count(self, what: str, done: int, _total: int, _detail: str = "") -> None:
        """Send the signal at the step or the first count after it."""
        if what == "training" and done >= self.step and not self.stopped:
            self.stopped = True
            os.kill(os.getpid(), self.number)


@pytest.fixture
def stop_at() -> Callable[..., Stopper]:
    """Return a maker of watchers that interrupt a run at a step."""
    return lambda step, number=signal.SIGINT: Stopper(step, number)


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, bytes]]:
    """Return a reader of all files of a directory, by path."""
    return lambda root: {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }
