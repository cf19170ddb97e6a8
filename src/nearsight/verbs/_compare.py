"""Compare tiles with whole images."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, SupportsFloat

from nearsight import study
from nearsight.data import Data, ImageSets
from nearsight.data.decode import allowed_pixels
from nearsight.data.split_list import Listing
from nearsight.lock import writing
from nearsight.progress import Progress, is_first_process, watched
from nearsight.report import write_comparison
from nearsight.settings import Machine, Reading, Recipe, make_recipe
from nearsight.settings.choices import (
    AUTO,
    DEFAULT_BUDGET,
    DEFAULT_ON_TILES,
    DEFAULT_RECIPE,
    DEFAULT_SEEDS,
    Budget,
)
from nearsight.settings.pooled import check_top_k
from nearsight.shortage import tells_of_memory
from nearsight.signatures import fields_of, takes_fields_of, without_fields_of
from nearsight.study import Comparison, checked_margin
from nearsight.together import all_processes
from nearsight.verbs.auto_recipe import auto_comparison, begun_study
from nearsight.verbs.default_directories import default_comparison
from nearsight.verbs.sources import folds_as_before, split_as_before, whole_sets


@takes_fields_of(Reading)
@tells_of_memory("comparing", "stride", "workers")
def compare(
    data: Data,
    *,
    classes: Sequence[str] | None = None,
    arms: Sequence[str] | None = None,
    tiles: Sequence[int | None] | None = None,
    seeds: int = DEFAULT_SEEDS,
    budget: Budget = DEFAULT_BUDGET,
    folds: int | None = None,
    recipe: str | Recipe = DEFAULT_RECIPE,
    out: str | Path | None = None,
    resume: bool = False,
    protocols: Sequence[str] | None = None,
    stride: int | None = None,
    groups: str | None = None,
    on_tiles: int = DEFAULT_ON_TILES,
    margin: SupportsFloat | None = None,
    machine: Machine | None = None,
    progress: Progress | bool = True,
    **fields: Any,
) -> Comparison:
    """Compare training on tiles with training on whole images, arm by arm over paired seeds.

    >>> import nearsight
    >>> found = nearsight.compare("stl10", tiles=[32, None], recipe="fast", seeds=3)  # doctest: +SKIP
    >>> print(found.verdicts[0])  # doctest: +SKIP
    tile 32+flip (mean-logit, stride 8) is better than full+flip (full-pass) by 6.2 points (3.5 to 8.9)

    `data`, `classes` and `recipe` are those of `train`. `arms` name the ways of training: `full` or `tile-16`,
    followed by what is added, of `+flip`, `+crop`, `+standard` (both), `+cutout`, `+cutmix`, `+mixup`, `+finetune`
    and the poolings. By default they are made from `tiles`, sides in pixels and None for whole images (chosen by
    "auto", or 16, 24 and None with another recipe): tiles and whole images with the recipe's own flips, and whole
    images with the usual augmentation. `budget` is what is equal for all arms: optimizer steps or training pixels.

    With `folds`, for small sets, every arm is trained and tested on each part of train at each seed, as in `train`,
    and intervals cover the choice of images and training sets. `groups` is a column by which the arms are compared
    too, as for `evaluate`. `on_tiles` is the number of test images on whose tiles the arms of whole images are
    evaluated: how often they agree with the full pass, and what accuracy they lose. With `margin`, in points, the
    comparison says of each arm of tiles whether it is good enough, less than the margin behind whole images: yes,
    no, or not yet known, with the number of seeds or images that would answer it.

    comparison.json, comparison.md, the page and the figure are written to `out`, by default
    comparisons/DATA-RECIPE-BUDGET, followed by -folds-N with folds. `resume` keeps finished runs in `out`, and can
    add `groups`, `on_tiles` and `margin` later. `progress=False` shows nothing; a `Progress` object gets the
    messages instead. Fields of `nearsight.settings.Reading` say how images are read. Raises `InputError` for bad
    input.
    """
    most = checked_margin(margin)
    reading = Reading(**fields_of(Reading, fields))
    fields = without_fields_of(Reading, fields)
    base = make_recipe(data if isinstance(data, str | Path) else "", recipe, fields)
    with watched(progress) as channel, allowed_pixels(reading.max_pixels), all_processes():
        whole = whole_sets(data, classes=classes, progress=channel, **reading.options)
        base = replace(base, data=whole.name)
        place = Path(out) if out is not None else None
        if recipe == AUTO:
            fields |= {"data": whole.name}
            begun = begun_study(place, fields) if place is not None and resume else None
            if begun is None:
                base, fitting = auto_comparison(
                    fields, whole["train"], machine or Machine(), channel, tiles=tiles, named=arms is not None
                )
                begun = begun_study(_place(place, base, budget, folds), fields) if resume else None
                tiles = tiles if begun is not None else fitting
            if begun is not None:
                base = begun[0]
                arms = begun[1] if arms is None and tiles is None else arms
        if "top_k" in fields:
            check_top_k([base.pooling, *(protocols or ()), *(arms or ())])
        directory = _place(place, base, budget, folds)
        with writing(directory, channel):

            def load_sets(seed: int) -> ImageSets:
                return split_as_before(whole, directory, base.validation, seed, channel)

            comparison = study.compare(
                base,
                load_sets
                if folds is None
                else folds_as_before(whole, Listing.load(directory), folds, channel),
                directory,
                arms=arms,
                tiles=tiles,
                seeds=seeds,
                budget=budget,
                protocols=protocols,
                stride=stride,
                groups=groups,
                on_tiles=on_tiles,
                resume=resume,
                machine=machine,
                progress=channel,
            )
            comparison = replace(comparison, margin=most)
            if is_first_process():
                write_comparison(comparison, directory)
    return comparison


def _place(out: Path | None, base: Recipe, budget: Budget, folds: int | None) -> Path:
    return out if out is not None else default_comparison(base.data, base.name, budget, folds)
