"""Damaged sets: folders, tables and Parquet with names, types, labels and rows that no set should have."""

# ruff: noqa: ARG005 (what is made of nothing by chance is given the draws all the same)

import json
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from studies.damage import flip_bits
from studies.hostile.homes import hostile_home
from studies.hostile.images import hostile_image, sound_image
from studies.hostile.tars import hostile_tar

_ROWS = 10
# Values that no cell should have, and numbers at the limits of their types.
_ODD: tuple[Any, ...] = (
    None, True, 0, -1, -7, 2**31, 2**31 - 1, 2**63 - 1, -(2**63), 1.5, -0.0, 1e308, float("nan"), float("inf"), "",
    " ", "cat", "\0", "é" * 300, "a\nb", "\x1b[2J", [], [1], [[1, 2], [3]], {}, {"a": 1}, {"bytes": 1},
)  # fmt: skip


def hostile_set(place: Path, kind: str, draw: Random) -> tuple[Path, str]:
    """Write a damaged set into a directory; return what should be loaded, and what is wrong with it."""
    return _KINDS[kind](place, draw)


def _image(place: Path, draw: Random) -> tuple[Path, str]:
    root = place / "set"
    told = []
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for k in range(4):
            (root / name / f"{k}.png").write_bytes(sound_image(draw, "PNG"))
    for _ in range(draw.choice((1, 1, 3))):
        content, what = hostile_image(draw)
        suffix = draw.choice((".png", ".jpg", ".tif", ".webp", ".bmp", ""))
        (root / draw.choice(("cat", "dog")) / f"odd{len(told)}{suffix}").write_bytes(content)
        told.append(what)
    return root, "; ".join(told)


def _folder(place: Path, draw: Random) -> tuple[Path, str]:
    root, _ = _image(place, Random(0))
    for file in root.glob("*/odd*"):
        file.unlink()
    told = []
    for _ in range(draw.choice((1, 2, 3))):
        name = draw.choice(sorted(_FOLDERS))
        try:
            _FOLDERS[name](root / draw.choice(("cat", "dog", "")), draw)
        except FileExistsError:
            continue
        told.append(name)
    return root, "; ".join(told)


def _bytes_name(place: Path, name: bytes, content: bytes | None) -> None:
    path = os.fsencode(place) + b"/" + name
    if content is None:
        Path(os.fsdecode(path)).mkdir()
    else:
        Path(os.fsdecode(path)).write_bytes(content)


def _links(place: Path, _: Random) -> None:
    """Directories that each contain two links to the next: a walk of 2^30 ways."""
    deep = place / "links"
    deep.mkdir()
    for k in range(30):
        (deep / f"d{k}").mkdir()
        for side in "ab":
            (deep / f"d{k}" / side).symlink_to(deep / f"d{k + 1}")
    (deep / "d30").mkdir()


def _deep(place: Path, _: Random) -> None:
    path = place / "deep"
    path.mkdir()
    for _ in range(400):
        path /= "d"
        path.mkdir()


_FOLDERS: dict[str, Callable[[Path, Random], Any]] = {
    "a pipe": lambda place, draw: os.mkfifo(place / "pipe.png"),
    "a pipe that is Parquet": lambda place, draw: os.mkfifo(place / "x.parquet"),
    "a pipe of metadata": lambda place, draw: os.mkfifo(place / "metadata.csv"),
    "a link to itself": lambda place, draw: (place / "self.png").symlink_to(place / "self.png"),
    "a link upwards": lambda place, draw: (place / "up").symlink_to(place.parent),
    "a link to a device": lambda place, draw: (place / "zero.png").symlink_to("/dev/zero"),
    "a dangling link": lambda place, draw: (place / "gone.png").symlink_to("/nowhere/at/all.png"),
    "links without end": _links,
    "directories without end": _deep,
    "a name that is not UTF-8": lambda place, draw: _bytes_name(place, b"\xe9.png", sound_image(draw, "PNG")),
    "a directory that is not UTF-8": lambda place, draw: _bytes_name(place, b"\xff\xfe", None),
    "a name of 255 bytes": lambda place, draw: _bytes_name(
        place, b"a" * 251 + b".png", sound_image(draw, "PNG")
    ),
    "a name of two lines": lambda place, draw: _bytes_name(place, b"a\nb.png", sound_image(draw, "PNG")),
    "a name that clears the terminal": lambda place, draw: _bytes_name(
        place, b"\x1b[2J.png", sound_image(draw, "PNG")
    ),
    "a damaged image that clears the terminal": lambda place, draw: _bytes_name(place, b"\x1b[2J.png", b"no"),
    "a directory that is called an image": lambda place, draw: (place / "dir.png").mkdir(),
    "a large file of nothing": lambda place, draw: _sparse(place / "large.png", 2**36),
    "a damaged image": lambda place, draw: (place / "bad.jpg").write_bytes(hostile_image(draw)[0]),
    "metadata that is no table": lambda place, draw: (place / "metadata.csv").write_bytes(draw.randbytes(300)),
    "metadata that is no JSON": lambda place, draw: (place / "metadata.jsonl").write_text("[" * 10**5),
    "metadata of odd values": lambda place, draw: (place / "metadata.jsonl").write_text(
        "\n".join(
            json.dumps({"file_name": draw.choice(("0.png", "1.png", "../x.png", 7, None)), "label": _odd(draw)})
            for _ in range(4)
        )
    ),
    "annotations that are none": lambda place, draw: (place / "0.xml").write_bytes(draw.randbytes(100)),
}  # fmt: skip


