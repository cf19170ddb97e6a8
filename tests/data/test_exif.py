"""EXIF: its tags, and files in which it is damaged."""

import logging
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from nearsight.data import decode_image, load
from nearsight.data.decode import image_header
from nearsight.data.exif import read_exif

MAKE, MODEL, SOFTWARE, SAVED, ORIENTATION, EXIF, TAKEN = (
    0x010F,
    0x0110,
    0x0131,
    0x0132,
    0x0112,
    0x8769,
    0x9003,
)
PICTURE = Image.effect_noise((12, 8), 60).convert("RGB")


def tags() -> Image.Exif:
    found = Image.Exif()
    found[MAKE], found[MODEL], found[SOFTWARE] = "Canon", "EOS 5D", "darktable 4.2"
    found[SAVED], found[ORIENTATION] = "2024:02:01 08:00:00", 6
    found.get_ifd(EXIF)[TAKEN] = "2024:01:31 12:00:00"
    return found


def encoded(form: str, exif: bytes | Image.Exif | None = None) -> bytes:
    file = BytesIO()
    PICTURE.save(file, form, **({} if exif is None else {"exif": exif}))
    return file.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_tags_are_those_that_were_written_in_every_format(form: str) -> None:
    with Image.open(BytesIO(encoded(form, tags()))) as image:
        found = read_exif(image)
    assert (found.make, found.model, found.software) == ("Canon", "EOS 5D", "darktable 4.2")
    assert found.saved == "2024:02:01 08:00:00"
    # Pillow does not write the block that has it into a TIFF.
    assert found.taken == (None if form == "TIFF" else "2024:01:31 12:00:00")
    assert (found.orientation, found.fault) == (6, None)


def test_the_orientation_of_xmp_turns_a_picture_that_has_other_exif_too() -> None:
    camera = Image.Exif()
    camera[MAKE] = "Canon"
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    file = BytesIO()
    PICTURE.save(file, "JPEG", exif=camera, xmp=xmp)
    assert image_header(file.getvalue()).size == (12, 8)
    assert decode_image(file.getvalue()).shape == (3, 12, 8)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0nothing of the kind", tags().tobytes()[:-9]], ids=["other", "cut"]
)
def test_an_image_with_damaged_metadata_is_read_as_it_is_stored_and_told(form: str, exif: bytes) -> None:
    file = encoded(form, exif)
    header = image_header(file)
    assert header.unread
    assert decode_image(file).shape[1:] == header.size


def test_a_set_says_how_many_of_its_images_have_damaged_metadata(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    for name in ("cat", "dog"):
        for k in range(6):
            place = tmp_path / "photos" / name / f"{k}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(encoded("PNG", b"Exif\0\0nothing of the kind" if k < 2 else None))
    notes = load(tmp_path / "photos", validation=0, progress=False).notes
    assert any("the EXIF of 4 of 12 images cannot be read whole" in note for note in notes), notes
