"""The result of a cross-validation, as typed rows."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nearsight.arguments import checked
from nearsight.notebook import Shown, Summary
from nearsight.numbers import counted
from nearsight.read import belonging_together
from nearsight.rows import from_values, read_result, to_values
from nearsight.runs import write_json
from nearsight.schema import FIRST, numbered
from nearsight.settings import Recipe
from nearsight.settings.recipe import recipe_from_table, recipe_table
from nearsight.statistics import Estimate
from nearsight.statistics.writing import points, with_interval

FOLDS = "folds.json"
UNITS = {
    "accuracy": "share of all images from 0 to 1, each tested once by the network that was not trained on its fold "
    "(single-tile: of tiles); higher is better",
    "interval": "95 %, over images and training sets: the corrected resampled t over folds, with one degree of "
    "freedom fewer than folds, and never narrower than Wilson's over images",
}


@dataclass(frozen=True)
class FoldedAccuracy:
    """The accuracy over all images under one protocol with its interval, and each fold's."""

    protocol: str
    accuracy: Estimate
    folds: tuple[float, ...]


@dataclass(frozen=True, repr=False)
class CrossValidation(Shown):
    """A finished cross-validation: what was folded, how it was trained, and how good it is.

    >>> import tempfile
    >>> import nearsight
    >>> few = nearsight.load("digits")["train"].select(range(60))
    >>> how = dict(recipe="fast", tile=8, steps=2, batch_size=8, width=0.1, progress=False)
    >>> found = nearsight.train(few, **how, folds=2, out=tempfile.mkdtemp())
    >>> found.images, len(found.runs), found.accuracy("mean-logit").accuracy.n
    (60, 2, 60)

    `runs` are the directories of the runs below `directory`, one per fold, and `sizes` how many images each fold
    has.
    """

    directory: Path
    data: str
    images: int
    classes: int
    recipe: Recipe
    runs: tuple[str, ...]
    sizes: tuple[int, ...]
    accuracies: tuple[FoldedAccuracy, ...]
    notes: tuple[str, ...]

    @checked
    def accuracy(self, protocol: str) -> FoldedAccuracy | None:
        """Return the accuracy under a protocol, or None if the runs were not evaluated under it.

        >>> CrossValidation.load("runs/five-folds").accuracy("vote").accuracy.value  # doctest: +SKIP
        0.915
        """
        return next((row for row in self.accuracies if row.protocol == protocol), None)

    @property
    def columns(self) -> tuple[str, ...]:
        """The headings of the table of accuracies."""
        return ("protocol", "accuracy % (95 %)", "fold by fold")

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The table of accuracies, one row per protocol, in per cent."""
        return [
            (row.protocol, with_interval(row.accuracy), ", ".join(points(one) for one in row.folds))
            for row in self.accuracies
        ]

    @property
    def told(self) -> str:
        """What the accuracies and their intervals cover, in a sentence."""
        freedom = len(self.sizes) - 1
        others, degrees = ("fold", "degree") if freedom == 1 else (f"{freedom} folds", "degrees")
        return (
            f"each of the {counted(self.images, 'image')} was tested by a network trained on the other "
            f"{others}; intervals "
            f"cover other images and training sets (corrected resampled t, {freedom} {degrees} of freedom), at seed "
            f"{self.recipe.seed} alone"
        )

    def _summary(self) -> Summary:
        title = f"CrossValidation({self.data}, {counted(self.images, 'image')}, {counted(len(self.sizes), 'fold')})"
        return Summary(title, self.columns, self.rows, (self.told,))

    def to_json(self) -> dict[str, Any]:
        """Return everything except its place as plain values, with units: the content of folds.json.

        >>> CrossValidation.load("runs/five-folds").to_json()["images"]  # doctest: +SKIP
        120
        """
        values = to_values(self) | {"recipe": recipe_table(self.recipe)}
        del values["directory"]
        return numbered("folds", {**values, "units": UNITS})

    @checked
    def save(self, directory: str | Path | None = None) -> None:
        """Write folds.json into a directory, by default the one of the runs, whole or not at all."""
        write_json(Path(directory or self.directory) / FOLDS, self.to_json())

    @staticmethod
    @checked
    def load(directory: str | Path) -> "CrossValidation":
        """Read the cross-validation that `save` left in a directory.

        >>> CrossValidation.load("runs/photos-airbench-tile-16-seed-0-folds-5").sizes  # doctest: +SKIP
        (24, 24, 24, 24, 24)

        Raises `InputError` if there is none, and for a file that is damaged or of a newer version.
        """
        path = Path(directory) / FOLDS
        schema, values = read_result("folds", path, "train")
        recipe = recipe_from_table(values.get("recipe", {}), path, unnumbered=FIRST)
        rows = {name: value for name, value in values.items() if name != "units"}
        place = {"directory": str(directory), "recipe": {}}
        found = replace(from_values(CrossValidation, rows | place, path, schema=schema), recipe=recipe)
        with belonging_together(path, "train it again"):
            found._summary()
        return found