def _odd(draw: Random) -> Any:
    return draw.choice(_ODD)


def _sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.truncate(size)


def _table(place: Path, draw: Random) -> tuple[Path, str]:
    root = place / "set"
    root.mkdir()
    for k in range(6):
        (root / f"{k}.png").write_bytes(sound_image(draw, "PNG"))
    os.mkfifo(root / "pipe.png")
    names: list[Any] = [f"{k}.png" for k in range(6)]
    names += draw.sample(
        [
            "pipe.png",
            "../../../../etc/passwd",
            "/dev/zero",
            "x" * 5000,
            "a\0b",
            "",
            "https://a.b/c.png",
            ".",
            "/",
        ],
        k=draw.choice((0, 1, 2)),
    )
    if draw.random() < 0.5:
        rows = [{"file": name, "label": draw.choice((0, 1))} for name in names]
        for _ in range(draw.choice((1, 2))):
            draw.choice(rows)[draw.choice(("file", "label", "split", "bbox", "patient"))] = _odd(draw)
        file = root / "list.jsonl"
        file.write_text("\n".join(map(json.dumps, rows)))
        return file, "lines of JSON"
    text = bytearray("\n".join(["file,label", *(f"{name},{draw.choice('ab')}" for name in names)]).encode())
    for _ in range(draw.choice((0, 1, 5))):
        text[draw.randrange(len(text))] = draw.randrange(256)
    file = root / draw.choice(("list.csv", "list.tsv", "list.txt", "list.json"))
    file.write_bytes(text)
    return file, f"a table, {file.suffix}"


def _parquet(place: Path, draw: Random) -> tuple[Path, str]:
    (place / "set").mkdir()
    file = place / "set" / draw.choice(("train.parquet", "x.parquet", "test.parquet"))
    table, told = _hostile_table(draw)
    pq.write_table(table, file, compression=draw.choice(("NONE", "snappy", "zstd")))
    if draw.random() < 0.3:
        content = bytearray(file.read_bytes())
        change = draw.choice(("flip", "cut", "zeros"))
        told.append(change)
        at = draw.randrange(len(content))
        if change == "flip":
            flip_bits(content, draw, draw.choice((1, 4, 20)))
        elif change == "cut":
            del content[at:]
        else:
            content[at : at + 16] = bytes(16)
        file.write_bytes(content)
    return draw.choice((file, file.parent)), "; ".join(told)


def _hostile_table(draw: Random) -> tuple[pa.Table, list[str]]:
    told: list[str] = []
    columns: list[tuple[str, Any]] = []
    names = [
        "image",
        "label",
        *draw.sample(["box", "mask", "objects", "patient", "time", "img"], k=draw.choice((0, 1, 2))),
    ]
    odd = set(draw.sample(names, k=draw.choice((0, 1, 1, 2))))
    for name in names:
        makers = _COLUMNS.get(name, _ANY)
        usual = next(iter(makers))
        chosen = draw.choice(sorted({**makers, **_ANY})) if name in odd or name not in _COLUMNS else usual
        columns.append((name, {**makers, **_ANY}[chosen](draw)))
        if chosen != usual:
            told.append(f"{name}: {chosen}")
    if draw.random() < 0.1:
        told.append("a column twice")
        columns.append(columns[draw.randrange(len(columns))])
    if draw.random() < 0.02:
        told.append("3000 columns")
        columns += [(f"c{k}", pa.array([k] * _ROWS)) for k in range(3000)]
    if draw.random() < 0.05:
        told.append("no rows")
        columns = [(name, values.slice(0, 0)) for name, values in columns]
    table = pa.Table.from_arrays([values for _, values in columns], names=[name for name, _ in columns])
    metadata = {}
    if draw.random() < 0.5:
        key = draw.choice(("huggingface", "class_names"))
        what = draw.choice(sorted(_METADATA[key]))
        metadata[key] = _METADATA[key][what](draw)
        told.append(f"{key}: {what}")
    return table.replace_schema_metadata(metadata), told


