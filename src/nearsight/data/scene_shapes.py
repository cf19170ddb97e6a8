"""The eight classes of object of `scenes`: polygons in unit coordinates, with proportions that vary.

A shape is a list of parts, painted in order; x grows to the right and y downwards, both about -1..1.
"""

from enum import IntEnum

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray


class Paint(IntEnum):
    """What a part of an object is painted with."""

    OUTLINE = 1
    BODY = 2
    TRIM = 3
    DARK = 4
    LIGHT = 5


Points = NDArray[np.float64]
Part = tuple[Paint, Points]


def bird(rng: Generator) -> list[Part]:
    """A perched bird: drop-shaped body with its tail, head, beak, folded wing, legs."""
    head_x, head_y, head = rng.uniform(-0.7, -0.5), rng.uniform(-0.55, -0.35), rng.uniform(0.24, 0.32)
    tail = rng.uniform(-0.35, 0.25)
    lift = rng.uniform(-0.5, 0.15)
    return [
        (Paint.DARK, _box(-0.16, 0.3, -0.09, 0.85)),
        (Paint.DARK, _box(0.09, 0.3, 0.16, 0.85)),
        (
            Paint.TRIM,
            _points((head_x, head_y - 0.13), (head_x - head - 0.3, head_y + 0.06), (head_x, head_y + 0.15)),
        ),
        (Paint.BODY, _points((0.2, -0.25), (1.0, tail - 0.12), (1.0, tail + 0.16), (0.2, 0.35))),
        (Paint.BODY, _ellipse(-0.05, 0.08, 0.62, rng.uniform(0.38, 0.48))),
        (
            Paint.BODY,
            _points((head_x - 0.2, head_y), (head_x + 0.2, head_y - 0.12), (0.3, -0.2), (-0.4, 0.3)),
        ),
        (Paint.BODY, _ellipse(head_x, head_y, head, head)),
        (Paint.TRIM, _points((-0.3, -0.1), (0.25, -0.12), (0.75, lift), (0.3, 0.26), (-0.1, 0.22))),
        (Paint.LIGHT, _ellipse(head_x - 0.06, head_y - 0.05, 0.1, 0.1)),
        (Paint.DARK, _ellipse(head_x - 0.08, head_y - 0.05, 0.055, 0.055)),
    ]


def car(rng: Generator) -> list[Part]:
    """A car from the side: body, cabin with two windows, two wheels, a lamp."""
    roof, left, right = rng.uniform(-0.62, -0.45), rng.uniform(-0.6, -0.4), rng.uniform(0.4, 0.6)
    waist, wheel = rng.uniform(-0.1, 0.0), rng.uniform(0.19, 0.25)
    cabin = _points((left, waist), (left + 0.22, roof), (right - 0.3, roof), (right, waist))
    middle = (left + right) / 2 - 0.05
    glass_roof = roof + 0.1
    return [
        (Paint.BODY, cabin),
        (
            Paint.BODY,
            _points((-1, waist + 0.1), (-0.93, waist), (0.8, waist), (1, waist + 0.16), (1, 0.4), (-1, 0.4)),
        ),
        (
            Paint.LIGHT,
            _points((left + 0.13, waist), (left + 0.27, glass_roof), (middle, glass_roof), (middle, waist)),
        ),
        (
            Paint.LIGHT,
            _points(
                (middle + 0.1, waist),
                (middle + 0.1, glass_roof),
                (right - 0.34, glass_roof),
                (right - 0.13, waist),
            ),
        ),
        (Paint.TRIM, _box(-1, 0.22, 1, 0.32)),
        (Paint.LIGHT, _box(0.88, waist + 0.14, 1, waist + 0.26)),
        (Paint.DARK, _ellipse(-0.55, 0.4, wheel, wheel)),
        (Paint.DARK, _ellipse(0.55, 0.4, wheel, wheel)),
        (Paint.LIGHT, _ellipse(-0.55, 0.4, wheel * 0.42, wheel * 0.42)),
        (Paint.LIGHT, _ellipse(0.55, 0.4, wheel * 0.42, wheel * 0.42)),
    ]


def cup(rng: Generator) -> list[Part]:
    """A cup with a handle, a band and a dark drink."""
    top, bottom, height = rng.uniform(0.55, 0.7), rng.uniform(0.35, 0.6), rng.uniform(0.6, 0.85)
    rim, band, reach = rng.uniform(0.12, 0.2), rng.uniform(-0.2, 0.2), rng.uniform(0.34, 0.46)
    outer = _arc(top - 0.1, 0.02, reach, 0.42, -1.5, 1.5)
    inner = _arc(top - 0.1, 0.02, reach - 0.17, 0.24, -1.5, 1.5)[::-1]

    def width(y: float) -> float:
        return top + (bottom - top) * (y + height) / (2 * height)

    return [
        (Paint.BODY, np.concatenate([outer, inner])),
        (Paint.BODY, _points((-top, -height), (top, -height), (bottom, height), (-bottom, height))),
        (Paint.BODY, _ellipse(0, height, bottom, rim * 0.7)),
        (
            Paint.TRIM,
            _points(
                (-width(band), band),
                (width(band), band),
                (width(band + 0.22), band + 0.22),
                (-width(band + 0.22), band + 0.22),
            ),
        ),
        (Paint.LIGHT, _ellipse(0, -height, top, rim)),
        (Paint.DARK, _ellipse(0, -height + 0.02, top - 0.09, rim - 0.05)),
    ]


