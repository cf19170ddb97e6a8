"""Whether a map shows what the classifier uses: how its predictions change when pixels are removed, map by map."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.draw import draw
from nearsight.diagnosis.faithfulness.baselines import (
    GRAD_CAM,
    Explain,
    edge_map,
    grad_cam,
    left_out,
    random_map,
)
from nearsight.diagnosis.faithfulness.curves import (
    Score,
    area,
    curve,
    drop_grid,
    pixel_order,
    rank_correlation,
    square_side,
    squares,
    tile_drops,
    tile_means,
)
from nearsight.errors import InputError, unknown_name
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.evidence.map import POOLED_SCORES
from nearsight.evidence.ready import LEAST_PASS
from nearsight.progress import SILENT, Progress
from nearsight.settings.protocols import TOP_K
from nearsight.statistics import Estimate, mean_estimate
from nearsight.tiles import TileGrid

ScoredBy = Literal["full-pass", "mean-logit", "top-k", "max", "noisy-or", "attention"]
RANDOM, REMOVAL = "random", "removal"
# Alive at the same time: the image and a changed one in float, the sum of its channels, and maps and their order.
_BYTES_A_PIXEL = 48

NOTES = (
    "Pixels are replaced by the image's mean colour. Such images are unlike those trained on, so part of a drop "
    "is due to the replacement, not to what it hides.",
    "Replacing scattered pixels, as the random map does, destroys texture everywhere: its deletion curve falls fast "
    "though it points nowhere, so deletion alone proves little.",
    "The map of evidence is the mean over overlapping tiles, so it is no finer than a tile. Deletion of single "
    "pixels favours finer maps; the correlation, which removes tiles, does not.",
    "The map of removal is made much as it is tested, by replacing tiles by the mean colour, which favours its "
    "correlation. Insertion and deletion test it too.",
    "Evidence is of the predicted class and plain; the probability depends on the other classes' evidence too.",
)
_COARSE = (
    "By tiles, changed images are scored on tiles side by side (and flush with the far edge), not on the "
    "finer grid of the map: it costs less, and the predicted class may then have another probability."
)


_LARGE = (
    "Of an image of more than a megapixel, squares of pixels are replaced and not single ones; of one with more than "
    "256 half overlapping tiles, tiles further apart are removed for the correlation."
)


@dataclass(frozen=True)
class MethodRow:
    """One kind of map, measured on each image and averaged.

    `correlation` is Spearman's rank correlation between a tile's mean value and how much of the predicted class's
    log-probability is lost without the tile: higher is better. `insertion` and `deletion` are areas under curves
    of the predicted class's probability (Petsiuk et al., arXiv 1806.07421): higher is better for insertion, lower
    for deletion. Chance is no correlation, and the areas of the random map.
    """

    method: str
    correlation: Estimate
    insertion: Estimate
    deletion: Estimate


@dataclass(frozen=True)
class Faithfulness:
    """The maps on the same images, scored under one protocol, and what one must know about the measures."""

    protocol: str
    images: int
    rows: tuple[MethodRow, ...]
    notes: tuple[str, ...]


def measure_faithfulness(
    bound: TiledModel,
    images: ImageSet,
    *,
    protocol: ScoredBy = "full-pass",
    limit: int = 32,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Faithfulness:
    """Measure evidence maps on some images, and random maps, edges and Grad-CAM on the same images.

    >>> from nearsight.data import MemoryImages
    >>> from nearsight.models import Architecture, Classifier, Preprocessing
    >>> pixels = torch.arange(192).view(1, 3, 8, 8).to(torch.uint8)
    >>> toy = ImageSet("toy", "test", ("dark", "light"), np.array([0]), MemoryImages(pixels, ("a",)))
    >>> class Light(torch.nn.Module):
    ...     def forward(self, images):
    ...         return torch.stack([-images.mean((1, 2, 3)), images.mean((1, 2, 3))], dim=1)
    >>> halves = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    >>> classifier = Classifier(Light().eval(), Architecture("light", 2), toy.classes, 4, halves)
    >>> found = measure_faithfulness(TiledModel(classifier, stride=4), toy)
    >>> [row.method for row in found.rows], round(found.rows[0].correlation.value, 6)
    (['evidence', 'removal', 'random', 'edges'], 1.0)

    The map of evidence is that of the predicted class, on a covering grid of the bound tile and stride, spread
    over pixels. The map of removal is what the class's logit loses without each tile of the grid that the
    correlation uses. Prediction and probability are those of `protocol`. At most `limit` images, drawn with
    `seed`, take part. `progress` is told how many are done. Changed images are made as they are scored, so that
    few exist at a time; an image for which even these would exceed the bound on memory takes no part, and a note
    says how many did not. Raises `InputError` for another protocol.
    """
    tile, stride = bound.sides()
    covering = bound.at(tile, stride, "covering")
    score = scorer(bound, protocol)
    order = draw(len(images), limit, seed)
    generator = torch.Generator().manual_seed(seed)
    measured: dict[str, list[tuple[float, float, float]]] = {}
    notes = NOTES if protocol == "full-pass" else (*NOTES, _COARSE)
    if not len(order):
        return Faithfulness(protocol, 0, (), notes)
    explain: Explain | None = None
    note, large, begun, beyond = "", False, False, 0
    for done, i in enumerate(order.tolist(), start=1):
        decoded = bound.resize(images.image(i))
        if _BYTES_A_PIXEL * decoded[0].numel() > max(bound.memory, LEAST_PASS):
            beyond += 1
            continue
        image = bound.prepare(decoded)
        if protocol == "full-pass" and bound.preprocessing is not None:
            image = bound.preprocessing.cut_whole(image)
        if not begun:
            begun = True
            explain, note = _explaining(bound, image)
        [evidence_map] = covering.maps([image])
        prediction = int(score([image])[0].argmax())
        _, height, width = image.shape
        grid = drop_grid(height, width, tile)
        apart = bound.at(tile, grid.stride, grid.kind)
        [removal_map] = apart.removal_maps([image], protocol=protocol)
        maps = _maps(evidence_map, removal_map, image, prediction, generator)
        if explain is not None:
            try:
                bound.check_full_pass(image)
                explained = explain(image, prediction)
                maps[GRAD_CAM] = partial(_itself, explained)
            except Exception as error:
                # It may fail on this image, for example at another size. A row over only some of the images could
                # not be compared.
                explain, note = None, left_out(error)
                measured.pop(GRAD_CAM, None)
        large = large or grid.stride > max(1, tile // 2) or square_side(height, width) > 1
        for method, figures in _measure(score, image, prediction, maps, grid, generator).items():
            measured.setdefault(method, []).append(figures)
        progress.count("checking the maps of images", done, len(order))
    said = [_LARGE] if large else []
    if beyond:
        said.append(
            f"{beyond} of {len(order)} images are left out, too large to be changed within the bound on memory; "
            "give more, or have images resized."
        )
    return Faithfulness(
        protocol, len(order) - beyond, _rows(measured), (*notes, *said, *([note] if begun else []))
    )


def _explaining(bound: TiledModel, image: Tensor) -> tuple[Explain | None, str]:
    try:
        bound.check_full_pass(image)
    except InputError as error:
        return None, left_out(error)
    return grad_cam(bound.model, image, len(bound.classes))


def scorer(bound: TiledModel, protocol: ScoredBy) -> Score:
    """Return a function from a stream of images (3, H, W) to their logits under a protocol, (N, classes).

    >>> bound = TiledModel(lambda images: images.amax((2, 3)), tile=2)
    >>> scorer(bound, "mean-logit")([torch.arange(4.0).expand(3, 2, 4)]).tolist()
    [[2.0, 2.0, 2.0]]

    Under `mean-logit` and the other poolings, tiles lie side by side, and flush with the far edge. Raises
    `InputError` for a protocol whose scores are not logits.
    """
    if protocol == "full-pass":
        return bound.full_pass
    if protocol not in POOLED_SCORES:
        raise unknown_name("protocol with logits", protocol, ("full-pass", *POOLED_SCORES))
    tile, _ = bound.sides()
    # A number of tiles, which is not a share, refers to the tiles that are used.
    counted = protocol == TOP_K and bound.pooling.top_k >= 1
    looked, score = bound if counted else bound.at(tile, tile, "covering"), POOLED_SCORES[protocol]
    return lambda images: torch.stack([score(evidence_map) for evidence_map in looked.maps(images)])


def _maps(
    evidence_map: EvidenceMap,
    removal_map: EvidenceMap,
    image: Tensor,
    prediction: int,
    generator: torch.Generator,
) -> dict[str, Callable[[], Tensor]]:
    """Return functions that make each map (H, W) when it is needed; the random map is drawn before any order is."""
    drawn = random_map(image, generator)
    return {
        "evidence": lambda: evidence_map.per_pixel(prediction),
        REMOVAL: lambda: removal_map.per_pixel(prediction),
        RANDOM: partial(_itself, drawn),
        "edges": lambda: edge_map(image),
    }


def _itself(values: Tensor) -> Tensor:
    return values


def _measure(
    score: Score,
    image: Tensor,
    prediction: int,
    maps: Mapping[str, Callable[[], Tensor]],
    grid: TileGrid,
    generator: torch.Generator,
) -> dict[str, tuple[float, float, float]]:
    drops = tile_drops(score, image, prediction, grid)
    side = square_side(*image.shape[1:])
    found = {}
    for method, make in maps.items():
        values = make()
        order = pixel_order(values if side == 1 else squares(values, side), generator)
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
