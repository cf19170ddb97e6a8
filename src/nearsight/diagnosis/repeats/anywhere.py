"""Finding the same small picture anywhere in images: patches of pixels that many images of a class share."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from nearsight.data import ImageSet
from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.place import typical_place
from nearsight.diagnosis.repeats.coloured import coloured_marks
from nearsight.diagnosis.repeats.overlay import (
    LARGEST_SPREAD,
    LARGEST_TOLERANCE,
    MOST,
    NORMAL_AT_MOST,
    SAME,
    TOLERANCE,
    Overlay,
)
from nearsight.diagnosis.repeats.roaming import RoamingMark, candidate_of, grid_of
from nearsight.statistics import jaccard
from nearsight.together import Processes

Codes = NDArray[np.uint64]
Places = NDArray[np.int64]
# For images by their places, the top and left of a patch.
Corners = Mapping[int, tuple[int, int]]

# Sides of the patches that are compared, in pixels.
SIDES = (1, 2, 3, 5, 8)
# This many levels count as one. Values on both sides of a limit are one level when levels start elsewhere.
LEVELS, STARTS = 16, (0, 8)
# The most images of a class that are searched, the least if images are large, and the patches of all of them.
SEARCHED, FEWEST_SEARCHED, PATCHES = 120, 20, 4_000_000
FEWEST = 5
# A patch of a mark is in at most this share of the other classes' images, and this many times more often in its
# class.
ELSEWHERE, TIMES = 0.01, 20.0
SIGNIFICANT = 1e-3
# Patches per class that are tried.
TRIED = 3
# How far a mark may reach around a shared patch, as a share of the shorter side.
REACH = 0.25
# Steps across a mark's outline are this many times larger than other steps; in plain skies and shadows they are
# not.
OUTLINED = 2.5
# An image has the mark if it matches nearly as well as all but this share of the images in which it was found.
FEW, NEARLY = 0.1, 0.05
# What is found again must be in the same images (Jaccard).
AGAIN = 0.5


def codes_of(pixels: NDArray[np.uint8], side: int, start: int = 0) -> Codes:
    """Return a number for each patch of an image that equal patches share, uint64 (H − side + 1, W − side + 1).

    >>> plain = np.zeros((3, 4, 4), dtype=np.uint8)
    >>> plain[:, 2:, 2:] = 200
    >>> len(np.unique(codes_of(plain, 2)))
    5

    `pixels` is uint8 (3, H, W). Values between the same two multiples of 16, minus `start`, are equal.
    """
    levels = (pixels.astype(np.uint64) + np.uint64(start)) // np.uint64(LEVELS)
    colours = (levels[0] * np.uint64(32) + levels[1]) * np.uint64(32) + levels[2] + np.uint64(1)
    height, width = (max(0, length - side + 1) for length in colours.shape)
    # Sums of products with odd numbers, modulo 2^64: the same for equal patches, and almost never for others.
    drawn = np.random.default_rng(side).integers(2**63, size=(side, side), dtype=np.uint64)
    factors = drawn * np.uint64(2) + np.uint64(1)
    found = np.zeros((height, width), dtype=np.uint64)
    for down in range(side):
        for right in range(side):
            found += colours[down : down + height, right : right + width] * factors[down, right]
    return found


@dataclass(frozen=True)
class Patch:
    """A patch that many images of a class have and hardly any others: its code, and how codes were made."""

    code: np.uint64
    side: int
    start: int
    images: int

    def corner(self, pixels: NDArray[np.uint8]) -> tuple[int, int] | None:
        """Return the top and left of the largest part of an image where the patch is; None if it is nowhere."""
        parts, count = ndimage.label(codes_of(pixels, self.side, self.start) == self.code)
        if not count:
            return None
        largest = 1 + int(np.bincount(parts.ravel())[1:].argmax())
        rows, columns = np.nonzero(parts == largest)
        return int(rows.min()), int(columns.min())

    def pixel(self, pixels: NDArray[np.uint8]) -> tuple[int, int]:
        """Return the row and column of a pixel in the middle of the first place where an image has the patch."""
        rows, columns = np.nonzero(codes_of(pixels, self.side, self.start) == self.code)
        return int(rows[0]) + self.side // 2, int(columns[0]) + self.side // 2


def find_marks_anywhere(examined: Examined) -> Iterator[Candidate]:
    """Yield an opaque picture that images of a class have, wherever it is in them, and hardly any other image.

    Every patch of 1, 2, 3, 5 and 8 pixels of the images that choose is compared with every other, by a number
    that equal patches share. A patch is part of a mark if it is in at least five of a class's images and in at
    most 1 % of the others', 20 times more often in the class than there, and more often than so many patches are
    by chance. What is the same around it in these images is the rest of the mark. Its outline must be visible:
    steps of colour across it are larger than others. If nothing around it is the same, as with a text that
    changes, only its colour is searched for (`coloured_marks`). At most 120 images of a class are searched, fewer
    if they are large, and none if that leaves fewer than 20.
    """
    searched = _searched(examined)
    patches = _patches(examined.images, searched, examined.decision.processes)
    for number, some in patches.items():
        candidates = (_candidate(examined, number, searched[number], patch) for patch in _tried(some))
        candidate = next((one for one in candidates if one is not None), None)
        if candidate is not None:
            yield candidate


def _tried(patches: Sequence[Patch]) -> list[Patch]:
    """Return the patches around which marks are searched for: those of one pixel only if larger ones show none."""
    return [
        *[one for one in patches if one.side > 1][:TRIED],
        *[one for one in patches if one.side == 1][:TRIED],
    ]


def _searched(examined: Examined) -> dict[int, Places]:
    """Return the images of each class that are searched, by its number."""
    random = np.random.default_rng((examined.seed, 4))
    classes = len(examined.images.classes)
    area = float(examined.images.sizes[examined.choosing].astype(np.float64).prod(1).mean())
    most = min(SEARCHED, int(PATCHES / (area * classes)))
    if most < min(SEARCHED, FEWEST_SEARCHED):
        return {}
    chosen = (
        random.permutation(examined.of_class(number, choosing=True))[:most] for number in range(classes)
    )
    return {number: some for number, some in enumerate(chosen) if len(some) >= FEWEST}


def _patches(
    images: ImageSet, searched: Mapping[int, Places], processes: Processes
) -> dict[int, list[Patch]]:
    """Return the patches of each class that are parts of marks, those of the most images first.

    Several processes each compare the patches of some sides.
    """
    if len(searched) < 2:
        return {}

    def shared(kind: tuple[int, int]) -> dict[int, list[Patch]]:
        return _shared(images, searched, *kind)

    of_kinds = processes.for_each([(side, start) for side in SIDES for start in STARTS], shared)
    found = {number: [patch for each in of_kinds for patch in each[number]] for number in searched}
    return {
        number: sorted(some, key=lambda one: (-one.images, -one.side, one.start, int(one.code)))
        for number, some in found.items()
        if some
    }


def _shared(
    images: ImageSet, searched: Mapping[int, Places], side: int, start: int
) -> dict[int, list[Patch]]:
    """Return the patches of one side that images of a class share and hardly any others have."""
    total = sum(map(len, searched.values()))
    codes = {number: _counted(images, some, side, start) for number, some in searched.items()}
    everywhere, place = np.unique(np.concatenate([own for own, _ in codes.values()]), return_inverse=True)
    counts = np.bincount(place, np.concatenate([having for _, having in codes.values()]))
    found = {}
    for number, (own, having) in codes.items():
        elsewhere = counts[np.searchsorted(everywhere, own)].astype(np.int64) - having
        worth = _worth(having, elsewhere, len(searched[number]), total)
        pairs = zip(own[worth], having[worth], strict=True)
        found[number] = [Patch(code, side, start, int(times)) for code, times in pairs]
    return found


def _counted(images: ImageSet, chosen: Places, side: int, start: int) -> tuple[Codes, Places]:
    """Return the codes of some images, and how many images have each."""
    each = [np.unique(codes_of(images.image(i).numpy(), side, start)) for i in chosen.tolist()]
    codes, having = np.unique(np.concatenate(each), return_counts=True)
    return codes, having


def _worth(having: Places, elsewhere: Places, mine: int, total: int) -> NDArray[np.bool_]:
    from scipy.stats import hypergeom

    others = total - mine
    worth = (having >= FEWEST) & (elsewhere <= ELSEWHERE * others)
    worth &= having / mine >= TIMES * (elsewhere + 1) / others
    chance = hypergeom.sf(having[worth] - 1, total, (having + elsewhere)[worth], mine)
    worth[worth] = chance * len(having) * len(SIDES) * len(STARTS) <= SIGNIFICANT
    return worth


def _candidate(examined: Examined, number: int, searched: Places, patch: Patch) -> Candidate | None:
    images = examined.images
    seen = ((i, patch.corner(images.image(i).numpy())) for i in searched.tolist())
    corners = {i: corner for i, corner in seen if corner is not None}
    first = np.isin(searched, list(corners))
    found = (look(examined, number, corners, patch) for look in (_same_picture, _same_colour))
    return next(
        (one for one in found if one is not None and jaccard(first, one.has[searched]) >= AGAIN), None
    )


def _same_picture(examined: Examined, number: int, corners: Corners, patch: Patch) -> Candidate | None:
    images = examined.images
    mark = _mark(images, corners, patch.side) if patch.side > 1 else None
    if mark is None:
        return None
    matches = [mark.best(images.image(i))[0] for i in corners]
    return candidate_of(examined, number, mark, float(np.quantile(matches, FEW)) - NEARLY)


def _same_colour(examined: Examined, number: int, corners: Corners, patch: Patch) -> Candidate | None:
    return coloured_marks(
        examined, number, {i: patch.pixel(examined.images.image(i).numpy()) for i in corners}
    )


def _mark(images: ImageSet, corners: Mapping[int, tuple[int, int]], side: int) -> RoamingMark | None:
    """Return what is the same around a patch in the images that have it; None if it has no outline."""
    smallest = min(int(images.sizes[i].min()) for i in corners)
    reach = max(side, round(REACH * smallest))
    views = np.stack([_around(images.image(i).numpy(), corner, side, reach) for i, corner in corners.items()])
    seen = (~np.isnan(views[:, 0])).sum(0)
    views[:, :, seen == 0] = 0
    colour = np.nanmedian(views, 0)
    spread = np.nanquantile(np.abs(views - colour), MOST, axis=0).max(0) / NORMAL_AT_MOST
    usual = float(np.nanstd(views, axis=(0, 2, 3)).max())
    alike = (seen >= FEWEST) & (spread < min(SAME * usual, LARGEST_SPREAD))
    parts, _ = ndimage.label(alike)
    inside = parts[reach : reach + side, reach : reach + side]
    if not inside.any():
        return None
    mask = parts == np.bincount(inside[inside > 0]).argmax()
    if _outlined(views, mask) < OUTLINED:
        return None
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    alpha = torch.from_numpy(mask[part].astype(np.float32))
    overlay = Overlay(
        alpha,
        torch.from_numpy(colour[:, *part].astype(np.float32)) * alpha,
        torch.from_numpy(3 * spread[part].astype(np.float32)).clamp(TOLERANCE, LARGEST_TOLERANCE),
    )
    down, right = int(rows[0]) - reach, int(columns[0]) - reach
    place = typical_place(
        [(max(0, top + down), max(0, left + right)) for top, left in corners.values()],
        [grid_of(images, i, min(alpha.shape)) for i in corners],
    )
    return RoamingMark(overlay, place)


def _around(pixels: NDArray[np.uint8], corner: tuple[int, int], side: int, reach: int) -> NDArray[np.float32]:
    """Return an image around a patch, float32 (3, side + 2 reach, …), NaN beyond its edges."""
    beyond = (reach, reach)
    padded = np.pad(pixels.astype(np.float32), ((0, 0), beyond, beyond), constant_values=np.nan)
    top, left = corner
    return padded[:, top : top + side + 2 * reach, left : left + side + 2 * reach]


def _outlined(views: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Return how many times larger the steps of colour across the outline of a mask are than those outside."""
    across: list[NDArray[np.float32]] = []
    outside: list[NDArray[np.float32]] = []
    for axis in (0, 1):
        steps = np.abs(np.diff(views, axis=axis + 2)).max(1)
        first, second = np.delete(mask, -1, axis), np.delete(mask, 0, axis)
        across.append(steps[:, first != second].ravel())
        outside.append(steps[:, ~(first | second)].ravel())
    seen, beside = np.concatenate(across), np.concatenate(outside)
    if np.isnan(seen).all() or np.isnan(beside).all():
        return 0.0
    return float(np.nanmean(seen) / max(float(np.nanmean(beside)), 1.0))
