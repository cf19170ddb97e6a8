"""What was measured of each tile size, kept on disk until all are, and on what it depends."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.dimension.result import TileDimension
from nearsight.evaluation.kept_blocks import BlockForm, KeptBlocks
from nearsight.evaluation.kept_scores import made_by, told_apart_by, versions
from nearsight.evidence import TiledModel
from nearsight.rows import from_values, to_values
from nearsight.schema import SCHEMAS
from nearsight.settings import Sampling


def _packed(row: TileDimension) -> tuple[dict[str, Tensor], dict[str, Any]]:
    return {"tile": torch.tensor(row.tile or 0)}, {"row": to_values(row)}


def _unpacked(_: Mapping[str, Tensor], said: Mapping[str, Any]) -> TileDimension:
    return from_values(TileDimension, said["row"], "a kept tile size", schema=SCHEMAS["dimension"])


_SIZE = BlockForm[TileDimension](_packed, _unpacked)


def kept_sizes(
    directory: Path,
    train: ImageSet,
    test: ImageSet,
    sizes: Mapping[int | None, tuple[int, int]],
    sampling: Sampling,
    embedding: TiledModel | None,
    device: torch.device,
) -> KeptBlocks[TileDimension]:
    """Return what is kept in a directory of some tile sizes, by their places among these.

    It is of the same work if images, labels, tile size, `sampling` and, if given, the model `embedding` are the same.
    """
    images = [told_apart_by(one) for one in (train, test)]
    labels = [one.labels.tolist() for one in (train, test)]
    model = None if embedding is None else made_by(embedding)
    known = embedding is None or model is not None
    places = [*sizes]

    def made_with(place: int) -> dict[str, Any] | None:
        tile = places[place]
        return (
            {
                "tile": [tile, *sizes[tile]],
                "images": images,
                "labels": labels,
                "classes": list(train.classes),
                "sampling": asdict(sampling),
                "embedding": model,
                "device": device.type,
                "versions": versions(),
            }
            if known
            else None
        )

    return KeptBlocks(directory, _SIZE, made_with)
