"""Claiming a run's directory without ever harming its content."""

from dataclasses import fields
from pathlib import Path

from nearsight.data import ImageSets
from nearsight.data.split_list import LISTING, TRAINED_ON, Listing
from nearsight.errors import InputError
from nearsight.lock import contents, make_directory
from nearsight.models.saved_classifiers import DESCRIPTION, WEIGHTS
from nearsight.progress import SILENT, Progress
from nearsight.runs import RECIPE, RESULT, Run
from nearsight.settings import Recipe, recipe_to_toml
from nearsight.training.checkpoint import Checkpoint, read_checkpoint
from nearsight.write import write_toml

# The files whose own digests result.json holds, so that `verify` knows them from those of another run.
OF_A_RUN = (RECIPE, LISTING, WEIGHTS, DESCRIPTION)


def claim_directory(
    directory: Path, recipe: Recipe, resume: bool, progress: Progress = SILENT
) -> Checkpoint | None:
    """Prepare `directory` for a run of `recipe`, and return its last whole checkpoint if it resumes one.

    A new or empty directory gets the recipe. One that holds a run of this very recipe is accepted if `resume` is
    true. Anything else raises `InputError` and is left as it was.
    """
    if directory.is_file():
        raise InputError(f"{directory} is a file; choose another `out`")
    if not contents(directory):
        make_directory(directory)
        write_toml(directory / RECIPE, recipe_to_toml(recipe))
        return None
    path = directory / RECIPE
    if not path.is_file():
        raise InputError(f"{directory} is not empty and holds no run; choose another `out`")
    held = Run(directory).recipe
    if held != recipe:
        changed = [
            f"{spec.name} {getattr(held, spec.name)} there, {getattr(recipe, spec.name)} asked for"
            for spec in fields(Recipe)
            if getattr(held, spec.name) != getattr(recipe, spec.name)
        ]
        raise InputError(
            f"{directory} already holds a run of another recipe ({'; '.join(changed)}); choose another `out`"
        )
    if not resume:
        state = "a finished run" if (directory / RESULT).is_file() else "an unfinished run"
        raise InputError(
            f"{directory} already holds {state} of this recipe; give `resume=True`, or choose another `out`"
        )
    return read_checkpoint(directory, progress)


def own_split(directory: Path, sets: ImageSets) -> None:
    """List the images of a set with the run in a directory, or check that they are those that it lists.

    Raises `InputError` if the training images or their labels are not the listed ones, or are read otherwise.
    """
    listed, now = Listing.load(directory), Listing.of(sets)
    if listed is None:
        now.save(directory)
        return
    _check_range(directory, listed, sets)
    if not listed.trained_with(now):
        there, here = (sum(one.count(split) for split in TRAINED_ON) for one in (listed, now))
        raise InputError(
            f"{directory} was begun with {there} images to train on, and the set now gives {here}, or others: put "
            "back what was removed or changed, or train a new run in another `out`"
        )


def check_same_range(directory: Path, sets: ImageSets) -> None:
    """Raise `InputError` if the run in a directory was begun with another range of values."""
    listed = Listing.load(directory)
    if listed is not None:
        _check_range(directory, listed, sets)


def _check_range(directory: Path, listed: Listing, sets: ImageSets) -> None:
    there, here = listed.reading.value_range, sets.reading.value_range
    if there != here:
        raise InputError(
            f"{directory} was begun with `value_range` {_written(there)}, and {_written(here)} is asked for; give "
            "what it was begun with, or choose another `out`"
        )


def _written(value_range: tuple[float, float] | None) -> str:
    return "not given" if value_range is None else f"{value_range[0]:g} to {value_range[1]:g}"
