"""Sets in tar files: the images and labels of WebDataset, read from where they lie, and tars that cannot be used."""

import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nearsight.data.loading import load, read_set
from nearsight.data.tar_members import tar_members
from nearsight.data.unlabelled import unlabelled
from nearsight.errors import InputError

Png = Callable[..., bytes]
NAMES = ("dog", "cat")
Members = Sequence[tuple[str, bytes]]


def tar_of(members: Members, kind: int = tarfile.PAX_FORMAT) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=kind) as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return held.getvalue()


def samples(png: Png, seeds: range, **said: Callable[[int], str]) -> Members:
    return [
        (f"{seed:05}.{ending}", content)
        for seed in seeds
        for ending, content in [
            ("png", png(seed)),
            *((ending.replace("_", "."), say(seed).encode()) for ending, say in said.items()),
        ]
    ]


def put(place: Path, tars: Mapping[str, Members | bytes]) -> Path:
    for name, members in tars.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(members if isinstance(members, bytes) else tar_of(members))
    return place


def by_two(seed: int) -> str:
    return str(seed % 2)


@pytest.fixture
def shards(png: Png, tmp_path: Path) -> Path:
    tars = {f"train-{k:04}.tar": samples(png, range(10 * k, 10 * k + 10), cls=by_two) for k in range(3)}
    return put(tmp_path / "set", {**tars, "test-0000.tar": samples(png, range(30, 40), cls=by_two)})


def test_images_labels_and_identities_are_those_of_the_members(
    shards: Path, noise: Callable[..., Any], png: Png
) -> None:
    sets = load(shards, validation=0)
    assert {split: len(images) for split, images in sets.items()} == {"train": 30, "test": 10}
    train = sets["train"]
    assert train.classes == ("0", "1")
    for place in (0, 9, 10, 29):
        assert train.labels[place] == place % 2
        assert train.path(place) == str(shards / f"train-{place // 10:04}.tar" / f"{place:05}.png")
        np.testing.assert_array_equal(train.image(place), noise(place))
    assert train.identity.paths[10] == "train-0001.tar/00010.png"
    assert "train: labels: members of their own, such as .cls" in sets.notes

    # The same images in a folder are the same images.
    for seed in range(30):
        file = shards.parent / "folder" / "train" / by_two(seed) / f"{seed:05}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(seed))
    folder = load(shards.parent / "folder", validation=0)
    listed = [{*sets[split].identity.digests.tolist()} for split in ("train", "test")]
    known = {*folder["train"].identity.digests.tolist()} | {*folder["test"].identity.digests.tolist()}
    assert (known & listed[1], known) == (set(), listed[0])


def test_images_of_several_sizes_stream_from_their_places(png: Png, tmp_path: Path) -> None:
    members = [
        (f"{k}.{ending}", content)
        for k in range(12)
        for ending, content in (("png", png(k, 8 + k % 3, 9)), ("cls", by_two(k).encode()))
    ]
    train = load(put(tmp_path, {"train.tar": members}) / "train.tar", validation=0)["train"]
    assert train.pixels is None
    for place in range(len(train)):
        whole = train.image(place)
        torch.testing.assert_close(train.tile(place, 2, 3, (5, 4)), whole[:, 2:7, 3:7], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("said", "files", "classes", "source"),
    [
        ({"cls": lambda k: f" {NAMES[k % 2]}\n"}, {}, ("cat", "dog"), "such as .cls"),
        ({"cls": by_two}, {"classnames.txt": b"dog\ncat\n"}, ("dog", "cat"), "such as .cls"),
        (
            {"json": lambda k: json.dumps({"label": NAMES[k % 2], "n": k})},
            {},
            ("cat", "dog"),
            "the field 'label' of JSON",
        ),
        (
            {"cls": by_two, "json": lambda k: json.dumps({"class_name": NAMES[k % 2]})},
            {},
            ("cat", "dog"),
            "the names that the field 'class_name' of JSON gives the numbers",
        ),
        # A category of its own, which does not name the classes.
        (
            {"cls": by_two, "json": lambda k: json.dumps({"category": "abc"[k % 3]})},
            {},
            ("0", "1"),
            "such as .cls",
        ),
        ({"txt": lambda k: NAMES[k % 2]}, {}, ("cat", "dog"), "members of text, such as .txt"),
    ],
)
def test_labels_are_found_where_they_are(
    said: dict[str, Callable[[int], str]],
    files: dict[str, bytes],
    classes: tuple[str, ...],
    source: str,
    png: Png,
    tmp_path: Path,
) -> None:
    place = put(tmp_path / "set", {"train.tar": samples(png, range(12), **said), **files})
    sets = load(place, validation=0)
    assert sets.classes == classes
    assert any(source in note for note in sets.notes)
    named = [classes[label] for label in sets["train"].labels]
    seeds = [int(Path(path).stem) for path in sets["train"].paths()]
    expected = ["01"[k % 2] if classes == ("0", "1") else NAMES[k % 2] for k in seeds]
    assert named == expected


