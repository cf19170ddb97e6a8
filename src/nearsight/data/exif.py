"""What a file says about how its picture was taken (EXIF); if it cannot be read, this is reported but never fatal."""

import warnings
from dataclasses import dataclass
from typing import Any

from PIL import Image

from nearsight.data.faults import one_line

ORIENTATION = 0x0112
_MAKE, _MODEL, _SOFTWARE, _SAVED = 0x010F, 0x0110, 0x0131, 0x0132
_EXIF, _TAKEN = 0x8769, 0x9003


@dataclass(frozen=True)
class Exif:
    """The tags of a picture that are used: None if it has none. `fault` says why they cannot be read completely.

    `taken` is when the shutter was pressed and `saved` when the file was written, as EXIF writes times;
    `orientation` is 1 to 8.
    """

    make: str | None = None
    model: str | None = None
    software: str | None = None
    taken: str | None = None
    saved: str | None = None
    orientation: int | None = None
    fault: str | None = None


def read_exif(image: Image.Image) -> Exif:
    """Read the EXIF of an opened image; damage in it is a `fault`, and what can be read is kept.

    >>> picture, tags = Image.new("RGB", (8, 8)), Image.Exif()
    >>> tags[0x010F] = "Canon"
    >>> picture.info["exif"] = tags.tobytes()
    >>> read_exif(picture).make
    'Canon'
    >>> picture.info["exif"] = b"Exif\\0\\0nothing of the kind"
    >>> read_exif(picture).make, read_exif(picture).fault is None
    (None, False)

    A PNG without EXIF before its pixels is read whole, because it may follow them; damage to the pixels is then
    raised.
    """
    raw = image.info.get("exif")
    if raw is None and image.format == "PNG":
        image.load()
        raw = image.info.get("exif")
    found: dict[str, Any] = {}
    fault = None
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        # Readers raise whatever the damage leads to: SyntaxError, struct.error, KeyError and more.
        try:
            # Once it has failed to be read, Pillow's own is empty and does not say so.
            tags = image.getexif() if raw is None else _loaded(raw)
            for name, tag in _TAGS:
                found[name] = _text(tags.get(tag))
            # Pillow's own also knows the orientation in XMP, by which it rotates pictures.
            found["orientation"] = _whole(tags.get(ORIENTATION) or image.getexif().get(ORIENTATION))
            found["taken"] = _text(tags.get_ifd(_EXIF).get(_TAKEN))
        except Exception as error:
            fault = one_line(error)
    if fault is None and told:
        fault = str(told[0].message).strip()
    return Exif(**found, fault=fault)


def mentions_exif(png: bytes) -> bool:
    """Whether a PNG may have EXIF or XMP anywhere, so that it is worth reading completely.

    >>> mentions_exif(b"IHDR...IDAT...eXIf..."), mentions_exif(b"IHDR...IDAT...IEND")
    (True, False)
    """
    return any(mark in png for mark in (b"eXIf", b"Raw profile type", b"XML:com.adobe.xmp"))


_TAGS = (("make", _MAKE), ("model", _MODEL), ("software", _SOFTWARE), ("saved", _SAVED))


def _loaded(raw: bytes) -> Image.Exif:
    tags = Image.Exif()
    tags.load(raw)
    return tags


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return str(value).strip("\0 \t\r\n") or None if value is not None else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and 1 <= value <= 8 else None
