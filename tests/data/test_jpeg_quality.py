"""The quality of a JPEG against the one that it was saved with."""

from io import BytesIO

from PIL import Image

from nearsight.data.jpeg_quality import jpeg_quality

PICTURE = Image.effect_noise((24, 16), 60).convert("RGB")


def saved(**options: object) -> Image.Image:
    file = BytesIO()
    PICTURE.save(file, "JPEG", **options)
    return Image.open(file)


def test_every_quality_is_found_again() -> None:
    assert [jpeg_quality(saved(quality=quality).quantization) for quality in range(1, 101)] == list(
        range(1, 101)
    )  # type: ignore[attr-defined]


def test_tables_of_other_programs_have_the_nearest_quality() -> None:
    tables = {number: [*table] for number, table in saved(quality=80).quantization.items()}  # type: ignore[attr-defined]
    tables[0][63] += 2
    assert jpeg_quality(tables) == 80


def test_what_is_no_jpeg_has_none() -> None:
    assert jpeg_quality(None) is None
    assert jpeg_quality({0: [1, 2, 3]}) is None
