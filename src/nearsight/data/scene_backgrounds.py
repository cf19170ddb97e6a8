"""The eight kinds of textured background of `scenes`, each with varied hue, brightness, scale and layout."""

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from nearsight.data.scene_paint import SIZE, Field, X, Y, as_bytes, blend, colour, noise, turned


def sky(rng: Generator) -> Field:
    """A sky that gets paler towards the horizon, or redder at dusk, with drifting clouds."""
    zenith = colour(rng, (0.53, 0.64), (0.45, 0.85), (0.6, 0.95))
    dusk = rng.random() < 0.25
    horizon = colour(rng, (0.0, 0.1) if dusk else (0.5, 0.6), (0.15, 0.45), (0.85, 1.0))
    cloud = colour(rng, (0.55, 0.65), (0.0, 0.08), (0.85, 1.0))
    base = blend((Y / (SIZE - 1)) ** np.float32(rng.uniform(0.7, 1.6)), zenith, horizon)
    billows = 0.6 * noise(rng, 6, 3) + 0.28 * noise(rng, 12, 7) + 0.12 * noise(rng, 24, 16)
    cover = np.clip((billows - np.float32(rng.uniform(0.42, 0.56))) * 5, 0, 0.95)
    return blend(cover, base, cloud)


def sand(rng: Generator) -> Field:
    """Sand with wind ripples and grains."""
    bright = colour(rng, (0.07, 0.13), (0.2, 0.5), (0.75, 1.0))
    along, across = turned(rng, (-0.6, 0.6))
    period = np.float32(rng.uniform(5, 11))
    bend = noise(rng, 4, 4) * np.float32(rng.uniform(6, 14))
    ripples = np.sin((across + bend + 0.1 * along) * (2 * np.float32(np.pi) / period))
    grains = rng.random((SIZE, SIZE), dtype=np.float32)
    shade = 0.86 + 0.09 * ripples + 0.22 * (grains - 0.5) + 0.12 * (noise(rng, 3, 3) - 0.5)
    ground: Field = shade[..., None] * bright
    return ground


def tiles(rng: Generator) -> Field:
    """A floor of tiles in two colours, chequered, with grout, seen at any angle."""
    first = colour(rng, (0, 1), (0.05, 0.45), (0.75, 1.0))
    second = colour(rng, (0, 1), (0.1, 0.55), (0.35, 0.65))
    grout = np.full(3, rng.uniform(0.55, 0.95), dtype=np.float32)
    along, across = turned(rng, (0, np.pi / 2))
    side = np.float32(rng.uniform(8, 14))
    u, v = along / side + 50, across / side + 50
    chequer = (np.floor(u) + np.floor(v)) % 2
    edge = np.minimum(np.abs(u - np.round(u)), np.abs(v - np.round(v))) * side
    gloss = 0.9 + 0.2 * noise(rng, 3, 3)
    return blend(np.clip(1.3 - edge, 0, 1), blend(chequer, first, second), grout) * gloss[..., None]


def water(rng: Generator) -> Field:
    """Water with waves and bright crests."""
    deep = colour(rng, (0.47, 0.62), (0.6, 0.95), (0.3, 0.6))
    crest = colour(rng, (0.45, 0.58), (0.1, 0.4), (0.8, 1.0))
    along, across = turned(rng, (-0.3, 0.3))
    period = np.float32(rng.uniform(7, 13))
    sway = np.float32(rng.uniform(3, 5)) * np.sin(
        along * (2 * np.float32(np.pi) / np.float32(rng.uniform(14, 26)))
    )
    phase = (across + sway + 7 * noise(rng, 6, 4)) / period
    crests = (1 - np.abs(2 * (phase - np.floor(phase)) - 1)) ** 4
    swell = 0.35 * noise(rng, 5, 3)
    return blend(np.clip(0.75 * crests * (0.4 + noise(rng, 9, 5)) + swell, 0, 1), deep, crest)