_CELL = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def _cells(draw: Random) -> list[dict[str, Any] | None]:
    return [{"bytes": sound_image(draw, "PNG"), "path": f"{k}.png"} for k in range(_ROWS)]


def _odd_cells(draw: Random) -> Any:
    found = _cells(draw)
    for _ in range(3):
        k = draw.randrange(_ROWS)
        found[k] = draw.choice(
            (None, {"bytes": None, "path": None}, {"bytes": hostile_image(draw)[0], "path": "x"})
        )
    return pa.array(found, _CELL)


def _paths(draw: Random) -> Any:
    odd = ("/etc/passwd", "../../etc/passwd", "/dev/zero", "x" * 5000, "https://a.b/c.png", "hf://datasets/a/b.png",
           "a\0b", "", ".", "/", "zip://a::b", "~/x.png")  # fmt: skip
    return pa.array([{"bytes": None, "path": draw.choice(odd)} for _ in range(_ROWS)], _CELL)


_ANY: dict[str, Callable[[Random], Any]] = {
    "nothing": lambda draw: pa.nulls(_ROWS),
    "text": lambda draw: pa.array([draw.choice("abc") for _ in range(_ROWS)]),
    "odd text": lambda draw: pa.array(
        [draw.choice(("", " ", "\x1b[2J", "a" * 10**5, None, "é")) for _ in range(_ROWS)]
    ),
    "no text": lambda draw: _no_text(),
    "bytes": lambda draw: pa.array([draw.randbytes(9) for _ in range(_ROWS)]),
    "floats": lambda draw: pa.array([draw.choice((0.0, 1.0, 0.5, None, float("nan"), 1e300)) for _ in range(_ROWS)]),
    "booleans": lambda draw: pa.array([draw.random() < 0.5 for _ in range(_ROWS)]),
    "decimals": lambda draw: pa.array([Decimal(draw.choice(("1", "0", "1.5"))) for _ in range(_ROWS)]),
    "times": lambda draw: pa.array([draw.randrange(10**9) for _ in range(_ROWS)], pa.timestamp("s")),
    "times of day": lambda draw: pa.array([draw.randrange(86400) for _ in range(_ROWS)], pa.time32("s")),
    "durations": lambda draw: pa.array([draw.randrange(10**9) for _ in range(_ROWS)], pa.duration("s")),
    "large numbers": lambda draw: pa.array(
        [draw.choice((0, 1, 2**31, 2**63 - 1, -1, -5, -(2**63), None)) for _ in range(_ROWS)], pa.int64()
    ),
    "unsigned numbers": lambda draw: pa.array([draw.choice((0, 1, 2**64 - 1)) for _ in range(_ROWS)], pa.uint64()),
    "lists": lambda draw: pa.array([[draw.randrange(3)] * draw.randrange(4) for _ in range(_ROWS)]),
    "lists of lists": lambda draw: pa.array([[[1, 2], [3]]] * _ROWS),
    "lists of text": lambda draw: pa.array([["a", None]] * _ROWS),
    "structs": lambda draw: pa.array([{"a": 1, "b": "x"}] * _ROWS),
    "structs of nothing": lambda draw: pa.array([{"a": None}] * _ROWS),
    "maps": lambda draw: pa.array([[("a", 1)]] * _ROWS, pa.map_(pa.string(), pa.int64())),
    "a dictionary of text": lambda draw: pa.array([draw.choice("ab") for _ in range(_ROWS)]).dictionary_encode(),
    "a dictionary of numbers": lambda draw: pa.array([draw.choice((0, 1)) for _ in range(_ROWS)]).dictionary_encode(),
    "fixed bytes": lambda draw: pa.array([b"abcd"] * _ROWS, pa.binary(4)),
    "large text": lambda draw: pa.array(["a"] * _ROWS, pa.large_string()),
    "half floats": lambda draw: pa.array([0.5] * _ROWS, pa.float32()),
}  # fmt: skip


def _no_text() -> Any:
    values = pa.array([b"\xff\xfe\xed\xa0\x80"] * _ROWS, pa.binary())
    return pa.Array.from_buffers(pa.string(), _ROWS, values.buffers())


