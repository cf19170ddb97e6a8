"""What the commands do, as Python functions of the same names."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from nearsight import evaluation, study, training
from nearsight.data import ImageSets, load
from nearsight.errors import InputError
from nearsight.evaluation import Evaluation
from nearsight.evidence import DEFAULT_MEMORY
from nearsight.models import Classifier, published_classifier
from nearsight.models.build import TIMM
from nearsight.report import Heatmaps, make_heatmaps, write_comparison
from nearsight.runs import RECIPE, Run
from nearsight.study import Comparison
from nearsight.tiles.grid import GridKind
from nearsight.training import Machine, Recipe, Reporter, Silent, find_recipe, recipe_from_values
from nearsight.training.recipe import read_recipe

Count = Callable[[int, int], None]

DEMO_DATA = "scenes:shortcut=0"
DEMO_TILES = (16, 32, None)


def make_recipe(data: str | Path, recipe: str | Recipe, fields: dict[str, Any]) -> Recipe:
    """Return a recipe for a data set: a named one, a TOML file or a `Recipe`, with some fields changed.

    >>> make_recipe("digits", "paper", {"tile": 4}).tile
    4
    """
    base = recipe if isinstance(recipe, Recipe) else find_recipe(recipe)
    return recipe_from_values(fields | {"data": str(data)}, base)


def train(
    data: str | Path,
    *,
    recipe: str | Recipe = "standard",
    out: str | Path | None = None,
    resume: bool = False,
    stride: int | None = None,
    skip_bad: bool = False,
    machine: Machine | None = None,
    reporter: Reporter | None = None,
    progress: Count | None = None,
    **fields: Any,
) -> Run:
    """Train a network on tiles or whole images of a data set, and evaluate it on the test split.

    >>> import tempfile
    >>> run = train("digits", recipe="fast", tile=8, steps=2, width=0.1, out=tempfile.mkdtemp())
    >>> sorted(run.result["evaluation"]["test"]["protocols"])
    ['full-pass', 'mean-logit', 'mean-probability', 'single-tile', 'vote']

    `fields` change fields of the recipe, such as `tile`, `model`, `seed`. The run is left in `out`, by default
    runs/DATA-MODEL-TILE-SEED. `stride` is that of the evaluation's tile grid, by default a quarter of the tile.
    `progress` is called with images evaluated and images in all. Raises `InputError` for bad input.
    """
    chosen = make_recipe(data, recipe, fields)
    sets = load(chosen.data, validation=chosen.validation, seed=chosen.seed, skip_bad=skip_bad)
    directory = Path(out) if out is not None else default_run(chosen)
    reporter = reporter or Silent()
    for note in sets.notes:
        reporter.say(note)
    run = training.train(chosen, sets, directory, resume=resume, machine=machine, reporter=reporter)
    if "test" in sets and is_first_process() and "test" not in run.result.get("evaluation", {}):
        evaluation.evaluate(
            run.classifier(), sets["test"], stride=stride, progress=progress, **_where(machine)
        ).save(run.directory)
    return run


def evaluate(
    run: Run | str | Path,
    data: str | Path | None = None,
    *,
    split: str = "test",
    protocols: Sequence[str] | None = None,
    tile: int | None = None,
    stride: int | None = None,
    grid: GridKind = "covering",
    reestimate: bool = False,
    memory: int = DEFAULT_MEMORY,
    out: str | Path | None = None,
    skip_bad: bool = False,
    machine: Machine | None = None,
    progress: Count | None = None,
) -> Evaluation:
    """Evaluate a trained run on a split of its own data set, or of another with the same classes.

    On its own data the figures and predictions are kept in the run's directory; on other data they are kept in
    `out`, when one is given. `reestimate` adds `full-pass+bn`, the full pass with BatchNorm statistics taken
    from whole training images. Raises `InputError` for bad input.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    classifier = run.classifier()
    recipe = read_recipe(run.directory / RECIPE)
    if data is None and not recipe.data:
        raise InputError(f"{run.directory / RECIPE} names no data set; give one to evaluate on")
    sets = load(
        data if data is not None else recipe.data,
        validation=recipe.validation,
        seed=recipe.seed,
        skip_bad=skip_bad,
    )
    result = evaluation.evaluate(
        classifier,
        sets[split],
        protocols=protocols,
        tile=tile,
        stride=stride,
        grid=grid,
        reestimate=sets["train"] if reestimate else None,
        memory=memory,
        progress=progress,
        **_where(machine),
    )
    if out is not None:
        result.save(Path(out))
    elif data is None or str(data) == recipe.data:
        result.save(run.directory)
    return result


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


