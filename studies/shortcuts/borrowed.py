"""Kinds of plants that others wrote: augmentations of the library albumentations, at four strengths.

Their code was not read when the edits of `diagnosis/attributes/photo/` were written, but the list of their names was.
"""

# All families have one signature.
# ruff: noqa: ARG001

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studies.shortcuts.families import BLOCKS, CAST, DARK, DRAWN, EDGE, FLAT, GREY, NOISE, SMOOTH
from studies.shortcuts.plants import Array, Change, Family, Random, to_picture


def _family(
    name: str,
    kind: str,
    transform: str,
    settings: Mapping[str, Any],
    attributes: tuple[str, ...],
    words: tuple[str, ...],
) -> Family:
    """Return the family of a transform; settings that are lists have one value for each strength."""

    def make(strength: int, side: int, random: Random) -> Change:
        import albumentations

        of_strength = {
            key: value[strength] if isinstance(value, list) else value for key, value in settings.items()
        }
        pipeline = albumentations.Compose([getattr(albumentations, transform)(**of_strength, p=1.0)])

        def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
            pipeline.set_random_seed(int(chance.integers(2**31)))
            changed: Array = pipeline(image=to_picture(pixels))["image"].astype(np.float32)
            return changed

        return change

    return Family(name, kind, make, attributes, words)


