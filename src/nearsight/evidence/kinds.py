"""What the values of an evidence map mean: the logits of tiles alone, or what is lost without them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from nearsight.errors import unknown_name
from nearsight.settings import EvidenceKind, Fill
from nearsight.settings.protocols import FULL_PASS, MEAN_LOGIT, POOLED

Kind = EvidenceKind
KINDS: tuple[Kind, ...] = get_args(Kind)
FILLS: tuple[Fill, ...] = get_args(Fill)
FILL_WORDS: dict[Fill, str] = {
    "mean": "the image's mean colour",
    "blur": "the image blurred",
    "other": "the same place of another image",
}
# The protocols whose scores are logits of an image, from which something can be removed.
REMOVED_UNDER = (FULL_PASS, MEAN_LOGIT, *POOLED)


@dataclass(frozen=True)
class Removal:
    """How a removal map was made: the protocol of its scores, what replaced each tile, and the image's scores.

    >>> Removal("full-pass", "mean", (2.0, -1.0)).words
    "lost in full-pass when a tile is replaced by the image's mean colour"

    `scores` are logits, one per class. Raises `InputError` for another protocol or fill.
    """

    protocol: str
    fill: Fill
    scores: tuple[float, ...]

    def __post_init__(self) -> None:
        check_removal(self.protocol, self.fill)

    @staticmethod
    def of(protocol: str, fill: Fill, scores: Sequence[float]) -> "Removal":
        """Return the same with scores from any sequence."""
        return Removal(protocol, fill, tuple(float(score) for score in scores))

    @property
    def words(self) -> str:
        """What a value of the map is."""
        return f"lost in {self.protocol} when a tile is replaced by {FILL_WORDS[self.fill]}"


def check_removal(protocol: str, fill: str) -> None:
    """Raise `InputError` for a protocol whose scores are not logits, and for an unknown fill.

    >>> check_removal("vote", "mean")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    nearsight.errors.InputError: unknown protocol of removal 'vote'; known: attention, full-pass, max, ...
    """
    if protocol not in REMOVED_UNDER:
        raise unknown_name("protocol of removal", protocol, REMOVED_UNDER)
    if fill not in FILLS:
        raise unknown_name("fill", fill, FILLS)
