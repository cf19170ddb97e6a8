"""Spots that look alike in some of a class's images, anywhere: stickers, stamps, strokes, lens flares, codes.

They need not be the same picture: a stamp may be turned, resized, translucent and compressed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from nearsight.diagnosis.attributes.profile import coarse_channels
from nearsight.diagnosis.attributes.rules import Rule, rule_apart, rule_of
from nearsight.diagnosis.candidates import ONE_CAUSE, Candidate, Examined
from nearsight.diagnosis.place import typical_place
from nearsight.diagnosis.repeats.cut_outs import CutOut, Pasted
from nearsight.diagnosis.repeats.wording import ANYWHERE, MARK, colour_of
from nearsight.statistics import area_under_curve
from nearsight.together import ONE_PROCESS, Processes

Values = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Smaller pictures have no spots.
SMALLEST = 16
# Standard deviations of the spots that are looked for, in thirty-seconds of the shorter side.
SPOTS = (0.7, 1.4, 2.8, 5.6)
# Images that are compared with each other, at most, and how many of those most like each are looked at.
COMPARED, NEIGHBOURS = 2000, 64
# Of the spots most like one, so many in a row are of its class, but for a share; and how likely that is by chance.
LEAST_ALIKE, ASTRAY, SIGNIFICANT = 10, 0.1, 1e-3
# Of so many spots of a class this must be true: of things that are pictured, it may be true of one by chance.
LEAST_SPOTS = 6
# Spots of each kind around which a group is looked for.
TRIED = 2
# Grey levels that are added to the spreads of all images, so that none is too small.
STEADY = 4.0
# Spreads of a group are at least this share of those; differences count up to so many spreads.
LEAST_SPREAD, FARTHEST = 0.15, 5.0
# How far the images of a group must be set off, and how many times as frequent in the class they must be.
SET_OFF, CLEAN, ELSEWHERE = 0.85, 25.0, 0.02
# Of the groups that are nearly as confined to the class, the one of the largest spots is told.
NEAR = 0.85
# A spot reaches to this share of its height above its surroundings, and covers at most this share of the picture.
REACH, LARGEST = 0.3, 0.25
# Images that spots are cut out of.
DONORS = 32
# Spots are a part of the object if in so many images or more, where the object is known, most of them lie on it, and
# at most this share as much beside it as spots anywhere would.
KNOWN, BESIDE = 5, 0.5
# What more than this share of a class have, wherever its objects are, may be what the class is.
NEARLY_ALL = 0.8


def find_spots(examined: Examined) -> Iterator[Candidate]:
    """Yield spots that look alike in some images of a class, wherever they are, and are in hardly any others.

    Each image is looked at where it is lightest, darkest, reddest, greenest, bluest, yellowest and most purple
    compared with its surroundings, on four scales (`spot_maps`): 32 kinds of spots. Each spot is described by its
    colour and its contrasts on all scales, and compared with those of the same kind in all other images. If the
    10 or more that are most like one are of its class, but for a tenth, and this is so for six spots of the
    class, they are a group. The group's median and spread then say how much any image's spot is like it, and a
    threshold is set as for an attribute of the whole image (`rule_of`, `rule_apart`). It counts if the images
    beyond it are set off, and 25 times as frequent in the class as elsewhere, minus a standard error. Spots are
    added by pasting one where another image has it. What is pasted for comparison is the spot of the same kind of
    the class's other images. They are not removed, because without a part of the object the decision is lost as
    well. Where regions say that the spots lie on the object, they are no artefact, but what the class pictures:
    scratches of steel look alike. Where nothing says where objects are, spots that more than 80 % of the class have
    may be what it pictures: the sun of sunrise. If all compared images are of one class, none is found.
    """
    looks = _looks(examined)
    known = np.flatnonzero(examined.choosing & ~np.isnan(looks).any((1, 2)))
    compared = np.sort(np.random.default_rng((examined.seed, 7)).permutation(known)[:COMPARED])
    labels = examined.labels[compared]
    if len(np.unique(labels)) < 2 or not looks.shape[1]:
        return
    groups = list(_groups(looks[compared], labels, examined.decision.processes))
    for number in sorted({group.rule.class_number for group in groups}):
        mine = [group for group in groups if group.rule.class_number == number]
        candidate = _Found(examined, _together(mine, looks[compared], labels == number), looks).candidate
        if candidate is not None:
            yield candidate


def spot_maps(channels: Values, luma: Values) -> Values:
    """Return how much each place differs from its surroundings, float32 (spots, H, W).

    >>> grey = np.full((3, 16, 16), 90, dtype=np.float32)
    >>> spot_maps(grey, grey[0]).shape
    (32, 16, 16)

    For each of four sizes, the smallest first, in turn: lighter, redder than green, bluer, greener than red and blue;
    darker, greener than red, yellower and more purple. They are differences of Gaussians, in grey levels.
    """
    red, green, blue = channels
    planes = np.stack([luma, red - green, blue - (red + green) / 2, green - (red + blue) / 2])
    unit = max(1.0, min(luma.shape) / 32)
    smooth = [planes]
    for spot in SPOTS:
        smooth.append(ndimage.gaussian_filter(planes, (0, spot * unit, spot * unit), truncate=3))
    away = [one - wider for one, wider in pairwise(smooth)]
    return np.concatenate([part for one in away for part in (one, -one)])


def _looks(examined: Examined) -> Values:
    """Return what each image's spot of each kind looks like, float32 (n, kinds, numbers); NaN if it is too small.

    Several processes each look at their share.
    """
    processes = examined.decision.processes
    own = processes.share(len(examined.images))

    def look() -> list[Values | None]:
        looks = []
        for done, i in enumerate(own, start=1):
            looks.append(_look(examined.images.image(i)))
            examined.progress.count("looking for spots that a class shares", done, len(own))
        return looks

    found = [one for looks in processes.each(look) for one in looks]
    shape = next((one.shape for one in found if one is not None), (0, 0))
    return np.stack([np.full(shape, np.nan, dtype=np.float32) if one is None else one for one in found])


def _look(image: Tensor) -> Values | None:
    maps = _maps(image)
    if maps is None:
        return None
    channels, _ = coarse_channels(image.numpy())
    unit = max(1.0, min(channels.shape[1:]) / 32)
    smooth = ndimage.gaussian_filter(channels, (0, 1.4 * unit, 1.4 * unit), truncate=3)
    # Of each scale the four contrasts; the other four are the same with the other sign.
    contrasts = maps.reshape(4, 2, 4, -1)[:, 0].reshape(16, -1)
    places = maps.reshape(len(maps), -1).argmax(1)
    described = np.concatenate([contrasts, channels.reshape(3, -1), smooth.reshape(3, -1)])
    return np.asarray(described[:, places].T, dtype=np.float32)


def _maps(image: Tensor) -> Values | None:
    if min(image.shape[1:]) < SMALLEST:
        return None
    return spot_maps(*coarse_channels(image.numpy()))


@dataclass(frozen=True, eq=False)
class _Group:
    """Spots of one kind that look alike: what they look like, how much they vary, and which images have one."""

    kind: int
    middle: Values
    spread: Values
    rule: Rule

    def values(self, looks: Values) -> Values:
        """Return how much images are like these, float32 (n,), at most 0, given float32 (n, kinds, numbers)."""
        away = np.minimum(np.abs(looks[:, self.kind] - self.middle) / self.spread, FARTHEST)
        return np.asarray(-np.sqrt((away**2).mean(1)), dtype=np.float32)

    def beyond(self, looks: Values) -> Values:
        """Return how far beyond the threshold images lie, float32 (n,): those from 0 on belong to the group."""
        return np.asarray(self.values(looks) - np.float32(self.rule.threshold), dtype=np.float32)


def _groups(looks: Values, labels: NDArray[np.int64], processes: Processes = ONE_PROCESS) -> Iterator[_Group]:
    """Yield the groups of spots that are confined to a class; several processes each compare some kinds of spots."""
    low, high = np.percentile(looks, (16, 84), axis=0)
    scale = np.asarray(high - low + STEADY, dtype=np.float32)
    scaled = np.asarray(np.clip((looks - np.median(looks, 0)) / scale, -FARTHEST, FARTHEST), dtype=np.float32)

    def alike_of(kind: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return _alike(scaled[:, kind], labels)

    kinds = processes.for_each(range(looks.shape[1]), alike_of)
    for number in np.unique(labels).tolist():
        mine = labels == number
        # How many alike are too many for chance, if all spots are tried.
        least = max(
            LEAST_ALIKE, 1 + int(np.log(SIGNIFICANT / mine.sum() / len(kinds)) / np.log(mine.mean()) + 1)
        )
        able = [np.flatnonzero(mine & (alike >= least)) for alike, _ in kinds]
        if sum(map(len, able)) < LEAST_SPOTS:
            continue
        for kind, ((alike, order), some) in enumerate(zip(kinds, able, strict=True)):
            for first in some[np.argsort(-alike[some], kind="stable")][:TRIED]:
                near = order[first, : alike[first]]
                group = _group(looks, scale[kind], mine, near[mine[near]], number, kind)
                if group is not None:
                    yield group


def _alike(scaled: Values, labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many of the spots most like each are of its class, but for a tenth, and where those spots are."""
    squares = (scaled**2).sum(1)
    distances = squares[:, None] + squares - 2 * scaled @ scaled.T
    np.fill_diagonal(distances, -1)
    near = np.argpartition(distances, min(NEIGHBOURS, len(scaled)) - 1, axis=1)[:, :NEIGHBOURS]
    order = np.take_along_axis(near, np.take_along_axis(distances, near, 1).argsort(1, kind="stable"), 1)
    same = labels[order] == labels[:, None]
    counts = np.arange(1, same.shape[1] + 1)
    astray = np.cumsum(~same, axis=1) > ASTRAY * counts
    return np.where(astray, 0, counts).max(1), order


