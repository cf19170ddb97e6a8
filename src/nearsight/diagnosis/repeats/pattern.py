"""A pattern that some images of a group have at the same place, and the rule that says which images have it."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.repeats.alike import Ground
from nearsight.diagnosis.repeats.anchors import Anchor
from nearsight.diagnosis.repeats.overlay import Overlay, drawn_over
from nearsight.diagnosis.repeats.steps import Usual, in_blocks
from nearsight.diagnosis.repeats.template import FEWEST_IMAGES, Sharing, Template, shared_by, spread_of
from nearsight.statistics import more_often

# A group counts from this many times the usual size of groups of images drawn from all classes (mean plus one
# standard deviation). If it is not clearly larger, its images must agree all the more.
UNUSUAL = 1.9
CLEAR = 5.0
# The mean distance of members' amounts from 1: for a mark drawn over all of them, and for a clear group.
EXACT = 0.14
LOOSE = 0.4
SEPARATED, CLEARLY_SEPARATED = 8.0, 4.0
FALSE = 0.02
# A group that is hardly unusual in any window counts if it has many members that differ much from the others:
# members times separation. For groups of unmarked photographs this is 30 to 60.
HARDLY = 1.25
MANY_AND_FAR = 110.0
FAIRLY_EXACT = 0.22
# Windows that are tried, the most unusual first, and the most patterns per class.
TRIED = 4
PATTERNS = 3
BELONGS = 0.4
STRONGEST = 3
# An image has a pattern from this share of its pixels, or of its steps, on; in any case it must have more of it
# than 99 % of other classes' images.
MATCHED = 0.75
AMOUNT = 0.5
OTHERS = 0.99
SIGNIFICANT = 1e-3


@dataclass(frozen=True, eq=False)
class Pattern:
    """What repeats at one anchor: the drawn pixels, its steps, and from which value on an image has it."""

    anchor: Anchor
    overlay: Overlay
    template: Template
    usual: Usual
    threshold: float
    unusual: float

    def values(self, views: Tensor) -> Tensor:
        """Return how much of the pattern each image has, (n,), given what its anchor sees of the image.

        For an opaque pattern, this is the share of its pixels that are there; for a translucent one, how much of
        its steps.
        """
        if self.overlay.opaque:
            return self.overlay.match(views)
        return self.template.amounts(self.usual.unusual(views))

    def put_on(self, pixels: Tensor) -> Tensor:
        """Return an image with the pattern at its place."""
        return self.anchor.changed(pixels, lambda seen: self._sized(seen).put_on(seen))

    def take_off(self, pixels: Tensor) -> Tensor:
        """Return an image without the pattern."""
        return self.anchor.changed(pixels, lambda seen: self._sized(seen).take_off(seen))

    def _sized(self, seen: Tensor) -> Overlay:
        return self.overlay.resized(int(seen.shape[1]), int(seen.shape[2]))


def patterns_of(views: Tensor, label: int | None, ground: Ground, anchor: Anchor) -> list[Pattern]:
    """Return what repeats in images of one class at one anchor, the most unusual first.

    `views` is uint8 (n, 3, height, width), what the anchor sees of them; `label` is their class, whose images in
    `ground` do not count as others.
    """
    others = ground.pixels[ground.others(label)]
    compared = min(len(views), len(others))
    if compared < FEWEST_IMAGES:
        return []
    usual = ground.usual(label)
    steps = usual.unusual(views)
    sizes, belonging = ground.groups(steps)
    mean, spread = ground.chance(compared, label)
    # By chance, groups grow with the root of the number of images.
    unusual = sizes / (mean + spread) * (compared / len(views)) ** 0.5
    found: list[Pattern] = []
    free = torch.ones(len(unusual), dtype=torch.bool)
    searched = _Searched(views, steps, usual.unusual(others), others, usual, anchor)
    while len(found) < PATTERNS:
        pattern = _strongest(searched, unusual * free, belonging)
        if pattern is None:
            return found
        found.append(pattern)
        free &= ~_touching(pattern, ground)
        searched = searched.without(pattern)
    return found


@dataclass(frozen=True, eq=False)
class _Searched:
    """Images of a class and of others as an anchor sees them, and their unusual steps."""

    views: Tensor
    steps: Tensor
    steps_of_others: Tensor
    others: Tensor
    usual: Usual
    anchor: Anchor

    @cached_property
    def spread(self) -> Tensor:
        """How much the steps of the others vary, (6, height, width)."""
        return spread_of(self.steps_of_others)

    def without(self, pattern: Pattern) -> "_Searched":
        """Return the same without the steps around a pattern that has already been found."""
        taken = (pattern.template.support.any(0) | pattern.overlay.drawn).float()[None, None]
        kept = 1 - F.max_pool2d(taken, 5, 1, 2)
        return replace(self, steps=self.steps * kept, steps_of_others=self.steps_of_others * kept)


def _strongest(searched: _Searched, unusual: Tensor, belonging: Tensor) -> Pattern | None:
    best: Sharing | None = None
    most = 0.0
    for window in unusual.argsort(descending=True)[:TRIED].tolist():
        excess = float(unusual[window])
        if excess < HARDLY:
            break
        loads = belonging[window]
        members = loads > BELONGS * loads.topk(min(STRONGEST, len(loads))).values.mean()
        sharing = shared_by(searched.steps, searched.steps_of_others, members, searched.spread)
        if sharing is None or not _sure(sharing, excess) or not _there(sharing, searched.usual):
            continue
        if best is None or sharing.separation > best.separation:
            best, most = sharing, excess
    if best is None:
        return None
    views, others = searched.views, searched.others
    without = torch.cat([views[~best.members], others])
    overlay = drawn_over(views[best.members], without, best.template.support)
    if overlay is None:
        return None
    pattern = Pattern(searched.anchor, overlay, best.template, searched.usual, 0.0, most)
    elsewhere = pattern.values(others)
    threshold = max(MATCHED if overlay.opaque else AMOUNT, float(torch.quantile(elsewhere, OTHERS)))
    own, other = pattern.values(views) >= threshold, elsewhere >= threshold
    if int(own.sum()) < FEWEST_IMAGES or not more_common(own.numpy(), other.numpy()):
        return None
    return replace(pattern, threshold=threshold)


def _there(sharing: Sharing, usual: Usual) -> bool:
    """Whether the group has the steps itself, rather than lacking steps that the others have."""
    steps = sharing.template.steps
    return float(((steps + usual.mean) * steps).sum()) > float((steps**2).sum()) / 2


def _sure(sharing: Sharing, unusual: float) -> bool:
    if sharing.false > FALSE:
        return False
    many_and_far = float(sharing.members.sum()) * sharing.separation >= MANY_AND_FAR
    if many_and_far and sharing.separation >= SEPARATED and sharing.spread <= FAIRLY_EXACT:
        return True
    if unusual < UNUSUAL:
        return False
    share = min(1.0, (unusual - UNUSUAL) / (CLEAR - UNUSUAL))
    allowed = EXACT + share * (LOOSE - EXACT)
    apart = SEPARATED + share * (CLEARLY_SEPARATED - SEPARATED)
    return sharing.spread <= allowed and sharing.separation >= apart


def more_common(own: NDArray[np.bool_], others: NDArray[np.bool_]) -> bool:
    """Whether something is certainly more common among one's own images than among others.

    >>> more_common(np.array([True] * 5 + [False] * 5), np.zeros(50, dtype=bool))
    True
    """
    return more_often(own, others) < SIGNIFICANT


def _touching(pattern: Pattern, ground: Ground) -> Tensor:
    """Return which windows contain a part of a pattern, bool (windows,)."""
    drawn = pattern.template.support.any(0) | pattern.overlay.drawn
    blocks, _ = in_blocks(drawn.float().expand(1, 6, -1, -1), ground.block)
    return (ground.windows @ blocks.sum((1, 2))) > 0
