"""One range of values for a whole set, decided by all of its images, told, and kept for what is decoded later."""

import io
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nearsight.data import ImageSet, decode_image
from nearsight.data.loading import load
from nearsight.data.sources import held_sets
from nearsight.data.values import FULL, Measured, settled_range
from nearsight.errors import InputError

Write = Callable[..., Path]


def encode(values: np.ndarray, kind: str = "TIFF") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, kind)
    return buffer.getvalue()


def pictures(top: float, dtype: type, sides: Sequence[int], low: float = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    found = [rng.uniform(low, top, (side, 8)).astype(dtype) for side in sides]
    found[0][0, 0], found[0][0, 1] = low, top
    return found


def all_splits(sets: Any) -> list[tuple[int, ImageSet, int]]:
    return [
        (int(Path(images.path(i)).stem), images, i) for images in sets.values() for i in range(len(images))
    ]


@pytest.mark.parametrize("sides", [[8] * 20, [8, 9] * 10])
@pytest.mark.parametrize(
    ("top", "dtype"), [(4095, np.uint16), (255, np.uint16), (60_000, np.uint16), (1, np.float32)]
)
def test_a_set_has_one_range_that_is_told(
    write_parquet: Write, sides: list[int], top: float, dtype: type
) -> None:
    values = pictures(top, dtype, sides)
    files = [encode(each) for each in values]
    sets = load(write_parquet("a.parquet", files, label=[0, 1] * 10), validation=0)
    white = 65535 if top == 60_000 else top
    assert [note for note in sets.notes if f"0 to {white} becomes 0 to 255" in note]
    for k, images, i in all_splits(pickle.loads(pickle.dumps(sets))):
        assert images.images.value_range == (0, white)
        expected = np.floor(values[k].astype(float) / white * 255 + 0.5)
        np.testing.assert_allclose(images.image(i)[0].numpy(), expected, atol=dtype == np.float32)
        assert images.tile(i, 1, 2, (3, 4)).equal(images.image(i)[:, 1:4, 2:6])
    held = held_sets(([*values], [0, 1] * 10))
    assert [note for note in held.notes if f"0 to {white} becomes 0 to 255" in note]
    rows = Dataset.from_dict(
        {"image": [{"bytes": file, "path": None} for file in files], "label": [0, 1] * 10}
    )
    for same in (held, held_sets(rows)):
        images = same["train"]
        assert images.images.value_range == (0, white)
        for k, file in enumerate(files):
            assert images.image(k).equal(decode_image(file, value_range=(0, white)))


@pytest.mark.parametrize(("dtype", "depth"), [(np.int32, "32-bit"), (np.float32, "floating-point")])
def test_a_set_whose_range_is_not_known_is_refused_with_what_was_found(
    write_parquet: Write, dtype: type, depth: str
) -> None:
    files = [encode(each) for each in pictures(900, dtype, [8] * 4, low=-20)]
    path = write_parquet("a.parquet", files, label=[0, 1, 0, 1])
    with pytest.raises(
        InputError, match=rf"its {depth} values go from -20 to 900.*`value_range=\(-20, 900\)`"
    ):
        load(path)


@pytest.mark.parametrize("sides", [[8] * 4, [8, 9, 8, 9]])
def test_a_range_that_is_asked_for_is_that_of_files_and_of_arrays(
    write_parquet: Write, sides: list[int]
) -> None:
    values = pictures(900, np.int32, sides, low=-20)
    path = write_parquet("sample.parquet", [encode(each) for each in values], label=[0, 1, 0, 1])
    sets = load(path.parent, value_range=(0, 500))
    assert sets.value_range == (0, 500)
    assert sets.notes[0].startswith("values of more than 8 bits: 0 to 500 becomes 0 to 255; ")
    for images in (sets["sample"], held_sets((values, [0, 1, 0, 1]), value_range=(0, 500))["train"]):
        for k, each in enumerate(values):
            expected = np.floor(each.clip(0, 500) / 500 * 255 + 0.5)
            np.testing.assert_array_equal(images.image(k)[0].numpy(), expected)


def test_values_that_are_not_finite_are_damage(write_parquet: Write) -> None:
    values = pictures(1, np.float32, [8] * 6)
    values[3][2, 2] = np.nan
    path = write_parquet("a.parquet", [encode(each) for each in values], label=[0, 1] * 3)
    with pytest.raises(InputError, match=r"3\.png \(1 of its 64 values are not finite numbers\)"):
        load(path)
    assert len(load(path.rename(path.with_name("sample.parquet")).parent, skip_bad=True)["sample"]) == 5


def test_images_that_do_not_show_are_told(write_parquet: Write, png: Callable[..., bytes]) -> None:
    clear = encode(np.zeros((8, 8, 4), np.uint8), "PNG")
    for sides in ([8] * 6, [8, 8, 9, 8, 8, 9]):
        files = [clear if k < 2 else png(k, side) for k, side in enumerate(sides)]
        path = write_parquet(f"{len(set(sides))}/sample.parquet", files, label=[0, 1] * 3)
        (note,) = load(path.parent).notes
        assert note.startswith("sample: of 2 images alpha is 0 everywhere")


def test_frames_beyond_the_first_are_told(write_parquet: Write, png: Callable[..., bytes]) -> None:
    frames = [Image.fromarray(np.full((8, 8, 3), 40 * k, np.uint8)) for k in range(3)]
    stacks = []
    for kind in ("GIF", "TIFF", "PNG", "WEBP"):
        buffer = io.BytesIO()
        frames[0].save(buffer, kind, save_all=True, append_images=frames[1:])
        stacks.append(buffer.getvalue())
    phone = io.BytesIO()
    frames[0].save(phone, "MPO", save_all=True, append_images=frames[1:])
    files = [*stacks, phone.getvalue(), *(png(k) for k in range(3))]
    path = write_parquet("sample.parquet", files, label=[0, 1] * 4).parent
    for skip_bad in (False, True):
        sets = load(path, skip_bad=skip_bad)
        assert sets.notes == ("sample: of 4 images that have several frames or pages the first is read",)
        assert sets["sample"].image(0).unique().tolist() == [0]


depths = st.sampled_from(["16-bit", "floating-point", "32-bit"])


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=5))
def test_the_range_holds_every_value_and_no_narrower_one_does(highest: list[int]) -> None:
    found, notes = settled_range("toy", [Measured("16-bit", 0, high) for high in highest], None)
    assert found is not None
    assert len(notes) == 1
    assert max(highest) <= found[1] or found == FULL
    narrower = [2**bits - 1 for bits in (8, 10, 12, 14) if 2**bits - 1 < found[1]]
    assert max(highest) == 0 or all(max(highest) > top for top in narrower)


@given(st.lists(st.tuples(depths, st.floats(-1e6, 1e6), st.floats(0, 1e6)), max_size=4))
def test_a_range_that_is_asked_for_holds(found: list[tuple[str, float, float]]) -> None:
    measured = [Measured(depth, low, low + span) for depth, low, span in found]
    value_range, notes = settled_range("toy", measured, (-5, 70))
    assert value_range == (-5, 70)
    assert len(notes) == 1
    assert ("no image has more" in notes[0]) == (not measured)
    beyond = sum(image.low < -5 or image.high > 70 for image in measured)
    assert (f"{beyond} of {len(measured)} images have values beyond" in notes[0]) == (beyond > 0)


def test_a_set_of_two_depths_needs_a_range() -> None:
    with pytest.raises(InputError, match="16-bit and floating-point values, from 0 to 300"):
        settled_range("toy", [Measured("16-bit", 0, 300), Measured("floating-point", 0, 1)], None)
    assert settled_range("toy", [Measured(), Measured(clear=True)], None) == (None, [])
