"""Tiles whose removal changes a prediction by the strongest tiles, where nothing adds up."""

from nearsight.diagnosis.errors.flip import Flip
from nearsight.evidence import EvidenceMap

# Of the prediction's strongest tiles, at most so many are removed.
MOST = 256


def strongest_flip(tiles: EvidenceMap, prediction: int, label: int | None = None) -> Flip | None:
    """Return tiles without which `label`, or any other class, wins under `top-k` or `max`; None where none are found.

    >>> import torch
    >>> from nearsight.settings.pooled import Pooling
    >>> from nearsight.tiles import TileGrid
    >>> logits = torch.tensor([[[4.0, 3.0, 0.0]], [[0.0, 0.0, 2.0]]])
    >>> found = strongest_flip(EvidenceMap(logits, TileGrid(2, 6, 2, 2), ("a", "b"), pooling=Pooling("max")), 0)
    >>> found.tiles, found.to, found.smallest
    ((0, 1), 1, True)

    The strongest tiles of the `prediction` go first, at most 256. Under `max` no fewer do it against any other class:
    each tile of the prediction that is above what another class has left must go. Under `top-k`, and for one `label`
    to win, fewer might, and `smallest` does not say so.
    """
    logits = tiles.logits.flatten(1).double()
    count = 1 if tiles.pooling.name == "max" else tiles.pooling.count(logits.shape[1])
    order = logits[prediction].argsort(descending=True, stable=True)
    for gone in range(1, min(MOST, logits.shape[1] - count) + 1):
        left = logits[:, order[gone:]]
        # As many as count in the whole image, of a share too.
        scores = left.topk(count, dim=1).values.mean(1)
        winner = int(scores.argmax())
        if winner != prediction and label in (None, winner):
            smallest = label is None and count == 1
            return Flip(tuple(order[:gone].tolist()), winner, gone / logits.shape[1], smallest=smallest)
    return None
