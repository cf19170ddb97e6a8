"""Edits that draw a picture anew: with a pencil, in few colours or tones, in cells, or with its parts grown."""

from functools import partial

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, grey_dilation, grey_erosion
from scipy.spatial import cKDTree

from nearsight.diagnosis.attributes.edits import LUMA, Floats, Pixels, Way, as_picture, as_pixels, random_for
from nearsight.diagnosis.attributes.kinds import REDRAWN
from nearsight.diagnosis.attributes.likeness import Likeness
from nearsight.diagnosis.attributes.photo.blending import by_shares
from nearsight.diagnosis.attributes.photo.sampling import places


def _pencilled(pixels: Pixels) -> Floats:
    """Divide brightness by what is around it, so that only edges are left, dark on white."""
    luma = (pixels * LUMA).sum(0)
    around = gaussian_filter(luma, max(1.5, min(luma.shape) / 24))
    return np.asarray(np.minimum(255 * (luma + 1) / (around + 1), 255)[None].repeat(3, 0))


def _inked(pixels: Pixels, by: float) -> Floats:
    """Darken edges as a pencil does, and keep all colours."""
    return np.asarray(pixels * (_pencilled(pixels) / 255) ** np.float32(by))


def _celled(pixels: Pixels, side: float) -> Floats:
    """Give each pixel the mean colour of a cell around one of some random points."""
    height, width = pixels.shape[1:]
    points = random_for(pixels).uniform(0, (height, width), (max(1, round(height * width / side**2)), 2))
    cell = cKDTree(points).query(np.stack(places(pixels), axis=-1).reshape(-1, 2))[1]
    count = np.maximum(np.bincount(cell, minlength=len(points)), 1)
    means = [np.bincount(cell, channel.ravel(), len(points)) / count for channel in pixels]
    return np.stack([mean[cell].reshape(height, width) for mean in means])


def _grown(light: bool, pixels: Pixels) -> Floats:
    grow = grey_dilation if light else grey_erosion
    return np.asarray(grow(pixels, (1, 3, 3), mode="nearest"))


def _in_few_colours(dithered: bool, pixels: Pixels, fewer: float) -> Pixels:
    """Keep 64 colours or fewer, those that suit the picture, as files with a palette do."""
    picture = as_picture(pixels)
    few = picture.quantize(max(2, round(64 / fewer)), Image.Quantize.FASTOCTREE)
    return as_pixels(picture.quantize(palette=few) if dithered else few)


def _copied(pixels: Pixels) -> Floats:
    """Make everything black or white, with little between."""
    luma = (pixels * LUMA).sum(0)
    tones = 255 / (1 + np.exp(-(luma - np.median(luma)) / 12))
    return np.asarray(tones[None].repeat(3, 0))


def _ringing(pixels: Pixels, cut: float) -> Floats:
    """Cut off high frequencies abruptly, so that edges have echoes."""
    down, across = (np.fft.fftfreq(length) for length in pixels.shape[1:])
    kept = np.hypot(down[:, None], across[None]) <= 0.5 / cut
    return np.asarray(np.fft.ifft2(np.fft.fft2(pixels) * kept).real)


_FEWER, _SIDES = (2, 4, 8, 16), (2, 3, 4, 6, 8)

REDRAWINGS = (
    Likeness(REDRAWN, "as drawn with a pencil", by_shares("pencilled", _pencilled), (0.6,)),
    Likeness(REDRAWN, "edges drawn in dark lines", Way("inked", _inked, (0.3, 0.6, 1.0, 1.6, 2.5)), (1.0,)),
    Likeness(REDRAWN, "in flat cells, as a mosaic", Way("celled", _celled, _SIDES), (4,)),
    Likeness(REDRAWN, "dark parts grown", by_shares("dark grown", partial(_grown, False)), (0.6,)),
    Likeness(REDRAWN, "light parts grown", by_shares("light grown", partial(_grown, True)), (0.6,)),
    Likeness(REDRAWN, "few colours", Way("palette", partial(_in_few_colours, False), _FEWER), (8,)),
    Likeness(
        REDRAWN,
        "few colours, in fine dots",
        Way("dithered", partial(_in_few_colours, True), _FEWER),
        (8,),
    ),
    Likeness(REDRAWN, "black and white, as a photocopy", by_shares("copied", _copied), (0.6,)),
    Likeness(REDRAWN, "echoes along edges", Way("ringing", _ringing, (1.2, 1.6, 2.2, 3.0, 4.0)), (2.2,)),
)
