"""CIFAR-10 and CIFAR-100 as published: the Python version and the binary version."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nearsight.data.image_set import ImageSet, MemoryImages
from nearsight.data.plain_pickle import read_plain_pickle
from nearsight.errors import InputError
from nearsight.read import read_text

_SIDE = 32
_PIXELS = 3 * _SIDE * _SIDE
_BATCHES = tuple(f"data_batch_{k}" for k in range(1, 6))


def is_cifar(path: Path) -> bool:
    """Whether a directory holds the files of CIFAR-10 or CIFAR-100 in either version."""
    names = {"data_batch_1", "data_batch_1.bin"}
    hundred = [{"train", "test", "meta"}, {"train.bin", "test.bin", "fine_label_names.txt"}]
    held = {place.name for place in path.iterdir() if place.is_file()} if path.is_dir() else set()
    return bool(names & held) or any(those <= held for those in hundred)


def read_cifar(path: Path, name: str) -> tuple[dict[str, ImageSet], list[str]]:
    """Read the splits train and test; for CIFAR-100 the fine classes.

    Pickles are read without running anything in them. Raises `InputError` if a file is damaged or missing.
    """
    binary = any(path.glob("*.bin"))
    ten = any(path.glob("data_batch_1*"))
    ending = ".bin" if binary else ""
    files = {
        "train": [path / f"{batch}{ending}" for batch in _BATCHES if (path / f"{batch}{ending}").is_file()]
        if ten
        else [path / f"train{ending}"],
        "test": [path / f"{'test_batch' if ten else 'test'}{ending}"],
    }
    notes = [f"CIFAR-{10 if ten else 100} as its home gives it, {'binary' if binary else 'Python'} version"]
    if ten and len(files["train"]) < len(_BATCHES):
        notes.append(f"train: {len(files['train'])} of its {len(_BATCHES)} batches are there")
    classes = _classes(path, ten=ten, binary=binary)
    found = {}
    for split, own in files.items():
        if not own[0].is_file():
            notes.append(f"{split}: {own[0].name} is not there")
            continue
        read = [_binary(file, ten=ten) if binary else _pickled(file) for file in own]
        pixels = np.concatenate([pixels for pixels, _, _ in read]).reshape(-1, 3, _SIDE, _SIDE)
        labels = np.concatenate([labels for _, labels, _ in read]).astype(np.int64)
        wrong = labels[(labels < 0) | (labels >= len(classes))]
        if len(wrong):
            raise InputError(f"{own[0]} has the label {wrong[0]}, and {len(classes)} classes are named")
        paths = tuple(path for _, _, paths in read for path in paths)
        found[split] = ImageSet(name, split, classes, labels, MemoryImages(torch.from_numpy(pixels), paths))
    return found, notes


def _classes(path: Path, *, ten: bool, binary: bool) -> tuple[str, ...]:
    file = path / (
        ("batches.meta" if ten else "meta")
        if not binary
        else ("batches.meta.txt" if ten else "fine_label_names.txt")
    )
    if not file.is_file():
        raise InputError(f"{file}, which names the classes, is not there; unpack the whole archive")
    if binary:
        return tuple(
            line.strip() for line in read_text(file, "download it again").splitlines() if line.strip()
        )
    named = _text_keys(read_plain_pickle(file), file)
    key = "label_names" if ten else "fine_label_names"
    return tuple(_text(each) for each in named.get(key, ()))


def _pickled(file: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64], list[str]]:
    batch = _text_keys(read_plain_pickle(file), file)
    labels = batch.get("labels", batch.get("fine_labels"))
    pixels = np.asarray(batch.get("data"))
    if labels is None or pixels.dtype != np.uint8 or pixels.shape != (len(labels), _PIXELS):
        raise InputError(f"{file} is no batch of CIFAR; download it again")
    names: Sequence[Any] = batch.get("filenames") or [f"{k}" for k in range(len(labels))]
    return pixels, np.asarray(labels), [f"{file.name}/{_text(each)}" for each in names]


def _binary(file: Path, *, ten: bool) -> tuple[NDArray[np.uint8], NDArray[np.int64], list[str]]:
    lead = 1 if ten else 2
    raw = np.fromfile(file, dtype=np.uint8)
    if len(raw) % (lead + _PIXELS) or not len(raw):
        raise InputError(
            f"{file} has {len(raw)} bytes, which is no whole number of images; download it again"
        )
    rows = raw.reshape(-1, lead + _PIXELS)
    return rows[:, lead:], rows[:, lead - 1].astype(np.int64), [f"{file.name}/{k}" for k in range(len(rows))]


def _text_keys(value: object, file: Path) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{file} is no file of CIFAR; download it again")
    return {_text(key): each for key, each in value.items()}


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
