"""How near-sighted a classifier is: what its decision loses on tiles of other sizes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from nearsight.data import ImageSet
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.draw import draw
from nearsight.diagnosis.protocols.agreement import accuracy_under, agreement_with
from nearsight.evaluation import correctness, predict, tile_scores
from nearsight.evidence import TiledModel
from nearsight.numbers import counted
from nearsight.progress import SILENT, Progress
from nearsight.settings.protocols import FULL_PASS, MEAN_LOGIT, SINGLE_TILE, scored_by
from nearsight.statistics import Estimate, accuracy_estimate, mean_estimate
from nearsight.statistics.writing import points, whole_per_cent, with_interval
from nearsight.tiles import TileGrid

SIZES = 6
LIMIT = 400


@dataclass(frozen=True)
class SizeRow:
    """Tiles of one size, in pixels: `tiles` per image (the mean, rounded).

    `accuracy` and `agreement` (with the model's own decision) are those of images, `single` is the accuracy of one
    tile. `drop` is the accuracy of the model's own decision minus `accuracy`, image by image.
    """

    tile: int
    tiles: int
    accuracy: Estimate
    agreement: Estimate
    single: Estimate
    drop: Estimate

    @property
    def stride(self) -> int:
        """The step of the tiles, in pixels: tiles overlap by half."""
        return half_stride(self.tile)


@dataclass(frozen=True)
class Locality:
    """Accuracy by tile size, smallest first, and what each size loses against the model's own decision.

    `decided` says how that decision is made, and `own` is its accuracy on the same images; its chance is that of the
    same predictions assigned at random. `whole` is that of the full pass if that is another protocol, None if the
    model takes no whole images. `protocol` is that under which the sizes are scored. Older files compare with the
    full pass, whatever the decision: they have no `own`, and their `whole` may be None, too.
    """

    sizes: tuple[SizeRow, ...]
    whole: Estimate | None = None
    own: Estimate | None = None
    decided: str = FULL_PASS
    protocol: str = MEAN_LOGIT

    @property
    def against(self) -> str:
        """What the sizes are compared with."""
        return "the full pass" if self.decided == FULL_PASS else "its own decision"

    @property
    def reference(self) -> Estimate | None:
        """The accuracy of what the sizes are compared with; None in older files."""
        return self.whole if self.own is None else self.own

    @property
    def at_chance(self) -> bool:
        """Whether the decision is right no more often than by chance, so that there is nothing to lose."""
        found = self.reference
        if found is None or found.low is None or found.chance is None:
            return False
        return found.low <= found.chance

    @property
    def partial(self) -> tuple[SizeRow, ...]:
        """The sizes of which an image has several tiles; a tile that is the whole image loses nothing."""
        return tuple(row for row in self.sizes if row.tiles > 1)

    @property
    def smallest(self) -> SizeRow | None:
        """The smallest tiles for which no loss of accuracy is shown; None if there are none."""
        if self.at_chance:
            return None
        return next((row for row in self.partial if row.drop.low is not None and row.drop.low <= 0), None)

    def scored(self, row: SizeRow) -> str:
        """Say how the scores of a size were made."""
        return scored_by(self.protocol, row.tile, row.stride)

    def losses(self, most: int = 3) -> str:
        """Say what the sizes below the sufficient one lose, the largest first."""
        enough = self.smallest
        smaller = [row for row in self.partial if enough is None or row.tile < enough.tile]
        return ", ".join(
            f"{_in_points(row.drop)} lost with tiles of {row.tile} pixels" for row in smaller[::-1][:most]
        )

    def sentence(self) -> str:
        """Say how near-sighted the classifier is; nothing where no size was measured.

        >>> same = Estimate(0.5, 0.25, 0.75, n=16, chance=0.25)
        >>> row = SizeRow(8, 9, same, same, same, drop=Estimate(0.0, -0.1, 0.1, n=16, chance=0.0))
        >>> Locality((row,)).sentence().split(":")[0]
        'no loss of accuracy shows with tiles of 8 pixels, the smallest tried'
        """
        if not self.sizes:
            return ""
        by = "in the full pass" if self.decided == FULL_PASS else f"under {self.decided}"
        if self.at_chance and (own := self.reference) is not None:
            return (
                f"nothing can be said about how near-sighted it is: {by} it is right no more often than by "
                f"chance ({whole_per_cent(own)} of {own.n:,} images)"
            )
        if not self.partial:
            return "no tile smaller than the image was taken, so nothing can be said about how near-sighted it is"
        return f"{self._needed(by)}{self._of_whole()}"

    def _needed(self, by: str) -> str:
        found, losses = self.smallest, self.losses()
        if found is None and self.decided != FULL_PASS:
            return f"every size of tiles below the image's loses against its own decision, {self.decided}: {losses}"
        if found is None:
            widest = self.scored(self.partial[-1])
            return f"it needs whole images: under {widest} it is less accurate than {by}; {losses}"
        limit = f" ({losses})" if losses else ", the smallest tried"
        accurate = f"it is {whole_per_cent(found.accuracy)} accurate"
        if self.scored(found) == self.decided:
            own = f"no loss of accuracy shows with its own tiles of {found.tile} pixels"
            return f"{own}{limit}: {by} {accurate} on {found.accuracy.n} images"
        most = round(max(0.0, 100 * (found.drop.high or 0.0)))
        of_own = "" if self.decided == FULL_PASS else f" ({self.decided})"
        return (
            f"no loss of accuracy shows with tiles of {found.tile} pixels{limit}: under {self.scored(found)} "
            f"{accurate}, at most {counted(most, 'point')} below {self.against}{of_own}, and "
            f"agrees with it on {whole_per_cent(found.agreement)} of {found.accuracy.n} images"
        )

    def _of_whole(self) -> str:
        if self.whole is None or self.decided == FULL_PASS:
            return ""
        return f"; under full-pass, by which it does not decide, it is {whole_per_cent(self.whole)} accurate"


def measure_locality(
    decision: Decision,
    images: ImageSet,
    scores: Mapping[str, NDArray[np.float32]],
    grids: Sequence[TileGrid],
    *,
    sizes: Sequence[int] | None = None,
    limit: int = LIMIT,
    seed: int = 0,
    leave_out: Callable[[str], None] = SILENT.warn,
    progress: Progress = SILENT,
) -> Locality:
    """Measure what a model's decision loses on tiles of several sizes of the same images.

    >>> from nearsight.data import MemoryImages
    >>> pixels = torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1).expand(2, 3, 8, 8)
    >>> toy = ImageSet("toy", "test", ("dark", "light"), np.array([0, 1]), MemoryImages(pixels, ("a", "b")))
    >>> def light(images):
    ...     return torch.stack([-images.mean((1, 2, 3)), images.mean((1, 2, 3))], dim=1)
    >>> decision = Decision(TiledModel(light, tile=4, classes=toy.classes), "full-pass")
    >>> scores = {"full-pass": decision.scores(pixels)}
    >>> found = measure_locality(decision, toy, scores, [TileGrid(8, 8, 4, 1)] * 2)
    >>> [(row.tile, row.tiles, row.accuracy.value) for row in found.sizes]
    [(2, 49, 1.0), (4, 9, 1.0), (5, 9, 1.0), (6, 4, 1.0), (7, 4, 1.0), (8, 1, 1.0)]

    `scores` are those of all images, float32 (n, classes), under the decision's protocol and, if the model takes
    whole images, `full-pass`; `grids` are the tile grids of all images. By default, `sizes` are half of the bound
    tile, that tile, and from there to the short side of the smallest image in four equal ratios; sizes that the
    model does not accept are left out, and `leave_out` is told of them. Each size is on a covering grid, and tiles
    overlap by half. At most `limit` images, drawn with `seed`, take part. `progress` is told how many sizes are
    done.
    """
    bound, order = decision.bound, draw(len(images), limit, seed)
    if not len(order):
        return Locality(())
    labels, own = images.labels[order], scores[decision.protocol][order]
    tile, stride = bound.sides()
    shortest = min(min(grids[i].height, grids[i].width) for i in order)
    asked = sorted(sizes or sizes_between(tile, shortest))
    chosen = [size for size in asked if takes(bound, size)]
    if refused := [str(size) for size in asked if size not in chosen]:
        leave_out(
            f"locality leaves out tiles of {', '.join(refused)} pixels, which the model does not take, or not within "
            "the memory that is allowed"
        )
    protocol = MEAN_LOGIT if decision.whole else decision.protocol
    rows = []
    for done, size in enumerate(chosen, start=1):
        maps = bound.at(size, half_stride(size), "covering").maps(images.image(i) for i in order.tolist())
        together, votes, tiles = [], [], []
        for evidence_map in maps:
            together.append(tile_scores(protocol, evidence_map).numpy())
            votes.append(tile_scores(SINGLE_TILE, evidence_map).numpy())
            tiles.append(len(evidence_map.grid))
        found = np.stack(together)
        right = correctness(decision.protocol, own, labels) - correctness(protocol, found, labels)
        rows.append(
            SizeRow(
                size,
                round(float(np.mean(tiles))),
                accuracy=accuracy_under(protocol, found, labels),
                agreement=agreement_with(predict(own).astype(np.int64), protocol, found),
                single=accuracy_under(SINGLE_TILE, np.stack(votes), labels),
                drop=mean_estimate(right, chance=0.0),
            )
        )
        progress.count("measuring tile sizes", done, len(chosen))
    whole = None if decision.whole else scores.get(FULL_PASS)
    return Locality(
        tuple(rows),
        whole=None if whole is None else _beyond_chance(whole[order], labels),
        own=_beyond_chance(own, labels),
        decided=scored_by(decision.protocol, tile, stride),
        protocol=protocol,
    )


def half_stride(tile: int) -> int:
    """Return the step at which tiles overlap by half, in pixels.

    >>> half_stride(16), half_stride(1)
    (8, 1)
    """
    return max(1, tile // 2)


def sizes_between(tile: int, shortest: int) -> list[int]:
    """Return the sizes of tiles that are measured: half the tile, the tile, and from there to the short side.

    >>> sizes_between(48, 240)
    [24, 48, 72, 107, 160, 240]
    """
    half, tile = (min(max(1, size), shortest) for size in (tile // 2, tile))
    return sorted({half, *(round(size) for size in np.geomspace(tile, shortest, SIZES - 1))})


def takes(bound: TiledModel, size: int) -> bool:
    """Tell whether a model gives finite logits for a tile of a given size, within its memory.

    >>> network = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 9), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    >>> [takes(TiledModel(network, tile=16), size) for size in (8, 9)]
    [False, True]
    """
    try:
        bound.check_full_pass(torch.zeros(1).expand(3, size, size))
        return bool(bound.logits([torch.zeros(3, size, size)]).isfinite().all())
    except Exception:
        # A model may raise anything at a size that it does not accept.
        return False


def _beyond_chance(scores: NDArray[np.float32], labels: NDArray[np.int64]) -> Estimate:
    """Return the accuracy of scores; its chance is that of the same predictions assigned at random."""
    predictions, classes = predict(scores), scores.shape[1]
    predicted, known = (np.bincount(one, minlength=classes) / len(labels) for one in (predictions, labels))
    return accuracy_estimate(predictions == labels, chance=float(predicted @ known))


def _in_points(drop: Estimate) -> str:
    return f"{with_interval(drop, partial(points, decimals=0))} points"