def brick(rng: Generator) -> Field:
    """A brick wall: offset courses, mortar, every brick of its own shade."""
    clay = colour(rng, (0.98, 1.07), (0.4, 0.7), (0.5, 0.85))
    mortar = colour(rng, (0.05, 0.15), (0.0, 0.15), (0.55, 0.9))
    height = np.float32(rng.uniform(6, 11))
    width = height * np.float32(rng.uniform(1.8, 2.4))
    v = Y / height + np.float32(rng.random())
    row = np.floor(v)
    u = X / width + np.float32(rng.random()) + 0.5 * (row % 2)
    joint = np.minimum(np.minimum(u % 1, 1 - u % 1) * width, np.minimum(v % 1, 1 - v % 1) * height)
    shades = rng.uniform(0.72, 1.18, (16, 16)).astype(np.float32)
    grain = 0.16 * (rng.random((SIZE, SIZE), dtype=np.float32) - 0.5)
    shade = shades[row.astype(int), np.floor(u).astype(int)] + grain
    return blend(np.clip(1.4 - joint, 0, 1), shade[..., None] * clay, mortar)


def wood(rng: Generator) -> Field:
    """Wooden planks with their grain, horizontal or vertical."""
    pale = colour(rng, (0.05, 0.11), (0.35, 0.6), (0.6, 0.9))
    dark = pale * np.array([0.55, 0.48, 0.42], dtype=np.float32)
    width = np.float32(rng.uniform(12, 22))
    v = Y / width + np.float32(rng.random())
    plank = np.floor(v).astype(int)
    offsets, shades = rng.uniform(0, 40, 8).astype(np.float32), rng.uniform(0.85, 1.12, 8).astype(np.float32)
    rings = Y + offsets[plank] + 16 * noise(rng, 5, 3)
    period = np.float32(rng.uniform(4, 7))
    grain = 0.5 + 0.5 * np.sin(rings * (2 * np.float32(np.pi) / period))
    fibre = noise(rng, SIZE, 6)
    seam = np.clip(1.2 - np.minimum(v % 1, 1 - v % 1) * width, 0, 1)
    field: Field = blend(0.5 * grain + 0.4 * fibre, pale, dark) * shades[plank][..., None]
    field *= 1 - 0.75 * seam[..., None]
    standing = rng.random() < 0.5
    return field.transpose(1, 0, 2) if standing else field


def night(rng: Generator) -> Field:
    """A night sky with stars and a faint nebula."""
    dark = colour(rng, (0.58, 0.78), (0.5, 0.95), (0.08, 0.24))
    glow = colour(rng, (0.5, 0.95), (0.3, 0.7), (0.3, 0.5))
    nebula = np.clip(1.8 * (0.7 * noise(rng, 4, 4) + 0.3 * noise(rng, 10, 10)) - 0.75, 0, 1)
    field = blend(nebula, dark, glow)
    count = int(rng.integers(45, 100))
    rows, columns = rng.integers(1, SIZE - 1, (2, count))
    light = rng.uniform(0.35, 1.0, count).astype(np.float32)[:, None]
    field[rows, columns] = np.maximum(field[rows, columns], light)
    large = slice(0, count // 6)
    for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        field[rows[large] + down, columns[large] + right] += 0.55 * light[large]
    return field


def grass(rng: Generator) -> Field:
    """Grass, one blade over another."""
    base = colour(rng, (0.2, 0.38), (0.45, 0.85), (0.35, 0.7))
    canvas = Image.fromarray(as_bytes(base * (0.6 + 0.5 * noise(rng, 5, 5))[..., None])).resize(
        (2 * SIZE, 2 * SIZE)
    )
    draw = ImageDraw.Draw(canvas)
    count, length, lean = int(rng.integers(110, 170)), rng.uniform(14, 30), rng.uniform(-0.3, 0.3)
    feet = rng.uniform(0, 2 * SIZE, (count, 2)) + np.array([0, length / 2])
    tips = feet + np.stack([lean + rng.normal(0, 0.25, count), rng.uniform(-1.2, -0.7, count)], 1) * length
    shades = as_bytes(base * rng.uniform(0.6, 1.5, (count, 1)) + rng.uniform(-0.06, 0.06, (count, 3)))
    for foot, tip, shade in zip(feet.tolist(), tips.tolist(), shades.tolist(), strict=True):
        draw.line((*foot, *tip), fill=tuple(shade), width=3)
    return np.asarray(canvas.reduce(2), dtype=np.float32) / 255
