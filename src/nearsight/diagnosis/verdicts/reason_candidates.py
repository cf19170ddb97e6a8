"""Reasons as candidates: what the network's own grouping found, added to other images and removed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nearsight.diagnosis.box import Box
from nearsight.diagnosis.candidates import MANY_CAUSES, TILE, Candidate, Examined
from nearsight.diagnosis.part_pasting import PartPasting
from nearsight.diagnosis.parted_decision import NO_PART_EDITS, PartEdits
from nearsight.diagnosis.reasons.atlas import Atlas, ClassReasons
from nearsight.diagnosis.reasons.reason import Reason

# The number of a reason's tiles that are pasted.
DONORS = 32
# A group that is found again less often than this dissolves with other draws (Hennig 2007).
LEAST_STABILITY = 0.5

Resize = Callable[[Tensor], Tensor]


def reason_candidates(atlas: Atlas, examined: Examined, tile: int) -> Iterator[Candidate]:
    """Yield each reason of a class that has several, as something that some of its images have.

    An image has it if its strongest tile is one of the reason's; for images that the atlas did not use, this is
    not known. `tile` is the side of tiles in pixels. A reason is added to an image by pasting one of its tiles
    where it was, and removed by filling the tile's place from an image of the class without it. The value by
    chance is what a tile of the class's other reasons does there. All images are changed in the form to which the
    network's preprocessing resizes them. A reason whose evidence is known to lie off the object counts as an
    artefact, because it is no part of the object.
    """
    resize = examined.decision.bound.resize
    for number, found in enumerate(atlas.classes):
        if len(found.reasons) < 2:
            continue
        for reason in found.reasons:
            if reason.stability is not None and reason.stability >= LEAST_STABILITY:
                yield _candidate(number, found, reason, examined, _Pasting(examined, resize, tile))


def _candidate(
    number: int, found: ClassReasons, reason: Reason, examined: Examined, pasting: "_Pasting"
) -> Candidate:
    others = [other for other in found.reasons if other is not reason]
    has = np.zeros(len(examined.labels), dtype=np.bool_)
    has[[*reason.images, *reason.others]] = True
    value = np.full(len(has), np.nan, dtype=np.float32)
    value[list(found.looked_at)] = has[list(found.looked_at)]
    own, rest = _placed([reason]), _placed(others)
    covered = reason.on_object
    high = None if covered is None else covered.high
    off_object = high is not None and covered is not None and high < (covered.chance or 0.0)
    where = dict(zip(reason.images, reason.corners, strict=True))
    return Candidate(
        class_number=number,
        attribute="background" if off_object else "reason",
        words=f"{reason.appearance}, {reason.place.name}{', off the object' if off_object else ''}",
        artefact=off_object,
        has=has,
        value=value,
        effect=reason.purity.value or 0.5,
        seen_in=TILE,
        put_on=pasting.pasted(own),
        take_off_of=pasting.filled(where, [place for place, _ in rest]),
        beside=pasting.pasted(rest),
        place=None,
        causes=MANY_CAUSES,
        in_parts=_in_parts(examined, reason, others, pasting.tile),
    )


def _in_parts(examined: Examined, reason: Reason, others: Sequence[Reason], tile: int) -> PartEdits:
    """Return the same edits for images that are read in parts: of the tile, and what around it speaks as strongly."""
    parted = examined.parted
    if parted is None:
        return NO_PART_EDITS
    pasting = PartPasting(parted.pictures, examined.seed)

    def boxes(reasons: Sequence[Reason]) -> list[tuple[int, Box]]:
        return [
            (place, parted.extents.get(place, Box(*corner, tile, tile))) for place, corner in _placed(reasons)
        ]

    def choosing(placed: Sequence[tuple[int, Box]]) -> list[tuple[int, Box]]:
        return [(place, box) for place, box in placed if examined.choosing[place]]

    own, rest = boxes([reason]), boxes(others)
    return PartEdits(
        pasting.pasted(choosing(own)),
        pasting.filled(dict(own), [place for place, _ in choosing(rest)]),
        pasting.pasted(choosing(rest)),
    )


Placed = tuple[int, tuple[int, int]]


def _placed(reasons: Sequence[Reason]) -> list[Placed]:
    return [placed for reason in reasons for placed in zip(reason.images, reason.corners, strict=True)]


@dataclass(frozen=True, eq=False)
class _Pasting:
    """Tiles cut out of images that choose, and put into others."""

    examined: Examined
    resize: Resize
    tile: int

    def pasted(self, tiles: Sequence[Placed]) -> Callable[[Tensor], Tensor] | None:
        """Return what pastes one of some tiles at the place that it had in its own image."""
        choosing = [placed for placed in tiles if self.examined.choosing[placed[0]]][:DONORS]
        if not choosing:
            return None

        def paste(image: Tensor) -> Tensor:
            target = self.resize(image).clone()
            place, (top, left) = choosing[_drawn(image, len(choosing))]
            donor = self.resize(self.examined.images.image(place))
            self._put(target, donor, top, left)
            return target

        return paste

    def filled(
        self, where: dict[int, tuple[int, int]], donors: Sequence[int]
    ) -> Callable[[Tensor, int], Tensor] | None:
        """Return what fills an image's tile from the same place of an image that does not have it.

        In an image without one, a tile is filled where another image has it.
        """
        free = [place for place in donors if self.examined.choosing[place]][:DONORS]
        corners = list(where.values())
        if not free or not corners:
            return None

        def fill(image: Tensor, place: int) -> Tensor:
            target = self.resize(image).clone()
            donor = self.resize(self.examined.images.image(free[_drawn(image, len(free))]))
            top, left = where.get(place, corners[_drawn(image, len(corners))])
            self._put(target, donor, top, left)
            return target

        return fill

    def _put(self, target: Tensor, donor: Tensor, top: int, left: int) -> None:
        """Put a tile of one image into another, at the same relative place along each side."""
        rows, columns = (self._along(donor, target, start, side) for start, side in ((top, 1), (left, 2)))
        cut = donor[:, top : top + self.tile, left : left + self.tile]
        target[:, rows : rows + self.tile, columns : columns + self.tile] = cut

    def _along(self, donor: Tensor, target: Tensor, start: int, side: int) -> int:
        room, way = target.shape[side] - self.tile, donor.shape[side] - self.tile
        return round(start * room / way) if way else 0


def _drawn(image: Tensor, count: int) -> int:
    """Draw a number below `count` from an image's own pixels, so that an image is always changed alike."""
    return int(image.to(torch.int64).sum()) % count