def heatmap(
    model: Run | Classifier | str | Path,
    images: str | Path | Sequence[str | Path | Tensor],
    *,
    class_name: str | Sequence[str | None] | None = None,
    tile: int | None = None,
    stride: int | None = None,
    grid: GridKind = "covering",
    pretrained: bool = True,
    memory: int = DEFAULT_MEMORY,
    out: str | Path | None = None,
    machine: Machine | None = None,
    reporter: Reporter | None = None,
    progress: Count | None = None,
) -> Heatmaps:
    """Show the evidence of images, tile by tile, for the true or a chosen class and the predicted one.

    >>> import torch
    >>> black = torch.zeros(3, 168, 200, dtype=torch.uint8)
    >>> heatmaps = heatmap("timm:test_resnet", [black], tile=64, stride=64, pretrained=False)
    >>> heatmaps.images[0].evidence.grid.shape
    (3, 4)

    `model` is a run, a classifier, or the name of a network of timm, which comes with its published weights
    (unless `pretrained` is False), preprocessing and classes, and needs a `tile`. `images` are files, or uint8
    (3, height, width). `class_name` is one for all images or one for each; by default it is the name of a
    file's directory where that is a class, as in an image folder. The mean of a map is the image's score under
    `mean-logit` for that tile grid; tile and stride are by default those of `evaluate`. With `out`, each
    image's figure is left there as PNG and SVG, with the map as safetensors. `progress` is called with images
    done and images in all. Raises `InputError` for bad input, before anything is written.
    """
    if isinstance(model, str) and model.startswith(TIMM):
        if tile is None:
            raise InputError(f"'{model}' needs the side of the tiles in pixels, such as --tile 64 (tile=64)")
        classifier = published_classifier(model, tile, pretrained=pretrained)
    elif isinstance(model, Classifier):
        classifier = model
    else:
        classifier = (model if isinstance(model, Run) else Run.open(model)).classifier()
    found = make_heatmaps(
        classifier,
        images,
        class_name=class_name,
        tile=tile,
        stride=stride,
        grid=grid,
        memory=memory,
        device=(machine or Machine()).torch_device(),
        say=(reporter or Silent()).say,
        progress=progress,
    )
    if out is not None:
        found.save(out)
    return found


def demo(
    out: str | Path = "nearsight-demo",
    *,
    resume: bool = True,
    reporter: Reporter | None = None,
    progress: Count | None = None,
) -> Comparison:
    """Compare tiles with whole images on the generated set `scenes`: under three minutes on two cores."""
    return compare(
        DEMO_DATA,
        tiles=DEMO_TILES,
        seeds=2,
        budget="pixels",
        recipe="fast",
        out=out,
        resume=resume,
        reporter=reporter,
        progress=progress,
        width=0.25,
        epochs=1,
        batch_size=100,
        learning_rate=0.06,
    )


def default_run(recipe: Recipe) -> Path:
    """Return where a run goes when no directory is given, under the current one."""
    model = recipe.model.replace(":", "-")
    return Path("runs") / f"{_slug(recipe.data)}-{model}-tile-{recipe.tile_name}-seed-{recipe.seed}"


def default_comparison(data: str | Path, recipe: str, budget: str) -> Path:
    """Return where a comparison goes when no directory is given, under the current one."""
    return Path("comparisons") / f"{_slug(str(data))}-{_slug(recipe)}-{budget}"


def is_first_process() -> bool:
    """Tell whether this is the process that reports: the only one, or the first of many."""
    return os.environ.get("LOCAL_RANK", "0") == "0" and os.environ.get("NODE_RANK", "0") == "0"


def _slug(data: str) -> str:
    name = Path(data).name if Path(data).exists() else data
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-") or "data"


def _where(machine: Machine | None) -> dict[str, Any]:
    machine = machine or Machine()
    return {"device": machine.torch_device(), "workers": machine.decoding_workers()}
