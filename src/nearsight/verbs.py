"""What the commands do, as Python functions of the same names."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from nearsight import diagnosis, evaluation, study, training
from nearsight.data import ImageSet, ImageSets, load
from nearsight.diagnosis import FAITHFULNESS_IMAGES, Diagnosis
from nearsight.errors import InputError
from nearsight.evaluation import Evaluation
from nearsight.evidence import DEFAULT_MEMORY
from nearsight.models import Classifier, published_classifier
from nearsight.models.build import TIMM
from nearsight.report import Heatmaps, make_heatmaps, write_comparison, write_diagnosis, write_dimension
from nearsight.runs import RECIPE, Run
from nearsight.study import Comparison, Dimension, Sampling
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
    sets = _sets(run, data, skip_bad)
    result = evaluation.evaluate(
        run.classifier(),
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
    elif data is None or str(data) == run.recipe["data"]:
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
    found = make_heatmaps(
        _classifier(model, tile, pretrained),
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


def dimension(
    data: str | Path,
    *,
    tiles: Sequence[int | None] | None = None,
    comparison: str | Path | None = None,
    sampling: Sampling | None = None,
    out: str | Path | None = None,
    skip_bad: bool = False,
    machine: Machine | None = None,
    reporter: Reporter | None = None,
    progress: Count | None = None,
) -> Dimension:
    """Measure the dimensions of a set's tiles, how well training tiles cover them, and what a bound says of it.

    >>> few = Sampling(training_tiles=300, test_images=20, points=100, pairs=20)
    >>> found = dimension("digits", tiles=[4, None], sampling=few)
    >>> found.table().index.tolist()
    ['4', 'full']

    Nothing is trained. `tiles` are sides in pixels, None for whole images; left out, shares of the smallest
    side. All training images count: none are cut off for validation. With `comparison`, a directory that
    `compare` wrote, the order of tile sizes that each figure predicts is put beside the measured one. With `out`,
    dimension.json, dimension.md and the figure are left there. `progress` is called with training images
    searched and in all. Raises `InputError` for bad input.
    """
    reporter = reporter or Silent()
    found = study.measure_dimension(
        load(data, validation=0, skip_bad=skip_bad),
        tiles=tiles,
        comparison=comparison,
        sampling=sampling,
        device=(machine or Machine()).torch_device(),
        say=reporter.say,
        progress=progress,
    )
    if out is not None:
        write_dimension(found, out)
    return found


def diagnose(
    model: Run | Classifier | str | Path,
    data: str | Path | ImageSet | None = None,
    *,
    split: str = "test",
    tile: int | None = None,
    stride: int | None = None,
    grid: GridKind = "covering",
    images: int | None = None,
    faithfulness: int = FAITHFULNESS_IMAGES,
    pretrained: bool = True,
    memory: int = DEFAULT_MEMORY,
    out: str | Path | None = None,
    skip_bad: bool = False,
    machine: Machine | None = None,
    reporter: Reporter | None = None,
    progress: Count | None = None,
) -> Diagnosis:
    """Diagnose a classifier on a data set: what it uses, where it errs, whether it looks at the object.

    >>> import numpy as np
    >>> from nearsight.models import Architecture, Preprocessing
    >>> half = (0.5, 0.5, 0.5)
    >>> scenes = load("scenes")["test"].select(np.arange(6))
    >>> architecture = Architecture("airbench", classes=8, width=0.1)
    >>> toy = Classifier(architecture.build(), architecture, scenes.classes, 16, Preprocessing(half, half))
    >>> diagnose(toy, scenes, stride=16, faithfulness=0).table("locality").columns[0]
    'tile'

    `model` is a run, a classifier, or the name of a network of timm, as for `heatmap`; a run needs no `data`. Of a
    set that is loaded, near-duplicates are looked for in its other splits. `images` examines so many, drawn
    at random; `faithfulness` is on how many of them the maps are checked, 0 for none. With `out`, the page is left
    there as report.html, with diagnosis.json and the tables as Parquet. Raises `InputError` for bad input.
    """
    reporter = reporter or Silent()
    others: dict[str, ImageSet] = {}
    if isinstance(data, ImageSet):
        examined = data
    else:
        sets = _sets(model, data, skip_bad)
        for note in sets.notes:
            reporter.say(note)
        examined = sets[split]
        others = {name: images for name, images in sets.items() if name != split}
    found = diagnosis.diagnose(
        _classifier(model, tile, pretrained),
        examined,
        model=_model_name(model),
        others=others,
        tile=tile,
        stride=stride,
        grid=grid,
        limit=images,
        faithfulness=faithfulness,
        memory=memory,
        say=reporter.say,
        progress=progress,
        **_where(machine),
    )
    if out is not None:
        write_diagnosis(found, out)
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


def default_dimension(data: str | Path) -> Path:
    """Return where the command `dimension` writes when no directory is given, under the current one."""
    return Path("dimensions") / _slug(str(data))


def default_diagnosis(model: str | Path, data: str | Path | None) -> Path:
    """Return where the command `diagnose` writes when no directory is given, under the current one."""
    return Path("diagnoses") / "-".join(_slug(str(part)) for part in (model, data) if part is not None)


def is_first_process() -> bool:
    """Tell whether this is the process that reports: the only one, or the first of many."""
    return os.environ.get("LOCAL_RANK", "0") == "0" and os.environ.get("NODE_RANK", "0") == "0"


def _slug(data: str) -> str:
    name = Path(data).name if Path(data).exists() else data
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-") or "data"


def _where(machine: Machine | None) -> dict[str, Any]:
    machine = machine or Machine()
    return {"device": machine.torch_device(), "workers": machine.decoding_workers()}


def _classifier(model: Run | Classifier | str | Path, tile: int | None, pretrained: bool) -> Classifier:
    if isinstance(model, Classifier):
        return model
    if isinstance(model, str) and model.startswith(TIMM):
        if tile is None:
            raise InputError(f"'{model}' needs the side of the tiles in pixels, such as --tile 64 (tile=64)")
        return published_classifier(model, tile, pretrained=pretrained)
    return (model if isinstance(model, Run) else Run.open(model)).classifier()


def _model_name(model: Run | Classifier | str | Path) -> str:
    if isinstance(model, Classifier):
        return model.architecture.name
    return model.directory.name if isinstance(model, Run) else str(model)


def _sets(model: Run | Classifier | str | Path, data: str | Path | None, skip_bad: bool) -> ImageSets:
    """Load a data set, for a run as it was when the run was trained: its own, with the same validation cut."""
    if isinstance(model, Classifier) or (isinstance(model, str) and model.startswith(TIMM)):
        if data is None:
            raise InputError("a data set is needed: only a run knows the one it was trained on")
        return load(data, skip_bad=skip_bad)
    run = model if isinstance(model, Run) else Run.open(model)
    recipe = read_recipe(run.directory / RECIPE, whole=True)
    if data is None and not recipe.data:
        raise InputError(f"{run.directory / RECIPE} names no data set; give one")
    return load(
        data if data is not None else recipe.data,
        validation=recipe.validation,
        seed=recipe.seed,
        skip_bad=skip_bad,
    )
