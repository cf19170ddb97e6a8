"""A run's directory, read whole."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearsight.digest import check_table, unsealed_json
from nearsight.errors import InputError
from nearsight.models.classifier import Classifier, Network
from nearsight.models.saved_classifiers import DESCRIPTION, WEIGHTS, load_classifier
from nearsight.notebook import Shown, Summary
from nearsight.runs.evaluation_words import how_cut, written_accuracy
from nearsight.schema import FIRST, SCHEMA, read_schema
from nearsight.settings import Recipe
from nearsight.settings.recipe import read_recipe

if TYPE_CHECKING:
    import pyarrow

RECIPE = "recipe.toml"
RESULT = "result.json"
CHECKPOINT = "checkpoint"
PREDICTIONS = "predictions.parquet"
# The key of what predictions were made with, in the metadata of their schema.
METADATA = "nearsight"
# The key in result.json of the digests of files that hold none themselves, by their names.
DIGESTS = "digests"


@dataclass(frozen=True, repr=False)
class Run(Shown):
    """A run that was begun or finished, known by its directory.

    >>> import tempfile
    >>> directory = Path(tempfile.mkdtemp())
    >>> _ = (directory / "recipe.toml").write_text('model = "airbench"')
    >>> run = Run.open(directory)
    >>> run.recipe.model, run.finished
    ('airbench', False)

    Nothing is kept in memory: each look reads the file. What is missing or damaged raises `InputError`, which
    names the file and the way out.
    """

    directory: Path

    @staticmethod
    def open(path: str | Path) -> "Run":
        """Return the run in a directory; raises `InputError` where there is none."""
        directory = Path(path)
        if not directory.is_dir():
            what = "is a file, not a directory" if directory.exists() else "does not exist"
            raise InputError(f"{directory} {what}; give the directory that `nearsight train` wrote")
        if not (directory / RECIPE).is_file():
            raise InputError(
                f"{directory} is not a run's directory: it has no {RECIPE}; "
                "give the directory that `nearsight train` wrote"
            )
        return Run(directory)

    @property
    def finished(self) -> bool:
        """Whether training came to its end and wrote the weights and the result."""
        return all((self.directory / name).is_file() for name in (WEIGHTS, DESCRIPTION, RESULT))

    @property
    def recipe(self) -> Recipe:
        """All that determines the run, from recipe.toml.

        A field that the file does not have, because it was added since, has the default of the version that wrote it.
        """
        path = self.directory / RECIPE
        if path.is_file() and not path.stat().st_size:
            raise InputError(f"{path} is empty; put back what was in it: without it the run is not known")
        return read_recipe(path, unnumbered=FIRST)

    @property
    def result(self) -> dict[str, Any]:
        """The metrics of the run, from result.json."""
        path = self.directory / RESULT
        self._need(path)
        try:
            content = json.loads(_read_text(path, unsealed_json))
        except json.JSONDecodeError as error:
            raise InputError(f"{path} is not valid JSON: {error}; train or evaluate the run again") from error
        if not isinstance(content, dict):
            raise InputError(
                f"{path} holds {type(content).__name__}, not an object; train or evaluate the run again"
            )
        check_result(content, path)
        return {name: value for name, value in content.items() if name != SCHEMA}

    def classifier(self, network: Network | None = None) -> Classifier:
        """Load the trained classifier, on the CPU and ready for inference.

        `network` is needed where a network of your own was trained: that network, or what builds it.
        """
        for name in (WEIGHTS, DESCRIPTION):
            self._need(self.directory / name)
        return load_classifier(self.directory, network)

    def to_hub(
        self, repo_id: str, *, private: bool = False, token: str | None = None, message: str | None = None
    ) -> str:
        """Share the run on the Hugging Face hub, and return the address of its repository.

        >>> Run.open("runs/first").to_hub("me/first")  # doctest: +SKIP
        'https://huggingface.co/me/first'

        `repo_id` is OWNER/NAME; the repository is made where there is none. It gets the weights as safetensors,
        model.json, recipe.toml, result.json, and a model card that says what it is, how it was trained and how good
        it is. `token` is by default the one that you logged in with. Raises `InputError` for a run that is not
        finished, and where the hub refuses.
        """
        from nearsight.runs.hub import upload_run

        return upload_run(self, repo_id, private=private, token=token, message=message)

    @staticmethod
    def from_hub(
        repo_id: str,
        *,
        revision: str | None = None,
        directory: str | Path | None = None,
        token: str | None = None,
    ) -> "Run":
        """Fetch a run that `to_hub` shared, into the hub's cache or a `directory` of yours.

        >>> Run.from_hub("me/first").classifier()  # doctest: +SKIP

        Raises `InputError` where there is no such repository, and where it holds no run.
        """
        from nearsight.runs.hub import download_run

        return download_run(repo_id, revision=revision, directory=directory, token=token)

    def predictions(self) -> "pyarrow.Table":
        """Read the table of predictions: a row an image, as written by `nearsight evaluate`."""
        path = self.directory / PREDICTIONS
        if not path.is_file():
            raise InputError(
                f"{self.directory} has no {PREDICTIONS}; run `nearsight evaluate {self.directory}` first"
            )
        return read_predictions(path)[0]

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


def check_result(content: Mapping[str, Any], path: Path) -> None:
    """Raise `InputError` for what result.json holds where it is of a newer schema or no result.

    >>> check_result({"evaluation": {"test": 3}}, Path("result.json"))
    Traceback (most recent call last):
    nearsight.errors.InputError: result.json does not hold evaluations by split under "evaluation"; mend it, or \
move it away and evaluate the run again
    """
    read_schema("result", content, path)
    evaluations = content.get("evaluation", {})
    if not isinstance(evaluations, Mapping) or not all(
        isinstance(found, Mapping) for found in evaluations.values()
    ):
        raise InputError(
            f'{path} does not hold evaluations by split under "evaluation"; mend it, or move it away and evaluate '
            "the run again"
        )


def read_predictions(path: Path) -> tuple["pyarrow.Table", dict[str, Any]]:
    """Return a table of predictions, and what it was made with; raises `InputError` for a damaged or newer one."""
    import pyarrow
    from pyarrow import parquet

    try:
        # Read in full by this process: a memory map would outlive a replacement of the file.
        with path.open("rb") as file:
            check_table(file, path, f"run `nearsight evaluate {path.parent}` again")
            table = parquet.read_table(file)
        made_with: dict[str, Any] = json.loads((table.schema.metadata or {}).get(METADATA.encode(), b"{}"))
    except InputError:
        raise
    except (pyarrow.ArrowInvalid, OSError, ValueError) as error:
        raise InputError(
            f"{path} is damaged or cut short; run `nearsight evaluate {path.parent}` again"
        ) from error
    read_schema("predictions", made_with, path)
    return table, {name: value for name, value in made_with.items() if name != SCHEMA}


def _read_text(path: Path, unsealed: Callable[[bytes, Path], bytes]) -> str:
    try:
        return unsealed(path.read_bytes(), path).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
