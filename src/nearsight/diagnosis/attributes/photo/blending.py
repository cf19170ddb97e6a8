"""Edits that have no strength of their own, made by a share of the way."""

from collections.abc import Callable
from functools import partial

import numpy as np

from nearsight.diagnosis.attributes.edits import Floats, Pixels, Way

_SHARES = (0.15, 0.25, 0.4, 0.6, 0.8, 1.0)


def by_shares(name: str, change: Callable[[Pixels], Floats]) -> Way:
    """Return the way that makes a change by a share of it, from weak to whole.

    >>> import torch
    >>> way = by_shares("white", lambda pixels: 0 * pixels + 255)
    >>> int(way.edit(0.4)(torch.zeros(3, 1, 1, dtype=torch.uint8))[0])
    102
    """
    return Way(name, partial(_by_share, change), _SHARES)


def _by_share(change: Callable[[Pixels], Floats], pixels: Pixels, share: float) -> Floats:
    whole = change(pixels.copy()).astype(np.float32)
    return np.asarray(pixels + np.float32(share) * (whole - pixels))
