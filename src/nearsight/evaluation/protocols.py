"""Protocols: how an image's scores come from its evidence map, and its prediction from its scores."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.errors import InputError, unknown_name
from nearsight.evidence import EvidenceMap
from nearsight.evidence.map import POOLED_SCORES
from nearsight.settings.protocols import LOGIT_PROTOCOLS, MEAN_PROBABILITY, SINGLE_TILE, VOTE

TILE_PROTOCOLS: Mapping[str, Callable[[EvidenceMap], Tensor]] = MappingProxyType(
    {
        **POOLED_SCORES,
        MEAN_PROBABILITY: EvidenceMap.probabilities,
        VOTE: EvidenceMap.vote,
        SINGLE_TILE: EvidenceMap.vote,
    }
)


def tile_scores(protocol: str, evidence_map: EvidenceMap) -> Tensor:
    """Return an image's scores under a protocol that reduces its evidence map, float of shape (classes,).

    >>> from nearsight.tiles import TileGrid
    >>> logits = torch.tensor([[[9.0, 0.0, 0.0]], [[0.0, 1.0, 1.0]]])
    >>> tiles = EvidenceMap(logits, TileGrid(4, 6, tile=4, stride=1), ("cat", "dog"))
    >>> [tile_scores(protocol, tiles).argmax().item() for protocol in ("mean-logit", "vote")]
    [0, 1]

    The scores of `mean-logit`, `top-k`, `max` and `attention` are logits; those of `noisy-or` are log-odds. Those
    of `mean-probability` and `vote` are shares that sum to 1. Those of `single-tile` are the same as of `vote`:
    its accuracy is the mean of the true class's score, which is the accuracy of tiles taken one by one. The map's
    `pooling` says how many tiles `top-k` takes. Raises `InputError` for any other protocol, and for a removal
    map, whose values no protocol reduces.
    """
    if protocol not in TILE_PROTOCOLS:
        raise unknown_name("tile protocol", protocol, TILE_PROTOCOLS)
    if evidence_map.kind != "tile":
        raise InputError(
            f"{protocol} needs the logits of tiles, and this is a removal map; its scores are `scores()`"
        )
    return TILE_PROTOCOLS[protocol](evidence_map)


def predict(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the class with the largest score; if scores are equal (votes can be), the first in order.

    >>> predict(np.array([[0.2, 0.4, 0.4]], dtype=np.float32)).tolist()
    [1]

    `scores` is (images, classes); the result int64 of shape (images,).
    """
    best: NDArray[np.int64] = scores.argmax(1).astype(np.int64)
    return best


def correctness(protocol: str, scores: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how right each image is: 0 or 1, and under `single-tile` the share of its tiles that are right.

    >>> scores = np.array([[0.75, 0.25], [0.75, 0.25]], dtype=np.float32)
    >>> [correctness(protocol, scores, np.array([0, 1])).tolist() for protocol in ("vote", "single-tile")]
    [[1.0, 0.0], [0.75, 0.25]]

    `scores` is (images, classes), `labels` (images,). The mean of the result is the protocol's accuracy.
    """
    if protocol == SINGLE_TILE:
        shares: NDArray[np.float64] = scores[np.arange(len(labels)), labels].astype(np.float64)
        return shares
    right: NDArray[np.bool_] = predict(scores) == labels
    return right.astype(np.float64)


def probabilities(protocol: str, scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return scores as probabilities: the softmax of logits, shares as they are.

    >>> probabilities("mean-logit", np.zeros((1, 2), dtype=np.float32)).tolist()
    [[0.5, 0.5]]

    `scores` and the result are (images, classes).
    """
    if protocol not in LOGIT_PROTOCOLS:
        return scores
    shares: NDArray[np.float32] = torch.from_numpy(scores).softmax(1).numpy()
    return shares
