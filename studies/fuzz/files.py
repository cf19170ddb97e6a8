"""Damaged files: in their values, in their bytes, or replaced by something else."""

import json
import os
import struct
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from nearsight.digest import PLACEHOLDER, seal_tensors, sealed_json, sealed_toml
from studies.damage import flip_bits
from studies.fuzz.tables import damage_table
from studies.fuzz.values import Raw, as_json, damaged_values, hostile

# A file of which nothing is on disk, and which no memory can hold.
VAST = 2**40
# The share of files whose digest is made again, so that what comes after it is read; most of the others have
# none.
RESEALED = 0.3


def damage(path: Path, others: list[Path], draw: Random) -> str:
    """Damage one file in place, and say how; `others` are files that may replace it."""
    kind = draw.random()
    if kind < 0.04:
        return _misplaced(path, draw)
    if kind < 0.10:
        return _swapped(path, others, draw)
    if kind < 0.22:
        return _bytes(path, draw)
    understood = _UNDERSTOOD.get(path.suffix)
    if understood is None:
        return _bytes(path, draw)
    return understood(path, draw)


def _bytes(path: Path, draw: Random) -> str:
    """Change bytes, whatever they mean."""
    content = bytearray(path.read_bytes())
    at = draw.randrange(len(content)) if content else 0
    change = draw.choice(
        ("flip", "flip", "flip", "cut", "cut", "insert", "drop", "empty", "encoding", "double")
    )
    if change == "flip" and content:
        flip_bits(content, draw, draw.choice((1, 1, 1, 8, 64)))
    elif change == "cut":
        del content[at:]
    elif change == "insert":
        content[at:at] = draw.choice(
            (
                b"\0",
                b"\xff\xfe",
                b"\xef\xbb\xbf",
                b"\xed\xa0\x80",
                b"\n",
                b"," * 1000,
                b"9" * 5000,
                b"[" * 50_000,
            )
        )
    elif change == "drop":
        del content[at : at + draw.choice((1, 8, 1000))]
    elif change == "empty":
        content = bytearray(
            draw.choice((b"", b" ", b"\0" * 100, b"null", b"{}", b"[]", b"0", b'""', b"PAR1PAR1"))
        )
    elif change == "encoding":
        text = bytes(content).decode("utf-8", "replace")
        content = bytearray(text.encode(draw.choice(("utf-16", "utf-8-sig", "utf-32", "utf-7"))))
    else:
        content = content * 2
    path.write_bytes(content)
    return f"bytes: {change}"


def _misplaced(path: Path, draw: Random) -> str:
    """Replace a file by something that is not such a file."""
    change = draw.choice(("absent", "directory", "fifo", "loop", "device", "vast", "dangling"))
    path.unlink()
    if change == "directory":
        path.mkdir()
    elif change == "fifo":
        os.mkfifo(path)
    elif change == "loop":
        path.symlink_to(path.name)
    elif change == "device":
        path.symlink_to(draw.choice(("/dev/zero", "/dev/null", "/dev/random", "/dev/full")))
    elif change == "vast":
        with path.open("wb") as file:
            file.truncate(VAST)
    elif change == "dangling":
        path.symlink_to("nowhere")
    return f"in its place: {change}"


def _swapped(path: Path, others: list[Path], draw: Random) -> str:
    alike = [other for other in others if other.suffix == path.suffix and other != path]
    other = draw.choice(alike if alike and draw.random() < 0.8 else others)
    path.write_bytes(other.read_bytes())
    return f"what {other.name} holds"


def _json(path: Path, draw: Random) -> str:
    values = json.loads(path.read_text(encoding="utf-8"))
    # After a digest that does not agree, nothing else is read.
    kept = values.pop("digest", None) if isinstance(values, dict) else None
    values, told = damaged_values(values, draw)
    text = as_json(values)
    if kept is not None and isinstance(values, dict) and draw.random() < RESEALED:
        with suppress(UnicodeEncodeError):
            text = sealed_json(text)
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    return told


def _toml(path: Path, draw: Random) -> str:
    import tomli_w

    text = path.read_text(encoding="utf-8")
    values, told = damaged_values(tomllib.loads(text), draw)
    try:
        written = tomli_w.dumps(values)
    except (TypeError, ValueError, AttributeError):
        # What TOML cannot hold is written in JSON's form, on the line of the value.
        lines = text.splitlines()
        at = draw.randrange(len(lines))
        name = lines[at].partition("=")[0].strip()
        lines[at] = f"{name} = {as_json(hostile(draw))}"
        written, told = "\n".join(lines), f"a line for {name}"
    if draw.random() < RESEALED:
        # What UTF-8 cannot hold has no digest either.
        with suppress(UnicodeEncodeError):
            written = sealed_toml(written)
    path.write_text(written, encoding="utf-8", errors="surrogatepass")
    return told


