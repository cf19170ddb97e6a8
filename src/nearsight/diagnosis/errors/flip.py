"""The smallest set of tiles whose removal changes an image's prediction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nearsight.errors import InputError, unknown_name
from nearsight.evidence import EvidenceMap
from nearsight.settings.protocols import ATTENTION, MEAN_LOGIT, MEAN_PROBABILITY, NOISY_OR, VOTE


@dataclass(frozen=True)
class Flip:
    """Tiles whose removal changes the prediction, and the class that wins without them.

    `tiles` are row-major numbers, strongest first; `share` is their share of all tiles. `smallest` says whether
    it is certain that no smaller set suffices, as it always is for `smallest_flip`. `area` is the share of the
    image's pixels that they cover, which is far more than `share` if tiles overlap; None in files without it.
    `holds` says whether the decision also changes when these pixels are hidden by the image's mean colour and the
    image is classified again; None if that was not tried.
    """

    tiles: tuple[int, ...]
    to: int
    share: float
    smallest: bool = True
    area: float | None = None
    holds: bool | None = None


def _shown_by_none(tiles: EvidenceMap) -> Tensor:
    """Return −log(1 − p) of each tile and class: the larger the sum, the larger noisy-or's log-odds."""
    return F.softplus(_looked_at(tiles).double())


def _attended(tiles: EvidenceMap) -> Tensor:
    """Return logits weighted by attention; without some tiles, the sums of the rest keep the order of the classes."""
    if tiles.attention is None:
        tiles.attended()
    assert tiles.attention is not None
    attention = tiles.attention[~tiles.skipped]
    return _looked_at(tiles) * attention.softmax(0) * len(attention)


def _looked_at(tiles: EvidenceMap) -> Tensor:
    """Return the logits of the tiles that were not skipped, (classes, tiles)."""
    return tiles.logits[:, ~tiles.skipped]


ADDITIVE_PROTOCOLS: Mapping[str, Callable[[EvidenceMap], Tensor]] = MappingProxyType(
    {
        MEAN_LOGIT: lambda tiles: _looked_at(tiles),
        MEAN_PROBABILITY: lambda tiles: _looked_at(tiles).softmax(0),
        VOTE: lambda tiles: F.one_hot(_looked_at(tiles).argmax(0), len(tiles.classes)).T,
        NOISY_OR: _shown_by_none,
        ATTENTION: _attended,
    }
)


def additive_values(protocol: str, evidence_map: EvidenceMap) -> Tensor:
    """Return what each tile adds to each class's score under a protocol, float64 of shape (classes, tiles).

    >>> import torch
    >>> from nearsight.tiles import TileGrid
    >>> tiles = EvidenceMap(torch.tensor([[[3.0, 1.0]], [[0.0, 2.0]]]), TileGrid(2, 4, 2, 2), ("cat", "dog"))
    >>> additive_values("vote", tiles).tolist()
    [[1.0, 0.0], [0.0, 1.0]]

    These are logits under `mean-logit`, softmax under `mean-probability` and one vote under `vote`, for tiles in
    row-major order, without those that were skipped. The mean over tiles is the protocol's score, also under
    `attention`, whose logits are weighted by their attention. Under `noisy-or` it is −log(1 − p) of a tile's p, and
    the sums put the classes in the order of the scores. Raises `InputError` for any other protocol: under `top-k` and
    `max` nothing is additive (`strongest_flip`).
    """
    if protocol not in ADDITIVE_PROTOCOLS:
        raise unknown_name("additive protocol", protocol, ADDITIVE_PROTOCOLS)
    return ADDITIVE_PROTOCOLS[protocol](evidence_map).double()