def _group(
    looks: Values, scale: Values, mine: Mask, members: NDArray[np.int64], number: int, kind: int
) -> _Group | None:
    group: _Group | None = None
    # The group itself says, better than all images do, what its spots have in common.
    for _ in range(2):
        own = looks[members, kind]
        middle = np.median(own, 0)
        spread = np.sqrt(((own - middle) ** 2).mean(0)) + LEAST_SPREAD * scale
        found = _Group(kind, middle, spread, Rule(number, kind, True, 0.0, 0.0, 0.0, 0.0, 1.0))
        values = found.values(looks)
        rules = (
            rule_of(values, mine, class_number=number, column=kind, most_elsewhere=ELSEWHERE),
            rule_apart(values, mine, class_number=number, column=kind),
        )
        able = [rule for rule in rules if rule is not None and rule.pure >= SET_OFF]
        if not able:
            return None
        group = replace(found, rule=max(able, key=lambda rule: rule.times_as_frequent(mine)))
        members = np.flatnonzero(mine & group.rule.has(values))
    return group if group is not None and group.rule.times_as_frequent(mine) >= CLEAN else None


def _together(groups: Sequence[_Group], looks: Values, mine: Mask) -> tuple[_Group, ...]:
    """Return groups of a class that together are confined to it, the clearest first.

    One mark looks different on different grounds, and is among the strongest spots of several kinds. Another group
    is added if what any of them has is more frequent in the class, and nearly as confined to it as the clearest.
    """
    ordered = sorted(groups, key=lambda group: (-group.rule.times_as_frequent(mine), -group.kind))
    kept = [ordered[0]]
    has, least = kept[0].beyond(looks) >= 0, NEAR * ordered[0].rule.times_as_frequent(mine)
    for group in ordered[1:]:
        more = has | (group.beyond(looks) >= 0)
        rule = replace(group.rule, share=float(more[mine].mean()), elsewhere=float(more[~mine].mean()))
        if (more & ~has)[mine].any() and rule.times_as_frequent(mine) >= least:
            kept.append(group)
            has = more
    return tuple(kept)