_BOTH_WAYS = ("distort", "warp", "bent", "wavy", "stretch", "sheared", "turned")
# Written before any result, as those of the other modules.
BORROWED = (
    _family(
        "library rain",
        "local, translucent",
        "RandomRain",
        {
            "drop_length": [4, 6, 8, 10],
            "blur_value": 1,
            "brightness_coefficient": [0.95, 0.9, 0.8, 0.7],
            "slant_range": (-10, 10),
        },
        (*DRAWN, *DARK, "lines down", "thin lines"),
        ("rain", "streak", "line", "scratch", "dark"),
    ),
    _family(
        "library snow",
        "tone",
        "RandomSnow",
        {
            "snow_point_range": [(0.1, 0.15), (0.2, 0.25), (0.3, 0.35), (0.45, 0.5)],
            "brightness_coeff": [1.5, 1.8, 2.2, 2.6],
        },
        (*FLAT, "brightness", "lightest", "blown out", "midtones"),
        ("snow", "bright", "white", "light", "solar"),
    ),
    _family(
        "library fog",
        "local, translucent",
        "RandomFog",
        {"fog_coef_range": [(0.2, 0.25), (0.35, 0.4), (0.5, 0.6), (0.7, 0.8)], "alpha_coef": 0.1},
        (*FLAT, *SMOOTH, "brightness", "darkest", "watermark"),
        ("fog", "haz", "pale", "soft", "blur", "contrast", "watermark"),
    ),
    _family(
        "library shadow",
        "local, translucent",
        "RandomShadow",
        {
            "shadow_intensity_range": [(0.25, 0.25), (0.35, 0.35), (0.5, 0.5), (0.7, 0.7)],
            "num_shadows_limit": (1, 1),
            "shadow_roi": (0, 0.3, 1, 1),
        },
        (*DARK, *DRAWN, "light from above", "uneven light"),
        ("shadow", "dark", "shade"),
    ),
    _family(
        "library mud",
        "local, opaque",
        "Spatter",
        {"mode": "mud", "cutout_threshold": [0.9, 0.86, 0.81, 0.75], "intensity": [0.5, 0.6, 0.7, 0.8]},
        (*DRAWN, "patches of one colour", "equal neighbours"),
        ("mud", "splash", "patch", "brown", "blob", "spot", "mark", "dark"),
    ),
    _family(
        "library aberration",
        "texture",
        "ChromaticAberration",
        {
            "primary_distortion_limit": [(0.06, 0.06), (0.1, 0.1), (0.16, 0.16), (0.25, 0.25)],
            "secondary_distortion_limit": [(0.03, 0.03), (0.05, 0.05), (0.08, 0.08), (0.12, 0.12)],
            "mode": "red_blue",
        },
        ("colour fringes across", "colour fringes down", *CAST),
        ("fringe", "colours moved", "aberration", "blurred red", "blurred blue", "blurred colours"),
    ),
    _family(
        "library plasma",
        "tone",
        "PlasmaShadow",
        {
            "shadow_intensity_range": [(0.3, 0.3), (0.45, 0.45), (0.6, 0.6), (0.8, 0.8)],
            "plasma_size": 64,
        },
        (*DARK, *NOISE, "uneven light", "light from above", "light from the left"),
        (
            "dappled",
            "light and shade",
            "shadow",
            "dark",
            "uneven",
            "patches of light",
            "cloud",
            "nois",
            "grain",
        ),
    ),
    _family(
        "library superpixels",
        "resolution",
        "Superpixels",
        {"p_replace": [(0.3, 0.3), (0.5, 0.5), (0.75, 0.75), (1.0, 1.0)], "n_segments": 60},
        (*BLOCKS, *SMOOTH, "equal neighbours", "few values"),
        ("mosaic", "cell", "paint", "patches", "flat", "block", "pixelated", "smooth"),
    ),
    _family(
        "library holes",
        "local, opaque",
        "GridDropout",
        {"ratio": [0.2, 0.3, 0.4, 0.5], "unit_size_range": (8, 9), "random_offset": True},
        (*DRAWN, "pattern", "blocks", "pixelation"),
        ("grid", "pattern", "square", "black", "chequer", "hole", "mark", "dots", "block"),
    ),
    _family(
        "library stripes",
        "local, opaque",
        "XYMasking",
        {
            "num_masks_x": [1, 1, 2, 3],
            "num_masks_y": [0, 1, 1, 2],
            "mask_x_length": (2, 4),
            "mask_y_length": (2, 4),
        },
        (*DRAWN, *EDGE, "lines down", "lines across"),
        ("bar", "line", "stripe", "black", "scratch", "grid", "border", "mark"),
    ),
    _family(
        "library lost pixels",
        "texture",
        "PixelDropout",
        {"dropout_prob": [0.01, 0.03, 0.07, 0.15]},
        (*NOISE, "specks"),
        ("pixel", "speck", "nois", "grain", "spot", "dust"),
    ),
    _family(
        "library ringing",
        "resolution",
        "RingingOvershoot",
        {
            "blur_limit": (9, 9),
            "cutoff": [(1.9, 1.9), (1.5, 1.5), (1.1, 1.1), (0.8, 0.8)],
        },
        SMOOTH,
        ("echo", "ringing", "blur", "soft", "halo", "smooth"),
    ),
    _family(
        "library sensor noise",
        "texture",
        "ISONoise",
        {
            "color_shift": [(0.02, 0.02), (0.04, 0.04), (0.07, 0.07), (0.12, 0.12)],
            "intensity": [(0.15, 0.15), (0.3, 0.3), (0.5, 0.5), (0.8, 0.8)],
        },
        (*NOISE, "fine detail", "sharpness"),
        ("nois", "grain", "speck", "fine detail", "sharp"),
    ),
    _family(
        "library illumination",
        "tone",
        "Illumination",
        {
            "mode": "corner",
            "effect_type": "darken",
            "intensity_range": [(0.08, 0.08), (0.12, 0.12), (0.16, 0.16), (0.2, 0.2)],
        },
        (*DARK, "light from above", "light from the left", "uneven light", "dark corners"),
        ("dark", "lighter", "shade", "shadow", "corner", "light"),
    ),
    _family(
        "library elastic",
        "geometry",
        "GridElasticDeform",
        {"num_grid_xy": (5, 5), "magnitude": [2, 4, 6, 9]},
        ("geometry", *SMOOTH),
        (*_BOTH_WAYS, "out of place", "glass", "twirl"),
    ),
    _family(
        "library thin plate",
        "geometry",
        "ThinPlateSpline",
        {"scale_range": [(0.1, 0.1), (0.17, 0.17), (0.25, 0.25), (0.4, 0.4)]},
        ("geometry", *SMOOTH),
        (*_BOTH_WAYS, "twirl", "nearer"),
    ),
    _family(
        "library dilation",
        "texture",
        "Morphological",
        {"scale": [(2, 2), (3, 3), (4, 4), (5, 5)], "operation": "dilation"},
        (*SMOOTH, "brightness", "equal neighbours"),
        ("grown", "bright", "patches", "paint", "blur", "smooth", "mosaic", "light"),
    ),
    _family(
        "library shuffle",
        "geometry",
        "RandomGridShuffle",
        {"grid": [(2, 1), (2, 2), (3, 3), (4, 4)]},
        ("geometry", "blocks"),
        ("out of place", "shuffle", "block", "jigsaw", "mosaic", "cells"),
    ),
    _family(
        "library stain",
        "tone",
        "HEStain",
        {
            "method": "preset",
            "preset": "standard",
            "intensity_scale_range": [(1.1, 1.1), (1.25, 1.25), (1.45, 1.45), (1.7, 1.7)],
            "intensity_shift_range": (0.0, 0.0),
            "augment_background": True,
        },
        (*CAST, *DARK, "cast", "saturation", "warm", "green"),
        ("purpl", "reddish", "bluish", "cast", "dark", "strong colours", "contrast"),
    ),
    _family(
        "library local contrast",
        "tone",
        "CLAHE",
        {"clip_limit": [(1.5, 1.5), (2.5, 2.5), (4.0, 4.0), (8.0, 8.0)], "tile_grid_size": (4, 4)},
        (*FLAT, "sharpness", "fine detail", "contrast"),
        ("contrast", "equalised", "halo", "detail", "sharp", "hard", "bleached"),
    ),
    _family(
        "library tones",
        "tone",
        "RandomToneCurve",
        {"scale": [0.15, 0.25, 0.4, 0.6], "per_channel": True},
        (*CAST, *FLAT, *GREY, *DARK, "cast", "tones"),
        ("cast", "tone", "hue", "colour", "solar", "shadows", "lights", "ish"),
    ),
)
