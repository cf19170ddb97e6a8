"""The rows of a table of predictions: each image's class, how certain it is, and what else is known of the image."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nearsight.data.unlabelled import Unlabelled
from nearsight.evaluation.predicting import Scored
from nearsight.evaluation.protocols import probabilities
from nearsight.settings.prediction_words import (
    CLASS,
    DIGEST,
    FAULT,
    MAP,
    MARGIN,
    MODEL,
    PATH,
    PROBABILITY,
    PROTOCOL,
    columns_of,
)

if TYPE_CHECKING:
    import pyarrow as pa


def prediction_rows(
    images: Unlabelled,
    found: Sequence[Scored],
    *,
    classes: Sequence[str],
    protocol: str,
    said: str,
    model: str,
    top: int,
    maps: Sequence[str | None] | None = None,
) -> "pa.Table":
    """Return a row for each scored image: the columns of `columns_of`, and the image's own.

    >>> from nearsight.data.unlabelled import unlabelled
    >>> black = unlabelled([np.zeros((4, 4, 3), np.uint8)])
    >>> one = Scored(0, np.array([0.25, 0.75], np.float32))
    >>> prediction_rows(
    ...     black, [one], classes=("cat", "dog"), protocol="vote", said="vote", model="toy", top=2
    ... ).to_pylist()[0]["margin"]
    0.5

    `said` is the protocol with its tile and stride. If scores are equal, the class that comes first is better. A
    column of the images with the name of one of ours is called `data.NAME`.
    """
    import pyarrow as pa

    top = min(top, len(classes))
    good = [place for place, one in enumerate(found) if one.scores is not None]
    best = np.full((len(found), top), -1, dtype=np.int64)
    shares = np.full((len(found), max(2, top)), np.nan, dtype=np.float32)
    if good:
        scores = np.stack([one.scores for one in found if one.scores is not None])
        order = np.argsort(-scores, axis=1, kind="stable")[:, : max(2, top)]
        ranked = np.take_along_axis(probabilities(protocol, scores), order, 1)
        shares[good, : ranked.shape[1]] = ranked
        if len(classes) == 1:
            shares[good, 1] = 0
        best[good] = order[:, :top]
    names = np.array([*classes, None], dtype=object)
    columns: dict[str, pa.Array] = {}
    for rank in range(top):
        end = "" if rank == 0 else f".{rank + 1}"
        columns[f"{CLASS}{end}"] = pa.array(names[best[:, rank]], pa.string())
        columns[f"{PROBABILITY}{end}"] = _numbers(shares[:, rank])
    columns[PATH] = pa.array([images.path(one.number) for one in found], pa.string())
    columns[MARGIN] = _numbers(shares[:, 0] - shares[:, 1])
    columns[PROTOCOL] = pa.array([said] * len(found), pa.string())
    columns[MODEL] = pa.array([model] * len(found), pa.string())
    columns[FAULT] = pa.array([one.fault for one in found], pa.string())
    columns[DIGEST] = pa.array([one.digest or None for one in found], pa.string())
    if maps is not None:
        columns[MAP] = pa.array(maps, pa.string())
    table = pa.table({name: columns[name] for name in columns_of(top, mapped=maps is not None)})
    if images.columns is None:
        return table
    known = images.columns.take([one.number for one in found])
    for name in known.column_names:
        own = f"data.{name}" if name in table.column_names else name
        table = table.append_column(own, known[name])
    return table


def _numbers(values: np.ndarray) -> "pa.Array":
    import pyarrow as pa

    return pa.array(values, pa.float32(), from_pandas=True)
