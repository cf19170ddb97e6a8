"""The result of a comparison, as typed rows."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from nearsight.arguments import checked
from nearsight.errors import unknown_name
from nearsight.notebook import Shown, Summary
from nearsight.numbers import Within, counted
from nearsight.read import belonging_together
from nearsight.rows import from_values, read_result, to_values
from nearsight.runs import write_json
from nearsight.schema import FIRST, numbered
from nearsight.settings import Recipe
from nearsight.settings.pooled import MEAN, PoolingName
from nearsight.settings.protocols import FIVE_CROP, SINGLE_TILE, WHOLE, scored_by
from nearsight.settings.recipe import recipe_from_table, recipe_table
from nearsight.statistics import Estimate, McNemar
from nearsight.statistics.margins import Spread
from nearsight.statistics.writing import MISSING, with_interval
from nearsight.study.arms import FULL_HEADLINE, headline, label
from nearsight.study.compared_groups import ComparedGroups
from nearsight.study.good_enough import GoodEnough, Held, good_enough
from nearsight.study.on_tiles import ArmOnTiles
from nearsight.study.pairing import ADDED, OTHER
from nearsight.study.undertrained import Fall, is_undertrained, undertrained_words
from nearsight.study.verdicts import verdict

COMPARISON = "comparison.json"

UNITS = {
    "accuracy, difference": "share of test images from 0 to 1 (single-tile: of tiles); higher is better",
    "interval": "a value with its 95 % interval over what `covers` names, by crossed random effects and Student's t; "
    "of one seed Wilson's and Newcombe's, over images; n images. With folds, as wide as the corrected resampled t "
    "over folds where that is wider",
    "groups": "accuracy under each arm's headline protocol, mean over seeds, by the values of a column; intervals "
    "over images, of the worst over seeds too",
    "on_tiles": "agreement: share of images, or single of tiles, predicted as by the full pass of the same network; "
    "accuracy as above, on the images that were asked about; lost: full pass less mean-logit",
    "mcnemar": "images that one arm alone gets right, and the exact two-sided p",
    "flops": "floating-point operations of matrix products and convolutions, a multiply-add is two: of forward and "
    "backward passes and of the optimizer, whose part is optimizer_flops, null where it was not counted",
    "train, gap": "accuracy on images that were trained on, as many of each run as judged_training_images says, and "
    "how far it is above that on test images; of a difference: how much "
    "larger the gap of arm is than that of reference",
    "fall": "mean training loss in the last quarter of the steps but one less that in the last, with a 95 % interval "
    "by the noise of the curves",
    "spread": "mean squares of a difference between seeds, between images and of the rest",
    "margin": "points; good_enough: yes where the whole interval is above -margin, no where it is below; seeds or "
    "images: about as many as would tell in four of five comparisons",
    "asked": "what a difference is asked for; empty for completeness alone",
    "training_pixels, images_seen": "of one run, counted with repetition",
    "seconds, peak_memory_bytes": "of each seed's training as measured on the hardware named; with folds of each "
    "seed's and fold's",
}


@dataclass(frozen=True)
class Augmented:
    """What an arm's training does to its images, and what it starts from.

    Flips, the pixels of a padded crop, Cutout's square, CutMix's share; `crop_padding` is None for tiles, whose
    place is random anyway. Earlier versions did not have the rest: the least share of a resized crop, changes of
    colour, mixup's share, and the weights that are fine-tuned, empty for initial ones.
    """

    flip: str
    crop_padding: int | None
    cutout: int | None
    cutmix: float | None
    resized_crop: float | None = None
    colours: str = "none"
    mixup: float | None = None
    begun_from: str = ""


@dataclass(frozen=True)
class Accuracy:
    """An arm's accuracy under one protocol: its mean over seeds with its interval, and each seed's.

    `train` is the accuracy on some of the images that were trained on, `train_seeds` that of each seed, and `gap`
    how far it is above the test accuracy; earlier versions did not measure them.
    """

    protocol: str
    interval: Estimate
    seeds: tuple[float, ...]
    train: Estimate | None = None
    train_seeds: tuple[float, ...] = ()
    gap: Estimate | None = None


@dataclass(frozen=True)
class Cost:
    """What one run of an arm costs; seconds, memory and precision are listed for each seed.

    `optimizer_flops` are part of `flops`, None if an earlier version did not count them.
    """

    parameters: int
    steps: int
    epochs: float
    images_seen: int
    pixels_per_image: int
    training_pixels: int
    flops: int
    seconds: tuple[float, ...]
    peak_memory_bytes: tuple[int, ...]
    precision: tuple[str, ...]
    optimizer_flops: int | None = None


@dataclass(frozen=True)
class ArmResult:
    """The result of an arm; `stride` and `tiles_per_image` say how its images were cut for evaluation.

    `augmented` is None for an arm of an earlier version, whose augmentation is described only in words. `fall` is
    how far the training loss fell at the end, None if that is not known, as in earlier versions.
    """

    name: str
    tile: int | None
    augmentation: str
    headline: str
    accuracies: tuple[Accuracy, ...]
    cost: Cost
    stride: int | None
    tiles_per_image: float | None
    augmented: Augmented | None = None
    fall: Fall | None = None

    @property
    def label(self) -> str:
        """The arm's name in a sentence."""
        return label(self.name)

    @property
    def seen(self) -> str:
        """The arm's name with the stride of its tiles, as in tables."""
        return self.label if self.stride is None else f"{self.label} at stride {self.stride}"

    @property
    def undertrained(self) -> bool:
        """Whether its training has not levelled off (`study.undertrained.is_undertrained`)."""
        return is_undertrained(self.fall, self._known)

    @property
    def why_undertrained(self) -> str | None:
        """The sentence that says why it is called undertrained; None if it is not."""
        if self.fall is None or self._known is None or not self.undertrained:
            return None
        return undertrained_words(self.label, self.fall, self._known)

    @property
    def _known(self) -> float | None:
        found = self.accuracy(self.headline)
        return None if found is None or found.train is None else found.train.value

    def accuracy(self, protocol: str) -> Accuracy | None:
        """Return the accuracy under a protocol, or None if the arm was not evaluated under it."""
        return next((row for row in self.accuracies if row.protocol == protocol), None)


