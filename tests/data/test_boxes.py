"""Boxes are read as what they are, whatever their numbers stand for, or left out; never as something else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearsight.data.boxes import BoxForm, boxes_mask, edges_in, four_numbers, understand_boxes
from nearsight.data.loading import load
from nearsight.errors import InputError

Write = Callable[..., Path]
Png = Callable[..., bytes]
SIDES = np.tile([[40, 30]], (60, 1))


def some_boxes(seed: int = 0) -> np.ndarray:
    """Corners of 60 boxes as edges, in an image of 40×30 pixels, some of them far to the right and below."""
    rng = np.random.default_rng(seed)
    start = rng.integers([0, 0], [30, 20], (60, 2))
    return np.concatenate([start, np.minimum(start + rng.integers(2, 20, (60, 2)), [40, 30])], axis=1).astype(
        float
    )


def written(found: np.ndarray, layout: str, relative: bool) -> np.ndarray:
    x0, y0, x1, y1 = found.T
    if layout == "corners":
        numbers = np.stack([x0, y0, x1, y1], axis=1)
    elif layout == "sides":
        numbers = np.stack([x0, y0, x1 - x0, y1 - y0], axis=1)
    else:
        numbers = np.stack([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0], axis=1)
    return numbers / [40, 30, 40, 30] if relative else numbers


@settings(deadline=None)
@given(seed=st.integers(0, 30), usual=st.sampled_from(["corners", "sides", None]))
@pytest.mark.parametrize(
    ("layout", "relative"),
    [("corners", False), ("sides", False), ("corners", True), ("sides", True), ("centre", True)],
)
def test_boxes_are_read_as_they_were_written_or_left_out(
    layout: str, relative: bool, seed: int, usual: Any
) -> None:
    edges = some_boxes(seed)
    numbers = written(edges, layout, relative)
    understood = understand_boxes(numbers, SIDES, "bbox", usual)
    if usual == layout:
        assert understood.form is not None
    if understood.form is None:
        assert "left out" in understood.note
        return
    assert (understood.form.layout, understood.form.relative) == (layout, relative)
    assert understood.form.said() in understood.note
    mask = boxes_mask(numbers[:1].tolist(), 30, 40, understood.form)
    expected = np.zeros((30, 40), dtype=bool)
    x0, y0, x1, y1 = edges[0].astype(int)
    # Corners in pixels are both included.
    more = layout == "corners" and not relative
    expected[y0 : y1 + more, x0 : x1 + more] = True
    np.testing.assert_array_equal(mask.numpy(), expected)


def test_corners_are_told_from_sides_where_many_end_before_they_start() -> None:
    sides = written(some_boxes(), "sides", False)
    found = understand_boxes(sides, SIDES, "boxes", "corners")
    assert found.form == BoxForm("sides")
    assert "as they are not x0, y0, x1, y1" in found.note


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("layout", ["corners", "sides"])
def test_large_objects_in_the_middle_do_not_hide_what_their_boxes_are(layout: str, relative: bool) -> None:
    rng = np.random.default_rng(0)
    start, end = rng.integers([4, 3], [12, 9], (60, 2)), rng.integers([28, 21], [38, 29], (60, 2))
    numbers = written(np.concatenate([start, end], axis=1).astype(float), layout, relative)
    assert (numbers[:, 2:] > numbers[:, :2]).all()
    found = understand_boxes(numbers, SIDES, "boxes", "corners")
    assert found.form == BoxForm(layout, relative)


@pytest.mark.parametrize(
    ("boxes", "usual", "trouble"),
    [
        (
            np.concatenate([some_boxes()[:50], some_boxes()[50:] / 41]),
            "corners",
            "10 of 60 boxes lie within 0 to 1",
        ),
        (np.tile([[0.0, 0, 1, 1]], (60, 1)), "corners", "all of the 60 boxes are of 0 and 1"),
        (some_boxes() * 5, "corners", "boxes reach beyond their image"),
        (
            np.tile([[2.0, 2, 5, 5]], (60, 1)),
            None,
            "its 60 boxes may be x0, y0, x1, y1 or x, y, width, height",
        ),
        (
            np.tile([[0.25, 0.25, 0.5, 0.5]], (60, 1)),
            "corners",
            "may be x0, y0, x1, y1 or x, y, width, height or x and",
        ),
        (
            np.tile([[0.5, 0.5, 0.5, 0.5]], (60, 1)),
            "corners",
            "may be x, y, width, height or x and y of the centre",
        ),
        (np.tile([[30.0, 20, 5, 50]], (60, 1)), None, "may be none of the layouts that are known"),
    ],
)
def test_boxes_that_may_be_anything_are_left_out(boxes: np.ndarray, usual: Any, trouble: str) -> None:
    found = understand_boxes(boxes, SIDES, "boxes", usual)
    assert found.form is None
    assert trouble in found.note
    assert "left out" in found.note


def test_corners_that_may_be_sides_are_told() -> None:
    found = understand_boxes(np.tile([[2.0, 2, 5, 5]], (60, 1)), SIDES, "boxes", "corners")
    assert found.form == BoxForm("corners")
    assert found.note.endswith(", though x, y, width, height would fit too")


def test_shares_mark_the_pixels_whose_centre_they_hold() -> None:
    form = BoxForm("corners", relative=True)
    assert boxes_mask([0.25, 0.25, 0.75, 0.75], 16, 16, form).sum() == 64
    assert boxes_mask([0, 0, 1, 1], 7, 9, form).all()
    assert not boxes_mask([0.5, 0.5, 0.51, 0.9], 4, 4, form).any()


@pytest.mark.parametrize(
    ("objects", "known"),
    [
        (
            [{"bbox": [[2.0, 2, 4, 4]], "category": [0]}, {"bbox": [], "category": []}, None],
            [True, False, False],
        ),
        ([[{"bbox": [2.0, 2, 4, 4], "id": 3}], [], None], [True, False, False]),
        ([{"bbox": [2.0, 2, 4, 4]}, {"bbox": [5.0, 1, 3, 6]}, None], [True, True, False]),
    ],
)
def test_objects_hold_boxes_of_sides(write_parquet: Write, png: Png, objects: Any, known: list[bool]) -> None:
    path = write_parquet("sample.parquet", [png(k) for k in range(3)], label=[0, 1, 0], objects=objects)
    sets = load(path.parent)
    sample = sets["sample"]
    assert [sample.region(i) is not None for i in range(3)] == known
    expected = np.zeros((8, 8), dtype=bool)
    expected[2:6, 2:6] = True
    np.testing.assert_array_equal(sample.region(0).numpy(), expected)
    assert "objects.bbox" in sets.notes[0]
    assert "read as x, y, width, height in pixels" in sets.notes[0]


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.tuples(*[st.floats(-4, 12)] * 4), min_size=1, max_size=6),
    st.sampled_from(["corners", "sides"]),
)
def test_an_image_is_known_where_its_boxes_mark_a_pixel(boxes: list[tuple[float, ...]], layout: Any) -> None:
    form, found = BoxForm(layout), np.array(boxes)
    ends = np.ceil(edges_in(found, np.tile([[8.0, 6.0]], (len(found), 1)), form) - 0.5).clip(0, [8, 6, 8, 6])
    for box, end in zip(boxes, ends, strict=True):
        assert bool((end[2:] > end[:2]).all()) == bool(boxes_mask(list(box), 6, 8, form).any())


@pytest.mark.parametrize("value", [7, 1.5, True, [1, 2, 3], [[[1, 2, 3, 4]]], {"a": 1}, "abcd"])
def test_what_is_no_box_is_refused(value: object) -> None:
    with pytest.raises(InputError, match="a box must be four numbers"):
        four_numbers(value)  # type: ignore[arg-type]
