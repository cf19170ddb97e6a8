"""How the tiles of an image make one prediction together: their mean, or a rule for objects of a few tiles."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from nearsight.errors import InputError, unknown_name
from nearsight.numbers import settle_numbers
from nearsight.settings.protocols import ATTENTION, MAX, MEAN_LOGIT, NOISY_OR, TOP_K

PoolingName = Literal["mean", "top-k", "max", "noisy-or", "attention"]
POOLINGS: tuple[PoolingName, ...] = get_args(PoolingName)
MEAN: PoolingName = "mean"
DEFAULT_TOP_K = 0.1

_PROTOCOLS: dict[PoolingName, str] = {
    "mean": MEAN_LOGIT,
    "top-k": TOP_K,
    "max": MAX,
    "noisy-or": NOISY_OR,
    "attention": ATTENTION,
}


@dataclass(frozen=True)
class Pooling:
    """How the tiles of an image make one prediction, and how many tiles `top-k` takes.

    >>> Pooling("top-k", top_k=0.25).count(64), Pooling("top-k", top_k=5).count(64), Pooling("max").protocol
    (16, 5, 'max')

    `top_k` below 1 is a share of an image's tiles, at least one tile; from 1 on it is their number. Raises
    `InputError` for an unknown name, and for a `top_k` that is neither.
    """

    name: PoolingName = MEAN
    top_k: float = DEFAULT_TOP_K

    def __post_init__(self) -> None:
        settle_numbers(self)
        if self.name not in POOLINGS:
            raise unknown_name("pooling", self.name, POOLINGS)
        if not (0 < self.top_k < 1 or (self.top_k >= 1 and self.top_k % 1 == 0)):
            raise InputError(
                "`top_k` is a share of an image's tiles, above 0 and below 1, or a whole number of them from 1 on; "
                f"got {self.top_k:g}"
            )

    @property
    def protocol(self) -> str:
        """The protocol that predicts as this pooling does."""
        return _PROTOCOLS[self.name]

    @property
    def words(self) -> str:
        """How many tiles `top-k` takes.

        >>> Pooling(top_k=0.1).words, Pooling(top_k=1).words
        ('10 % of the tiles', '1 tile')
        """
        if self.top_k < 1:
            return f"{100 * self.top_k:g} % of the tiles"
        return f"{self.top_k:,.0f} tile{'' if self.top_k == 1 else 's'}"

    def count(self, tiles: int) -> int:
        """Return how many of this many tiles `top-k` takes; raises `InputError` if that is more than there are."""
        if self.top_k < 1:
            return max(1, round(self.top_k * tiles))
        if self.top_k > tiles:
            raise InputError(
                f"`top_k` takes {self.words}, and an image has {tiles:,}; give fewer, or a share such as "
                f"`top_k={DEFAULT_TOP_K}`"
            )
        return int(self.top_k)


BY_MEAN = Pooling()


def check_top_k(names: Iterable[str]) -> None:
    """Raise `InputError` if `top_k` is given and none of these poolings, protocols or arms uses it.

    >>> check_top_k(["mean"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    nearsight.errors.InputError: `top_k` is for the pooling 'top-k', and tiles are pooled by 'mean' here; give ...
    """
    named = list(names)
    if not any(TOP_K in name.split("+") for name in named):
        raise InputError(
            f"`top_k` is for the pooling '{TOP_K}', and tiles are pooled by '{named[0]}' here; give "
            f"`pooling='{TOP_K}'` too, or leave `top_k` out"
        )


def no_attention() -> InputError:
    """Return the error for a network that is asked for attention but never learned it.

    >>> print(no_attention())
    'attention' needs a network that was trained with `pooling='attention'`; train one, or choose another
    """
    return InputError(
        f"'{ATTENTION}' needs a network that was trained with `pooling='{ATTENTION}'`; train one, or choose another"
    )