def fish(rng: Generator) -> list[Part]:
    """A fish from the side: body, forked tail, fins, a gill, an eye."""
    belly, fork, fin = rng.uniform(0.36, 0.5), rng.uniform(0.35, 0.5), rng.uniform(0.2, 0.32)
    return [
        (Paint.TRIM, _points((0.4, 0.0), (1, -fork), (0.86, 0.0), (1, fork))),
        (Paint.TRIM, _points((-0.35, -belly * 0.8), (0.05, -belly - fin), (0.35, -belly * 0.65))),
        (Paint.TRIM, _points((-0.15, belly * 0.8), (0.15, belly + fin * 0.7), (0.3, belly * 0.7))),
        (Paint.BODY, _ellipse(-0.2, 0, 0.78, belly)),
        (
            Paint.DARK,
            np.concatenate([_arc(-0.62, 0, 0.2, 0.3, -1.2, 1.2), _arc(-0.68, 0, 0.2, 0.3, -1.2, 1.2)[::-1]]),
        ),
        (Paint.TRIM, _points((-0.25, 0.02), (0.08, 0.2), (0.02, -0.05))),
        (Paint.LIGHT, _ellipse(-0.68, -0.1, 0.11, 0.11)),
        (Paint.DARK, _ellipse(-0.7, -0.1, 0.06, 0.06)),
    ]


def house(rng: Generator) -> list[Part]:
    """A house: walls, gable roof, chimney, door, two windows."""
    wall, eaves, ridge = rng.uniform(0.6, 0.8), rng.uniform(-0.25, 0.0), rng.uniform(-1, -0.75)
    door, chimney = rng.uniform(-0.35, 0.35), rng.uniform(0.25, 0.4)
    pane_top, pane_bottom = eaves + 0.18, eaves + 0.5
    return [
        (Paint.BODY, _box(chimney, ridge - 0.05, chimney + 0.2, eaves)),
        (Paint.BODY, _box(-wall, eaves, wall, 0.85)),
        (Paint.TRIM, _points((-wall - 0.18, eaves), (0, ridge), (wall + 0.18, eaves))),
        (Paint.LIGHT, _box(-wall + 0.1, pane_top, -wall + 0.4, pane_bottom)),
        (Paint.LIGHT, _box(wall - 0.4, pane_top, wall - 0.1, pane_bottom)),
        (Paint.DARK, _box(door - 0.15, 0.85 - rng.uniform(0.42, 0.55), door + 0.15, 0.85)),
    ]


def ladder(rng: Generator) -> list[Part]:
    """A ladder: two rails that converge upwards, four to six rungs."""
    foot, head, rail = rng.uniform(0.42, 0.55), rng.uniform(0.3, 0.42), rng.uniform(0.13, 0.17)
    rungs = int(rng.integers(4, 7))
    parts: list[Part] = []
    for y in np.linspace(-0.76, 0.76, rungs):
        half = head + (foot - head) * (y + 1) / 2
        parts.append((Paint.TRIM, _box(-half, y - 0.075, half, y + 0.075)))
    for side in (-1, 1):
        corners = _points((head - rail, -1), (head, -1), (foot, 1), (foot - rail, 1))
        parts.append((Paint.BODY, corners * (side, 1)))
    return parts


def star(rng: Generator) -> list[Part]:
    """A five-pointed star with a smaller one inlaid."""
    waist, inlay = rng.uniform(0.42, 0.55), rng.uniform(0.35, 0.6)
    angles = np.arange(10) * (np.pi / 5) - np.pi / 2
    radii = np.where(np.arange(10) % 2 == 0, 1.0, waist)
    outline = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    return [(Paint.BODY, outline), (Paint.TRIM, outline * inlay)]


def tree(rng: Generator) -> list[Part]:
    """A tree: a trunk under a round crown of leaves, or under the tiers of a fir."""
    half = rng.uniform(0.09, 0.15)
    trunk: Part = (Paint.TRIM, _points((-half, 0.1), (half, 0.1), (half * 1.4, 1), (-half * 1.4, 1)))
    if rng.random() < 0.5:
        tiers = [(0.25, 0.62, 0.72), (-0.2, 0.2, 0.56), (-0.62, -0.22, 0.38)]
        stretch = rng.uniform(0.85, 1.1)
        return [
            trunk,
            *(
                (Paint.BODY, _points((0, top - 0.38), (width * stretch, low), (-width * stretch, low)))
                for top, low, width in tiers
            ),
        ]
    puffs = [
        (-0.38, -0.05, 0.36),
        (0.38, -0.05, 0.36),
        (0, 0.05, 0.4),
        (-0.22, -0.48, 0.36),
        (0.22, -0.48, 0.36),
    ]
    return [
        trunk,
        *((Paint.BODY, _ellipse(x, y, *(radius * rng.uniform(0.9, 1.15, 2)))) for x, y, radius in puffs),
    ]


def _points(*corners: tuple[float, float]) -> Points:
    return np.array(corners, dtype=np.float64)


def _box(left: float, top: float, right: float, bottom: float) -> Points:
    return _points((left, top), (right, top), (right, bottom), (left, bottom))


def _arc(x: float, y: float, x_radius: float, y_radius: float, start: float, stop: float) -> Points:
    angles = np.linspace(start, stop, 20)
    return np.stack([x + x_radius * np.cos(angles), y + y_radius * np.sin(angles)], axis=1)


def _ellipse(x: float, y: float, x_radius: float, y_radius: float) -> Points:
    return _arc(x, y, x_radius, y_radius, 0, 1.9 * np.pi)
