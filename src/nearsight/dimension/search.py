"""Exact nearest neighbours by matrix products, in bounded memory, on any PyTorch device.

FAISS is made for this, and on one core takes 0.8 times as long on tiles of 16 pixels and more, half as long on
tiles of 4. But its wheels for macOS bring a second OpenMP runtime beside PyTorch's, with which searches crash
(faiss-wheels issue 73, open). scikit-learn's exact search takes 1.5 to 1.9 times as long. PyTorch is installed
anyway, and searches on a GPU if there is one.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from nearsight.errors import InputError

Prepare = Callable[[Tensor], Tensor]

# In memory at the same time: a piece of the queries, one of the reference, and the distances between them.
ROWS = 1024
PIECE_BYTES = 64 * 2**20


def as_they_are(rows: Tensor) -> Tensor:
    """Return rows unchanged: they are already vectors."""
    return rows


def nearest(
    queries: Tensor, reference: Tensor, count: int, prepare: Prepare = as_they_are
) -> tuple[Tensor, Tensor]:
    """Return the distances and places of each query's nearest rows of the reference, nearest first.

    >>> line = torch.tensor([[0.0], [3.0], [4.0]])
    >>> distances, places = nearest(torch.tensor([[2.5]]), line, 2)
    >>> distances.tolist(), places.tolist()
    ([[0.5, 1.5]], [[1, 2]])

    `queries` is (q, dimension) and `reference` (n, dimension), on one device: vectors, or uint8 tiles from which
    `prepare` makes float32 vectors, a piece at a time. Returns float32 and int64 of shape (q, count). Neighbours
    are found by |x|² − 2 x·y in float32, so if the distances of two agree to some six digits, either may be
    returned. The returned distances are computed from the differences, exact near zero. Raises `InputError` if
    the reference has fewer rows than `count`.
    """
    if len(reference) < count:
        raise InputError(
            f"{count} neighbours were asked for among {len(reference)} tiles; there must be as many"
        )
    rows = piece_rows(queries)
    best = torch.full((len(queries), count), torch.inf, device=queries.device)
    places = torch.full((len(queries), count), -1, dtype=torch.int64, device=queries.device)
    for first in range(0, len(reference), rows):
        piece = _vectors(reference[first : first + rows], prepare)
        norms = piece.square().sum(1)
        for start in range(0, len(queries), rows):
            here = slice(start, start + rows)
            near, order = torch.addmm(norms, _vectors(queries[here], prepare), piece.T, alpha=-2).topk(
                min(count, len(piece)), largest=False
            )
            near, order = torch.cat([best[here], near], 1), torch.cat([places[here], order + first], 1)
            best[here], chosen = near.topk(count, largest=False)
            places[here] = order.gather(1, chosen)
    found = torch.stack([distances(queries, reference, places[:, k], prepare) for k in range(count)], 1)
    found, order = found.sort(dim=1, stable=True)
    return found, places.gather(1, order)


def distances(queries: Tensor, reference: Tensor, places: Tensor, prepare: Prepare = as_they_are) -> Tensor:
    """Return the distance of each query to the one row of the reference in `places`, float32 (q,).

    >>> distances(torch.tensor([[1.0]]), torch.tensor([[0.0], [4.0]]), torch.tensor([1]))
    tensor([3.])
    """
    rows = piece_rows(queries)
    here = [slice(start, start + rows) for start in range(0, len(queries), rows)]
    return torch.cat(
        [
            (_vectors(queries[part], prepare) - _vectors(reference[places[part]], prepare)).norm(dim=1)
            for part in here
        ]
    )


def piece_rows(tiles: Tensor) -> int:
    """Return how many rows of (n, dimension) are processed at a time."""
    return max(1, min(ROWS, PIECE_BYTES // (4 * tiles.shape[1])))


def _vectors(rows: Tensor, prepare: Prepare) -> Tensor:
    return rows if rows.is_floating_point() else prepare(rows)
