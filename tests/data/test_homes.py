"""The five sets as one downloads them from their homes, made small."""

import io
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from nearsight.data.loading import load
from nearsight.errors import InputError

Png = Callable[..., bytes]


def rows(count: int, side: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, side, side), dtype=np.uint8)


@pytest.mark.parametrize("wrapped", [False, True])
def test_cifar_10_in_python(tmp_path: Path, wrapped: bool) -> None:
    place = tmp_path / "set" / "cifar-10-batches-py" if wrapped else tmp_path / "set"
    place.mkdir(parents=True)
    (place / "batches.meta").write_bytes(pickle.dumps({b"label_names": [b"airplane", b"car"]}, 2))
    for k, name in enumerate(["data_batch_1", "data_batch_2", "test_batch"]):
        batch = {
            b"data": rows(6, 32, k).reshape(6, -1),
            b"labels": [0, 1] * 3,
            b"filenames": [b"%d.png" % i for i in range(6)],
        }
        (place / name).write_bytes(pickle.dumps(batch, 2))
    sets = load(tmp_path / "set", validation=0)
    assert {split: len(images) for split, images in sets.items()} == {"train": 12, "test": 6}
    assert sets.classes == ("airplane", "car")
    np.testing.assert_array_equal(sets["train"].image(7).numpy(), rows(6, 32, 1)[1])
    assert sets["train"].path(7) == "data_batch_2/1.png"
    assert "train: 2 of its 5 batches are there" in sets.notes


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("run",))


def test_a_pickle_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "batches.meta").write_bytes(pickle.dumps({b"label_names": [b"a", b"b"]}, 2))
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(InputError, match=r"data_batch_1: it holds builtins\.print, and not only numbers"):
        load(tmp_path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("lead", [1, 2])
def test_cifar_in_binary(tmp_path: Path, lead: int) -> None:
    names = {1: ("data_batch_1.bin", "test_batch.bin"), 2: ("train.bin", "test.bin")}[lead]
    words = {1: "batches.meta.txt", 2: "fine_label_names.txt"}[lead]
    (tmp_path / words).write_text("a\nb\n\n")
    for k, name in enumerate(names):
        labels = np.tile(np.array([[9, 0], [9, 1]], dtype=np.uint8)[:, 2 - lead :], (3, 1))
        (tmp_path / name).write_bytes(
            np.concatenate([labels, rows(6, 32, k).reshape(6, -1)], axis=1).tobytes()
        )
    sets = load(tmp_path, validation=0)
    assert sets["test"].labels.tolist() == [0, 1] * 3
    np.testing.assert_array_equal(sets["test"].pixels.numpy(), rows(6, 32, 1))
    (tmp_path / names[1]).write_bytes(b"short")
    with pytest.raises(
        InputError, match="has 5 bytes, which is no whole number of images; download it again"
    ):
        load(tmp_path)


def test_stl_10(tmp_path: Path) -> None:
    (tmp_path / "class_names.txt").write_text("airplane\nbird\n")
    for k, split in enumerate(("train", "test")):
        (tmp_path / f"{split}_X.bin").write_bytes(rows(4, 96, k).transpose(0, 1, 3, 2).tobytes())
        (tmp_path / f"{split}_y.bin").write_bytes(bytes([1, 2, 1, 2]))
    (tmp_path / "unlabeled_X.bin").write_bytes(b"")
    sets = load(tmp_path, validation=0)
    assert sets["train"].labels.tolist() == [0, 1, 0, 1]
    np.testing.assert_array_equal(sets["train"].pixels.numpy(), rows(4, 96, 0))
    assert "unlabeled_X.bin: left out, as its images have no labels" in sets.notes


def jpeg(side: int = 64) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side)).save(buffer, "JPEG")
    return buffer.getvalue()


def write(file: Path, content: bytes | str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())


NUMBERS = ("n01443537", "n02012849", "n03126707")


def test_tiny_imagenet(tmp_path: Path) -> None:
    root = tmp_path / "tiny-imagenet-200"
    for number in NUMBERS:
        lines = []
        for k in range(4):
            write(root / "train" / number / "images" / f"{number}_{k}.JPEG", jpeg())
            lines.append(f"{number}_{k}.JPEG\t0\t10\t{20 + k}\t19")
        write(root / "train" / number / f"{number}_boxes.txt", "\n".join(lines))
    said = []
    for k in range(6):
        write(root / "val" / "images" / f"val_{k}.JPEG", jpeg())
        write(root / "test" / "images" / f"test_{k}.JPEG", jpeg())
        said.append(f"val_{k}.JPEG\t{NUMBERS[k % 3]}\t1\t2\t{3 + k}\t4")
    write(root / "val" / "val_annotations.txt", "\n".join(said))
    write(root / "wnids.txt", "\n".join(NUMBERS))
    write(
        root / "words.txt",
        "n01443537\tgoldfish, Carassius auratus\nn02012849\tcrane\nn03126707\tcrane, derrick\nn0\tx y",
    )
    for place in (root, tmp_path):
        sets = load(place, validation=0)
        assert sets.classes == ("goldfish", "crane", "crane (2)")
        assert {split: len(images) for split, images in sets.items()} == {"train": 12, "test": 6}
        assert sets["test"].labels.tolist() == [0, 1, 2] * 2
        assert [int(sets["test"].region(k).sum()) for k in range(6)] == [3 * (3 + k) for k in range(6)]
        assert int(sets["train"].region(1).sum()) == 10 * 22
        assert "val: labels from val_annotations.txt" in sets.notes
        assert "test: left out, as none of its 6 images has a label" in sets.notes


@pytest.mark.parametrize("truth", ["solution", "kit", "none"])
def test_imagenet(tmp_path: Path, truth: str) -> None:
    place = tmp_path / "ILSVRC" / "Data" / "CLS-LOC"
    for number in NUMBERS:
        for k in range(4):
            write(place / "train" / number / f"{number}_{k}.JPEG", jpeg(40))
    for k in range(1, 7):
        write(place / "val" / f"ILSVRC2012_val_{k:08}.JPEG", jpeg(40))
    write(tmp_path / "LOC_synset_mapping.txt", "\n".join(f"{n} name of {n}, also" for n in NUMBERS))
    order = [2, 0, 1, 1, 0, 2]
    if truth == "solution":
        lines = [f"ILSVRC2012_val_{k:08},{NUMBERS[order[k - 1]]} 1 2 3 4 " for k in range(6, 0, -1)]
        write(tmp_path / "LOC_val_solution.csv", "\n".join(["ImageId,PredictionString", *lines]))
    elif truth == "kit":
        write(tmp_path / "ILSVRC2012_validation_ground_truth.txt", "\n".join(str(k + 7) for k in order))
        synsets = np.zeros(3, dtype=[("ILSVRC2012_ID", "O"), ("WNID", "O")])
        synsets["ILSVRC2012_ID"], synsets["WNID"] = [7, 8, 9], NUMBERS
        savemat(tmp_path / "meta.mat", {"synsets": synsets})
    sets = load(tmp_path, validation=0)
    assert sets.classes == tuple(f"name of {number}" for number in NUMBERS)
    if truth == "none":
        assert any(
            note.startswith("val: its 6 images have no labels without LOC_val_solution.csv")
            for note in sets.notes
        )
    else:
        assert sets["test"].labels.tolist() == order
