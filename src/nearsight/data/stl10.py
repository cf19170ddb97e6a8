"""STL-10 as published: binary files, each image column by column."""

from pathlib import Path

import numpy as np
import torch

from nearsight.data.image_set import ImageSet, MemoryImages
from nearsight.errors import InputError
from nearsight.read import read_text

_SIDE = 96
_PIXELS = 3 * _SIDE * _SIDE


def is_stl10(path: Path) -> bool:
    """Whether a directory holds the binary files of STL-10."""
    return (path / "train_X.bin").is_file() or (path / "test_X.bin").is_file()


def read_stl10(path: Path, name: str) -> tuple[dict[str, ImageSet], list[str]]:
    """Read the labelled splits train and test; raises `InputError` if a file is damaged or missing."""
    notes = ["STL-10 as its home gives it, binary version"]
    file = path / "class_names.txt"
    if not file.is_file():
        raise InputError(f"{file}, which names the classes, is not there; unpack the whole archive")
    classes = tuple(read_text(file, "download it again").split())
    found = {}
    for split in ("train", "test"):
        images, own = path / f"{split}_X.bin", path / f"{split}_y.bin"
        if not images.is_file() or not own.is_file():
            notes.append(f"{split}: {split}_X.bin and {split}_y.bin are not both there")
            continue
        raw = np.fromfile(images, dtype=np.uint8)
        labels = np.fromfile(own, dtype=np.uint8).astype(np.int64) - 1
        if len(raw) != len(labels) * _PIXELS or not len(labels):
            raise InputError(
                f"{images} has {len(raw)} bytes for {len(labels)} labels of {_PIXELS}; download it again"
            )
        if labels.min() < 0 or labels.max() >= len(classes):
            raise InputError(f"{own} has labels that are not from 1 to {len(classes)}; download it again")
        pixels = np.ascontiguousarray(raw.reshape(-1, 3, _SIDE, _SIDE).transpose(0, 1, 3, 2))
        paths = tuple(f"{split}_X.bin/{k}" for k in range(len(labels)))
        found[split] = ImageSet(name, split, classes, labels, MemoryImages(torch.from_numpy(pixels), paths))
    if (path / "unlabeled_X.bin").is_file():
        notes.append("unlabeled_X.bin: left out, as its images have no labels")
    return found, notes
