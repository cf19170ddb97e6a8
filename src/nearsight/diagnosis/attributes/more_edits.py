"""Edits with which a group of images is compared, in addition to those that are searched for alone."""

from collections.abc import Iterator, Sequence

from torch import Tensor

from nearsight.diagnosis.attributes import edits
from nearsight.diagnosis.attributes.likeness import Likeness
from nearsight.diagnosis.attributes.spectrum import strongest_wave

OTHERS = (
    Likeness("dark corners", "dark corners", edits.DARK_CORNERS, (-0.6, -1.3, -2.5), edits.LIGHT_CORNERS),
    Likeness("light corners", "light corners", edits.LIGHT_CORNERS, (0.6, 1.3), edits.DARK_CORNERS),
    Likeness("light from the left", "lighter on the left", edits.LEFT, (0.4, 1.1), edits.RIGHT),
    Likeness("light from the left", "lighter on the right", edits.RIGHT, (-0.4, -1.1), edits.LEFT),
    Likeness("light from above", "lighter above", edits.ABOVE, (0.4, 1.1), edits.BELOW),
    Likeness("light from above", "lighter below", edits.BELOW, (-0.4, -1.1), edits.ABOVE),
    *(
        Likeness(f"colour fringes {way}", words, more, more.strengths, less)
        for way, words, more, less in (
            ("across", "colours moved to the right", edits.APART_RIGHT, edits.APART_LEFT),
            ("across", "colours moved to the left", edits.APART_LEFT, edits.APART_RIGHT),
            ("down", "colours moved down", edits.APART_DOWN, edits.APART_UP),
            ("down", "colours moved up", edits.APART_UP, edits.APART_DOWN),
        )
    ),
    Likeness("specks", "single wrong pixels", edits.SPECKS, (0.01, 0.05), edits.MEDIAN),
    Likeness("few values", "few distinct values", edits.LEVELLED, (17, 36, 85), edits.DITHERED),
    Likeness("pixelation", "pixelated", edits.PIXELATED, (2, 3), edits.BLUR),
    Likeness("upright detail", "blurred from left to right", edits.BLUR_ACROSS, (0.8, 1.7), edits.SHARP),
    Likeness("upright detail", "blurred up and down", edits.BLUR_DOWN, (0.8, 1.7), edits.SHARP),
    Likeness("noise", "noisy", edits.GREY_NOISE, (4, 11, 20), edits.CALMED),
    Likeness("colour noise", "noisy colours", edits.NOISE, (20,), edits.CALMED),
)
_WAVES = (
    ("lines across", "fine horizontal lines"),
    ("lines down", "fine vertical lines"),
    ("pattern", "a repeating pattern"),
)


def waves_of(pictures: Sequence[Tensor]) -> Iterator[Likeness]:
    """Yield the waves that pictures share, uint8 (3, H, W) each: lines across, lines down, and any other."""
    for name, words in _WAVES:
        wave = strongest_wave(pictures, name)
        if wave is not None:
            added, taken = edits.waves(wave)
            yield Likeness(name, words, added, (6, 16), taken)
