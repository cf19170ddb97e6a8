"""Images with something and the same images without it, side by side, so that a person sees what it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

# The longest side of a picture, in pixels.
SIDE = 128
# How many times stronger a change may be shown; at 1 it is seen without help.
FACTORS = (16, 8, 4, 2)
# A picture is a part of a large image if reducing the whole would leave less than this share of the change.
LEAST_KEPT = 0.5
# Something is removed alone if adding it and removing it leaves at most this share of what adding it changed.
MOST_LEFT = 0.5
# On which images something is shown with and without it: on those that have it, or, if nothing removes it alone, on
# those of its class that lack it, or on those of other classes if all of its class have it.
HAVING, LACKING, OTHERS = "having", "lacking", "others"


@dataclass(frozen=True, eq=False)
class Pair:
    """An image with something and without it: uint8 (2, 3, H, W), at most 128 pixels a side.

    `index` is its place among the examined images.
    """

    index: int
    pictures: Tensor

    def __eq__(self, other: object) -> bool:
        """Whether all of it is equal, the pictures pixel by pixel."""
        if not isinstance(other, Pair):
            return NotImplemented
        return self.index == other.index and torch.equal(self.pictures, other.pictures)

    __hash__ = object.__hash__


@dataclass(frozen=True)
class Compared:
    """Some images with something and without it.

    `shown_on` says which images these are. `amplified` is how many times stronger what it changes is shown, 1 if it
    need not be. `cut` says that a picture is the part of its image that changes most.
    """

    pairs: tuple[Pair, ...]
    shown_on: str
    amplified: int
    cut: bool

    @staticmethod
    def of(found: Sequence[tuple[int, Tensor, Tensor]], shown_on: str) -> "Compared | None":
        """Return images by their places, uint8 (3, H, W) with something and without it; None if nothing changes.

        >>> grey = torch.full((3, 2, 200), 100, dtype=torch.uint8)
        >>> compared = Compared.of([(7, grey + 10, grey)], HAVING)
        >>> compared.amplified, compared.pairs[0].pictures.shape
        (8, torch.Size([2, 3, 1, 128]))
        >>> [int(picture[0, 0, 0]) for picture in compared.pictures(compared.pairs[0])]
        [110, 100, 208]
        """
        changed = [(index, torch.stack([one, other])) for index, one, other in found if (one != other).any()]
        if not changed:
            return None
        kept = [_kept(both) for _, both in changed]
        cut = float(torch.tensor(kept).median()) < LEAST_KEPT
        pairs = tuple(Pair(index, _part(both) if cut else _reduced(both)) for index, both in changed)
        strong = float(torch.tensor([_strength(pair.pictures) for pair in pairs]).median())
        return Compared(
            pairs, shown_on, next((factor for factor in FACTORS if strong * factor <= 127), 1), cut
        )

    def pictures(self, pair: Pair) -> tuple[Tensor, ...]:
        """Return an image with it, without it and, if that is hard to see, what it changes: stronger, on grey."""
        having, lacking = pair.pictures
        if self.amplified == 1:
            return having, lacking
        change = 128 + self.amplified * (having.int() - lacking.int())
        return having, lacking, change.clamp(0, 255).to(torch.uint8)

    @property
    def told(self) -> str:
        """What the pictures are, in sentences."""
        above = {
            HAVING: "Above, images that have it; below, the same with it removed",
            LACKING: "Nothing removes it alone, so it is added to images of the class that lack it: above with it, "
            "below as they are",
            OTHERS: "Nothing removes it alone, so it is added to images of other classes: above with it, below as "
            "they are",
        }[self.shown_on]
        change = (
            f"; at the bottom what it changes, {self.amplified} times as strong, on grey"
            if self.amplified > 1
            else ""
        )
        part = f" Of each image the {SIDE} pixels a side that change most." if self.cut else ""
        return f"{above}{change}.{part}"


def removed_alone(real: Sequence[Tensor], added: Sequence[Tensor], removed: Sequence[Tensor]) -> bool:
    """Return whether images are given back once something was added to them and removed again.

    >>> real = [torch.full((3, 2, 2), 100, dtype=torch.uint8)]
    >>> added = [real[0] + 20]
    >>> removed_alone(real, added, [real[0] + 5]), removed_alone(real, added, [real[0] - 30])
    (True, False)

    At most half of what adding it changed may be left. Each is uint8 (3, H, W).
    """
    left, put = (
        sum(float(_change(torch.stack(both)).mean()) for both in zip(real, others, strict=True))
        for others in (removed, added)
    )
    return left <= MOST_LEFT * put


def _kept(both: Tensor) -> float:
    """Return the share of what changes that is left once images are reduced: fine detail is not."""
    change = _change(both)
    return float(_change(_reduced(both)).mean() / change.mean())


def _reduced(both: Tensor) -> Tensor:
    share = SIDE / max(both.shape[2:])
    if share >= 1:
        return both
    size = [max(1, round(side * share)) for side in both.shape[2:]]
    return interpolate(both.float(), size=size, mode="area").round().to(torch.uint8)


def _part(both: Tensor) -> Tensor:
    """Cut out what changes most."""
    height, width = (min(SIDE, side) for side in both.shape[2:])
    sums = avg_pool2d(_change(both)[None], (height, width), stride=8)[0]
    row, column = divmod(int(sums.argmax()), sums.shape[1])
    top, left = 8 * row, 8 * column
    return both[:, :, top : top + height, left : left + width].clone()


def _change(both: Tensor) -> Tensor:
    """Return how much each pixel changes, float32 (H, W)."""
    return (both[0].float() - both[1].float()).abs().amax(0)


def _strength(both: Tensor) -> float:
    """Return how much the pixels that change most do."""
    change = _change(both)
    return float(change[change > 0].quantile(0.98)) if change.any() else 0.0
