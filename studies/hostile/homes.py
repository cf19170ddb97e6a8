"""Known sets as published, made small, with one of their files damaged."""

import json
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from studies.fuzz.values import as_json, damaged_values
from studies.hostile.images import sound_image

_NUMBERS = ("n01443537", "n02012849", "n03126707")
_ODD_CELLS = (
    "",
    "-1",
    "9" * 5000,
    "1e999",
    "nan",
    "x",
    "\0",
    "\x1b[31m",
    "é" * 300,
    "n01443537",
    "0.5",
    "1 2 3",
)
_ODD_VALUES: tuple[Any, ...] = (
    None, -1, 2**70, 1.5, float("nan"), "", "x", b"\xff", [], [[]], {}, [None], [1.5, "x"], list(range(99)),
    np.zeros(3), np.zeros((2, 0)), np.array(["x", None], dtype=object), np.array(7, np.uint8), True,
)  # fmt: skip


def hostile_home(place: Path, draw: Random) -> tuple[Path, str]:
    """Write a known set into a directory and damage one of its files; return where it is, and what is wrong."""
    root = place / "set"
    name = draw.choice(sorted(_HOMES))
    _HOMES[name](root, draw)
    told = []
    for _ in range(draw.choice((1, 1, 2))):
        files = sorted(
            path for path in root.rglob("*") if path.is_file() and path.suffix not in (".JPEG", ".png")
        )
        if files:
            file = draw.choice(files)
            told.append(f"{file.name}: {_damaged(file, draw)}")
    return root, f"{name}, {'; '.join(told)}"


def _rows(count: int, side: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 3 * side * side), dtype=np.uint8)


def _cifar_pickled(root: Path, draw: Random) -> None:
    root.mkdir()
    ten = draw.random() < 0.5
    names = {b"label_names" if ten else b"fine_label_names": [b"cat", b"dog"]}
    (root / ("batches.meta" if ten else "meta")).write_bytes(pickle.dumps(names, 2))
    for name in ("data_batch_1", "data_batch_2", "test_batch") if ten else ("train", "test"):
        batch: dict[bytes, Any] = {
            b"data": _rows(6, 32),
            b"labels" if ten else b"fine_labels": [0, 1] * 3,
            b"filenames": [b"%d.png" % number for number in range(6)],
        }
        if draw.random() < 0.4:
            batch[draw.choice(list(batch))] = draw.choice(_ODD_VALUES)
        (root / name).write_bytes(pickle.dumps(batch, 2))


def _cifar_binary(root: Path, draw: Random) -> None:
    root.mkdir()
    ten = draw.random() < 0.5
    (root / ("batches.meta.txt" if ten else "fine_label_names.txt")).write_text("cat\ndog\n")
    for name in ("data_batch_1.bin", "test_batch.bin") if ten else ("train.bin", "test.bin"):
        labels = np.tile(np.array([[9, 0], [9, 1]], np.uint8)[:, int(ten) :], (3, 1))
        (root / name).write_bytes(np.concatenate([labels, _rows(6, 32)], axis=1).tobytes())


def _stl10(root: Path, draw: Random) -> None:
    del draw
    root.mkdir()
    (root / "class_names.txt").write_text("cat\ndog\n")
    for split in ("train", "test"):
        (root / f"{split}_X.bin").write_bytes(_rows(4, 96).tobytes())
        (root / f"{split}_y.bin").write_bytes(bytes([1, 2, 1, 2]))


def _imagenet(root: Path, draw: Random) -> None:
    """Write images named after WordNet, with boxes, and the ground truth of validation images in one of its forms."""
    for number in _NUMBERS:
        place = root / "train" / number
        place.mkdir(parents=True)
        for k in range(3):
            (place / f"{number}_{k}.JPEG").write_bytes(sound_image(draw, "JPEG"))
        lines = [f"{number}_{k}.JPEG\t0\t1\t{2 + k}\t3" for k in range(3)]
        (place / f"{number}_boxes.txt").write_text("\n".join(lines))
    place = root / "val"
    place.mkdir()
    for k in range(3):
        (place / f"val_{k}.JPEG").write_bytes(sound_image(draw, "JPEG"))
    said = [f"val_{k}.JPEG\t{number}\t0\t1\t2\t3" for k, number in enumerate(_NUMBERS)]
    if draw.random() < 0.5:
        (place / "val_annotations.txt").write_text("\n".join(said))
    else:
        lines = [
            "ImageId,PredictionString",
            *(f"val_{k},{number} 1 2 3 4" for k, number in enumerate(_NUMBERS)),
        ]
        (root / "LOC_val_solution.csv").write_text("\n".join(lines))
    (root / "wnids.txt").write_text("\n".join(_NUMBERS))
    (root / "words.txt").write_text("n01443537\tgoldfish, x\nn02012849\tcrane\nn03126707\tcrane, derrick\n")


def _saved(root: Path, draw: Random) -> None:
    """Let `datasets` save a set, or its splits, as Arrow files."""
    from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, Value

    kinds = Features({"image": Image(), "label": ClassLabel(names=["cat", "dog"]), "place": Value("string")})
    cells = [{"bytes": sound_image(draw, "PNG"), "path": f"{number}.png"} for number in range(8)]
    columns = {"image": cells, "label": [0, 1] * 4, "place": [f"place {number}" for number in range(8)]}
    rows = Dataset.from_dict(columns, features=kinds)
    saved = rows if draw.random() < 0.5 else DatasetDict(train=rows, test=rows)
    saved.save_to_disk(str(root))


def _damaged(file: Path, draw: Random) -> str:
    content = bytearray(file.read_bytes())
    change = draw.choice(("flip", "flip", "cut", "empty", "insert", "cell", "cell", "cell", "line", "utf-16"))
    if change == "flip" and content:
        for _ in range(draw.choice((1, 8, 64))):
            content[draw.randrange(draw.choice((len(content), min(len(content), 400))))] ^= (
                1 << draw.randrange(8)
            )
    elif change == "cut":
        del content[draw.randrange(len(content) + 1) :]
    elif change == "empty":
        content.clear()
    elif change == "insert":
        at = draw.randrange(len(content) + 1)
        content[at:at] = draw.choice((b"\0", b"\xff\xfe", b"\n\n", b"\t" * 99, b"9" * 5000, b"\xe9"))
    elif change == "utf-16":
        content = bytearray(content.decode("latin-1").encode("utf-16"))
    elif file.suffix == ".json":
        # It may already have been damaged.
        with suppress(ValueError):
            values, _ = damaged_values(json.loads(content), draw)
            content = bytearray(as_json(values).encode("utf-8", "surrogatepass"))
    elif file.suffix in (".txt", ".csv"):
        lines = content.decode("utf-8", "replace").splitlines() or [""]
        at = draw.randrange(len(lines))
        sign = "\t" if "\t" in lines[at] else "," if "," in lines[at] else " "
        cells = lines[at].split(sign)
        cells[draw.randrange(len(cells))] = draw.choice(_ODD_CELLS)
        lines[at] = sign.join(cells[: draw.randrange(len(cells) + 1)] if change == "line" else cells)
        content = bytearray("\n".join(lines).encode())
    file.write_bytes(content)
    return change


_HOMES: dict[str, Callable[[Path, Random], None]] = {
    "CIFAR in Python": _cifar_pickled,
    "CIFAR in binary": _cifar_binary,
    "STL-10": _stl10,
    "ImageNet": _imagenet,
    "save_to_disk": _saved,
}
