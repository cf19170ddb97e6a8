"""What determines a study, and the directory that holds it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nearsight.errors import InputError
from nearsight.runs import RECIPE, write_text
from nearsight.settings import Budget, Recipe, recipe_from_toml, recipe_from_values, recipe_to_toml
from nearsight.settings.recipe import FULL

STUDY = "study.toml"
RUNS = "runs"


@dataclass(frozen=True)
class Study:
    """Everything that determines a comparison: the base recipe, the arms, the seeds and the evaluation.

    >>> Study(Recipe(seed=5), (16, None), seeds=3, budget="steps", protocols=("vote",), stride=None).all_seeds
    (5, 6, 7)

    `tiles` holds None for whole images; `stride` None stands for a quarter of each arm's tile.
    """

    base: Recipe
    tiles: tuple[int | None, ...]
    seeds: int
    budget: Budget
    protocols: tuple[str, ...]
    stride: int | None

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise InputError(f"seeds must be at least 1, got {self.seeds}")
        if self.stride is not None and self.stride < 1:
            raise InputError(f"stride must be at least 1 pixel, got {self.stride}")

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds of every arm, counted up from the base recipe's."""
        return tuple(range(self.base.seed, self.base.seed + self.seeds))

    def values(self) -> dict[str, Any]:
        """Return all settings as TOML holds them."""
        return {
            "tiles": [FULL if tile is None else tile for tile in self.tiles],
            "seeds": self.seeds,
            "budget": self.budget,
            "protocols": list(self.protocols),
            "stride": "a quarter of the tile" if self.stride is None else self.stride,
            "recipe": tomllib.loads(recipe_to_toml(self.base)),
        }


def claim_study(directory: Path, study: Study, runs: Mapping[Path, Recipe], *, resume: bool) -> None:
    """Make `directory` the home of a study whose runs are to lie at the paths in `runs`.

    A new or empty directory gets study.toml. One that holds this very study, or nothing but runs of its
    recipes, is taken when `resume` is true. Anything else raises `InputError` and is left as it was.
    """
    import tomli_w

    if directory.is_file():
        raise InputError(f"{directory} is a file; choose another --out")
    path = directory / STUDY
    held = {entry.name for entry in directory.iterdir()} if directory.is_dir() else set()
    if path.is_file():
        _require_same(directory, _read(path), study.values())
    elif held - {RUNS}:
        raise InputError(f"{directory} is not empty and holds no comparison; choose another --out")
    for place, recipe in runs.items():
        _require_recipe(place, recipe)
    if held and not resume:
        raise InputError(f"{directory} already holds this comparison; give --resume, or choose another --out")
    if not path.is_file():
        write_text(path, tomli_w.dumps(study.values()))


def _read(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        recipe = recipe_from_values(values.get("recipe", {}))
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{path} cannot be read: {error}; mend it or choose another --out") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return values | {"recipe": tomllib.loads(recipe_to_toml(recipe))}


def _require_same(directory: Path, held: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    flat_held = {**held, **held["recipe"], "recipe": None}
    flat_asked = {**asked, **asked["recipe"], "recipe": None}
    changed = [
        f"{name} {flat_held.get(name)} there, {value} asked for"
        for name, value in flat_asked.items()
        if flat_held.get(name) != value
    ]
    if changed:
        raise InputError(
            f"{directory} already holds another comparison ({'; '.join(changed)}); choose another --out"
        )


def _require_recipe(directory: Path, recipe: Recipe) -> None:
    path = directory / RECIPE
    if path.is_file():
        if recipe_from_toml(path.read_text(encoding="utf-8"), source=str(path)) != recipe:
            raise InputError(
                f"{directory} already holds a run of another recipe than this comparison's; "
                "choose another --out"
            )
    elif directory.exists() and (directory.is_file() or any(directory.iterdir())):
        raise InputError(f"{directory} is not empty and holds no run; choose another --out")
