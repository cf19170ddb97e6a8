"""The joint prediction of several tiles of an image: pure functions of their logits."""

import torch
import torch.nn.functional as F
from torch import Tensor

from nearsight.settings.pooled import Pooling, no_attention

# Below this, the probability that a tile shows a class cannot be represented in float32, but its logarithm can.
_LEAST = 1e-30


def pooled_logits(pooling: Pooling, logits: Tensor, attention: Tensor | None = None) -> Tensor:
    """Return the logits of images from those of their tiles, float (..., classes).

    >>> tiles = torch.tensor([[4.0, 0.0], [0.0, 1.0], [2.0, 2.0]])
    >>> pooled_logits(Pooling("max"), tiles).tolist(), pooled_logits(Pooling("top-k", top_k=2), tiles).tolist()
    ([4.0, 2.0], [3.0, 1.5])

    `logits` is (..., tiles, classes). `attention`, which only the pooling of that name uses, is (..., tiles): the
    score of each tile before the softmax. The softmax of the result is the probability of each class. Raises
    `InputError` for more tiles than there are, and for `attention` that nothing gives.
    """
    if pooling.name == "mean":
        return logits.mean(-2)
    if pooling.name == "max":
        return logits.amax(-2)
    if pooling.name == "top-k":
        return top_k_mean(logits, pooling.count(logits.shape[-2]))
    if pooling.name == "noisy-or":
        return noisy_or_odds(logits)
    if attention is None:
        raise no_attention()
    return attended_mean(logits, attention)


def top_k_mean(logits: Tensor, count: int) -> Tensor:
    """Return for each class the mean of its `count` largest logits over the tiles, float (..., classes).

    >>> top_k_mean(torch.tensor([[4.0, 0.0], [0.0, 1.0], [2.0, 2.0]]), 2).tolist()
    [3.0, 1.5]

    `logits` is (..., tiles, classes). Every class has tiles of its own.
    """
    return logits.topk(count, dim=-2, sorted=False).values.mean(-2)


def noisy_or_odds(logits: Tensor) -> Tensor:
    """Return for each class the log-odds that at least one tile shows it, float (..., classes).

    >>> noisy_or_odds(torch.zeros(2, 2)).sigmoid()  # two tiles, each shows either class with probability 1/2
    tensor([0.7500, 0.7500])

    `logits` is (..., tiles, classes); p, their sigmoid, is the probability that a tile shows a class. Each class
    is treated by itself, so a tile can show none. The sigmoid of the result is P = 1 − Π (1 − p); for one tile,
    the result is its logits. As log-odds, the largest classes stay distinct even if all their P are 1 to the last
    digit. Source: Maron and Lozano-Pérez, "A Framework for Multiple-Instance Learning", NIPS 1997.
    """
    # s = −log Π (1 − p), and the log-odds are log(exp(s) − 1); if s is nearly 0, it is Σ p.
    s = F.softplus(logits).sum(-2)
    some = s.clamp_min(_LEAST)
    return torch.where(s > _LEAST, some + torch.log(-torch.expm1(-some)), logits.logsumexp(-2))


def attended_mean(logits: Tensor, attention: Tensor) -> Tensor:
    """Return the mean of the tiles' logits by the softmax of their attention, float (..., classes).

    >>> attended_mean(torch.tensor([[4.0, 0.0], [0.0, 2.0]]), torch.tensor([0.0, 0.0])).tolist()
    [2.0, 1.0]

    `logits` is (..., tiles, classes), `attention` (..., tiles).
    """
    return (attention.softmax(-1)[..., None, :] @ logits)[..., 0, :]