def smallest_flip(values: Tensor, prediction: int) -> Flip | None:
    """Return the fewest tiles whose removal makes any other class win, or None if no removal does.

    >>> import torch
    >>> values = torch.tensor([[4.0, 1.0, 1.0, 0.0], [0.0, 1.0, 2.0, 1.0]], dtype=torch.float64)
    >>> found = smallest_flip(values, prediction=0)
    >>> found.tiles, found.to, found.share, found.smallest
    ((0,), 1, 0.25, True)

    `values` is (classes, tiles) of an additive protocol (`additive_values`), `prediction` is the class with the
    largest sum; if sums are equal, the first class wins. At least one tile is left. The result is computed, not
    searched for: against one rival, the k tiles with the largest prediction minus rival remove most, so one sort
    gives the fewest tiles for each rival, and the fewest of all are the smallest over rivals. If rivals need
    equally few, the one that then leads by most is used. The set is empty if `prediction` does not have the
    largest sum. Raises `InputError` for a class that does not exist.
    """
    scores = _scores(values, prediction)
    lead = scores[prediction] - scores
    kept = _least_kept(lead)
    # If sums are equal, the first class wins, so a class before the prediction only needs a tie.
    won = _beaten(kept, ties=np.arange(len(lead)) < prediction)
    won[prediction] = False
    if not won.any():
        return None
    count = int(won.any(0).argmax())
    rival = int(np.where(won[:, count], kept[:, count], np.inf).argmin())
    order = np.argsort(-lead[rival], kind="stable")
    sums = scores[:, order[count:]].sum(1)
    sums[prediction] = -np.inf
    return Flip(tuple(order[:count].tolist()), int(sums.argmax()), count / len(order))


def flip_to(values: Tensor, prediction: int, label: int) -> Flip | None:
    """Return tiles whose removal makes `label` win against every class, or None if none are found.

    >>> import torch
    >>> values = torch.tensor([[4.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 3.0, 0.0]], dtype=torch.float64)
    >>> found = flip_to(values, prediction=0, label=1)
    >>> found.tiles, found.to, found.smallest
    ((0, 1), 1, False)

    `values` is as for `smallest_flip`. Tiles are removed in the order of prediction minus label until the label
    wins. To beat several classes at once with the fewest tiles is an integer programme. This order is exact
    against the prediction, and each class alone requires at least a certain number of tiles. `smallest` says
    whether the set meets the largest of these bounds, so that none is smaller. Raises `InputError` for a class
    that does not exist.
    """
    scores = _scores(values, prediction, label)
    lead = scores - scores[label]
    # If sums are equal, the first class wins, so a tie suffices against itself and the classes after it.
    ties = np.arange(len(lead)) >= label
    order = np.argsort(-lead[prediction], kind="stable")
    wins = _beaten(_suffix_sums(lead[:, order]), ties).all(0)
    if not wins.any():
        return None
    count = int(wins.argmax())
    bound = int(_beaten(_least_kept(lead), ties).argmax(1).max())
    return Flip(tuple(order[:count].tolist()), label, count / len(order), smallest=count == bound)


def _scores(values: Tensor, *classes: int) -> NDArray[np.float64]:
    if values.ndim != 2 or not values.numel():
        raise InputError(f"values have shape {tuple(values.shape)}; expected (classes, tiles), one of each")
    for number in classes:
        if not 0 <= number < len(values):
            raise InputError(f"class {number} does not exist; the classes are 0 to {len(values) - 1}")
    return values.detach().cpu().double().numpy()


def _least_kept(lead: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the least sum that removing k values of each row can leave, for k from 0 to all but one."""
    # NumPy sorts the rows of a thousand classes ten times as fast as PyTorch.
    return np.cumsum(np.sort(lead, axis=1), axis=1)[:, ::-1]


def _suffix_sums(lead: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum that removing the first k values of each row leaves, for k from 0 to all but one."""
    return np.cumsum(lead[:, ::-1], axis=1)[:, ::-1]


def _beaten(kept: NDArray[np.float64], ties: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return where what is left of a lead no longer wins; in the rows of `ties`, a lead of zero loses."""
    beaten: NDArray[np.bool_] = np.where(ties[:, None], kept <= 0, kept < 0)
    return beaten
