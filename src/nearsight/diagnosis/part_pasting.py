"""Parts of pictures too large to be held, cut out of some that choose, and put into others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nearsight.diagnosis.box import Box
from nearsight.diagnosis.parted import PartedPicture, PartedPictures
from nearsight.diagnosis.parted_decision import PartEdit

# The number of pictures from which parts are taken, and the most pixels of a part.
DONORS = 32
MOST_PIXELS = 2**24


@dataclass(frozen=True, eq=False)
class PartPasting:
    """Takes parts of the pictures that choose; `seed` fixes from which of them for each picture."""

    pictures: PartedPictures
    seed: int

    def pasted(self, donors: Sequence[tuple[int, Box]]) -> PartEdit | None:
        """Return what puts the part of one of some pictures, by their places, where it was; None without one."""
        small = [(place, box) for place, box in donors if box.height * box.width <= MOST_PIXELS][:DONORS]
        if not small:
            return None

        def paste(picture: PartedPicture) -> PartedPicture:
            place, box = small[self._drawn(picture, len(small))]
            target = box.moved(self.pictures.size(place), picture.size)
            cut = self.pictures.part(place, box.top, box.left, (target.height, target.width))
            return picture.with_part(target.top, target.left, cut)

        return paste

    def filled(self, where: Mapping[int, Box], donors: Sequence[int]) -> PartEdit | None:
        """Return what fills a picture's part from the same place of one that does not have it; None without one.

        `where` says by their places where pictures have it. Another is filled where one of these has it.
        """
        small = {place: box for place, box in where.items() if box.height * box.width <= MOST_PIXELS}
        free, boxes = donors[:DONORS], list(small.values())
        if not free or not boxes:
            return None

        def fill(picture: PartedPicture) -> PartedPicture:
            place = free[self._drawn(picture, len(free))]
            box = small.get(picture.index, boxes[self._drawn(picture, len(boxes))]).within(picture.size)
            there = box.moved(picture.size, self.pictures.size(place))
            cut = self.pictures.part(place, there.top, there.left, (there.height, there.width))
            return picture.with_part(box.top, box.left, cut)

        return fill

    def _drawn(self, picture: PartedPicture, count: int) -> int:
        """Draw a number below `count`, always the same for the same picture."""
        return int(np.random.default_rng((self.seed, 4, picture.index)).integers(count))