@dataclass(frozen=True, eq=False)
class _Found:
    """Groups of spots of a class among all examined images."""

    examined: Examined
    groups: tuple[_Group, ...]
    looks: Values

    @cached_property
    def _beyond(self) -> Values:
        return np.stack([group.beyond(self.looks) for group in self.groups])

    @cached_property
    def value(self) -> Values:
        """How far beyond the threshold of its nearest group each image lies, float32 (n,)."""
        return np.asarray(self._beyond.max(0), dtype=np.float32)

    @cached_property
    def mine(self) -> Mask:
        """Which images are of the class, bool (n,)."""
        return np.asarray(self.examined.labels == self.groups[0].rule.class_number)

    @cached_property
    def has(self) -> Mask:
        """Which images have such a spot, bool (n,)."""
        return np.asarray(self.value >= 0)

    def cut_out(self, image: Tensor) -> CutOut:
        """Return the spot of an image that is most like one of the groups."""
        look = _look(image)
        assert look is not None, "only images that were measured have spots"
        beyond = [float(group.beyond(look[None])[0]) for group in self.groups]
        return _cut_out(image, self.groups[int(np.argmax(beyond))].kind)

    @property
    def candidate(self) -> Candidate | None:
        """The spots as a possible shortcut of the class; None if they are no small parts of pictures."""
        known = self.examined.choosing & ~np.isnan(self.value)
        donors = self.examined.pictures(self.mine & self.has, DONORS)
        others = self.examined.pictures(self.mine & ~self.has & known, DONORS)
        seen = [
            (mark.corner, mark.grid, mark.colour, float(mark.covered.float().mean()))
            for mark in map(self.cut_out, donors)
        ]
        corners, grids, colours, areas = zip(*seen, strict=True)
        if np.median(areas) > LARGEST:
            return None
        place, on_objects = typical_place(corners, grids).name, self._on_objects()
        colour = colour_of(torch.from_numpy(np.median(colours, 0).astype(np.uint8))[:, None])
        return Candidate(
            class_number=self.groups[0].rule.class_number,
            attribute=MARK,
            words=f"marks that look alike, {colour}, {place if place == ANYWHERE else f'at the {place}'}",
            artefact=not on_objects,
            pictured=on_objects is None and self._in_nearly_all(),
            has=self.has,
            value=self.value,
            effect=area_under_curve(self.value[self.mine & self.has & known], self.value[~self.mine & known]),
            put_on=Pasted(donors, self.cut_out),
            beside=Pasted(others, self.cut_out) if others else None,
            causes=ONE_CAUSE,
        )

    def _in_nearly_all(self) -> bool:
        """Whether nearly all of the class that choose have it, as a sun is in pictures of sunrise."""
        return bool(self.has[self.mine & self.examined.choosing].mean() > NEARLY_ALL)

    def _on_objects(self) -> bool | None:
        """Whether the spots lie on the objects, in the class's images that choose; None if that is not known."""
        images, choosing = self.examined.images, self.mine & self.has & self.examined.choosing
        if images.regions is None:
            return None
        places = np.flatnonzero(choosing & images.regions.known)[:DONORS]
        shares = []
        for place, image in zip(places.tolist(), self.examined.pictures_at(places), strict=True):
            region = images.region(place)
            if region is not None:
                off = ~region[self.cut_out(image).covered]
                shares.append((float(off.float().mean()), float((~region).float().mean())))
        if len(shares) < KNOWN:
            return None
        beside, anywhere = np.mean(shares, axis=0)
        return bool(beside <= min(0.5, BESIDE * anywhere))


def _cut_out(image: Tensor, kind: int) -> CutOut:
    """Return the strongest spot of one kind of an image."""
    maps = _maps(image)
    assert maps is not None, "only images that were measured have spots"
    return CutOut(image, torch.from_numpy(_around(maps[kind], image.shape[1:])))


def _around(away: Values, size: Sequence[int]) -> Mask:
    """Return what belongs to the strongest spot of a map, in a picture of a size, with one more place around it."""
    parts, _ = ndimage.label(away > REACH * away.max())
    inside = parts == parts[np.unravel_index(away.argmax(), away.shape)]
    covered = ndimage.binary_dilation(ndimage.binary_fill_holes(inside), np.ones((3, 3)))
    rows, columns = (np.arange(side) * n // side for side, n in zip(size, away.shape, strict=True))
    found: Mask = covered[rows][:, columns]
    return found
