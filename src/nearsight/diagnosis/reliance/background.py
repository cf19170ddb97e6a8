"""Background reliance: how much of the evidence lies off the object, and how accurate the background alone is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nearsight.data.regions import RegionKind
from nearsight.diagnosis.overlap import region_at
from nearsight.diagnosis.relative import relative
from nearsight.diagnosis.reliance.contrast import OffShareSums
from nearsight.diagnosis.reliance.verdict import ByIntervention
from nearsight.errors import InputError
from nearsight.evidence import EvidenceMap
from nearsight.evidence.kinds import Kind
from nearsight.numbers import counted
from nearsight.settings.protocols import MEAN_LOGIT
from nearsight.statistics import Estimate, absent, accuracy_estimate, mean_estimate
from nearsight.statistics.writing import whole_per_cent
from nearsight.tiles import TileGrid

# From this share of its pixels on, a tile counts as on the object.
OBJECT_TILE = 0.5

# The measures whose values by chance come from networks that learned nothing, if these are available.
BY_NULLS = ("off_share", "excess", "pointing", "contrast")

KIND_NOTES: dict[RegionKind, str] = {
    "mask": "masks are exact: what is off the object is background",
    "boxes": "boxes hold background at their corners, so what is off the object is less than all background",
    "cells": "cells are coarse: along the object's edge they hold some background",
}


_UNMEASURED = absent("it was not measured")


@dataclass(frozen=True)
class ImageReliance:
    """How much of one image's evidence for its label comes from tiles off the object.

    `off_share` is the share of the positive relative evidence that lies off the object, NaN if there is none.
    `off_area` is the share of the tiles' area off it, which is the value of the same map with its tiles shuffled.
    `background` and `object` say whether `mean-logit` is right from the tiles without any of the object, and from
    those at least half on it; None without such tiles. `pointed` says whether the centre of the strongest tile is
    on the object, and `pointed_chance` for what share of the tiles it is.
    """

    label: int
    off_share: float
    off_area: float
    background: bool | None
    object: bool | None
    pointed: bool
    pointed_chance: float


@dataclass(frozen=True)
class RelianceRow:
    """Background reliance over the images of a class, or over all ("all"); each measure is a mean over images.

    `images` counts those whose region is known. The measures are those of `ImageReliance`. The chance of
    `off_share` is the `off_area` of the same images; that of `background` and `object`, which are accuracies, is
    one over the number of classes; that of `pointing` is the share of tiles that would point at the object.
    `excess` is `off_share` minus `off_area`, image by image. It is not 0 for networks that know nothing;
    `contrast` is (`OffShareSums.contrasts`): above 0, the evidence for the class in its own images prefers the
    background. `contrast_q` is the false discovery rate at which it would be the last contrast believed. Older
    files have neither.
    """

    name: str
    images: int
    off_share: Estimate
    off_area: Estimate
    background: Estimate
    object: Estimate
    pointing: Estimate
    excess: Estimate
    contrast: Estimate = _UNMEASURED
    contrast_q: float | None = None


@dataclass(frozen=True)
class Reliance:
    """Background reliance overall and by class; `known` of the `images` examined have a region.

    `kind` is how regions are given, None if a file does not say. `classes` has a row for every class, in order,
    also for those without a known region. `evidence` is "tile", the logits of tiles alone, or "removal", what the
    decision loses without each tile, for a sample of images; in that case no tile is classified alone. `asked` is
    what the classifier decides without object and without background, None if nothing could be asked. `nulls` is
    how many networks that learned nothing gave the values by chance; without them, chance is estimated.
    """

    kind: RegionKind | None
    overall: RelianceRow
    classes: tuple[RelianceRow, ...]
    known: int
    images: int
    notes: tuple[str, ...]
    evidence: Kind = "tile"
    asked: ByIntervention | None = None
    nulls: int = 0

    def sentence(self, scored: str = MEAN_LOGIT) -> str:
        """Say the overall measures and their chance; `scored` says how the accuracies were made (`scored_by`).

        >>> record = ImageReliance(0, 0.75, 0.5, background=True, object=None, pointed=False, pointed_chance=0.25)
        >>> found = summarise_reliance([record], ("cat", "dog"), "mask", images=1)
        >>> for part in found.sentence().replace(", tiles", "; tiles").split("; "):
        ...     print(part)
        75 % of the evidence for the true class lies off the object, as does 50 % of the area
        tiles off the object alone (mean-logit) are right for 100 % of 1 image (chance 50 %)
        tiles on it for no image
        """
        row = self.overall
        if not row.images and self.evidence == "removal":
            return (
                "nothing can be said about the evidence off the object: too few images to remove tiles from"
            )
        if not row.images:
            return "background reliance is unknown: no image has a region"
        if self.evidence == "removal":
            return (
                f"{whole_per_cent(row.off_share)} of what the true class loses without single tiles lies off the "
                f"object, as does {whole_per_cent(row.off_area)} of the area, in {row.images:,} images"
            )
        return (
            f"{whole_per_cent(row.off_share)} of the evidence for the true class lies off the object, as does "
            f"{whole_per_cent(row.off_area)} of the area; tiles off the object alone ({scored}) are right for "
            f"{_accuracy(row.background)}, tiles on it for {_accuracy(row.object)}"
        )


def image_reliance(evidence_map: EvidenceMap, label: int, on_object: Tensor, region: Tensor) -> ImageReliance:
    """Return how much of one image's evidence for its label comes from tiles off the object.

    >>> logits = torch.tensor([[[1.0, 3.0]], [[-1.0, -3.0]]])
    >>> tiles = EvidenceMap(logits, TileGrid(2, 4, tile=2, stride=2), ("cat", "dog"))
    >>> region = torch.tensor([[True, True, False, False]] * 2)
    >>> found = image_reliance(tiles, 0, torch.tensor([[1.0, 0.0]]), region)
    >>> found.off_share, found.off_area, found.pointed
    (0.75, 0.5, False)

    `on_object` is float (rows, columns), from `object_shares`; `region` is bool (H, W), as for that function.
    Evidence is relative (`relative`), and only its positive part counts. A tile that is partly on the object
    gives its evidence to both sides in proportion to its pixels. If a tile's side is even, its centre is the
    pixel below and to the right of its middle. The pointing game is that of Zhang et al. (arXiv 1608.00507),
    without a tolerance around the object. Raises `InputError` for a class that does not exist, for shares whose
    shape is not the map's, and for a region that does not fit.
    """
    label, grid = evidence_map.class_number(label), evidence_map.grid
    if tuple(on_object.shape) != grid.shape:
        raise InputError(f"on_object has shape {tuple(on_object.shape)}, but the map has {grid.shape} tiles")
    looked_at = ~evidence_map.skipped
    logits, shares = evidence_map.logits[:, looked_at], on_object[looked_at]
    evidence = relative(logits)[label].double()
    off, positive = 1 - shares.double(), evidence.clamp(min=0)
    centred = _centres(region, grid)[looked_at]
    total = float(positive.sum())
    return ImageReliance(
        label=label,
        off_share=float((positive * off).sum()) / total if total > 0 else math.nan,
        off_area=float(off.mean()),
        background=_right(logits, shares == 0, label),
        object=_right(logits, shares >= OBJECT_TILE, label),
        pointed=bool(centred[evidence.argmax()]),
        pointed_chance=float(centred.double().mean()),
    )


def summarise_reliance(
    records: Sequence[ImageReliance],
    classes: Sequence[str],
    kind: RegionKind,
    images: int,
    notes: Sequence[str] = (),
) -> Reliance:
    """Average the records of all images whose region is known, overall and by class.

    >>> record = ImageReliance(1, 0.75, 0.5, background=True, object=True, pointed=False, pointed_chance=0.25)
    >>> found = summarise_reliance([record], ("cat", "dog"), "mask", images=3)
    >>> found.known, found.overall.excess.value, [row.images for row in found.classes], found.notes[-1]
    (1, 0.25, [0, 1], '2 of 3 images have no region, none given or one without a pixel, and are left out')

    `classes` are all class names, `images` is the number examined; `notes` come before those made here. Every
    image weighs the same. Intervals of accuracies and of the pointing game are those of `accuracy_estimate`, all
    others those of `mean_estimate`.
    """
    by_class: list[list[ImageReliance]] = [[] for _ in classes]
    for record in records:
        by_class[record.label].append(record)
    chance = 1 / len(classes)
    missing = images - len(records)
    unknown = (
        f"{missing} of {images} images have no region, none given or one without a pixel, and are left out"
    )
    return Reliance(
        kind=kind,
        overall=_row("all", records, chance),
        classes=tuple(_row(name, of_class, chance) for name, of_class in zip(classes, by_class, strict=True)),
        known=len(records),
        images=images,
        notes=(*notes, KIND_NOTES[kind], *((unknown,) if missing else ())),
    )


def with_contrasts(found: Reliance, sums: OffShareSums) -> Reliance:
    """Return the same with the contrast of all classes and of each, from the shares of the same images.

    >>> record = ImageReliance(0, 0.75, 0.5, background=True, object=None, pointed=False, pointed_chance=0.25)
    >>> bare, sums = summarise_reliance([record], ("cat", "dog"), "mask", images=1), OffShareSums(2)
    >>> sums.add(0, torch.tensor([0.75, 0.5]))
    >>> with_contrasts(bare, sums).overall.contrast.value is None  # one class has images: nothing to compare with
    True
    """
    overall, classes = sums.contrasts()
    return replace(
        found,
        overall=replace(found.overall, contrast=overall.estimate, contrast_q=overall.q),
        classes=tuple(
            replace(row, contrast=one.estimate, contrast_q=one.q)
            for row, one in zip(found.classes, classes, strict=True)
        ),
    )


def with_chance(found: Reliance, nulls: Sequence[Reliance]) -> Reliance:
    """Return the same with the values by chance of networks which learned nothing, on such images.

    `nulls` are the findings of these networks. The chance of the share and the excess off the object, of the
    strongest tile and of the contrast is their mean, class by class; it stays as it is for a class that they have
    none of.
    """
    rows = [(one.overall, *one.classes) for one in nulls]

    def known(row: RelianceRow, of_nulls: Sequence[RelianceRow]) -> RelianceRow:
        chances: dict[str, Any] = {name: _by_chance(name, row, of_nulls) for name in BY_NULLS}
        return replace(row, **chances)

    overall, *classes = [
        known(row, of_nulls)
        for row, of_nulls in zip((found.overall, *found.classes), zip(*rows, strict=True), strict=True)
    ]
    return replace(found, overall=overall, classes=tuple(classes), nulls=len(nulls))


def _by_chance(name: str, row: RelianceRow, of_nulls: Sequence[RelianceRow]) -> Estimate:
    found: Estimate = getattr(row, name)
    values = [value for null in of_nulls if (value := getattr(null, name).value) is not None]
    return replace(found, chance=float(np.mean(values))) if values and found.value is not None else found


def _right(logits: Tensor, chosen: Tensor, label: int) -> bool | None:
    if not bool(chosen.any()):
        return None
    return int(logits[:, chosen].mean(1).argmax()) == label


def _centres(region: Tensor, grid: TileGrid) -> Tensor:
    rows, columns = (torch.tensor(starts) + grid.tile // 2 for starts in (grid.tops, grid.lefts))
    return region_at(region, grid, rows, columns)


def _row(name: str, records: Sequence[ImageReliance], chance: float) -> RelianceRow:
    share = np.array([record.off_share for record in records], dtype=np.float64)
    area = np.array([record.off_area for record in records], dtype=np.float64)
    counted = area[~np.isnan(share)]
    pointing = [record.pointed_chance for record in records]
    return RelianceRow(
        name=name,
        images=len(records),
        off_share=mean_estimate(share, chance=float(counted.mean()) if len(counted) else None),
        off_area=mean_estimate(area),
        background=accuracy_estimate(_answers([record.background for record in records]), chance=chance),
        object=accuracy_estimate(_answers([record.object for record in records]), chance=chance),
        pointing=accuracy_estimate(
            [record.pointed for record in records], chance=float(np.mean(pointing)) if pointing else None
        ),
        excess=mean_estimate(share - area, chance=0.0),
    )


def _answers(answers: Sequence[bool | None]) -> list[float]:
    return [math.nan if answer is None else float(answer) for answer in answers]


def _accuracy(answers: Estimate) -> str:
    if answers.value is None or answers.chance is None:
        return "no image"
    return f"{whole_per_cent(answers)} of {counted(answers.n or 0, 'image')} (chance {100 * answers.chance:.2g} %)"