def test_other_fields_are_columns_and_other_members_are_counted(png: Png, tmp_path: Path) -> None:
    members = [
        *samples(
            png,
            range(12),
            cls=by_two,
            json=lambda k: json.dumps(
                {"camera": "AB"[k % 2], "size": [8, 8], **({"rare": 1} if k == 3 else {})}
            ),
            txt=lambda k: f"picture {k}",
            npy=lambda _: "x",
        ),
        ("alone.cls", b"1"),
        ("._00001.png", b"x"),
    ]
    sets = load(put(tmp_path / "set", {"all.tar": members}), validation=0)
    columns = sets["train"].columns
    assert columns is not None
    assert columns.column_names == ["camera", "text"]
    seeds = [int(Path(path).stem) for path in sets["train"].paths()]
    assert columns["text"].to_pylist() == [f"picture {k}" for k in seeds]
    [told] = [note for note in sets.notes if "skipped" in note]
    assert told == "train: skipped: 12 .npy, 1 hidden or without ending, 1 without an image"


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["imagenet1k-train-0000.tar", "imagenet1k-validation-00.tar"], {"train", "val"}),
        (["train/0.tar", "train/1.tar", "test/0.tar"], {"train", "test"}),
        (["shard-0.tar", "shard-1.tar"], {"train"}),
    ],
)
def test_tars_name_their_splits(names: list[str], splits: set[str], png: Png, tmp_path: Path) -> None:
    tars = {name: samples(png, range(9 * k, 9 * k + 9), cls=by_two) for k, name in enumerate(names)}
    assert {*read_set(put(tmp_path / "set", tars))} == splits


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_those_that_python_unpacks(kind: int) -> None:
    random = np.random.default_rng(0)
    long = "directory/" * (3 if kind == tarfile.USTAR_FORMAT else 30)
    members = [
        (f"{long}{k}.jpg", random.bytes(int(size))) for k, size in enumerate([0, 1, 511, 512, 513, 9000])
    ]
    content = tar_of(members, kind)
    found = list(tar_members(Path("a.tar"), io.BytesIO(content)))
    assert [(one.name, content[one.offset : one.offset + one.size]) for one in found] == members


def _flipped(content: bytes, at: int) -> bytes:
    return content[:at] + b"\xff" * 64 + content[at + 64 :]


def _linked() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        for name, kind in (
            ("a.png", tarfile.SYMTYPE),
            ("b.png", tarfile.LNKTYPE),
            ("c.png", tarfile.FIFOTYPE),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
    return held.getvalue()


def _negative() -> bytes:
    header = bytearray(tarfile.TarInfo("0.png").tobuf())
    # In base 256, as for sizes beyond 8 GiB.
    header[124:136] = b"\xff" * 11 + b"\x00"
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + 8 * 32 + sum(header[156:]))
    return bytes(header) + bytes(1024)


