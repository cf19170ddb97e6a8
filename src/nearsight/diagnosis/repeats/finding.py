"""Finding what repeats from image to image at the same place: frames, stamps, digits, logos, watermarks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.repeats.alike import Ground
from nearsight.diagnosis.repeats.anchors import Anchor, anchors_of
from nearsight.diagnosis.repeats.pattern import Pattern, patterns_of
from nearsight.diagnosis.repeats.wording import Said, place_of, said_of
from nearsight.statistics import area_under_curve, jaccard

# Images of a class that are searched, and images of all classes that show what is usual.
SEARCHED = 120
GROUND = 300
FEWEST = 5
TOGETHER = 64
# Patterns that nearly the same images have become one.
SAME_IMAGES = 0.7


def find_fixed_patterns(examined: Examined) -> Iterator[Candidate]:
    """Yield what repeats at the same place in some images of a class, and hardly in those of other classes.

    At most 120 images per class are searched, among those that choose. Classes of fewer than 5 are skipped, and
    what fewer than 3 images have is not found. Images are decoded one after the other: once for the search, and
    once more for all images if something is found. Several processes share the classes, and the images.
    """
    random = np.random.default_rng((examined.seed, 1))
    grounds = _grounds(examined.images, np.flatnonzero(examined.choosing), examined.labels, random)
    if grounds is None:
        return
    found = [
        (number, pattern)
        for number, patterns in _patterns_of_classes(examined, grounds, random).items()
        for pattern in patterns
    ]
    if not found:
        return
    values = _values_of_all(examined, [pattern for _, pattern in found])
    for number in sorted({number for number, _ in found}):
        rows = [row for row, (other, _) in enumerate(found) if other == number]
        chosen = _distinct([found[row][1] for row in rows], values[rows][:, examined.choosing])
        for row in (rows[place] for place in chosen):
            pattern = found[row][1]
            has = values[row] >= pattern.threshold
            own = examined.choosing & (examined.labels == number) & has
            others = examined.choosing & (examined.labels != number)
            if not own.any():
                continue
            said, place = _described(pattern, examined.images.sizes[examined.choosing])
            yield Candidate(
                class_number=number,
                attribute=said.attribute,
                words=said.words,
                artefact=True,
                drawn=True,
                has=has,
                value=values[row],
                effect=area_under_curve(values[row][own], values[row][others]),
                put_on=pattern.put_on,
                take_off=pattern.take_off,
                place=place,
            )


def _patterns_of_classes(
    examined: Examined, grounds: "_Grounds", random: np.random.Generator
) -> dict[int, list[Pattern]]:
    """Return what repeats in the images of each class; several processes each search some of the classes."""
    processes = examined.decision.processes
    drawn = (
        random.permutation(examined.of_class(number, choosing=True))[:SEARCHED]
        for number in range(len(examined.images.classes))
    )
    searched = {number: mine for number, mine in enumerate(drawn) if len(mine) >= FEWEST}
    own, done = len(processes.dealt([*searched])), 0

    def search(number: int) -> list[Pattern]:
        nonlocal done
        found = grounds.patterns(searched[number], number)
        done += 1
        examined.progress.count("looking for what repeats in classes", done, own)
        return found

    return dict(zip(searched, processes.for_each([*searched], search), strict=True))


@dataclass(frozen=True, eq=False)
class _Grounds:
    """Images of all classes at each anchor."""

    images: ImageSet
    grounds: dict[Anchor, Ground]

    def patterns(self, chosen: NDArray[np.int64], label: int | None) -> list[Pattern]:
        views = _views(self.images, tuple(self.grounds), chosen)
        return [
            pattern
            for anchor, ground in self.grounds.items()
            for pattern in patterns_of(views[anchor], label, ground, anchor)
        ]


def _grounds(
    images: ImageSet, allowed: NDArray[np.int64], labels: NDArray[np.int64], random: np.random.Generator
) -> _Grounds | None:
    chosen = random.permutation(allowed)[:GROUND]
    if len(chosen) < FEWEST:
        return None
    grounds = {}
    for anchor in anchors_of(images.sizes[allowed]):
        fitting = chosen[[anchor.fits(*map(int, images.sizes[i])) for i in chosen]]
        if len(fitting) >= FEWEST:
            grounds[anchor] = fitting
    views = _views(images, tuple(grounds), chosen)
    return _Grounds(images, {anchor: Ground(views[anchor], labels[own]) for anchor, own in grounds.items()})


def _views(images: ImageSet, anchors: Sequence[Anchor], chosen: NDArray[np.int64]) -> dict[Anchor, Tensor]:
    """Return what each anchor sees of the images that are large enough for it."""
    seen: dict[Anchor, list[Tensor]] = {anchor: [] for anchor in anchors}
    for i in chosen.tolist():
        pixels = images.image(i)
        for anchor in anchors:
            if anchor.fits(*pixels.shape[1:]):
                seen[anchor].append(anchor.view(pixels))
    return {
        anchor: torch.stack(views)
        if views
        else torch.empty(0, 3, anchor.height, anchor.width, dtype=torch.uint8)
        for anchor, views in seen.items()
    }


def _values_of_all(examined: Examined, patterns: Sequence[Pattern]) -> NDArray[np.float32]:
    """Return how much of each pattern each image has, (patterns, n); several processes each look at their share."""
    processes = examined.decision.processes
    own = np.array(processes.share(len(examined.labels), TOGETHER), dtype=np.int64)
    return np.concatenate(processes.each(lambda: _values(examined.images, patterns, own)), axis=1)


def _values(images: ImageSet, patterns: Sequence[Pattern], chosen: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return how much of each pattern each image has, (patterns, n); NaN if an image is too small for it."""
    values = np.full((len(patterns), len(chosen)), np.nan, dtype=np.float32)
    anchors = tuple({pattern.anchor for pattern in patterns})
    for start in range(0, len(chosen), TOGETHER):
        some = chosen[start : start + TOGETHER]
        views = _views(images, anchors, some)
        for row, pattern in enumerate(patterns):
            fitting = [pattern.anchor.fits(*map(int, images.sizes[i])) for i in some]
            if any(fitting):
                places = start + np.flatnonzero(fitting)
                values[row, places] = pattern.values(views[pattern.anchor]).numpy()
    return values


def _distinct(patterns: Sequence[Pattern], values: NDArray[np.float32]) -> list[int]:
    """Return which patterns differ from all more unusual ones, which may be seen at other anchors."""
    kept: list[int] = []
    has = [row >= pattern.threshold for row, pattern in zip(values, patterns, strict=True)]
    for place in sorted(range(len(patterns)), key=lambda place: -patterns[place].unusual):
        overlaps = [
            jaccard(has[place], has[other])
            for other in kept
            if patterns[other].anchor != patterns[place].anchor
        ]
        if not overlaps or max(overlaps) < SAME_IMAGES:
            kept.append(place)
    return kept


def _described(pattern: Pattern, sizes: NDArray[np.int32]) -> tuple[Said, tuple[float, float, float, float]]:
    height, width = (int(side) for side in np.median(sizes, axis=0))
    box = pattern.anchor.box(pattern.overlay.box, height, width)
    if pattern.anchor.whole:
        return said_of(pattern.overlay), box
    rows, columns = pattern.anchor.part(height, width)
    drawn = np.zeros((height, width), dtype=np.bool_)
    drawn[rows, columns] = pattern.overlay.drawn.numpy()
    return said_of(pattern.overlay, place_of(drawn)), box
