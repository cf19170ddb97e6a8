"""Compare tiles with whole images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from nearsight import study
from nearsight.data import ImageSets, load
from nearsight.progress import Progress, watched
from nearsight.report import write_comparison
from nearsight.settings import Machine, Recipe, make_recipe
from nearsight.study import Comparison
from nearsight.verbs.default_directories import default_comparison


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
    progress: Progress | bool = True,
    **fields: Any,
) -> Comparison:
    """Compare training on tiles with training on whole images, arm by arm over paired seeds.

    `tiles` are the sides in pixels, None for whole images, which come as two arms: without augmentation and
    with the usual one. `budget` is what the arms have equal: optimizer steps or training pixels. With `resume`,
    what is done already in `out` (by default comparisons/DATA-RECIPE-BUDGET) is kept. Writes
    comparison.json, comparison.md and the figure there. With `progress` False nothing is
    shown; a `Progress` of yours is told instead. Raises `InputError` for bad input.
    """
    base = make_recipe(data, recipe, fields)
    directory = Path(out) if out is not None else default_comparison(data, base.name, budget)

    def load_sets(seed: int) -> ImageSets:
        return load(base.data, validation=base.validation, seed=seed, skip_bad=skip_bad)

    with watched(progress) as channel:
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
            progress=channel,
        )
    write_comparison(comparison, directory)
    return comparison
