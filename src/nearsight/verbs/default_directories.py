"""Where results are written if no directory is given, under the current one."""

import re
from pathlib import Path

from nearsight.settings import Recipe


def default_run(recipe: Recipe) -> Path:
    """Return where a run is written if no directory is given, under the current one."""
    model = recipe.model.replace(":", "-")
    return Path("runs") / f"{_slug(recipe.data)}-{model}-tile-{recipe.tile_name}-seed-{recipe.seed}"


def default_cross_validation(recipe: Recipe, folds: int) -> Path:
    """Return where a cross-validation is written if no directory is given, under the current one."""
    run = default_run(recipe)
    return run.with_name(f"{run.name}-folds-{folds}")


def default_comparison(data: str | Path, recipe: str, budget: str, folds: int | None = None) -> Path:
    """Return where a comparison is written if no directory is given, under the current one."""
    in_folds = "" if folds is None else f"-folds-{folds}"
    return Path("comparisons") / f"{_slug(str(data))}-{_slug(recipe)}-{budget}{in_folds}"


def default_dimension(data: str | Path) -> Path:
    """Return where the command `dimension` writes if no directory is given, under the current one."""
    return Path("dimensions") / _slug(str(data))


def default_diagnosis(model: str | Path, data: str | Path | None) -> Path:
    """Return where the command `diagnose` writes if no directory is given, under the current one."""
    return Path("diagnoses") / "-".join(_slug(str(part)) for part in (model, data) if part is not None)


def default_repair(run: str | Path) -> Path:
    """Return where a repair of a run, given by its directory, is written if no directory is given."""
    return Path("repairs") / _slug(str(run))


def _slug(data: str) -> str:
    name = Path(data).name if Path(data).exists() else data
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-") or "data"
