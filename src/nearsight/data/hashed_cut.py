"""A split by a hash of each image's name: adding or removing images moves no other image."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nearsight.errors import InputError
from nearsight.numbers import counted


def share_of(key: str, salt: str) -> float:
    """Return a place between 0 and 1 for a key, evenly spread over keys, and different for another salt.

    >>> share_of("cat/1.png", "test") == share_of("cat/1.png", "test") != share_of("cat/1.png", "val 0")
    True
    """
    found = hashlib.blake2b(f"{salt}\n{key}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(found, "big") / 2**64


def held_out(
    units: Sequence[str], labels: NDArray[np.int64], share: float, salt: str, *, exact: bool = False
) -> tuple[NDArray[np.bool_], int]:
    """Return which images are held out, bool (n,), and how many classes would have been on one side only.

    >>> units, labels = [f"{i}.png" for i in range(1000)], np.arange(1000) % 2
    >>> out, _ = held_out(units, labels, 0.2, "test")
    >>> fewer, _ = held_out(units[1:], labels[1:], 0.2, "test")
    >>> int(out.sum()), bool((fewer == out[1:]).all())
    (192, True)

    Images of one unit, a text, are on one side. A unit is held out if its `share_of` is below `share`, so about
    that share is held out, whatever else the set holds. A class with two or more units that would be on one side
    only gives the other side the unit nearest to the bound; a class with a single unit is not held out. With
    `exact`, the same number of images is held out whatever the salt, and adding or removing images can move the
    one nearest to the bound. Raises `InputError` if nothing can be held out, or nothing would be left.
    """
    names, unit = np.unique(np.array(units, dtype=np.str_), return_inverse=True)
    place = np.array([share_of(str(name), salt) for name in names])
    bound = _bound(place, np.bincount(unit), share) if exact else share
    out = place < bound
    units_of_class = [np.unique(unit[labels == k]) for k in np.unique(labels)]
    for mine in units_of_class:
        if len(mine) == 1:
            out[mine] = False
    mended = 0
    for mine in units_of_class:
        if len(mine) > 1 and (out[mine].all() or not out[mine].any()):
            nearest = mine[np.abs(place[mine] - bound).argmin()]
            out[nearest] = not out[nearest]
            mended += 1
    chosen = out[unit]
    for k in np.unique(labels[chosen]):
        if chosen[labels == k].all():
            # Its units also belong to other classes; it cannot be learned, so it must not be tested.
            raise InputError(
                f"{share:.0%} of {counted(len(labels), 'image')} cannot be held out so that each class is on "
                "both sides: all "
                "images of a class are of groups that are held out; give larger classes or smaller groups"
            )
    if not chosen.any():
        raise InputError(
            f"{share:.0%} of {counted(len(labels), 'image')} cannot be cut so that each class is on both "
            "sides: every class is "
            "a single image or group"
        )
    return chosen, mended


def _bound(place: NDArray[np.float64], images: NDArray[np.int64], share: float) -> float:
    """Return the bound below which units hold a share of all images, as nearly as possible."""
    order = np.argsort(place)
    held = np.concatenate([[0], images[order].cumsum()])
    count = int(np.abs(held - share * images.sum()).argmin())
    return float(place[order[count]]) if count < len(order) else 1.0
