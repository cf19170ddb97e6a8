"""Edits made by a share of the way: those that have no strength of their own, and what is laid over a picture."""

from collections.abc import Callable
from functools import partial

import numpy as np

from nearsight.diagnosis.attributes.edits import Floats, Pixels, Way

# What is laid over a picture is not quite white or black.
LIGHT, DARK = (245.0,) * 3, (15.0,) * 3
_SHARES = (0.15, 0.25, 0.4, 0.6, 0.8, 1.0)


def by_shares(name: str, change: Callable[[Pixels], Floats]) -> Way:
    """Return the way that makes a change by a share of it, from weak to whole.

    >>> import torch
    >>> way = by_shares("white", lambda pixels: 0 * pixels + 255)
    >>> int(way.edit(0.4)(torch.zeros(3, 1, 1, dtype=torch.uint8))[0])
    102
    """
    return Way(name, partial(_by_share, change), _SHARES)


def toward(pixels: Pixels, tone: tuple[float, ...], share: Floats) -> Floats:
    """Move a picture to a colour (red, green, blue), by the share of each place, (H, W).

    >>> toward(np.zeros((3, 1, 2), np.uint8), (200, 100, 0), np.array([[0.5, 1]]))[:, 0].tolist()
    [[100.0, 200.0], [50.0, 100.0], [0.0, 0.0]]
    """
    return np.asarray(pixels + share * (np.array(tone, dtype=np.float32)[:, None, None] - pixels))


def _by_share(change: Callable[[Pixels], Floats], pixels: Pixels, share: float) -> Floats:
    whole = change(pixels.copy()).astype(np.float32)
    return np.asarray(pixels + np.float32(share) * (whole - pixels))
