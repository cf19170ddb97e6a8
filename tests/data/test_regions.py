"""Regions of every kind become the mask that the definition gives, pixel by pixel."""

import io

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nearsight.data import ImageSet, MemoryImages
from nearsight.data import regions as module
from nearsight.data.boxes import box_faults, boxes_mask
from nearsight.data.regions import (
    BOXES_COLUMN,
    OUTLINES_COLUMN,
    ColumnRegions,
    MaskRegions,
    cells_mask,
    to_mask,
)
from nearsight.data.shapes import Shape, Shapes
from nearsight.errors import InputError

corner = st.integers(-6, 16)


@settings(deadline=None)
@given(
    st.lists(st.tuples(corner, corner, corner, corner), max_size=4), st.integers(1, 10), st.integers(1, 10)
)
def test_boxes_mark_the_pixels_between_their_corners(
    boxes: list[tuple[int, int, int, int]], height: int, width: int
) -> None:
    expected = [
        [
            any(x0 < x1 and y0 < y1 and x0 <= x <= x1 and y0 <= y <= y1 for x0, y0, x1, y1 in boxes)
            for x in range(width)
        ]
        for y in range(height)
    ]
    assert boxes_mask(boxes, height, width).tolist() == expected


@given(
    st.lists(st.tuples(corner, corner, corner, corner), max_size=4), st.integers(1, 10), st.integers(1, 10)
)
def test_faults_count_boxes_that_lose_pixels_and_those_that_have_none(
    boxes: list[tuple[int, int, int, int]], height: int, width: int
) -> None:
    large = [boxes_mask([[x0 + 6, y0 + 6, x1 + 6, y1 + 6]], 30, 30).sum() for x0, y0, x1, y1 in boxes]
    inside = [boxes_mask(box, height, width).sum() for box in boxes]
    assert box_faults(boxes, height, width) == (
        sum(0 < kept < whole for kept, whole in zip(inside, large, strict=True)),
        sum(kept == 0 for kept in inside),
    )


def test_a_set_counts_the_faults_of_its_boxes() -> None:
    rows = Dataset.from_dict({"boxes": [[[0, 0, 3, 3]], [[2, 2, 9, 3], [5, 5, 5, 7]], None]})
    regions = ColumnRegions(rows, "boxes", np.array([2, 1, 0]), np.array([False, True, True]))
    images = MemoryImages(torch.zeros(3, 3, 6, 6, dtype=torch.uint8), ("a", "b", "c"))
    boxed = ImageSet("toy", "test", ("cat",), np.zeros(3, dtype=np.int64), images, regions)
    assert boxed.box_faults() == (1, 1)


@settings(deadline=None)
@given(st.data(), st.integers(1, 5), st.integers(1, 20), st.integers(1, 20))
def test_cells_mark_the_pixels_they_hold(data: st.DataObject, side: int, height: int, width: int) -> None:
    cells = data.draw(st.lists(st.integers(0, 1), min_size=side * side, max_size=side * side))
    expected = [
        [bool(cells[int(y * side / height) * side + int(x * side / width)]) for x in range(width)]
        for y in range(height)
    ]
    assert cells_mask(cells, height, width).tolist() == expected


def test_cells_that_divide_the_image_are_a_kronecker_product() -> None:
    cells = np.random.default_rng(0).integers(0, 2, (16, 16))
    expected = np.kron(cells, np.ones((6, 6), int)).astype(bool)
    np.testing.assert_array_equal(cells_mask(cells.ravel().tolist(), 96, 96).numpy(), expected)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "boxes"),
        (None, "cells"),
        (None, "mask"),
        ([], "boxes"),
        ([3, 0, 3, 5], "boxes"),
        ([[0, 2, 5, 2], [4, 4, 3, 5]], "boxes"),
        ([9, 9, 12, 12], "boxes"),
        ([0, 0, 0, 0], "cells"),
        ([[0, 0, 0]] * 2, "mask"),
    ],
)
def test_a_region_without_a_pixel_is_unknown(value: object, kind: str) -> None:
    assert to_mask(value, kind, 2, 3) is None


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "RGB", "RGBA"])
def test_a_drawn_mask_is_where_it_is_not_zero(mode: str) -> None:
    mask = np.random.default_rng(0).random((5, 7)) < 0.5
    drawn = (
        Image.fromarray(mask.astype(np.uint16) * 3) if mode == "I;16" else Image.fromarray(mask).convert(mode)
    )
    if mode == "RGBA":
        drawn.putalpha(Image.fromarray(mask.astype(np.uint8)))
    buffer = io.BytesIO()
    drawn.save(buffer, "PNG")
    for value in (buffer.getvalue(), {"bytes": buffer.getvalue(), "path": None}, mask.astype(int).tolist()):
        np.testing.assert_array_equal(to_mask(value, "mask", 5, 7).numpy(), mask)


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ([1, 2, 3], "boxes", "a box must be four numbers"),
        (["a", 0, 1, 1], "boxes", "a box must be four numbers"),
        ([1, 0, 1], "cells", "square grid.*got 3 cells"),
        ([], "cells", "square grid.*got 0 cells"),
        ([[1, 0]], "mask", "image's size 4×4, got 1×2"),
        (b"no image", "mask", "its mask cannot be read"),
    ],
)
def test_a_value_of_another_kind_is_refused(value: object, kind: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        to_mask(value, kind, 4, 4)


def test_masks_in_memory_are_selected_in_order() -> None:
    masks = torch.rand(6, 3, 4, generator=torch.Generator().manual_seed(0)) < 0.5
    masks[2] = False
    regions, index = MaskRegions(masks), np.array([5, 2, 0])
    chosen = regions.select(index)
    assert regions.known.tolist() == [True, True, False, True, True, True]
    assert chosen.known.tolist() == regions.known[index].tolist()
    assert chosen.region(1, 3, 4) is None
    assert chosen.region(0, 3, 4).equal(masks[5])
    with pytest.raises(InputError, match="mask of image 0 is 3×4 but the image 4×4"):
        regions.region(0, 4, 4)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("boxes", [[40, 20, 119, 99], [160, 0, 199, 39]]),
        ("object_cells", [1, 0, 0, 1]),
        (BOXES_COLUMN, Shapes((Shape((40, 20, 120, 100)),)).written()),
        (OUTLINES_COLUMN, Shapes((Shape(outlines=((0, 0, 120, 0, 120, 80, 0, 80),)),)).written()),
        ("mask", np.kron(np.arange(60).reshape(6, 10) % 3 == 0, np.ones((20, 20), bool)).tolist()),
    ],
)
def test_the_region_of_a_huge_image_is_reduced(
    column: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    regions = ColumnRegions(Dataset.from_list([{column: value}]), column, np.array([0]), np.array([True]))
    whole = regions.region(0, 120, 200)
    monkeypatch.setattr(module, "MOST_PIXELS", 1000)
    monkeypatch.setattr(module, "LONGEST", 10)
    found = regions.region(0, 120, 200)
    assert whole is not None
    assert found is not None
    assert found.shape == (6, 10)
    assert found.equal(whole[10::20, 10::20])
