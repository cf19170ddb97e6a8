"""What determines a study, and the directory that holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nearsight.errors import InputError
from nearsight.lock import contents
from nearsight.numbers import whole
from nearsight.read import read_toml
from nearsight.rows import from_values
from nearsight.runs import RECIPE, Run
from nearsight.schema import FIRST, SCHEMA, numbered, read_schema
from nearsight.settings import Budget, Recipe
from nearsight.settings.recipe import FULL, recipe_from_table, recipe_table
from nearsight.study.arms import STANDARD, TILE
from nearsight.write import write_toml

STUDY = "study.toml"
RUNS = "runs"
QUARTER = "a quarter of the tile"
NO_FOLDS = "none"


@dataclass(frozen=True)
class Study:
    """Everything that determines a comparison: the base recipe, the arms, the seeds and the evaluation.

    >>> names = ("full", "tile-16")
    >>> Study(Recipe(seed=5), names, seeds=3, budget="steps", protocols=("vote",), stride=None).all_seeds
    (5, 6, 7)

    `arms` are their names; `stride` None means a quarter of each arm's tile; `folds` is None if there is one test
    split.
    test split.
    """

    base: Recipe
    arms: tuple[str, ...]
    seeds: int
    budget: Budget
    protocols: tuple[str, ...]
    stride: int | None
    folds: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "seeds", whole("seeds", self.seeds))
        if self.stride is not None:
            object.__setattr__(self, "stride", whole("stride", self.stride))
        if self.seeds < 1:
            raise InputError(f"seeds must be at least 1, got {self.seeds}")
        if self.stride is not None and self.stride < 1:
            raise InputError(f"stride must be at least 1 pixel, got {self.stride}")

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds of every arm, counted up from the base recipe's."""
        return tuple(range(self.base.seed, self.base.seed + self.seeds))

    def values(self) -> dict[str, Any]:
        """Return all settings in the form that TOML holds, with the number of their schema."""
        settings = {
            "arms": list(self.arms),
            "seeds": self.seeds,
            "budget": self.budget,
            "protocols": list(self.protocols),
            "stride": QUARTER if self.stride is None else self.stride,
            "folds": NO_FOLDS if self.folds is None else self.folds,
            "recipe": recipe_table(self.base),
        }
        return numbered("study", settings)

    def save(self, directory: Path) -> None:
        """Write study.toml into a directory, whole or not at all."""
        import tomli_w

        write_toml(directory / STUDY, tomli_w.dumps(self.values()))

    @staticmethod
    def load(directory: Path) -> "Study":
        """Read what `save` wrote; raises `InputError`, naming the file, if it cannot be used."""
        path = directory / STUDY
        values = read_toml(path, "mend it or choose another `out`")
        schema = read_schema("study", values, path)
        rows = {name: value for name, value in values.items() if name not in (SCHEMA, "recipe")}
        if schema < 3:
            rows["arms"] = _arms_of_schema_2(rows.pop("tiles", None))
        if rows.get("stride") == QUARTER:
            rows["stride"] = None
        if rows.get("folds") == NO_FOLDS:
            rows["folds"] = None
        base = recipe_from_table(values.get("recipe", {}), path, unnumbered=FIRST)
        return replace(from_values(Study, rows | {"base": {}}, path, schema=schema), base=base)


def _arms_of_schema_2(tiles: Any) -> Any:
    """Return the arm names of an old file's tile sizes, whose augmentation was the recipe's and not in the name."""
    if not isinstance(tiles, list):
        return tiles
    whole_arms = [FULL, STANDARD] if FULL in tiles else []
    return [*whole_arms, *(f"{TILE}{tile}" for tile in tiles if tile != FULL)]


def claim_study(directory: Path, study: Study, runs: Mapping[Path, Recipe], *, resume: bool) -> None:
    """Prepare `directory` for a study whose runs will be at the paths in `runs`.

    A new or empty directory gets study.toml. One that holds this very study, or only runs of its recipes, is
    accepted if `resume` is true. Anything else raises `InputError` and is left as it was.
    """
    if directory.is_file():
        raise InputError(f"{directory} is a file; choose another `out`")
    path = directory / STUDY
    held = {entry.name for entry in contents(directory)}
    if path.is_file():
        _require_same(directory, Study.load(directory), study)
    elif held - {RUNS}:
        raise InputError(f"{directory} is not empty and holds no comparison; choose another `out`")
    for place, recipe in runs.items():
        _require_recipe(place, recipe)
    if held and not resume:
        raise InputError(
            f"{directory} already holds this comparison; give `resume=True`, or choose another `out`"
        )
    if not path.is_file():
        study.save(directory)


def _require_same(directory: Path, held: Study, asked: Study) -> None:
    there, here = _flat(held), _flat(asked)
    changed = [
        f"{name} {there[name]} there, {value} asked for"
        for name, value in here.items()
        if there[name] != value
    ]
    if changed:
        raise InputError(
            f"{directory} already holds another comparison ({'; '.join(changed)}); choose another `out`"
        )


def _flat(study: Study) -> dict[str, Any]:
    values = study.values()
    return {
        name: value for name, value in (values | values["recipe"]).items() if name not in (SCHEMA, "recipe")
    }


def _require_recipe(directory: Path, recipe: Recipe) -> None:
    path = directory / RECIPE
    if path.is_file():
        if Run(directory).recipe != recipe:
            raise InputError(
                f"{directory} already holds a run of another recipe than this comparison's; "
                "choose another `out`"
            )
    elif directory.exists() and (directory.is_file() or contents(directory)):
        raise InputError(f"{directory} is not empty and holds no run; choose another `out`")
