"""Outlines, runs and boxes of annotation files mark the pixels that other readers mark."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline

from nearsight.data.shapes import Shape, Shapes, outline_mask, packed_runs
from nearsight.errors import InputError

DISC = (np.mgrid[:40, :50][0] - 20) ** 2 + (np.mgrid[:40, :50][1] - 30) ** 2 < 200
# What pycocotools 2.0.11 writes of these masks.
PACKED = [
    ("124OM024NN2NN32NN00", np.random.default_rng(5).random((5, 8)) < 0.5),
    ("cd03Q18J4M2N2N2N2N2O0O2O00000O2O0001N1000001N101N2N2N2N2N3L6Hi5", DISC),
]


@pytest.mark.parametrize(("text", "mask"), PACKED)
def test_runs_are_those_of_coco(text: str, mask: np.ndarray) -> None:
    height, width = mask.shape
    shapes = Shapes((Shape(runs=packed_runs(text)),), (height, width))
    np.testing.assert_array_equal(shapes.mask(height, width).numpy(), mask)
    doubled = shapes.mask(2 * height, 2 * width).numpy()
    np.testing.assert_array_equal(doubled, mask.repeat(2, 0).repeat(2, 1))


def test_runs_that_do_not_cover_their_image_are_refused() -> None:
    with pytest.raises(InputError, match="the runs of a mask cover 40 pixels of an image of 5×9"):
        Shapes((Shape(runs=packed_runs(PACKED[0][0])),), (5, 9)).mask(5, 9)
    with pytest.raises(InputError, match="breaks off"):
        packed_runs("cd")


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(-5, 25), st.floats(-5, 25)), min_size=3, max_size=7),
    st.integers(1, 20),
    st.integers(1, 20),
)
def test_outlines_hold_the_centres_that_lie_inside(
    points: list[tuple[float, float]], height: int, width: int
) -> None:
    outline = np.array(points)
    centres = np.stack(np.mgrid[:width, :height], axis=-1).reshape(-1, 2) + 0.5
    x, y = centres[:, :1], centres[:, 1:]
    (x0, y0), (x1, y1) = outline.T, np.roll(outline, -1, axis=0).T
    # The number of times that a ray to the left crosses the outline.
    crosses = (np.minimum(y0, y1) <= y) & (y < np.maximum(y0, y1))
    with np.errstate(all="ignore"):
        at = x0 + (y - y0) * (x1 - x0) / (y1 - y0)
    expected = (crosses & (at <= x)).sum(1) % 2 == 1
    # Rounding decides whether a centre on the outline, or level with a corner, is inside.
    near = np.stack([np.abs(np.where(crosses, x - at, np.inf)), np.abs(y - y0)]).min(axis=(0, 2)) < 1e-6
    drawn = outline_mask(outline, height, width).T.reshape(-1)
    np.testing.assert_array_equal(drawn[~near], expected[~near])


def test_a_simple_outline_is_that_of_matplotlib() -> None:
    angles = np.linspace(0, 2 * np.pi, 9, endpoint=False) + 0.1
    points = np.stack([15 + 11.3 * np.cos(angles), 14 + 8.7 * np.sin(angles)], axis=1)
    centres = np.stack(np.mgrid[:30, :30], axis=-1).reshape(-1, 2) + 0.5
    expected = Outline(points).contains_points(centres).reshape(30, 30).T
    np.testing.assert_array_equal(outline_mask(points, 30, 30), expected)


box = st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))


@settings(deadline=None)
@given(st.lists(box, max_size=3), st.integers(1, 4))
def test_boxes_follow_the_size_of_the_image(boxes: list[tuple[int, int, int, int]], times: int) -> None:
    shapes = Shapes(tuple(Shape(tuple(map(float, each))) for each in boxes), (8, 10))
    small = shapes.mask(8, 10).numpy()
    expected = np.zeros((8, 10), dtype=bool)
    for x0, y0, x1, y1 in boxes:
        expected[y0:y1, x0:x1] = True
    np.testing.assert_array_equal(small, expected)
    large = shapes.mask(8 * times, 10 * times).numpy()
    np.testing.assert_array_equal(large, small.repeat(times, 0).repeat(times, 1))
    shares = Shapes(
        tuple(Shape((x0 / 10, y0 / 8, x1 / 10, y1 / 8)) for x0, y0, x1, y1 in boxes), relative=True
    )
    np.testing.assert_array_equal(shares.mask(8, 10).numpy(), small)


def test_an_image_of_another_shape_does_not_fit() -> None:
    shapes = Shapes(size=(300, 400))
    assert all(shapes.fits(*size) for size in [(300, 400), (150, 200), (225, 300), (64, 85), (600, 800)])
    assert not any(shapes.fits(*size) for size in [(400, 300), (300, 300), (150, 180), (600, 700)])
