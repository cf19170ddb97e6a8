"""Finding what repeats from image to image at the same place: frames, stamps, digits, logos, watermarks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.box import Box
from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.part_pasting import PartPasting
from nearsight.diagnosis.parted_decision import NO_PART_EDITS, PartEdits
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
    grounds = _grounds(examined, np.flatnonzero(examined.choosing), random)
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
                in_parts=_in_parts(examined, number, pattern, values[row]),
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


def _in_parts(examined: Examined, number: int, pattern: Pattern, value: NDArray[np.float32]) -> PartEdits:
    """Return what exchanges the part of a picture where it is drawn with that of another, for those read in parts."""
    parted = examined.parted
    if parted is None:
        return NO_PART_EDITS

    def box(place: int) -> Box:
        height, width = parted.pictures.size(place)
        top, left, bottom, right = pattern.anchor.box(pattern.overlay.box, height, width)
        # What is seen reduced may reach a pixel of that farther.
        margin = (
            max(height / pattern.anchor.height, width / pattern.anchor.width) if pattern.anchor.whole else 0
        )
        first, start = int(top * height - margin), int(left * width - margin)
        last, end = int(np.ceil(bottom * height + margin)), int(np.ceil(right * width + margin))
        return Box(first, start, last - first, end - start).within((height, width))

    own, has = examined.labels == number, value >= pattern.threshold
    clearest = np.argsort(-np.nan_to_num(value), kind="stable")
    donors = [(place, box(place)) for place in clearest.tolist() if (examined.choosing & own & has)[place]]
    lacking = examined.choosing & ~has & ~np.isnan(value)
    beside = np.flatnonzero(lacking & own)
    free = beside if len(beside) else np.flatnonzero(lacking)
    pasting = PartPasting(parted.pictures, examined.seed)
    return PartEdits(
        pasting.pasted(donors),
        pasting.filled({place: box(place) for place in range(len(value))}, free.tolist()),
        pasting.pasted([(place, box(place)) for place in beside.tolist()]),
    )


# What each of some anchors sees of an image, by its place, uint8 (3, height, width) each.
Looking = Callable[[int, Sequence[Anchor]], list[Tensor]]


def _looking(examined: Examined) -> Looking:
    images, parted = examined.images, examined.parted

    def at_whole(place: int, anchors: Sequence[Anchor]) -> list[Tensor]:
        pixels = images.image(place)
        return [anchor.view(pixels) for anchor in anchors]

    if parted is None:
        return at_whole
    pictures = parted.pictures

    def in_parts(place: int, anchors: Sequence[Anchor]) -> list[Tensor]:
        height, width = pictures.size(place)
        found: dict[Anchor, Tensor] = {}
        by_size: dict[tuple[int, int], dict[Anchor, tuple[int, int]]] = {}
        for anchor in anchors:
            if anchor.whole:
                found[anchor] = anchor.view(pictures.overview(place))
                continue
            rows, columns = anchor.part(height, width)
            by_size.setdefault((anchor.height, anchor.width), {})[anchor] = (rows.start, columns.start)
        for size, corners in by_size.items():
            found |= zip(corners, pictures.parts(place, [*corners.values()], size), strict=True)
        return [found[anchor] for anchor in anchors]

    return in_parts


@dataclass(frozen=True, eq=False)
class _Grounds:
    """Images of all classes at each anchor."""

    examined: Examined
    grounds: dict[Anchor, Ground]

    def patterns(self, chosen: NDArray[np.int64], label: int | None) -> list[Pattern]:
        views = _views(self.examined, tuple(self.grounds), chosen)
        return [
            pattern
            for anchor, ground in self.grounds.items()
            for pattern in patterns_of(views[anchor], label, ground, anchor)
        ]


def _grounds(examined: Examined, allowed: NDArray[np.int64], random: np.random.Generator) -> _Grounds | None:
    sizes, labels = examined.images.sizes, examined.labels
    chosen = random.permutation(allowed)[:GROUND]
    if len(chosen) < FEWEST:
        return None
    grounds = {}
    for anchor in anchors_of(sizes[allowed]):
        fitting = chosen[[anchor.fits(*map(int, sizes[i])) for i in chosen]]
        if len(fitting) >= FEWEST:
            grounds[anchor] = fitting
    views = _views(examined, tuple(grounds), chosen)
    return _Grounds(examined, {anchor: Ground(views[anchor], labels[own]) for anchor, own in grounds.items()})


def _views(examined: Examined, anchors: Sequence[Anchor], chosen: NDArray[np.int64]) -> dict[Anchor, Tensor]:
    """Return what each anchor sees of the images that are large enough for it."""
    seen: dict[Anchor, list[Tensor]] = {anchor: [] for anchor in anchors}
    look, sizes = _looking(examined), examined.images.sizes
    for i in chosen.tolist():
        fitting = [anchor for anchor in anchors if anchor.fits(*map(int, sizes[i]))]
        for anchor, view in zip(fitting, look(i, fitting), strict=True):
            seen[anchor].append(view)
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
    return np.concatenate(processes.each(lambda: _values(examined, patterns, own)), axis=1)


def _values(
    examined: Examined, patterns: Sequence[Pattern], chosen: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return how much of each pattern each image has, (patterns, n); NaN if an image is too small for it."""
    sizes = examined.images.sizes
    values = np.full((len(patterns), len(chosen)), np.nan, dtype=np.float32)
    anchors = tuple({pattern.anchor for pattern in patterns})
    for start in range(0, len(chosen), TOGETHER):
        some = chosen[start : start + TOGETHER]
        views = _views(examined, anchors, some)
        for row, pattern in enumerate(patterns):
            fitting = [pattern.anchor.fits(*map(int, sizes[i])) for i in some]
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
