"""The atlas: for each class, the tiles with the most evidence for it, sorted into reasons, and its imitators."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.appearance import appearance
from nearsight.diagnosis.choosing import choosing_half
from nearsight.diagnosis.grouping import group, stability
from nearsight.diagnosis.parted import PartedPictures
from nearsight.diagnosis.place import typical_place
from nearsight.diagnosis.reasons.reason import AtlasTile, Reason, by_share
from nearsight.diagnosis.reasons.strongest import ImageTiles
from nearsight.diagnosis.tile_crops import ChosenTiles, TileSource
from nearsight.diagnosis.with_and_without import (
    WithAndWithout,
    difference_as_strong,
    with_and_without,
)
from nearsight.evidence import TiledModel
from nearsight.evidence.kinds import Kind
from nearsight.progress import SILENT, Progress
from nearsight.statistics import Estimate, accuracy_estimate, ratio_estimate
from nearsight.tiles import TileGrid

OnObject = Callable[[int], Tensor | None]
Embeddings = NDArray[np.float32]

EXAMPLES = 12
# Classes are looked at together until they have so many tiles: of many small ones, each alone is too small a batch.
TOGETHER = 1024


@dataclass(frozen=True)
class ClassReasons:
    """The reasons of one class, the one with the largest share first, and similar tiles of other classes.

    `images` is how many images of the class there are; `looked_at` are the places of those, and of the images of
    other classes, that took part. `imitators` are the tiles with the most evidence for the class in images of
    other classes, one per image, strongest first.
    """

    name: str
    images: int
    reasons: tuple[Reason, ...]
    imitators: tuple[AtlasTile, ...]
    looked_at: tuple[int, ...] = ()

    @property
    def main(self) -> Reason | None:
        """The reason with the most of all evidence for the class; None if there is no reason.

        It need not be the first one, which has the most evidence of the strongest tiles. A mark in a corner is
        the strongest tile of an image but little of its area; a background is the opposite.
        """
        return max(self.reasons, key=lambda reason: reason.total_share.value or 0.0, default=None)


@dataclass(frozen=True)
class Atlas:
    """The reasons of every class, in the order of the classes.

    `kind` says what makes a tile strong: "tile", the logits of the tile alone, or "removal", what the decision
    loses without it. `counted` is how many images took part; None if all did.
    """

    classes: tuple[ClassReasons, ...]
    kind: Kind = "tile"
    counted: int | None = None


def build_atlas(
    bound: TiledModel,
    images: ImageSet,
    grids: Sequence[TileGrid],
    tiles: Sequence[ImageTiles],
    *,
    predictions: NDArray[np.int64] | None = None,
    counted: NDArray[np.bool_] | None = None,
    on_object: OnObject | None = None,
    parted: PartedPictures | None = None,
    per_class: int = 400,
    reasons: int = 5,
    imitators: int = EXAMPLES,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Atlas:
    """Sort the strongest tiles of each class into reasons, by the model's own embedding of them.

    >>> from nearsight.data import MemoryImages
    >>> from nearsight.models import Architecture, Classifier, Preprocessing
    >>> pixels = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    >>> black = ImageSet("black", "test", ("cat", "dog"), np.array([0]), MemoryImages(pixels, ("a.png",)))
    >>> first, two = torch.tensor([0]), torch.tensor([2.0])
    >>> tile = ImageTiles(torch.tensor([0, 0]), torch.tensor([2.0, -2.0]), first, two, 2.0)
    >>> class Cats(torch.nn.Module):
    ...     def forward(self, tiles):
    ...         return torch.tensor([[2.0, -2.0]]).expand(len(tiles), 2)
    >>> halves = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    >>> bound = TiledModel(Classifier(Cats().eval(), Architecture("cats", 2), black.classes, 4, halves))
    >>> cats, dogs = build_atlas(bound, black, [TileGrid(4, 4, tile=4, stride=4)], [tile]).classes
    >>> cats.reasons[0].appearance, cats.reasons[0].share.value, dogs.reasons
    ('flat black', 1.0, ())

    `grids` and `tiles` are those of each image of `images`, as the pass over the maps left them. `counted`, bool
    (n,), says which images take part, by default all. `on_object` takes an image's place in the set and returns
    the share of each of its tiles on the object, float (rows, columns), or None. `parted` reads the images if some
    are too large to be held. For each class, at most
    `per_class` images, drawn at random, take part with their strongest tile if it speaks for the class; as many
    images of other classes, for the purity; and the sampled tiles of the same images, for the total. `progress`
    is told how many classes are done. A class without images, or whose tiles all speak against it, has no
    reasons, and one without images has no imitators. `Reason` explains each measure of a reason.

    Half of each class's images choose the groups, and all measures of the groups are taken on the other half
    (`choosing_half`). If a class has a single reason, nothing is chosen, and all images count. `predictions`,
    int64 (n,), are the classifier's decisions, for the accuracy by reason; without them it is not known. An image
    whose tiles all speak against its class has none of its reasons.
    """
    choosing = choosing_half(images.labels, seed)
    right = None if predictions is None else predictions == images.labels
    source = TileSource(bound, images, grids, parted)
    index = np.stack([image.index.numpy() for image in tiles])
    evidence = np.stack([image.evidence.numpy() for image in tiles])
    taking_part = np.ones(len(images), dtype=bool) if counted is None else counted
    there = np.bincount(images.labels, minlength=len(images.classes))
    # A class without images has nothing that could be imitated.
    found = [
        ClassReasons(name, images=int(count), reasons=(), imitators=(), looked_at=())
        for name, count in zip(images.classes, there, strict=True)
    ]

    def parts_of(number: int) -> _Parts:
        mine, others = (
            np.flatnonzero(which & taking_part)
            for which in (images.labels == number, images.labels != number)
        )
        random = np.random.default_rng((seed, number))
        chosen = random.permutation(mine)[:per_class]
        compared = random.permutation(others)[: len(chosen)]
        strongest, imitating, imitators_of = (
            _speaking(ChosenTiles(some, index[some, number].astype(np.int64), evidence[some, number]))
            for some in (chosen, compared, others)
        )
        return _Parts(
            number,
            strongest,
            imitating,
            _speaking(_sampled(chosen, tiles)),
            imitators_of.strongest(imitators),
            chosen,
            compared,
        )

    known = _Known(choosing, right, np.array([one.elsewhere for one in tiles], dtype=np.float32))
    for some in _together(map(parts_of, np.flatnonzero(there).tolist())):
        embedded = source.embeddings([tiles for one in some for tiles in one.embedded])
        made = [
            _reasons(source, one, embedded[3 * place : 3 * place + 3], known, on_object, reasons, seed)
            for place, one in enumerate(some)
        ]
        shown = iter(
            source.shown(
                [
                    (tiles, one.number)
                    for one, of_class in zip(some, made, strict=True)
                    for tiles in (one.imitators, *(own.strongest(EXAMPLES) for _, own in of_class))
                ]
            )
        )
        for one, of_class in zip(some, made, strict=True):
            found[one.number] = replace(
                found[one.number],
                imitators=next(shown),
                reasons=tuple(replace(reason, examples=next(shown)) for reason, _ in of_class),
                looked_at=one.looked_at,
            )
        progress.count("grouping the tiles of each class", some[-1].number + 1, len(images.classes))
    return Atlas(tuple(found))


@dataclass(frozen=True, eq=False)
class _Parts:
    """The tiles that matter for one class: the strongest of its images and of others, and its images' sample.

    `imitators` are those of the others that are shown. `mine` and `others` are the places of all these images, int64
    (n,), also of those without a tile that speaks for the class.
    """

    number: int
    strongest: ChosenTiles
    imitating: ChosenTiles
    sample: ChosenTiles
    imitators: ChosenTiles
    mine: NDArray[np.int64]
    others: NDArray[np.int64]

    @property
    def looked_at(self) -> tuple[int, ...]:
        """The places of all images that take part, in order."""
        return tuple(sorted([*self.mine.tolist(), *self.others.tolist()]))

    @property
    def embedded(self) -> tuple[ChosenTiles, ChosenTiles, ChosenTiles]:
        """The tiles of which embeddings are needed: none if no tile speaks for the class."""
        nothing = self.strongest.select(np.zeros(len(self.strongest), dtype=bool))
        return (self.strongest, self.imitating, self.sample) if len(self.strongest) else (nothing,) * 3


def _together(parts: Iterable[_Parts]) -> Iterator[list[_Parts]]:
    """Yield classes in lists that have enough tiles for whole batches."""
    held: list[_Parts] = []
    tiles = 0
    for one in parts:
        held.append(one)
        tiles += sum(map(len, one.embedded))
        if tiles >= TOGETHER:
            yield held
            held, tiles = [], 0
    if held:
        yield held


@dataclass(frozen=True, eq=False)
class _Known:
    """What is known of every image.

    Whether it chooses the groups, bool (n,); whether it is right, bool (n,), if that is known; and how strongly it
    speaks for its own class elsewhere than in its strongest tile, float32 (n,).
    """

    choosing: NDArray[np.bool_]
    right: NDArray[np.bool_] | None
    elsewhere: NDArray[np.float32]

    def accuracy(self, images: NDArray[np.int64], has: NDArray[np.bool_]) -> WithAndWithout | None:
        """Return the accuracy of some images, of which some have a reason; None if it is not known.

        What the reason's own tile says is left out of the strength of an image, or a reason that decides would be
        compared with itself.
        """
        if self.right is None:
            return None
        right = self.right[images]
        found = with_and_without(has, right)
        if found.difference.value is None:
            return found
        chance = difference_as_strong(has, right, self.elsewhere[images])
        return replace(found, difference=replace(found.difference, chance=chance))


def _speaking(tiles: ChosenTiles) -> ChosenTiles:
    return tiles.select(tiles.evidence > 0)


def _sampled(chosen: NDArray[np.int64], tiles: Sequence[ImageTiles]) -> ChosenTiles:
    samples = [(image, tiles[image].sample, tiles[image].sample_evidence) for image in chosen.tolist()]
    return ChosenTiles(
        np.array([image for image, numbers, _ in samples for _ in numbers], dtype=np.int64),
        np.array([number for _, numbers, _ in samples for number in numbers.tolist()], dtype=np.int64),
        np.array([value for _, _, values in samples for value in values.tolist()], dtype=np.float32),
    )


def _reasons(
    source: TileSource,
    parts: _Parts,
    embedded: Sequence[Embeddings],
    known: _Known,
    on_object: OnObject | None,
    most: int,
    seed: int,
) -> list[tuple[Reason, ChosenTiles]]:
    """Return the reasons of a class, yet without their examples, each with its tiles."""
    strongest, imitating, sample = parts.strongest, parts.imitating, parts.sample
    if not len(strongest):
        return []
    embeddings, of_others, of_samples = embedded
    choosing = known.choosing[strongest.images]
    chosen, weights = embeddings[choosing], strongest.evidence[choosing]
    groups = group(chosen, weights, most=most, seed=seed)
    found_again = stability(groups, chosen, weights, seed=seed)
    # With a single group, nothing was chosen.
    tests = ~known.choosing if len(groups) > 1 else np.ones(len(known.choosing), dtype=bool)
    tested, imitating_tested = tests[strongest.images], tests[imitating.images]
    mine, others = (some[tests[some]] for some in (parts.mine, parts.others))
    of_strongest = groups.nearest(embeddings)
    of_imitating = groups.nearest(of_others)
    of_sample = groups.nearest(of_samples)
    pixels = torch.stack(list(source.pixels(strongest)))
    covered = None if on_object is None else _covered(sample, on_object)
    reasons: list[tuple[Reason, ChosenTiles]] = []
    order = by_share(of_strongest, strongest.evidence)
    for number in order:
        inside = of_strongest == number
        own, alike = strongest.select(inside), of_imitating == number
        has, imitated = (
            np.isin(images, which)
            for images, which in ((mine, own.images), (others, imitating.images[alike]))
        )
        reason = Reason(
            share=ratio_estimate(
                np.where(inside, strongest.evidence, 0)[tested],
                strongest.evidence[tested],
                chance=1 / len(order),
            ),
            total_share=_total_share(sample, of_sample == number),
            purity=accuracy_estimate(
                np.repeat([1.0, 0.0], [(inside & tested).sum(), (alike & imitating_tested).sum()]),
                chance=_ratio(tested.sum(), tested.sum() + imitating_tested.sum()),
            ),
            place=typical_place(source.corners(own), [source.grids[i] for i in own.images.tolist()]),
            appearance=appearance(pixels[torch.from_numpy(inside)]),
            on_object=None if covered is None else _on_object(sample, of_sample == number, covered),
            examples=(),
            count=len(own),
            stability=float(found_again[number]),
            images=tuple(own.images.tolist()),
            corners=tuple(source.corners(own)),
            others=tuple(sorted(imitating.images[alike].tolist())),
            accuracy=known.accuracy(mine, has),
            carried=accuracy_estimate(has, chance=float(imitated.mean()) if len(others) else None),
        )
        reasons.append((reason, own))
    return reasons


def _ratio(part: np.int64, whole: np.int64) -> float | None:
    return float(part / whole) if whole else None


def _total_share(sample: ChosenTiles, inside: NDArray[np.bool_]) -> Estimate:
    """Return the share of all evidence that some of the sampled tiles have; images count equally, not tiles."""
    if not len(sample):
        return Estimate(None, None, None, 0)
    _, place = np.unique(sample.images, return_inverse=True)
    evidence = sample.evidence.astype(np.float64)
    return ratio_estimate(
        np.bincount(place, weights=np.where(inside, evidence, 0)), np.bincount(place, weights=evidence)
    )


def _covered(tiles: ChosenTiles, on_object: OnObject) -> NDArray[np.float64]:
    """Return the share of each tile on the object, and that of all tiles of its image; (n, 2), NaN if unknown."""
    found = np.full((len(tiles), 2), np.nan)
    for image in np.unique(tiles.images).tolist():
        shares = on_object(image)
        if shares is not None:
            of_image = tiles.images == image
            found[of_image, 0] = shares.flatten()[tiles.numbers[of_image]].numpy()
            found[of_image, 1] = float(shares.mean())
    return found


def _on_object(
    sample: ChosenTiles, inside: NDArray[np.bool_], covered: NDArray[np.float64]
) -> Estimate | None:
    """Return how much of the evidence of some tiles lies on the object; images count equally, not tiles."""
    inside = inside & ~np.isnan(covered[:, 0])
    if not inside.any():
        return None
    _, place = np.unique(sample.images[inside], return_inverse=True)
    evidence = sample.evidence[inside]
    parts = np.bincount(place, weights=evidence * covered[inside, 0])
    return ratio_estimate(
        parts, np.bincount(place, weights=evidence), chance=float(covered[inside, 1].mean())
    )