@dataclass(frozen=True)
class Difference:
    """The accuracy of `arm` under `protocol` minus that of `reference` under `reference_protocol`.

    `headline` marks the differences for which the comparison is made, and `asked` says for what question
    (`study.pairing.ASKED`); earlier versions did not say. `mcnemar` has a row for each seed, but none under
    `single-tile` and with folds, because it takes the networks as given. `spread` is how the difference varies
    over seeds and images, and `gap` is how much more `arm` loses from training to test images than `reference`;
    both are None with folds and in earlier versions.
    """

    arm: str
    protocol: str
    reference: str
    reference_protocol: str
    headline: bool
    interval: Estimate
    mcnemar: tuple[McNemar, ...]
    verdict: str
    asked: str = ""
    spread: Spread | None = None
    gap: Estimate | None = None


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """A finished comparison: what was compared, how, the results of the arms and their differences.

    >>> found = Comparison.load("docs/results/cifar10")
    >>> found.tested, found.budget, found.seeds
    ('10,000 test images', 'pixels', (0, 1, 2))
    >>> print(found.verdicts[0])
    full+standard (full-pass) is better than full (full-pass) by 1.9 points (1.2 to 2.5)

    `images` is the number of test images. With `folds`, a cross-validation, these are all images, each tested by
    the networks that were not trained on its fold. `judged_training_images` is on how many of its training images
    a run was judged, 0 if an earlier version judged none. `groups` are the accuracies by the requested column,
    and `on_tiles` is what the arms of whole images say about tiles. `margin` is how many points tiles may be
    behind whole images and still be good enough, if given. `hardware` and `versions` have an entry for each
    different one on which runs were trained. `command` is what was typed to make it; empty if Python did, and in
    older files.
    """

    directory: Path
    data: str
    split: str
    images: int
    training_images: int
    classes: int
    size: tuple[int, int]
    budget: str
    seeds: tuple[int, ...]
    recipe: Recipe
    arms: tuple[ArmResult, ...]
    differences: tuple[Difference, ...]
    hardware: tuple[dict[str, Any], ...]
    versions: tuple[dict[str, str], ...]
    notes: tuple[str, ...]
    folds: int | None = None
    groups: ComparedGroups | None = None
    on_tiles: tuple[ArmOnTiles, ...] = ()
    judged_training_images: int = 0
    margin: Annotated[float, Within(0, 100)] | None = None
    command: str = ""

    @checked
    def arm(self, name: str) -> ArmResult:
        """Return an arm by its name; raises `InputError` for one that was not compared.

        >>> found = Comparison.load("docs/results/cifar10")
        >>> found.arm("tile-16").headline, found.arm("full").headline
        ('mean-logit', 'full-pass')
        """
        for arm in self.arms:
            if arm.name == name:
                return arm
        raise unknown_name("arm", name, [arm.name for arm in self.arms])

    @property
    def tested(self) -> str:
        """How many images were tested, and from what: a split, or folds."""
        if self.folds is None:
            return f"{self.images:,} {self.split} images"
        return f"{counted(self.images, 'image')} in {counted(self.folds, 'fold')}"

    @property
    def verdicts(self) -> tuple[str, ...]:
        """The sentences about the differences for which the comparison is made."""
        return tuple(row.verdict for row in self.differences if row.headline)

    @cached_property
    def good_enough(self) -> tuple[GoodEnough, ...]:
        """For each arm of tiles and each reference, whether it is good enough; empty without a `margin`."""
        if self.margin is None:
            return ()
        return tuple(
            good_enough(
                Held(
                    row.arm,
                    row.protocol,
                    row.reference,
                    row.reference_protocol,
                    self._scored(row),
                    tuple(
                        arm.label for arm in (self.arm(row.arm), self.arm(row.reference)) if arm.undertrained
                    ),
                ),
                row.interval,
                self.margin,
                row.spread,
            )
            for row in self.differences
            if row.headline and row.asked not in (ADDED, OTHER) and self.arm(row.arm).tile is not None
        )

    def _scored(self, row: Difference) -> tuple[str, str]:
        return (
            scored_arm(row.arm, row.protocol, self.arm(row.arm).stride),
            scored_arm(row.reference, row.reference_protocol, self.arm(row.reference).stride),
        )

    def _summary(self) -> Summary:
        seeds = f"{counted(len(self.seeds), 'seed')}" if len(self.seeds) > 1 else "one seed"
        rows = []
        for arm in self.arms:
            found = arm.accuracy(arm.headline)
            cut = "whole images" if arm.tile is None else f"tile {arm.tile}, stride {arm.stride}"
            accuracy = MISSING if found is None else with_interval(found.interval)
            rows.append((arm.label, arm.headline, cut, accuracy))
        return Summary(
            f"Comparison({self.data}, {self.tested}: {len(self.arms)} arms, {seeds}, equal {self.budget})",
            ("arm", "protocol", "cut", "accuracy % (95 %)"),
            rows,
            (*self.verdicts, *(answer.said for answer in self.good_enough)),
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything except its place as plain values, with units: the content of comparison.json.

        >>> Comparison.load("docs/results/cifar10").to_json()["images"]
        10000
        """
        values = to_values(self) | {"recipe": recipe_table(self.recipe)}
        del values["directory"]
        answers = [asdict(answer) for answer in self.good_enough]
        return numbered(
            "comparison", {"verdicts": self.verdicts, "good_enough": answers, **values, "units": UNITS}
        )

    @checked
    def save(self, directory: str | Path | None = None) -> None:
        """Write comparison.json into a directory, by default the comparison's own, whole or not at all.

        >>> import tempfile
        >>> Comparison.load("docs/results/cifar10").save(copy := tempfile.mkdtemp())
        >>> Comparison.load(copy).images
        10000
        """
        write_json(Path(directory or self.directory) / COMPARISON, self.to_json())

    @staticmethod
    @checked
    def load(directory: str | Path) -> "Comparison":
        """Read the comparison that `save` left in a directory.

        >>> Comparison.load("docs/results/cifar10").seeds
        (0, 1, 2)

        Raises `InputError` if there is none, and for a file that is damaged or of a newer version.
        """
        path = Path(directory) / COMPARISON
        schema, values = read_result("comparison", path, "compare")
        recipe = recipe_from_table(values.get("recipe", {}), path, unnumbered=FIRST)
        # Everything but the recipe follows from the rest.
        derived = ("verdicts", "good_enough", "units", "recipe")
        rows = {name: value for name, value in values.items() if name not in derived}
        if schema < 2:
            rows = _intervals_of_schema_1(rows, rows.get("images"))
        place = {"directory": str(directory), "recipe": {}}
        found = replace(from_values(Comparison, rows | place, path, schema=schema), recipe=recipe)
        with belonging_together(path, "run `nearsight compare` again"):
            found._summary()
            # Sentences of the first schema did not say how the arms were scored.
            if schema < 2:
                return replace(found, differences=tuple(map(found._told, found.differences)))
        return found

    def _told(self, row: Difference) -> Difference:
        return replace(row, verdict=verdict(*self._scored(row), row.interval))


def _intervals_of_schema_1(values: Any, images: Any) -> Any:
    """Return values in which each interval is an estimate: old files called its value `estimate` and had no n."""
    if isinstance(values, dict):
        if values.keys() == {"estimate", "low", "high", "covers"}:
            return {"value" if name == "estimate" else name: each for name, each in values.items()} | {
                "n": images
            }
        return {name: _intervals_of_schema_1(each, images) for name, each in values.items()}
    return [_intervals_of_schema_1(each, images) for each in values] if isinstance(values, list) else values


def scored_arm(arm: str, protocol: str, stride: int | None) -> str:
    """Return an arm's name as a sentence has it, with how the arm was scored.

    >>> scored_arm("tile-16", "mean-logit", 4), scored_arm("full", "full-pass", None)
    ('tile 16 (mean-logit, stride 4)', 'full (full-pass)')
    """
    return f"{label(arm)} ({scored_by(protocol, None, stride)})"


def views(arm: ArmResult, protocol: str) -> float:
    """Return on how many views of an image a protocol bases its prediction: 1 if it judges each by itself."""
    if protocol == FIVE_CROP:
        return 5
    return 1 if protocol in (*WHOLE, SINGLE_TILE) or arm.tiles_per_image is None else arm.tiles_per_image


def headline_among(measured: Collection[str], tile: int | None, pooling: PoolingName = MEAN) -> str:
    """Return a model's headline protocol among those measured: `headline`, or else the first of them.

    >>> headline_among(["vote", "mean-logit"], 16), headline_among(["vote"], 16)
    ('mean-logit', 'vote')
    """
    found = headline(tile, pooling)
    return found if found in measured else next(iter(measured), FULL_HEADLINE)