def _lines(path: Path, draw: Random) -> str:
    """Change the cells of a table that is text."""
    sign = "," if "," in path.read_text(encoding="utf-8") else " "
    rows = [line.split(sign) for line in path.read_text(encoding="utf-8").splitlines()]
    for _ in range(draw.choice((1, 1, 3))):
        at = draw.randrange(len(rows))
        row = rows[at]
        change = draw.choice(("cell", "cell", "cell", "less", "more", "repeated", "removed"))
        if not row and change in ("cell", "less"):  # a line that lost its only cell before
            change = "more"
        if change == "cell":
            value = hostile(draw)
            row[draw.randrange(len(row))] = value.text if isinstance(value, Raw) else str(value)
        elif change == "less":
            del row[draw.randrange(len(row))]
        elif change == "more":
            row.append("1")
        elif change == "repeated":
            rows.insert(at, row)
        elif len(rows) > 1:
            del rows[at]
    path.write_text("".join(sign.join(row) + "\n" for row in rows), "utf-8", "surrogatepass")
    return "cells of a line"


def _safetensors(path: Path, draw: Random) -> str:
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header: dict[str, Any] = json.loads(content[8 : 8 + length])
    data = bytearray(content[8 + length :])
    change = draw.choice(("header", "said", "said", "said", "numbers", "numbers", "claim", "shape", "lost"))
    names = [name for name in header if name != "__metadata__"]
    said = {name: each for name, each in header.get("__metadata__", {}).items() if name not in PLACEHOLDER}
    if change == "said" and said:
        header["__metadata__"] = said
        name = draw.choice(list(said))
        try:
            values, told = damaged_values(json.loads(said[name]), draw)
            said[name] = as_json(values)
        except ValueError:
            said[name], told = as_json(hostile(draw)), name
        change = f"said: {told}"
    elif change == "numbers" and data:
        at = draw.randrange(0, max(1, len(data) - 4))
        data[at : at + 4] = draw.choice(
            (
                struct.pack("<f", float("nan")),
                struct.pack("<f", float("inf")),
                struct.pack("<f", 3e38),
                b"\xff" * 4,
                b"\0" * 4,
            )
        )
    elif change == "claim":
        length = draw.choice((0, 1, 2**20, 2**40, 2**63, 2**64 - 1))
        path.write_bytes(struct.pack("<Q", length) + content[8:])
        return "a length of its header"
    elif change == "shape" and names:
        one = header[draw.choice(names)]
        change = f"shape {one['shape']}"
        one["shape"] = draw.choice(
            ([], one["shape"][::-1], [*one["shape"], 1], [10**9, *one["shape"]], [0], [-1])
        )
        one["dtype"] = draw.choice((one["dtype"],) * 3 + ("F64", "F16", "BF16", "I64", "U8", "BOOL", "X"))
    elif change == "lost" and names:
        # The rest is moved together, so that the file itself is whole.
        lost = draw.choice(names)
        kept, moved = bytearray(), {}
        for name in names:
            begin, end = header[name]["data_offsets"]
            if name != lost:
                moved[name] = {**header[name], "data_offsets": [len(kept), len(kept) + end - begin]}
                kept += data[begin:end]
        if draw.random() < 0.5:
            moved[f"{lost}x"] = {"dtype": "F32", "shape": [0], "data_offsets": [len(kept), len(kept)]}
        header = {**({"__metadata__": header["__metadata__"]} if "__metadata__" in header else {}), **moved}
        data = kept
    else:
        header, told = damaged_values(header, draw)
        change = f"header: {told}"
    resealed = isinstance(header, dict) and isinstance(said := header.get("__metadata__"), dict)
    if resealed:
        said.pop(*PLACEHOLDER, None)
        resealed = draw.random() < RESEALED
        said |= PLACEHOLDER if resealed else {}
    text = as_json(header).encode("utf-8", "surrogatepass")
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(data))
    if resealed:
        with suppress(ValueError):
            seal_tensors(path)
    return change


def _onnx(path: Path, draw: Random) -> str:
    import onnx

    model = onnx.load(path)
    if not model.metadata_props or draw.random() < 0.3:
        return _bytes(path, draw)
    prop = draw.choice(list(model.metadata_props))
    try:
        values, told = damaged_values(json.loads(prop.value), draw)
        prop.value = as_json(values)
    except ValueError:
        prop.value, told = as_json(hostile(draw)), "the whole"
    path.write_bytes(model.SerializeToString())
    return f"{prop.key}: {told}"


_UNDERSTOOD: dict[str, Callable[[Path, Random], str]] = {
    ".json": _json,
    ".toml": _toml,
    ".csv": _lines,
    ".txt": _lines,
    ".parquet": damage_table,
    ".safetensors": _safetensors,
    ".onnx": _onnx,
}
