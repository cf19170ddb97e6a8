"""Damaged sets in tar files: headers that lie, members that do not go together, bytes that were changed."""

import io
import tarfile
from pathlib import Path
from random import Random

from studies.damage import flip_bits
from studies.hostile.images import hostile_image, sound_image

_IMAGES = 8
_LABELS = (b"0", b"1", b"cat", b" 1\n", b"", b"\xff", b"-1", b"9" * 40, b"1.5", b"a" * 10**5)
_JSON = (b'{"label": 0}', b'{"label": "cat", "n": 1}', b"{", b"[]", b'{"label": [1]}', b'{"n": 1e999}', b"[" * 10**5,
         b'{"label": "\\ud800"}', b'{"a": 1, "a": 2}')  # fmt: skip
_NAMES = (
    "../../etc/cron.d/{}",
    "/etc/{}",
    "a/b/{}",
    "\x1b[2J{}",
    "x" * 300 + "{}",
    "\udce4{}",
    "./{}",
    "._{}",
    "é{}",
)
_KINDS = b"0123456789gxLKSVX\0"
_SIZES = (
    b"\xff" * 12,
    b"\x80" + bytes(10) + b"\x05",
    b"77777777777\0",
    b"00000000000\0",
    b"           \0",
    bytes(12),
)


def hostile_tar(place: Path, draw: Random) -> tuple[Path, str]:
    """Write a damaged set of tar files into a directory; return what should be loaded, and what is wrong with it."""
    root = place / "set"
    root.mkdir()
    told = []
    for shard in range(draw.choice((1, 1, 2))):
        content, wrong = _tar(draw)
        told += wrong
        name = draw.choice(("train-{}.tar", "x-{}.tar", "{}.tar", "test-{}.tar")).format(f"{shard:04}")
        (root / name).write_bytes(content)
    if draw.random() < 0.1:
        told.append("odd classnames.txt")
        (root / "classnames.txt").write_bytes(draw.choice((b"", b"a\na\n", b"\xff", b"a\n" * 10**5)))
    return draw.choice((root, next(root.glob("*.tar")))), "; ".join(told)


def _tar(draw: Random) -> tuple[bytes, list[str]]:
    told = []
    odd_name = draw.choice(_NAMES) if draw.random() < 0.2 else "{}"
    odd_label, odd_json = draw.random() < 0.2, draw.random() < 0.4
    held = io.BytesIO()
    form = draw.choice((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    with tarfile.open(fileobj=held, mode="w", format=form, errors="surrogateescape") as tar:
        for k in range(_IMAGES):
            odd_image = draw.random() < 0.1
            image, what = hostile_image(draw) if odd_image else (sound_image(draw, "PNG"), "")
            told += [what] if odd_image else []
            members = {"png": image, "cls": draw.choice(_LABELS) if odd_label else b"%d" % (k % 2)}
            if odd_json:
                members["json"] = draw.choice(_JSON)
            if draw.random() < 0.05:
                told.append("a member is missing, or twice")
                members = draw.choice(({"cls": b"0"}, {"png": image}, {**members, "jpg": image}))
            for ending, content in members.items():
                member = tarfile.TarInfo(odd_name.format(f"{k}.{ending}"))
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    told += ["odd names"] * (odd_name != "{}") + ["odd labels"] * odd_label + ["odd JSON"] * odd_json
    content = bytearray(held.getvalue())
    change = draw.choice(
        ("none", "none", "flip", "cut", "put in", "take out", "a lying header", "joined", "no end")
    )
    told.append(f"bytes: {change}")
    return bytes(_changed(content, change, draw)), told


def _changed(content: bytearray, change: str, draw: Random) -> bytearray:
    at = draw.randrange(len(content))
    if change == "flip":
        flip_bits(content, draw, draw.choice((1, 4, 20)))
    elif change == "cut":
        del content[at:]
    elif change == "put in":
        content[at:at] = draw.randbytes(draw.choice((1, 512)))
    elif change == "take out":
        del content[at : at + draw.choice((1, 512, 1024))]
    elif change == "joined":
        content += bytes(content)
    elif change == "no end":
        content = bytearray(content.rstrip(b"\0"))
        content += bytes(-len(content) % tarfile.BLOCKSIZE)
    elif change == "a lying header":
        _lie(content, draw.choice(_headers(content)), draw)
    return content


def _headers(content: bytearray) -> list[int]:
    return [at for at in range(0, len(content), 512) if content[at + 257 : at + 262] == b"ustar"]


def _lie(content: bytearray, at: int, draw: Random) -> None:
    """Change the size or the kind in a header, whose checksum still agrees."""
    if draw.random() < 0.7:
        content[at + 124 : at + 136] = draw.choice(_SIZES)
    if draw.random() < 0.5:
        content[at + 156] = draw.choice(_KINDS)
    total = sum(content[at : at + 148]) + 8 * ord(" ") + sum(content[at + 156 : at + 512])
    content[at + 148 : at + 156] = b"%06o\0 " % total