_COLUMNS: dict[str, dict[str, Callable[[Random], Any]]] = {
    "image": {
        "usual": lambda draw: pa.array(_cells(draw), _CELL),
        "odd cells": _odd_cells,
        "paths": _paths,
        "plain bytes": lambda draw: pa.array([cell["bytes"] for cell in _cells(draw) if cell]),
        "a struct of bytes": lambda draw: pa.array([{"bytes": b"x"}] * _ROWS),
        "a struct of a path": lambda draw: pa.array([{"path": "x"}] * _ROWS),
        "a struct of numbers": lambda draw: pa.array([{"bytes": 1, "path": 2}] * _ROWS),
        "a struct of more": lambda draw: pa.array([{"bytes": b"x", "path": "x", "more": 1}] * _ROWS),
        "a list of structs": lambda draw: pa.array([[cell] for cell in _cells(draw)], pa.list_(_CELL)),
    },
    "label": {"usual": lambda draw: pa.array([k % 2 for k in range(_ROWS)])},
    "box": {
        "usual": lambda draw: pa.array([[0, 0, 3, 3]] * _ROWS),
        "too few": lambda draw: pa.array([[0, 0, 3]] * _ROWS),
        "too large": lambda draw: pa.array([[0.0, 0.0, 1e300, float("inf")]] * _ROWS),
        "backwards": lambda draw: pa.array([[5, 5, 1, 1], [-9, -9, -1, -1]] * (_ROWS // 2)),
    },
    "mask": {
        "usual": lambda draw: pa.array(
            [{"bytes": sound_image(draw, "PNG", "L"), "path": "x"}] * _ROWS, _CELL
        ),
        "hostile": lambda draw: pa.array([{"bytes": hostile_image(draw)[0], "path": "x"}] * _ROWS, _CELL),
        "ragged": lambda draw: pa.array([[[1, 2], [3]]] * _ROWS),
        "numbers": lambda draw: pa.array([[[draw.choice((0, 1, 255, -1, 2**62))] * 8] * 8] * _ROWS),
        "floats": lambda draw: pa.array([[[draw.choice((0.0, 1e300, float("nan")))] * 8] * 8] * _ROWS),
    },
    "objects": {
        "usual": lambda draw: pa.array([{"bbox": [[0, 0, 3, 3]], "category": [1]}] * _ROWS),
        "text": lambda draw: pa.array([{"bbox": ["a"]}] * _ROWS),
        "nested": lambda draw: pa.array([{"bbox": [[[1.0]]]}] * _ROWS),
        "objects": lambda draw: pa.array([[{"bbox": [1, 2]}], [], None] * 3 + [None]),
    },
}

_METADATA: dict[str, dict[str, Callable[[Random], Any]]] = {
    "huggingface": {
        "usual": lambda draw: _features(image={"_type": "Image"}, label=_classes(names=["a", "b"])),
        "an odd kind": lambda draw: _features(image=_odd(draw), label=_odd(draw)),
        "an unknown type": lambda draw: _features(image={"_type": "System"}, label=_classes(names=_odd(draw))),
        "odd names": lambda draw: _features(label=_classes(names=[_odd(draw), _odd(draw)])),
        "2^31 classes": lambda draw: _features(
            label=_classes(num_classes=draw.choice((2**31, 10**18, -1, 1.5, "3")))
        ),
        "another column": lambda draw: _features(nothing={"_type": "Image"}),
        "no JSON": lambda draw: draw.choice(("{", "[" * 10**5, "9" * 6000, b"\xff\xd8\x00", "NaN")),
        "an odd value": lambda draw: json.dumps(_odd(draw)),
        "odd info": lambda draw: json.dumps({"info": _odd(draw)}),
        "odd features": lambda draw: json.dumps({"info": {"features": _odd(draw)}}),
    },
    "class_names": {
        "usual": lambda draw: json.dumps(["a", "b"]),
        "too few": lambda draw: json.dumps(["a"]),
        "alike": lambda draw: json.dumps(["a", "a"]),
        "an odd value": lambda draw: json.dumps(_odd(draw)),
        "odd names": lambda draw: json.dumps([_odd(draw), _odd(draw)]),
        "no JSON": lambda draw: draw.choice(("{", "[" * 10**5, "9" * 6000)),
        "a long name": lambda draw: json.dumps(["a" * 10**6, "b"]),
        "half a character": lambda draw: '["\\ud800", "b"]',
    },
}  # fmt: skip


def _features(**kinds: Any) -> str:
    return json.dumps({"info": {"features": kinds}})


def _classes(**said: Any) -> dict[str, Any]:
    return {"_type": "ClassLabel", **said}


_KINDS: dict[str, Callable[[Path, Random], tuple[Path, str]]] = {
    "image": _image,
    "folder": _folder,
    "table": _table,
    "parquet": _parquet,
    "home": hostile_home,
}
# What a case may be that is not asked for by its kind; tar files came later, and a number stands for the same case.
KINDS = tuple(_KINDS)
_KINDS["tar"] = hostile_tar
