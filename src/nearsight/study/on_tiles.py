"""What the whole-image arms of a comparison say about small tiles, and, in words, whether it is much the same."""

from collections.abc import Iterator
from dataclasses import dataclass

from nearsight.evaluation.tile_views import ALONE, ALONE_BN, IN_PLACE, IN_PLACE_BN, View
from nearsight.statistics import Estimate, kappa_estimate
from nearsight.statistics.agreement import SUBSTANTIAL_KAPPA
from nearsight.statistics.pairs import IMAGES
from nearsight.statistics.writing import number, points, with_interval
from nearsight.study.arms import label

SHOWN: dict[View, str] = {
    ALONE: "alone",
    ALONE_BN: "alone, with BatchNorm re-estimated on such tiles",
    IN_PLACE: "at their place in an image of the mean colour",
    IN_PLACE_BN: "at their place in an image of the mean colour, with BatchNorm re-estimated on such images",
}


@dataclass(frozen=True)
class ViewOnTiles:
    """How far the tiles of one size, shown in one way, say what the whole image says.

    `accuracy` and `agreement` (with the full pass) are those of the mean logit of an image's tiles;
    `single_accuracy` and `single_agreement` are those of its tiles one by one. The chance of an agreement is that
    of independent predictions with the same frequencies of classes. `lost` is the accuracy of the full pass minus
    `accuracy`, paired. `gained` is `accuracy` minus that of the first view, paired, None for the first view
    itself. `beside_seeds` is the agreement minus that of the full passes of two seeds. Earlier versions did not
    have the last two.
    """

    view: View
    accuracy: Estimate
    lost: Estimate
    agreement: Estimate
    single_accuracy: Estimate
    single_agreement: Estimate
    gained: Estimate | None = None
    beside_seeds: Estimate | None = None

    @property
    def kappa(self) -> Estimate:
        """Cohen's kappa of the agreement of mean logit and full pass."""
        return kappa_estimate(self.agreement)

    @property
    def same(self) -> bool | None:
        """Whether tiles say much the same: kappa is at least 0.6 by its whole interval; None if that contains 0.6."""
        found = self.kappa
        if found.low is None or found.high is None:
            return None
        return True if found.low >= SUBSTANTIAL_KAPPA else False if found.high < SUBSTANTIAL_KAPPA else None


@dataclass(frozen=True)
class SizeOnTiles:
    """One size of tiles, its stride in pixels and its tiles per image, under each view that could be shown."""

    tile: int
    stride: int
    tiles_per_image: float
    views: tuple[ViewOnTiles, ...]

    @property
    def best(self) -> ViewOnTiles:
        """The view under which most images are predicted as by the full pass: the most favourable one for tiles."""
        return max(self.views, key=lambda row: row.agreement.value or 0.0)


@dataclass(frozen=True)
class ArmOnTiles:
    """An arm of whole images, asked about tiles.

    `images` is the number of test images, drawn with a fixed seed; BatchNorm was re-estimated on tiles of
    `training_images`. `full_pass` is the accuracy of the full pass on these images, and `between_seeds` the share
    of them that the full passes of two seeds predict alike, over all pairs of seeds. `asked` are the sizes of the
    comparison's arms of tiles, or, if there are none, the size next to half the image.
    """

    arm: str
    images: int
    training_images: int
    full_pass: Estimate
    between_seeds: Estimate
    sizes: tuple[SizeOnTiles, ...]
    asked: tuple[int, ...]
    left_out: tuple[str, ...] = ()

    def sentences(self) -> Iterator[str]:
        """Say for each relevant size how much its tiles say the same, and where the loss comes from."""
        for size in self.sizes:
            if size.tile in self.asked and size.views:
                yield self._told(size)

    def _told(self, size: SizeOnTiles) -> str:
        first, best = size.views[0], size.best
        name = label(self.arm)
        who = f"one network of {name}" if self.full_pass.covers == IMAGES else name
        told = [
            f"{who}, trained on whole images, predicts {with_interval(first.agreement)} % of images from tiles of "
            f"{size.tile} pixels {SHOWN[first.view]} as it does from the whole image{_beside(first.agreement)}, "
            f"kappa {with_interval(first.kappa, number)}",
            f"{with_interval(first.accuracy)} % are right from tiles, {with_interval(self.full_pass)} % from whole "
            f"images, and one tile says the same as its image {with_interval(first.single_agreement)} % of the time",
        ]
        if self.between_seeds.value is not None:
            told[0] += f"; two seeds agree on {with_interval(self.between_seeds)} % of whole images"
            if first.beside_seeds is not None and first.beside_seeds.value is not None:
                told[0] += f", a difference of {with_interval(first.beside_seeds)} points"
        if best is not first:
            told.append(
                f"shown most favourably, {SHOWN[best.view]}, tiles predict {with_interval(best.agreement)} % alike "
                f"and lose {with_interval(best.lost)} points, {_beside_alone(first, best)}"
            )
        return "; ".join((*told, _conclusion(size)))


def _beside(agreement: Estimate) -> str:
    return "" if agreement.chance is None else f" (by chance {points(agreement.chance, 0)})"


def _beside_alone(first: ViewOnTiles, best: ViewOnTiles) -> str:
    """Say how the loss under the best view compares with that of tiles alone, and what depends on the view."""
    alone = points(first.lost.value or 0.0)
    if (best.lost.value or 0.0) >= (first.lost.value or 0.0):
        return f"no fewer than {SHOWN[first.view]} ({alone})"
    if best.gained is None or best.gained.low is None:
        return f"not {alone}"
    gained = with_interval(best.gained)
    if best.gained.low > 0:
        return f"not {alone}: {gained} points go with padding and statistics, not with their size"
    return f"not {alone}: that padding and statistics make a difference is not shown, {gained} points"


def _conclusion(size: SizeOnTiles) -> str:
    """Return the verdict on a size, by the bound on kappa that was fixed before any result."""
    found = [row.same for row in size.views]
    if size.views[0].same:
        return "so its tiles together say much the same"
    if True in found:
        return "so its tiles together say much the same once they are shown so"
    if None in found:
        return "whether its tiles together say much the same is not settled"
    return f"so its tiles do not say much the same (kappa below {SUBSTANTIAL_KAPPA}, however they are shown)"
