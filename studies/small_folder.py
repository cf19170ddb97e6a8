"""A small image folder whose classes can be told apart."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def write_small_folder(place: Path, classes: Sequence[str], side: int, random: np.random.Generator) -> None:
    """Write dark noise with more of one channel for each of up to three classes: 8 images to train and 4 to test."""
    for split, count in (("train", 8), ("test", 4)):
        for number, name in enumerate(classes):
            directory = place / split / name
            directory.mkdir(parents=True, exist_ok=True)
            for image in range(count):
                pixels = random.integers(0, 80, (side, side, 3), dtype=np.uint8)
                pixels[:, :, number] += 120
                Image.fromarray(pixels).save(directory / f"{image}.png")
