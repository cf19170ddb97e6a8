"""Compare tiles with whole images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from nearsight import study
from nearsight.data import ImageSets, load
from nearsight.report import write_comparison
from nearsight.settings import Machine, Recipe, make_recipe
from nearsight.study import Comparison
from nearsight.training import Reporter
from nearsight.verbs.places import default_comparison
from nearsight.verbs.sources import Count


def compare(
    data: str | Path,
    *,
    tiles: Sequence[int | None] = (16, 24, None),
    seeds: int = 3,
    budget: Literal["steps", "pixels"] = "steps",
    recipe: str | Recipe = "standard",
    out: str | Path | None = None,
    resume: bool = False,
    protocols: Sequence[str] | None = None,
    stride: int | None = None,
    skip_bad: bool = False,
    machine: Machine | None = None,
    reporter: Reporter | None = None,
    progress: Count | None = None,
    **fields: Any,
) -> Comparison:
    """Compare training on tiles with training on whole images, arm by arm over paired seeds.

    `tiles` are the sides in pixels, None for whole images, which come as two arms: without augmentation and
    with the usual one. `budget` is what the arms have equal: optimizer steps or training pixels. With `resume`,
    what is done already in `out` (by default comparisons/DATA-RECIPE-BUDGET) is kept. Writes
    comparison.json, comparison.md and the figure there. `progress` is called with the images of a run that are
    evaluated and with images in all. Raises `InputError` for bad input.
    """
    base = make_recipe(data, recipe, fields)
    directory = Path(out) if out is not None else default_comparison(data, base.name, budget)

    def load_sets(seed: int) -> ImageSets:
        return load(base.data, validation=base.validation, seed=seed, skip_bad=skip_bad)

    comparison = study.compare(
        base,
        load_sets,
        directory,
        tiles=tiles,
        seeds=seeds,
        budget=budget,
        protocols=protocols,
        stride=stride,
        resume=resume,
        machine=machine,
        reporter=reporter,
        progress=progress,
    )
    write_comparison(comparison, directory)
    return comparison
