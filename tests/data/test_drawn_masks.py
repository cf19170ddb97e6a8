"""Masks say where the object is in the way that all of a split do, or they are left out; void is never an object."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from nearsight.data import drawn_masks
from nearsight.data.decode_memory import VARIABLE
from nearsight.data.drawn_masks import (
    drawn_mask,
    look_at_mask,
    marks_something,
    reduced_mask,
    understand_masks,
)
from nearsight.data.loading import load
from nearsight.errors import InputError

Write = Callable[..., Path]
SIDE = 24


def encode(picture: Image.Image | np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(buffer, kind, **options)
    return buffer.getvalue()


def disc(k: int) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return (rows - 8 - k) ** 2 + (columns - 12) ** 2 < 36


def border(k: int) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    distance = (rows - 8 - k) ** 2 + (columns - 12) ** 2
    return (distance >= 36) & (distance < 56)


def numbers(k: int, inside: int, around: int = 0, outside: int = 0) -> np.ndarray:
    return np.where(disc(k), inside, np.where(border(k), around, outside)).astype(np.uint8)


def palette(colours: list[int], values: np.ndarray) -> Image.Image:
    picture = Image.fromarray(values)
    picture.putpalette(colours)
    return picture


def rgba(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.dstack([colour] * 3 + [alpha] if colour.ndim == 2 else [colour, alpha])


NOISE = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
VOC = [0, 0, 0, 128, 0, 0, 0, 128, 0] + [7, 7, 7] * 252 + [224, 224, 192]
SOFT = np.clip(np.hypot(*(np.mgrid[:120, :120] - 59.5)) * -60 + 60 * 40, 0, 255).astype(np.uint8)
READ = {
    "0 and 1": (lambda k: encode(numbers(k, 1)), "the object is 1"),
    "0 and 255": (lambda k: encode(numbers(k, 255)), "the object is 255"),
    "two levels": (lambda k: encode(Image.fromarray(disc(k))), "the object is 1"),
    "16 bits": (lambda k: encode(numbers(k, 9).astype(np.uint16)), "the object is 9"),
    "colour": (
        lambda k: encode(np.dstack([numbers(k, 200), numbers(k, 0), numbers(k, 9)])),
        "what is not black",
    ),
    "opaque": (lambda k: encode(rgba(numbers(k, 255), np.full((SIDE, SIDE), 255, np.uint8))), "says nothing"),
    "alpha": (
        lambda k: encode(rgba(np.full((SIDE, SIDE), 255, np.uint8), numbers(k, 255))),
        "where alpha is more",
    ),
    "cut out": (lambda k: encode(rgba(NOISE, numbers(k, 200))), "where alpha is more than half"),
    "grey and alpha": (
        lambda k: encode(Image.merge("LA", [Image.fromarray(numbers(k, 255))] * 2)),
        "where alpha is",
    ),
    "JPEG": (lambda k: encode(numbers(k, 255), "JPEG", quality=90), "above half"),
    "void": (lambda k: encode(numbers(k, 1, around=255)), "the object is 1, and 255 is void"),
    "class numbers, one in each": (
        lambda k: encode(numbers(k, 1 + k, around=255)),
        "the object is 1, 2, 3, one of them",
    ),
    "palette of VOC": (
        lambda k: encode(palette(VOC, numbers(k, 1, around=255))),
        "the object is 1, and 255 is void",
    ),
    "colours of VOC": (
        lambda k: encode(palette(VOC, numbers(k, 1, around=255)).convert("RGB")),
        "and the void colour of Pascal VOC is void",
    ),
    "palette from white": (
        lambda k: encode(palette([255, 255, 255, 0, 0, 0], numbers(k, 0, around=1, outside=1))),
        "the object is 255",
    ),
}


@pytest.mark.parametrize("name", READ)
def test_masks_of_every_kind_mark_the_object(name: str) -> None:
    make, told = READ[name]
    files = [make(k) for k in range(3)]
    looks = [look_at_mask(file, SIDE, SIDE) for file in files]
    understood = understand_masks(looks, "mask")
    assert understood.form is not None
    assert told in understood.note
    for k, file in enumerate(files):
        np.testing.assert_array_equal(drawn_mask(file, SIDE, SIDE, understood.form).numpy(), disc(k))
        assert marks_something(looks[k], understood.form)


@pytest.mark.parametrize(
    ("make", "trouble"),
    [
        (lambda k: encode(numbers(k, 1, around=3, outside=2)), "its 3 masks hold 1, 2, 3 and never 0"),
        (lambda k: encode(numbers(k, 1, around=1, outside=2)), "its 3 masks hold 1, 2 and never 0"),
        (lambda k: encode(numbers(k, 255, around=128)), "its 3 masks hold 128, 255 beside 0"),
        (lambda k: encode(numbers(k, 3, around=7)), "its 3 masks hold 3, 7 beside 0"),
        (lambda _: encode(NOISE[..., 0]), "more than 16 values"),
        (lambda _: encode(NOISE[..., 0], "JPEG"), "more than 16 values"),
        (lambda _: encode(NOISE), "more than 16 values"),
    ],
)
def test_masks_that_do_not_say_what_the_object_is_are_left_out(make: Any, trouble: str) -> None:
    found = understand_masks([look_at_mask(make(k), SIDE, SIDE) for k in range(3)], "mask")
    assert found.form is None
    assert trouble in found.note
    assert "left out" in found.note


def test_soft_edges_are_cut_at_half() -> None:
    found = understand_masks([look_at_mask(encode(SOFT), 120, 120)], "mask")
    assert found.form is not None
    np.testing.assert_array_equal(drawn_mask(encode(SOFT), 120, 120, found.form).numpy(), SOFT > 127)


def test_many_classes_beside_void_are_never_cut_at_half() -> None:
    rng = np.random.default_rng(0)
    looks = []
    for _ in range(20):
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[3:6, 3:6], mask[10:13, 10:13], mask[5:12, 5:7] = *rng.integers(1, 21, 2), 255
        looks.append(look_at_mask(encode(mask), SIDE, SIDE))
    found = understand_masks(looks, "mask")
    assert found.form is None
    assert "beside 0" in found.note


def test_one_opaque_mask_among_cut_outs_is_all_object() -> None:
    files = [encode(rgba(NOISE, numbers(0, 255))), encode(rgba(NOISE, np.full((SIDE, SIDE), 255, np.uint8)))]
    form = understand_masks([look_at_mask(file, SIDE, SIDE) for file in files], "mask").form
    assert form is not None
    assert drawn_mask(files[1], SIDE, SIDE, form).all()
    bare = [*files, encode(numbers(0, 255))]
    assert understand_masks([look_at_mask(file, SIDE, SIDE) for file in bare], "mask").form is None


def test_a_set_whose_masks_are_left_out_says_so(write_parquet: Write, png: Callable[..., bytes]) -> None:
    cell = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    masks = [{"bytes": encode(numbers(k, 1, around=1, outside=2)), "path": None} for k in range(3)]
    files = [png(k, SIDE, SIDE) for k in range(3)]
    path = write_parquet("sample.parquet", files, label=[0, 1, 0], mask=pa.array(masks, cell))
    sets = load(path.parent)
    assert sets["sample"].regions is None
    assert sets.notes[0].startswith("sample: mask: left out, as its 3 masks hold 1, 2 and never 0")


HIGH, WIDE = 131, 157


def large_mask(mode: str) -> Image.Image:
    """Return a mask with an object of blocks, in the middle of which a part is void."""
    blocks = np.kron(np.random.default_rng(0).integers(2, size=(9, 11)), np.ones((15, 15), np.uint8))
    values = blocks[:HIGH, :WIDE].astype(np.uint8)
    values[40:60, 50:70] = 255
    if mode == "I;16":
        return Image.fromarray((values > 0).astype(np.uint16) * 40_000)
    if mode == "1":
        return Image.fromarray(values > 0)
    if mode == "LA":
        return Image.merge("LA", [Image.fromarray(values), Image.fromarray(255 - values)])
    return Image.fromarray(values).convert(mode)


@pytest.mark.parametrize("mode", ["L", "1", "RGB", "LA", "I;16"])
@pytest.mark.parametrize("kind", ["png", "tif"])
def test_a_large_mask_is_read_part_by_part_with_the_same_result(
    mode: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyvips")
    path = tmp_path / f"a.{kind}"
    large_mask(mode).save(path)
    cell = {"bytes": None, "path": str(path)}
    size = (HIGH // 3, WIDE // 3)
    found = []
    for memory in (None, "32M"):
        if memory is not None:
            monkeypatch.setenv(VARIABLE, memory)
            monkeypatch.setattr(drawn_masks, "_ROWS", 17)
            monkeypatch.setattr(drawn_masks, "_pixels", None)
        look = look_at_mask(cell, HIGH, WIDE)
        form = understand_masks([look], "mask").form
        assert form is not None
        assert marks_something(look, form)
        whole = drawn_mask(cell, HIGH, WIDE, form)
        found.append((look, whole.tolist(), reduced_mask(cell, HIGH, WIDE, size, form).tolist()))
    assert found[0] == found[1]


def test_a_reduced_mask_has_what_most_of_its_pixels_have() -> None:
    mask = np.random.default_rng(0).integers(2, size=(40, 60))
    expected = mask.reshape(10, 4, 12, 5).mean((1, 3)) >= 0.5
    assert reduced_mask(mask.tolist(), 40, 60, (10, 12)).tolist() == expected.tolist()


@pytest.mark.parametrize("mode", ["P", "colours", "F"])
def test_a_large_mask_whose_values_depend_on_all_of_it_is_refused(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyvips")
    monkeypatch.setenv(VARIABLE, "32M")
    drawn = large_mask("L")
    if mode == "colours":
        drawn = Image.merge("RGB", [drawn, drawn, Image.new("L", drawn.size)])
    (drawn if mode == "colours" else drawn.convert(mode)).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match=r"is read part by part, and it has .*; save it as grey values"):
        look_at_mask({"bytes": None, "path": str(tmp_path / "a.tif")}, HIGH, WIDE)
