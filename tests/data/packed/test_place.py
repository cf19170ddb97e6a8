"""A packed set: the same splits, labels, columns, files and pixels as the set that was packed, whole or not there."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from nearsight.data import ImageSets, StreamedImages, load
from nearsight.data.loading import read_set
from nearsight.data.packed import files as files_module
from nearsight.data.packed import place as place_module
from nearsight.data.packed.files import Outcome
from nearsight.data.packed.place import PackedSet, pack_place
from nearsight.errors import InputError
from nearsight.progress import SILENT, Progress

pytest.importorskip("jpeglib")


def photograph(seed: int, kind: str = "JPEG") -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 11, 3), np.uint8)
    # Of two sizes, so that they stream.
    image = Image.fromarray(coarse).resize((260 + seed % 2, 270), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "photos"
    for k in range(3):
        for name in ("cat", "dog"):
            file = place / name / f"{k}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(photograph(2 * k + (name == "dog")))
    (place / "cat" / "4.webp").write_bytes(photograph(9, "WEBP"))
    rows = [f"{name}/{k}.jpg,{'AB'[k % 2]}" for k in range(3) for name in ("cat", "dog")]
    (place / "metadata.csv").write_text("\n".join(["file_name,camera", *rows]))
    (place / ".hidden").write_text("x")
    return place


def pack(source: Path, out: Path, progress: Progress = SILENT) -> PackedSet:
    return pack_place(source, out, 0, progress)


def require_alike(one: ImageSets, other: ImageSets) -> None:
    assert list(one) == list(other)
    assert one.classes == other.classes
    for split, images in one.items():
        theirs = other[split]
        assert images.labels.tolist() == theirs.labels.tolist()
        assert images.identity.paths.tolist() == theirs.identity.paths.tolist()
        assert images.identity.digests.tolist() == theirs.identity.digests.tolist()
        assert (images.columns is None) == (theirs.columns is None)
        if images.columns is not None:
            assert images.columns.equals(theirs.columns)
        assert isinstance(theirs.images, StreamedImages)
        for i in range(len(images)):
            assert theirs.image(i).equal(images.image(i))
            assert theirs.images.tile(i, 100, 90, (64, 64)).equal(images.image(i)[:, 100:164, 90:154])


def test_a_folder_is_read_as_before(folder: Path, tmp_path: Path) -> None:
    made = pack(folder, tmp_path / "packed")
    assert (made.data, made.packed, made.copied) == (
        tmp_path / "packed",
        6,
        {"neither JPEG nor of a lossless format": 1},
    )
    require_alike(load(folder, progress=False), load(made.data, progress=False))
    assert sorted(file.name for file in made.data.iterdir()) == ["cat", "dog", "metadata.csv"]
    assert not (tmp_path / "packed.unfinished").exists()


def test_parquet_is_read_as_before(tmp_path: Path) -> None:
    cells = [{"bytes": photograph(k), "path": f"{k}.jpg"} for k in range(4)]
    columns = {"image": [*cells, None], "label": [0, 1, 0, 1, 0], "camera": ["A", "B", "A", "B", None]}
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    schema = pa.schema(
        {"image": kind, "label": pa.int64(), "camera": pa.string()}, {"class_names": '["cat", "dog"]'}
    )
    (tmp_path / "set").mkdir()
    source = tmp_path / "set" / "train.parquet"
    parquet.write_table(pa.table(columns, schema=schema), source)
    made = pack(tmp_path / "set", tmp_path / "packed")
    assert made.packed == 4
    before, after = parquet.read_table(source), parquet.read_table(made.data / "train.parquet")
    assert before.drop_columns(["image"]).equals(after.drop_columns(["image"]))
    assert after["image"].to_pylist()[4] is None
    alone = pack(source, tmp_path / "alone")
    assert alone.data == tmp_path / "alone" / "train.parquet"
    sets = [
        read_set(each, progress=False, skip_bad=True) for each in (tmp_path / "set", made.data, alone.data)
    ]
    require_alike(sets[0], sets[1])
    require_alike(sets[0], sets[2])


class EndedError(Exception):
    """An interruption."""


class Interrupting:
    """A channel that ends the work after so many images."""

    def __init__(self, images: int) -> None:
        self.images, self.said = images, list[str]()

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        raise AssertionError(text)

    def count(self, what: str, done: int, total: int, detail: str = "") -> None:
        del what, total, detail
        if done == self.images:
            raise EndedError


def test_an_interrupted_copy_is_continued(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Interrupting(3)
    with pytest.raises(EndedError):
        pack(folder, tmp_path / "packed", progress)
    assert progress.said[0].startswith("packing 7 images, 0.00 GiB, takes about 0:0")
    assert not (tmp_path / "packed").exists()
    there = {file: file.stat().st_mtime_ns for file in (tmp_path / "packed.unfinished").rglob("*.jpg")}
    assert len(there) == 3
    (folder / "cat" / "0.jpg").write_bytes(photograph(77))
    (tmp_path / "packed.unfinished" / "cat" / "removed.jpg").write_bytes(photograph(78))
    monkeypatch.setattr(place_module, "_foresee", lambda *_: None)
    made = pack(folder, tmp_path / "packed")
    assert made.packed == 6
    kept = [
        (tmp_path / "packed" / file.relative_to(tmp_path / "packed.unfinished"), time)
        for file, time in there.items()
    ]
    assert sum(file.stat().st_mtime_ns == time for file, time in kept) == 2
    require_alike(load(folder, progress=False), load(made.data, progress=False))


def test_the_copy_of_another_set_is_not_continued(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for file in ("cat/0.jpg", "owl/1.jpg"):
        (other / file).parent.mkdir(parents=True)
        (other / file).write_bytes(photograph(50))
    with pytest.raises(EndedError):
        pack(other, tmp_path / "packed", Interrupting(2))
    made = pack(folder, tmp_path / "packed")
    assert {path.name for path in made.data.iterdir()} == {"cat", "dog", "metadata.csv"}
    require_alike(load(folder, progress=False), load(made.data, progress=False))


def test_what_could_not_be_packed_before_is_tried_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without_memory:
        without_memory.setattr(files_module, "packed_or_same", lambda content: (content, Outcome()))
        with pytest.raises(EndedError):
            pack(folder, tmp_path / "packed", Interrupting(3))
    again, fresh = pack(folder, tmp_path / "packed"), pack(folder, tmp_path / "fresh")
    assert (again.packed, again.copied, again.bytes_after) == (fresh.packed, fresh.copied, fresh.bytes_after)


def test_what_cannot_be_packed_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="lies in the other; choose another `out`"):
        pack(folder, folder / "packed")
    with pytest.raises(InputError, match="is not empty; choose another `out`"):
        pack(folder / "cat", folder / "dog")
    with pytest.raises(InputError, match="no Parquet file; give the directory that holds it"):
        pack(folder / "metadata.csv", tmp_path / "packed")
    (tmp_path / "webp").mkdir()
    (tmp_path / "webp" / "1.webp").write_bytes(photograph(0, "WEBP"))
    with pytest.raises(InputError, match="holds no image that can be packed; use the set as it is"):
        pack(tmp_path / "webp", tmp_path / "packed")
    assert not (tmp_path / "packed.unfinished").exists()
    monkeypatch.setattr(place_module, "packs", lambda: False)
    with pytest.raises(
        InputError, match=r"takes jpeglib, which is not installed; pip install 'nearsight\[pack\]'"
    ):
        pack(folder, tmp_path / "packed")


AFTER_THREADS = """
import sys
import torch
import nearsight
torch.set_num_threads(2)
many = torch.rand(4_000_000)
assert many.equal(many.clone())
nearsight.pack(sys.argv[1], out=sys.argv[2], machine=nearsight.Machine(workers=2), progress=False)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_set_is_packed_in_processes_where_threads_computed_before(tmp_path: Path) -> None:
    place = tmp_path / "photos"
    place.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    for k in range(4):
        Image.fromarray(np.roll(noise, k)).save(place / f"{k}.jpg", quality=90)
    script = tmp_path / "script.py"
    script.write_text(AFTER_THREADS)
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore::DeprecationWarning",
            str(script),
            str(place),
            str(tmp_path / "packed"),
        ],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "packed").glob("*.jpg"))) == 4
