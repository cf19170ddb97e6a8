"""How near-sighted a classifier is: accuracy and agreement with the full pass, by tile size."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.draw import draw
from nearsight.diagnosis.protocols.agreement import protocol_agreement
from nearsight.evaluation import correctness, predict, tile_scores
from nearsight.evidence import TiledModel
from nearsight.numbers import counted
from nearsight.progress import SILENT, Progress
from nearsight.settings.protocols import FULL_PASS, MEAN_LOGIT, SINGLE_TILE, scored_by
from nearsight.statistics import Estimate, accuracy_estimate, mean_estimate
from nearsight.statistics.writing import whole_per_cent

SIZES = 6
LIMIT = 400


@dataclass(frozen=True)
class SizeRow:
    """Tiles of one size, in pixels: `tiles` per image (the mean, rounded), under `mean-logit`.

    `accuracy` and `agreement` (with the full pass) are those of images, `single` is the accuracy of one tile.
    `drop` is the accuracy of the full pass minus `accuracy`, image by image.
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
    """Accuracy and agreement by tile size, smallest first.

    `whole` is the accuracy of the full pass on the same images; its chance is that of the same predictions
    assigned at random. None in older files.
    """

    sizes: tuple[SizeRow, ...]
    whole: Estimate | None = None

    @property
    def at_chance(self) -> bool:
        """Whether the full pass is right no more often than by chance, so that there is nothing to lose."""
        if self.whole is None or self.whole.low is None or self.whole.chance is None:
            return False
        return self.whole.low <= self.whole.chance

    @property
    def partial(self) -> tuple[SizeRow, ...]:
        """The sizes of which an image has several tiles; a tile that is the whole image loses nothing."""
        return tuple(row for row in self.sizes if row.tiles > 1)

    @property
    def smallest(self) -> SizeRow | None:
        """The smallest tiles for which no loss of accuracy against the full pass is shown; None if there are none."""
        if self.at_chance:
            return None
        return next((row for row in self.partial if row.drop.low is not None and row.drop.low <= 0), None)

    def losses(self, most: int = 3) -> str:
        """Say what the sizes below the sufficient one lose against the full pass, the largest first."""
        enough = self.smallest
        smaller = [row for row in self.partial if enough is None or row.tile < enough.tile]
        return ", ".join(
            f"{whole_per_cent(row.drop)} lost with tiles of {row.tile} pixels" for row in smaller[::-1][:most]
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
        if self.at_chance and self.whole is not None:
            return (
                "nothing can be said about how near-sighted it is: in the full pass it is right no more often "
                "than by "
                f"chance ({whole_per_cent(self.whole)} of {self.whole.n:,} images)"
            )
        found, losses = self.smallest, self.losses()
        if found is None and not self.partial:
            return "no tile smaller than the image was taken, so nothing can be said about how near-sighted it is"
        if found is None:
            widest = self.partial[-1]
            return (
                f"it needs whole images: under {scored_by(MEAN_LOGIT, widest.tile, widest.stride)} it is less "
                f"accurate than in the full pass; {losses}"
            )
        limit = f" ({losses})" if losses else ", the smallest tried"
        most = round(max(0.0, 100 * (found.drop.high or 0.0)))
        return (
            f"no loss of accuracy shows with tiles of {found.tile} pixels{limit}: under "
            f"{scored_by(MEAN_LOGIT, found.tile, found.stride)} it is "
            f"{whole_per_cent(found.accuracy)} accurate, at most {counted(most, 'point')} below the full pass, and "
            f"agrees with it on {whole_per_cent(found.agreement)} of {found.accuracy.n} images"
        )


def measure_locality(
    bound: TiledModel,
    images: ImageSet,
    *,
    sizes: Sequence[int] | None = None,
    limit: int = LIMIT,
    seed: int = 0,
    leave_out: Callable[[str], None] = SILENT.warn,
    progress: Progress = SILENT,
) -> Locality:
    """Measure a model on tiles of several sizes of the same images, each size on a covering grid.

    >>> from nearsight.data import MemoryImages
    >>> from nearsight.models import Architecture, Classifier, Preprocessing
    >>> pixels = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 8, 8)
    >>> toy = ImageSet("toy", "test", ("dark", "light"), np.array([0, 1]), MemoryImages(pixels, ("a", "b")))
    >>> class Light(torch.nn.Module):
    ...     def forward(self, images):
    ...         return torch.stack([-images.mean((1, 2, 3)), images.mean((1, 2, 3))], dim=1)
    >>> halves = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    >>> classifier = Classifier(Light().eval(), Architecture("light", 2), toy.classes, 4, halves)
    >>> found = measure_locality(TiledModel(classifier), toy)
    >>> [(row.tile, row.tiles, row.accuracy.value) for row in found.sizes]
    [(2, 49, 1.0), (4, 9, 1.0), (5, 9, 1.0), (6, 4, 1.0), (7, 4, 1.0), (8, 1, 1.0)]

    By default, `sizes` are half of the bound tile, that tile, and from there to the short side of the smallest
    image in four equal ratios; sizes that the model does not accept are left out, and `leave_out` is told of
    them. Tiles overlap by half. At most `limit` images, drawn with `seed`, take part. `progress` is told how many
    sizes are done.
    """
    order = draw(len(images), limit, seed)
    if not len(order):
        return Locality(())
    labels = images.labels[order]
    shortest: list[int] = []

    def resized() -> Iterator[Tensor]:
        for i in order.tolist():
            image = bound.resize(images.image(i))
            shortest.append(min(image.shape[1:]))
            yield image

    full_scores = bound.full_pass(resized()).float().numpy()
    tile, _ = bound.sides()
    asked = sorted(sizes or sizes_between(tile, min(shortest)))
    chosen = [size for size in asked if takes(bound, size)]
    if refused := [str(size) for size in asked if size not in chosen]:
        leave_out(f"locality leaves out tiles of {', '.join(refused)} pixels, which the model does not take")
    rows = []
    for done, size in enumerate(chosen, start=1):
        maps = bound.at(size, half_stride(size), "covering").maps(images.image(i) for i in order.tolist())
        scores, votes, tiles = [], [], []
        for evidence_map in maps:
            scores.append(tile_scores(MEAN_LOGIT, evidence_map).numpy())
            votes.append(tile_scores(SINGLE_TILE, evidence_map).numpy())
            tiles.append(len(evidence_map.grid))
        rows.append(_size_row(size, tiles, full_scores, np.stack(scores), np.stack(votes), labels))
        progress.count("measuring tile sizes", done, len(chosen))
    return Locality(tuple(rows), _of_whole(full_scores, labels))


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
    """Tell whether a model gives finite logits for a tile of a given size.

    >>> network = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 9), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    >>> [takes(TiledModel(network, tile=16), size) for size in (8, 9)]
    [False, True]
    """
    try:
        return bool(bound.logits([torch.zeros(3, size, size)]).isfinite().all())
    except Exception:
        # A model may raise anything at a size that it does not accept.
        return False


def _of_whole(scores: NDArray[np.float32], labels: NDArray[np.int64]) -> Estimate:
    predictions, classes = predict(scores), scores.shape[1]
    predicted, known = (np.bincount(one, minlength=classes) / len(labels) for one in (predictions, labels))
    return accuracy_estimate(predictions == labels, chance=float(predicted @ known))


def _size_row(
    size: int,
    tiles: list[int],
    full: NDArray[np.float32],
    scores: NDArray[np.float32],
    votes: NDArray[np.float32],
    labels: NDArray[np.int64],
) -> SizeRow:
    rows = protocol_agreement({FULL_PASS: full, MEAN_LOGIT: scores, SINGLE_TILE: votes}, labels)
    right = correctness(FULL_PASS, full, labels) - correctness(MEAN_LOGIT, scores, labels)
    return SizeRow(
        size,
        round(float(np.mean(tiles))),
        accuracy=rows[1].accuracy,
        agreement=rows[1].agreement,
        single=rows[2].accuracy,
        drop=mean_estimate(right, chance=0.0),
    )
