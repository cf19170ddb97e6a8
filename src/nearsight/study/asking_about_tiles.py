"""Applying the whole-image arms of a study to tiles: run by run, kept beside each, and over seeds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from nearsight.data import ImageSet
from nearsight.errors import InputError
from nearsight.evaluation.kept_scores import content_of
from nearsight.evaluation.whole_on_tiles import TileAnswers, ViewAnswers, ask_about_tiles, sizes_to_ask
from nearsight.evidence import TiledModel
from nearsight.models.weights_digest import digest_of_weights
from nearsight.progress import SILENT, Progress
from nearsight.rows import from_values, read_result, to_values
from nearsight.runs import Run, write_json
from nearsight.schema import numbered
from nearsight.statistics import (
    Estimate,
    absent,
    accuracy_estimate,
    agreement_beside_seeds,
    arm_estimate,
    chance_agreement,
    paired_difference,
)
from nearsight.study.measure import Tested
from nearsight.study.on_tiles import ArmOnTiles, SizeOnTiles, ViewOnTiles

ANSWERS = "on-tiles.json"


@dataclass(frozen=True)
class Asked:
    """What a run was asked about, and its answers: the content of on-tiles.json beside it.

    `content` is that of the images (`content_of`), `weights` that of the network (`digest_of_weights`); files of
    older versions do not say them.
    """

    data: str
    split: str
    images: int
    most: int
    sizes: tuple[int, ...]
    answers: TileAnswers
    content: str | None = None
    weights: str | None = None


def ask_run(
    run: Run,
    bound: TiledModel,
    images: ImageSet,
    training: ImageSet,
    tiles: Iterable[int],
    *,
    most: int,
    progress: Progress = SILENT,
) -> TileAnswers:
    """Return what a bound run of whole images says about tiles; earlier answers to the same question are kept.

    It is asked about `tiles`, and about a quarter, half and three quarters of the images' side, on at most this
    many images. The answers are left in the run's directory. If earlier ones are damaged, a warning says so, and
    it is asked again. Raises where `ask_about_tiles` does.
    """
    sizes = sizes_to_ask(bound, images, tiles)
    path = run.directory / ANSWERS
    content = content_of(images)
    weights = digest_of_weights(bound.model) if isinstance(bound.model, nn.Module) else None
    held = _held(path, progress)
    if held is not None and held.content in (None, content) and held.weights in (None, weights):
        same = (held.data, held.split, held.images, held.most, held.sizes)
        if same == (images.name, images.split, len(images), most, sizes):
            return held.answers
    answers = ask_about_tiles(bound, images, training, sizes, most=most, progress=progress)
    asked = Asked(images.name, images.split, len(images), most, sizes, answers, content, weights)
    write_json(path, numbered("on-tiles", to_values(asked)))
    return answers


def measure_on_tiles(
    arm: str,
    answers: Sequence[Sequence[TileAnswers]],
    tiles: Iterable[int],
    ratio: float = 0.0,
) -> ArmOnTiles:
    """Return how an arm of whole images does on tiles, from its runs' answers: one per fold for each seed.

    `tiles` are the sizes that its sentences are about: those of the comparison's arms of tiles, or none.
    Intervals are those of the comparison: over images and seeds (`arm_estimate`), and as wide as folds make them
    if there are several, with `ratio` images each for one that is trained on (`widened_by_folds`). Raises
    `InputError` for runs that were asked about different images.
    """
    for of_seed in answers[1:]:
        if [one.labels for one in of_seed] != [one.labels for one in answers[0]]:
            raise InputError(f"the runs of {arm} were asked about tiles of different images; ask them again")
    labels = np.concatenate([one.labels for one in answers[0]])
    whole = np.array([np.concatenate([one.whole for one in of_seed]) for of_seed in answers])
    fold = np.repeat(np.arange(len(answers[0])), [len(one.labels) for one in answers[0]])
    judged = _Judged(labels, whole, Tested(fold, ratio))
    sizes = []
    for tile, stride in sorted({(one.tile, one.stride) for one in answers[0][0].views}):
        views = _views_of(answers, tile, stride)
        tiles_per_image = float(np.mean([one.tiles for of_seed in views[0] for one in of_seed]))
        shown = tuple(judged.view(of_view, views[0]) for of_view in views)
        sizes.append(SizeOnTiles(tile, stride, tiles_per_image, shown))
    return ArmOnTiles(
        arm=arm,
        images=len(labels),
        training_images=answers[0][0].training_images,
        full_pass=judged.share(whole == labels),
        between_seeds=_between(whole),
        sizes=tuple(sizes),
        asked=_in_question([size.tile for size in sizes], tiles),
        left_out=tuple(dict.fromkeys(why for of_seed in answers for one in of_seed for why in one.left_out)),
    )


@dataclass(frozen=True, eq=False)
class _Judged:
    """The labels of images, (images,), and what the full passes of all seeds predict, (seeds, images)."""

    labels: NDArray[np.int64]
    whole: NDArray[np.int64]
    tested: Tested

    def share(self, found: NDArray[Any], chance: float | None = None) -> Estimate:
        """Return the mean of an array (seeds, images) with its interval."""
        table = found.astype(np.float64)
        return replace(self.tested.widened(arm_estimate(table), table, 0), chance=chance)

    def view(
        self, answers: Sequence[Sequence[ViewAnswers]], first: Sequence[Sequence[ViewAnswers]]
    ) -> ViewOnTiles:
        """Return the results under one view, beside those under the first; one answer per fold for each seed."""
        predicted, right, alike = (_over(answers, name) for name in ("predictions", "right", "alike"))
        correct, correct_whole, correct_first = (
            (found == self.labels).astype(np.float64)
            for found in (predicted, self.whole, _over(first, "predictions"))
        )
        lost, gained = (
            self.tested.widened(paired_difference(one, other), one - other, -1)
            for one, other in ((correct_whole, correct), (correct, correct_first))
        )
        pairs = zip(predicted, self.whole, strict=True)
        return ViewOnTiles(
            view=answers[0][0].view,
            accuracy=self.share(correct),
            lost=lost,
            agreement=self.share(predicted == self.whole, _mean(chance_agreement(*pair) for pair in pairs)),
            single_accuracy=self.share(right),
            single_agreement=self.share(alike, _mean(one.chance for row in answers for one in row)),
            gained=None if answers is first else gained,
            # Networks of different folds have no images in common.
            beside_seeds=None
            if self.tested.fold.any()
            else agreement_beside_seeds(predicted == self.whole, self.whole),
        )


def _over(answers: Sequence[Sequence[ViewAnswers]], name: str) -> NDArray[Any]:
    """Return a field of the answers of each seed, its folds one after the other, (seeds, images)."""
    return np.array([np.concatenate([getattr(one, name) for one in of_seed]) for of_seed in answers])


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _held(path: Path, progress: Progress) -> Asked | None:
    """Return what a run answered before; None if it was not asked, and with a warning if it cannot be read."""
    if not path.is_file():
        return None
    try:
        schema, values = read_result("on-tiles", path, "compare")
        asked = from_values(Asked, values, path, schema=schema)
        answers = asked.answers
        rows: list[Sequence[float]] = [answers.labels, answers.whole]
        rows += [row for one in answers.views for row in (one.predictions, one.right, one.alike)]
        if {len(row) for row in rows} != {len(answers.images)}:
            raise InputError(f"{path} does not have an answer for each image")
    except InputError as error:
        progress.warn(f"{error}; its answers are measured again")
        return None
    return asked


def _views_of(
    answers: Sequence[Sequence[TileAnswers]], tile: int, stride: int
) -> list[list[list[ViewAnswers]]]:
    """Return the answers about tiles of a size, by view, seed and fold."""
    of_size = [
        [[one for one in fold.views if (one.tile, one.stride) == (tile, stride)] for fold in of_seed]
        for of_seed in answers
    ]
    views = [one.view for one in of_size[0][0]]
    return [
        [[next(one for one in fold if one.view == view) for fold in of_seed] for of_seed in of_size]
        for view in views
    ]


def _between(whole: NDArray[np.int64]) -> Estimate:
    """Return the share of images that two seeds predict alike, over all pairs of them; the interval covers images."""
    pairs = list(combinations(whole, 2))
    if not pairs:
        return absent("there is one seed only")
    alike = np.mean([one == other for one, other in pairs], axis=0)
    return accuracy_estimate(alike, chance=_mean(chance_agreement(*pair) for pair in pairs))


def _in_question(sizes: Sequence[int], tiles: Iterable[int]) -> tuple[int, ...]:
    """Return the sizes that sentences are about: those asked for that exist, or else the middle one."""
    found = tuple(sorted(set(tiles) & set(sizes)))
    return found or tuple(sizes[len(sizes) // 2 : len(sizes) // 2 + 1])
