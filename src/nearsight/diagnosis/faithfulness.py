"""Whether a map shows what the classifier uses: how its predictions change when pixels go, map by map."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from nearsight.data import ImageSet
from nearsight.diagnosis.baselines import GRAD_CAM, edge_map, grad_cam, left_out, random_map
from nearsight.diagnosis.curves import (
    Score,
    area,
    curve,
    pixel_order,
    rank_correlation,
    tile_drops,
    tile_means,
)
from nearsight.diagnosis.draw import draw
from nearsight.errors import unknown_name
from nearsight.evidence import DEFAULT_MEMORY, EvidenceMap, Model, evidence, fitting_batch, forward
from nearsight.evidence.forward_pass import device_of
from nearsight.progress import SILENT, Progress
from nearsight.statistics import Estimate, mean_estimate
from nearsight.tiles import TileGrid

ScoredBy = Literal["full-pass", "mean-logit"]
RANDOM = "random"

NOTES = (
    "Pixels are replaced by the image's mean colour. Such images are unlike those trained on, so part of a drop is "
    "owed to the replacement and not to what it hides.",
    "Replacing scattered pixels, as the random map does, destroys texture everywhere: its deletion curve falls fast "
    "though it points nowhere, so deletion alone proves little.",
    "The map of evidence is the mean over overlapping tiles, so it is no finer than a tile. Deletion of single "
    "pixels favours finer maps; the correlation, which removes tiles, does not.",
    "Evidence is of the predicted class and plain; the probability depends on the other classes' evidence too.",
)
_COARSE = (
    "Under mean-logit, changed images are scored on tiles side by side (and flush with the far edge), not on the "
    "finer grid of the map: it costs less, and the predicted class may then have another probability."
)


@dataclass(frozen=True)
class MethodRow:
    """One kind of map, measured on each image and averaged.

    `correlation` is Spearman's, of a tile's mean value and how much of the predicted class's log-probability is
    lost without the tile: higher is better. `insertion` and `deletion` are areas under curves of the predicted
    class's probability (Petsiuk et al., arXiv 1806.07421): more is better for insertion, less for deletion.
    Chance is no correlation, and the areas of the random map.
    """

    method: str
    correlation: Estimate
    insertion: Estimate
    deletion: Estimate


@dataclass(frozen=True)
class Faithfulness:
    """The maps side by side on the same images, scored under one protocol, and what to know of the measures."""

    protocol: str
    images: int
    rows: tuple[MethodRow, ...]
    notes: tuple[str, ...]


def measure_faithfulness(
    model: Model,
    prepare: Callable[[Tensor], Tensor],
    images: ImageSet,
    *,
    tile: int,
    stride: int,
    protocol: ScoredBy = "full-pass",
    limit: int = 32,
    seed: int = 0,
    memory: int = DEFAULT_MEMORY,
    progress: Progress = SILENT,
) -> Faithfulness:
    """Measure evidence maps, and random maps, edges and Grad-CAM beside them, on the same images.

    >>> from nearsight.data import MemoryImages
    >>> pixels = torch.arange(192).view(1, 3, 8, 8).to(torch.uint8)
    >>> toy = ImageSet("toy", "test", ("dark", "light"), np.array([0]), MemoryImages(pixels, ("a",)))
    >>> def model(images):
    ...     return torch.stack([0.5 - images.mean((1, 2, 3)), images.mean((1, 2, 3)) - 0.5], dim=1)
    >>> found = measure_faithfulness(model, lambda image: image / 255, toy, tile=4, stride=4)
    >>> [row.method for row in found.rows], round(found.rows[0].correlation.value, 6)
    (['evidence', 'random', 'edges'], 1.0)

    `prepare` makes of a decoded image, uint8 (3, H, W), what the model takes. The map of evidence is that of the
    predicted class, on a covering grid of `tile` and `stride`, spread over pixels. Prediction and probability
    are those of `protocol`. At most `limit` images, drawn by `seed`, take part. `progress` is told how
    many images are done. Raises `InputError` for another protocol.
    """
    score = scorer(model, protocol, tile, memory)
    order = draw(len(images), limit, seed)
    generator = torch.Generator().manual_seed(seed)
    target = device_of(model) or torch.device("cpu")
    measured: dict[str, list[tuple[float, float, float]]] = {}
    notes = (*NOTES, _COARSE) if protocol == "mean-logit" else NOTES
    if not len(order):
        return Faithfulness(protocol, 0, (), notes)
    explain, note = grad_cam(model, prepare(images.image(int(order[0])).to(target)))
    for done, i in enumerate(order.tolist(), start=1):
        image = prepare(images.image(i).to(target))
        [evidence_map] = evidence(
            model, image[None], tile=tile, stride=stride, grid="covering", memory=memory
        )
        prediction = int(score(image[None])[0].argmax())
        maps = {
            "evidence": evidence_map.per_pixel(prediction),
            RANDOM: random_map(image, generator),
            "edges": edge_map(image),
        }
        if explain is not None:
            try:
                maps[GRAD_CAM] = explain(image, prediction)
            except Exception as error:
                # It may end on this image, as at another size; a row of some images would not be beside the others.
                explain, note = None, left_out(error)
                measured.pop(GRAD_CAM, None)
        for method, found in _measure(score, image, prediction, maps, evidence_map, generator).items():
            measured.setdefault(method, []).append(found)
        progress.count("checking the maps of images", done, len(order))
    return Faithfulness(protocol, len(order), _rows(measured), (*notes, note))


def scorer(model: Model, protocol: ScoredBy, tile: int, memory: int) -> Score:
    """Return what gives images (B, 3, H, W) their logits under a protocol, (B, classes).

    >>> score = scorer(lambda images: images.amax((2, 3)), "mean-logit", tile=2, memory=2**20)
    >>> score(torch.arange(4.0).expand(1, 3, 2, 4)).tolist()
    [[2.0, 2.0, 2.0]]

    Under `mean-logit` tiles lie side by side, and flush with the far edge. Raises `InputError` for a protocol
    whose scores are no logits.
    """
    if protocol == "full-pass":
        return lambda images: _full_pass(model, images, memory)
    if protocol != "mean-logit":
        raise unknown_name("protocol with logits", protocol, ("full-pass", "mean-logit"))

    def score(images: Tensor) -> Tensor:
        maps = evidence(model, images, tile=tile, stride=tile, grid="covering", memory=memory)
        return torch.stack([evidence_map.mean() for evidence_map in maps])

    return score


def _full_pass(model: Model, images: Tensor, memory: int) -> Tensor:
    size = fitting_batch(
        lambda batch: forward(model, batch), images[0], memory, seen=isinstance(model, nn.Module)
    )
    return torch.cat([forward(model, batch) for batch in torch.split(images, size)])


def _measure(
    score: Score,
    image: Tensor,
    prediction: int,
    maps: dict[str, Tensor],
    evidence_map: EvidenceMap,
    generator: torch.Generator,
) -> dict[str, tuple[float, float, float]]:
    tile = evidence_map.grid.tile
    grid = TileGrid(image.shape[1], image.shape[2], tile, max(1, tile // 2), "covering")
    drops = tile_drops(score, image, prediction, grid)
    found = {}
    for method, values in maps.items():
        order = pixel_order(values, generator)
        inserted = curve(score, image, prediction, order, keep=True)
        deleted = curve(score, image, prediction, order, keep=False)
        correlation = rank_correlation(tile_means(values, grid), drops)
        found[method] = (correlation, area(inserted), area(deleted))
    return found


def _rows(measured: dict[str, list[tuple[float, float, float]]]) -> tuple[MethodRow, ...]:
    tables = {method: np.array(rows) for method, rows in measured.items()}
    rows = []
    for method, table in tables.items():
        chance = (None, None) if method == RANDOM else tables[RANDOM][:, 1:].mean(0).tolist()
        rows.append(
            MethodRow(
                method,
                correlation=mean_estimate(table[:, 0], chance=0.0),
                insertion=mean_estimate(table[:, 1], chance=chance[0]),
                deletion=mean_estimate(table[:, 2], chance=chance[1]),
            )
        )
    return tuple(rows)
