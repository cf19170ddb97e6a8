"""A run's directory, read as a whole."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nearsight.arguments import checked
from nearsight.digest import RESULT
from nearsight.errors import InputError
from nearsight.models.classifier import Classifier, Network
from nearsight.models.saved_classifiers import DESCRIPTION, WEIGHTS, load_classifier
from nearsight.notebook import Shown, Summary
from nearsight.read import (
    check_of_run,
    checked_columns,
    is_directory,
    is_file,
    read_bytes,
    read_table,
    said_of,
    unreadable,
)
from nearsight.runs.evaluation_words import how_cut, written_accuracy
from nearsight.runs.result_file import read_outline, read_result_file, whole_training
from nearsight.schema import FIRST, SCHEMA, read_schema
from nearsight.settings import Recipe
from nearsight.settings.recipe import read_recipe
from nearsight.write import plain

if TYPE_CHECKING:
    import pyarrow

RECIPE = "recipe.toml"
CHECKPOINT = "checkpoint"
PREDICTIONS = "predictions.parquet"
# The key of what predictions were made with, in the metadata of their schema.
METADATA = "nearsight"
# The key in result.json of the digests of files that hold none themselves, by their names.
DIGESTS = "digests"
# The key of what was measured, among the settings of an evaluation in result.json.
PROTOCOLS_KEY = "protocols"
# The key of the names of a set's own columns.
KEPT = "nearsight.columns"
# What comes after a protocol's name in the columns of its predictions.
PREDICTION, SCORES = ".prediction", ".scores"


@dataclass(frozen=True, repr=False)
class Run(Shown):
    """A run, started or finished, in its directory.

    >>> import tempfile
    >>> directory = Path(tempfile.mkdtemp())
    >>> _ = (directory / "recipe.toml").write_text('model = "airbench"')
    >>> run = Run.open(directory)
    >>> run.recipe.model, run.finished
    ('airbench', False)

    Nothing is kept in memory: each access reads the file. What is missing or damaged raises `InputError`, which
    names the file and what to do instead.
    """

    directory: Path

    @staticmethod
    @checked
    def open(path: str | Path) -> "Run":
        """Return the run in a directory; raises `InputError` if there is none.

        >>> import tempfile
        >>> directory = Path(tempfile.mkdtemp())
        >>> _ = (directory / "recipe.toml").write_text("tile = 16")
        >>> Run.open(directory).recipe.tile
        16
        """
        directory = Path(path)
        if not is_directory(directory):
            what = "is a file, not a directory" if is_file(directory) else "does not exist"
            raise InputError(f"{directory} {what}; give the directory that `nearsight train` wrote")
        if not is_file(directory / RECIPE):
            raise InputError(
                f"{directory} is not a run's directory: it has no {RECIPE}; "
                "give the directory that `nearsight train` wrote"
            )
        return Run(directory)

    @property
    def finished(self) -> bool:
        """Whether training has finished and written the weights and the result."""
        return all((self.directory / name).is_file() for name in (WEIGHTS, DESCRIPTION, RESULT))

    @property
    def recipe(self) -> Recipe:
        """Everything that determines the run, from recipe.toml.

        A field that the file does not have, because it was added later, has the default of the version that wrote
        the file.
        """
        path = self.directory / RECIPE
        if is_file(path) and not read_bytes(path, "put back what was in it").strip():
            raise InputError(f"{path} is empty; put back what was in it: without it the run is not known")
        check_of_run(path)
        return read_recipe(path, unnumbered=FIRST)

    @property
    def result(self) -> dict[str, Any]:
        """The metrics of the run, from result.json; raises `InputError` if training has not finished."""
        path = self.directory / RESULT
        self._need(path)
        return read_result_file(path)

    @property
    def outline(self) -> dict[str, Any]:
        """`result` without what was measured of each class; asking again is quick, however many there are."""
        path = self.directory / RESULT
        self._need(path)
        return read_outline(path)

    @property
    def training(self) -> Mapping[str, Any]:
        """The cost of training, from result.json; raises `InputError` if the file is incomplete."""
        return whole_training(self.outline, self.directory / RESULT)

    @checked
    def classifier(self, network: Network | None = None) -> Classifier:
        """Load the trained classifier, on the CPU and ready for inference.

        >>> import tempfile
        >>> import nearsight
        >>> few = nearsight.load("digits")["train"].select(range(40))
        >>> how = dict(recipe="fast", tile=8, steps=2, batch_size=8, width=0.1, progress=False)
        >>> run = nearsight.train(few, **how, out=tempfile.mkdtemp())
        >>> run.classifier().classes[:3], run.classifier().tile
        (('0', '1', '2'), 8)

        `network` is needed if a network of your own was trained: that network, or what builds it. Raises
        `InputError` if training has not finished, and for damaged files.
        """
        for name in (WEIGHTS, DESCRIPTION):
            self._need(self.directory / name)
        return load_classifier(self.directory, network)

    @checked
    def to_hub(
        self, repo_id: str, *, private: bool = False, token: str | None = None, message: str | None = None
    ) -> str:
        """Share the run on the Hugging Face hub, and return the address of its repository.

        >>> Run.open("runs/first").to_hub("me/first")  # doctest: +SKIP
        'https://huggingface.co/me/first'

        `repo_id` is OWNER/NAME; the repository is created if it does not exist. It gets the weights as
        safetensors, model.json, recipe.toml, result.json, and a model card that says what it is, how it was
        trained and how good it is. `token` is by default the one with which you logged in. Raises `InputError`
        for a run that is not finished, and if the hub refuses.
        """
        from nearsight.runs.hub import upload_run

        return upload_run(self, repo_id, private=private, token=token, message=message)

    @staticmethod
    @checked
    def from_hub(
        repo_id: str,
        *,
        revision: str | None = None,
        directory: str | Path | None = None,
        token: str | None = None,
    ) -> "Run":
        """Download a run that `to_hub` shared, into the hub's cache or a `directory` of yours.

        >>> Run.from_hub("me/first").classifier()  # doctest: +SKIP

        Raises `InputError` if there is no such repository, and if it holds no run.
        """
        from nearsight.runs.hub import download_run

        return download_run(repo_id, revision=revision, directory=directory, token=token)

    def predictions(self) -> "pyarrow.Table":
        """Return the table of predictions: one row per image, as written by `nearsight evaluate`.

        >>> Run.open("runs/first").predictions().column_names[:3]  # doctest: +SKIP
        ['index', 'path', 'label']

        Raises `InputError` if the run was not evaluated, and if the file is damaged or of another run.
        """
        path = self.directory / PREDICTIONS
        if not path.is_file():
            raise InputError(
                f"{self.directory} has no {PREDICTIONS}; run `nearsight evaluate {self.directory}` first"
            )
        table, made_with = read_predictions(path)
        if made_with:
            check_same_evaluation(made_with, self.result.get("evaluation", {}).get("test"), path)
        return table

    def _summary(self) -> Summary:
        title = f"Run({self.directory}: {'finished' if self.finished else 'not finished'})"
        try:
            recipe = self.recipe
            evaluations = self.result.get("evaluation", {}) if self.finished else {}
            trained = "whole images" if recipe.tile is None else f"tile {recipe.tile}"
            about = (
                f"{recipe.model} on {recipe.data or 'unnamed data'}, trained on {trained}, seed {recipe.seed}"
            )
            rows = [
                (
                    f"{found.get('data', '')} {split}",
                    protocol,
                    how_cut(found, protocol),
                    written_accuracy(measured),
                )
                for split, found in evaluations.items()
                for protocol, measured in found["protocols"].items()
            ]
        except (InputError, KeyError, TypeError) as error:
            return Summary(title, notes=(str(error),))
        return Summary(title, ("evaluated on", "protocol", "cut", "accuracy % (95 %)"), rows, (about,))

    def _need(self, path: Path) -> None:
        if path.is_file():
            return
        begun = (self.directory / CHECKPOINT).exists() and not self.finished
        mend = "finish it: train it again with `resume=True`" if begun else "train it again"
        raise InputError(f"{self.directory} has no {path.name}: the run is not finished; {mend}")


def read_predictions(path: Path) -> tuple["pyarrow.Table", dict[str, Any]]:
    """Return a table of predictions, and what it was made with; raises `InputError` if it is damaged or newer."""
    mend = f"run `nearsight evaluate {path.parent}` again"
    table = read_table(path, mend)
    made_with = said_of(table, METADATA, path, mend)
    read_schema("predictions", made_with, path)
    check_predictions(table, path, mend)
    return table, {name: value for name, value in made_with.items() if name != SCHEMA}


def check_same_evaluation(
    made_with: Mapping[str, Any], evaluated: Mapping[str, Any] | None, path: Path
) -> None:
    """Raise `InputError` if a table of predictions and what result.json has of their split are of two evaluations."""
    if not are_of_one_evaluation(made_with, evaluated):
        raise InputError(
            f"{path} and {path.with_name(RESULT)} are of two evaluations; run `nearsight evaluate` again"
        )


def are_of_one_evaluation(made_with: Mapping[str, Any], evaluated: Mapping[str, Any] | None) -> bool:
    """Whether predictions were made with the settings, and at the time, that result.json has of their split.

    >>> are_of_one_evaluation({"stride": 4, "seconds": 1.5}, {"stride": 4, "seconds": 1.5, "protocols": {}})
    True
    >>> are_of_one_evaluation({"stride": 4, "seconds": 1.5}, {"stride": 4, "seconds": 1.75, "protocols": {}})
    False
    """
    known = {name: value for name, value in (evaluated or {}).items() if name != PROTOCOLS_KEY}
    return evaluated is not None and bool(plain(made_with) == plain(known))


def check_predictions(table: "pyarrow.Table", path: Path, mend: str) -> None:
    """Raise `InputError` unless a table has labels, and for each protocol scores of all classes."""
    from pyarrow import types

    def are_scores(kind: Any) -> bool:
        return bool(types.is_list(kind) and types.is_floating(kind.value_type))

    protocols = scored_protocols(table, kept_names(table, path, mend))
    predicted = [name for one in protocols if (name := f"{one}{PREDICTION}") in table.column_names]
    checked_columns(
        table,
        {
            "label": types.is_int64,
            **dict.fromkeys(predicted, types.is_int64),
            **{f"{name}{SCORES}": are_scores for name in protocols},
        },
        path,
        mend,
    )
    firsts = [table[f"{name}{SCORES}"][0].as_py() for name in protocols] if len(table) else []
    classes = max((len(first or ()) for first in firsts), default=0)
    for name in protocols:
        scores = table[f"{name}{SCORES}"].combine_chunks()
        lengths = np.diff(np.asarray(scores.offsets))
        if scores.null_count or scores.values.null_count or (lengths != classes).any():
            raise unreadable(path, f"not every image has {classes} scores under {name}", mend)
    for name in ("label", *predicted):
        found = table[name]
        if found.null_count or (protocols and len(found) and not _within(found.to_numpy(), classes)):
            raise unreadable(path, f"its column {name!r} holds more than numbers of {classes} classes", mend)


def kept_names(table: "pyarrow.Table", path: Path, mend: str) -> dict[str, str]:
    """Return the columns of a table of predictions that come from its set, under their names there."""
    names = said_of(table, KEPT, path, mend)
    for name, own in names.items():
        if name not in table.column_names or not isinstance(own, str):
            raise unreadable(
                path, f"its column {name!r} of the set, called {own!r} there, is not in it", mend
            )
    return names


def scored_protocols(table: "pyarrow.Table", kept: Collection[str]) -> list[str]:
    """Return the protocols that a table of predictions has scores of; `kept` are columns of the set's own."""
    named = [name for name in table.column_names if name.endswith(SCORES) and name not in kept]
    return [name.removesuffix(SCORES) for name in named]


def _within(numbers: NDArray[np.int64], classes: int) -> bool:
    return bool(numbers.min() >= 0 and numbers.max() < classes)
