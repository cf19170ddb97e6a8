"""Relative evidence: what a tile says for or against a class, compared with what it says for the others."""

from torch import Tensor


def relative(logits: Tensor) -> Tensor:
    """Return each logit minus the mean of the same tile's logits over all classes.

    >>> import torch
    >>> relative(torch.tensor([[5.0, 1.0], [3.0, 3.0]])).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]

    `logits` is float of shape (classes, ...), and so is the result. Adding a number to all logits of a tile
    changes no probability, so it must not change what counts as evidence for or against a class. This is the one
    shift of a tile's logits that makes them sum to zero. Under softmax it is the logarithm of the class's
    probability over the geometric mean of all (the centred log-ratio: Aitchison, J. R. Stat. Soc. B 44, 1982).
    """
    return logits - logits.mean(0, keepdim=True)
