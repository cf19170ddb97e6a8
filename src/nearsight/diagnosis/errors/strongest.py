"""Strongest tiles whose removal changes a prediction, for poolings that are not additive."""

from nearsight.diagnosis.errors.flip import Flip
from nearsight.evidence import EvidenceMap

# The most of the prediction's strongest tiles that are removed.
MOST = 256


def strongest_flip(tiles: EvidenceMap, prediction: int, label: int | None = None) -> Flip | None:
    """Return tiles without which `label`, or any other class, wins under `top-k` or `max`; None if none are found.

    >>> import torch
    >>> from nearsight.settings.pooled import Pooling
    >>> from nearsight.tiles import TileGrid
    >>> logits = torch.tensor([[[4.0, 3.0, 0.0]], [[0.0, 0.0, 2.0]]])
    >>> found = strongest_flip(EvidenceMap(logits, TileGrid(2, 6, 2, 2), ("a", "b"), pooling=Pooling("max")), 0)
    >>> found.tiles, found.to, found.smallest
    ((0, 1), 1, True)

    The strongest tiles of the `prediction` are removed first, at most 256. Under `max` no smaller set suffices
    against any other class: each tile of the prediction that is above what another class has left must be
    removed. Under `top-k`, and for one `label` to win, a smaller set might suffice, and `smallest` does not say
    that this is the smallest.
    """
    logits = tiles.logits[:, ~tiles.skipped].double()
    count = 1 if tiles.pooling.name == "max" else tiles.pooling.count(logits.shape[1])
    order = logits[prediction].argsort(descending=True, stable=True)
    for gone in range(1, min(MOST, logits.shape[1] - count) + 1):
        left = logits[:, order[gone:]]
        # As many as count in the whole image, also if `top_k` is a share.
        scores = left.topk(count, dim=1).values.mean(1)
        winner = int(scores.argmax())
        if winner != prediction and label in (None, winner):
            smallest = label is None and count == 1
            return Flip(tuple(order[:gone].tolist()), winner, gone / logits.shape[1], smallest=smallest)
    return None