def _saying_much() -> bytes:
    member = tarfile.TarInfo("pax")
    member.type, member.size = tarfile.XHDTYPE, 2**40
    return member.tobuf(tarfile.GNU_FORMAT) + bytes(2048)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda good: good[:1500], "it is cut short"),
        (lambda good: good[:700], "cut short within 00000.png|no whole tar file"),
        (lambda good: _flipped(good, 1024), "its header at byte 1,024 is damaged"),
        (lambda good: good + good, "more follows its end"),
        (lambda good: b"\x1f\x8b" + good, "compressed by gzip"),
        (lambda _: b"", "no whole tar file"),
        (lambda _: b"no archive" * 200, "no whole tar file"),
        (lambda _: bytes(10240), "holds no image"),
        (lambda _: _linked(), "holds no image"),
        (lambda _: _negative(), "no whole tar file"),
        (lambda _: _saying_much(), "no whole tar file"),
        (lambda _: tar_of([("0.png", b"x"), ("0.jpg", b"y")]), "two members 0 of the kind image"),
        (lambda _: tar_of([("\udce4.png", b"x")]), "is not UTF-8"),
        (lambda _: tar_of([("0.png", b"x"), ("0.cls", b"\xff")]), "not UTF-8"),
        (lambda _: tar_of([("cats/0.png", b"x"), ("dogs/1.png", b"y")]), "have no label"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(
    broken: Callable[[bytes], bytes], said: str, png: Png, tmp_path: Path
) -> None:
    good = tar_of(samples(png, range(4), cls=by_two))
    place = put(tmp_path / "set", {"train.tar": broken(good)})
    with pytest.raises(InputError, match=said) as error:
        load(place)
    assert "train.tar" in str(error.value) or str(place) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_tar_without_an_end_is_told_and_damaged_images_are_named(png: Png, tmp_path: Path) -> None:
    members = [*samples(png, range(12), cls=by_two), ("99.png", b"damaged"), ("99.cls", b"1")]
    whole = tar_of(members)
    place = put(tmp_path / "set", {"train.tar": whole[: 512 * (len(whole.rstrip(b"\0")) // 512 + 1)]})
    with pytest.raises(InputError, match=r"train\.tar/99\.png \(not an image"):
        load(place)
    sets = load(place, skip_bad=True)
    assert sum(map(len, sets.values())) == 12
    assert any("may be cut short, such as train.tar" in note for note in sets.notes)


def test_json_that_cannot_be_read_says_nothing(png: Png, tmp_path: Path) -> None:
    def say(seed: int) -> str:
        return '{"n": NaN}' if seed == 3 else f'{{"n": {seed}, "label": {seed % 2}}}'

    place = put(tmp_path / "a", {"train.tar": samples(png, range(12), cls=by_two, json=say)})
    sets = read_set(place)
    columns = sets["train"].columns
    assert columns is not None
    assert columns["n"].to_pylist() == [0, 1, 2, None, *range(4, 12)]
    [told] = [note for note in sets.notes if "left out" in note]
    assert "the JSON of 1 image is left out: the JSON of" in told
    assert "00003.png cannot be read: it has the number NaN" in told
    # If it is the label, it is missing.
    place = put(tmp_path / "b", {"train.tar": samples(png, range(12), json=say)})
    with pytest.raises(InputError, match=r"label of .*00003\.png .*missing"):
        read_set(place)


def test_a_changed_tar_is_read_again(shards: Path, png: Png, noise: Callable[..., Any]) -> None:
    before = load(shards, validation=0)["train"]
    members = [("new.png", png(77)), ("new.cls", b"1"), *samples(png, range(10), cls=by_two)]
    put(shards, {"train-0000.tar": members})
    after = load(shards, validation=0)["train"]
    assert (len(before), len(after)) == (30, 31)
    np.testing.assert_array_equal(after.image(0), noise(77))


def test_images_without_labels_are_predicted(png: Png, tmp_path: Path) -> None:
    place = put(tmp_path / "set", {"0.tar": samples(png, range(3)), "1.tar": samples(png, range(3, 5))})
    found = unlabelled(place)
    assert [Path(found.path(k)).name for k in range(len(found))] == [f"{k:05}.png" for k in range(5)]
    assert found.image(4).shape == (3, 8, 8)
    assert len(unlabelled(place / "1.tar")) == 2
