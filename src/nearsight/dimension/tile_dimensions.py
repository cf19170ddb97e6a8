"""The intrinsic dimension of a set's tiles in both spaces, by both estimators, with their known bias."""

from dataclasses import dataclass
from functools import partial
from typing import get_args

import torch
from torch import Tensor

from nearsight.dimension.intrinsic import Estimator, estimate
from nearsight.dimension.known import Known, KnownBias, known_bias
from nearsight.dimension.search import nearest
from nearsight.dimension.spaces import Space, distinct, vectors
from nearsight.statistics import Estimate, absent


@dataclass(frozen=True)
class IntrinsicDimension:
    """An estimate of the intrinsic dimension from `points` distinct tiles, and how good it is.

    `repeated` tiles equal another and were left out, because a distance of zero to a copy says nothing about
    dimension.
    """

    space: Space
    estimator: Estimator
    estimate: Estimate
    known: tuple[KnownBias, ...]
    points: int
    repeated: int

    @property
    def matching(self) -> tuple[float, ...]:
        """The dimensions of known samples that give this estimate, if they are within those tried."""
        return tuple(known.matching for known in self.known if known.matching is not None)


def intrinsic_dimensions(
    tiles: Tensor, neighbours: int, *, device: torch.device, seed: int = 0
) -> tuple[IntrinsicDimension, ...]:
    """Return the intrinsic dimension of tiles, for both spaces and both estimators.

    >>> square = torch.cartesian_prod(torch.arange(16), torch.arange(16)).to(torch.uint8)
    >>> found = intrinsic_dimensions(10 * square, 10, device=torch.device("cpu"))
    >>> 1.5 < found[1].estimate.value < 2.5
    True

    `tiles` is uint8 (tiles, dimension), from different images: tiles of one image lie close to each other, and
    would only show the two directions in which a tile can be moved. TwoNN uses two neighbours of each,
    Levina–Bickel `neighbours`. There is no estimate if at most `neighbours` distinct tiles are left.
    """
    found = []
    for space in get_args(Space):
        kept = distinct(tiles, space)
        repeated = len(tiles) - len(kept)
        if len(kept) <= neighbours:
            none = absent(
                f"{len(kept)} distinct tiles are too few: each needs {neighbours} neighbours besides itself"
            )
            found += [
                IntrinsicDimension(space, estimator, none, (), len(kept), repeated)
                for estimator in get_args(Estimator)
            ]
            continue
        kept = kept.to(device)
        # The nearest of all is the tile itself.
        distances = nearest(kept, kept, neighbours + 1, partial(vectors, space=space))[0][:, 1:]
        for estimator in get_args(Estimator):
            measured = estimate(distances.cpu().double().numpy(), estimator, seed=seed)
            known = tuple(
                known_bias(measured.value, estimator, sample, len(kept), neighbours)
                for sample in get_args(Known)
                if measured.value is not None
            )
            found.append(IntrinsicDimension(space, estimator, measured, known, len(kept), repeated))
    return tuple(found)
