"""The recipe `auto` of the verbs that train: facts about a set and a machine, and the choice, with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nearsight.data import ImageSet
from nearsight.models.at_hand import AtHand, published_weights
from nearsight.progress import Progress
from nearsight.read import is_file
from nearsight.runs import RECIPE, Run
from nearsight.settings import Machine, Recipe
from nearsight.settings.auto import (
    Facts,
    Weights,
    asks_for_published,
    choose_recipe,
    tiles_for,
    way_to_weights,
    written_choice,
)
from nearsight.settings.models import is_weights_file
from nearsight.settings.recipe import recipe_from_values
from nearsight.settings.recipes import with_run_taken
from nearsight.study.settings import STUDY, Study

_WEIGHTS: Mapping[AtHand, Weights] = {
    "here": "published",
    "there": "fetched",
    "offline": "offline",
    "silent": "silent",
    "refused": "refused",
    "none": "none",
}


def facts_of(images: ImageSet, asked: Mapping[str, Any], machine: Machine) -> Facts:
    """Return what a choice depends on: the training images, the machine, and whether weights are available."""
    short = round(float(np.median(images.sizes.min(1))))
    gpu = machine.torch_device().type != "cpu"
    given = recipe_from_values(asked)
    if given.weights_of is not None:
        weights: Weights = "file" if is_weights_file(given.weights_of) else "own"
    elif given.pretrained:
        # Whether they are available shows when they are downloaded.
        weights = "published"
    else:
        name = asks_for_published(asked, short, gpu)
        weights = "none" if name is None else _WEIGHTS[published_weights(name)]
    one_size = bool((images.sizes == images.sizes[0]).all())
    return Facts(images=len(images), short=short, one_size=one_size, gpu=gpu, weights=weights)


def auto_recipe(fields: Mapping[str, Any], images: ImageSet, machine: Machine, progress: Progress) -> Recipe:
    """Return the recipe for a set's training images and the requested fields, and say why."""
    asked = with_run_taken(dict(fields))
    facts = facts_of(images, asked, machine)
    chosen = choose_recipe(facts, asked)
    progress.say(written_choice(chosen, facts))
    if told := way_to_weights(facts, asked):
        progress.say(told)
    return chosen


def auto_comparison(
    fields: Mapping[str, Any],
    images: ImageSet,
    machine: Machine,
    progress: Progress,
    *,
    tiles: Sequence[int | None] | None,
    named: bool,
) -> tuple[Recipe, Sequence[int | None] | None]:
    """Return the base recipe of a comparison and the compared tiles, and say why; `named` are its arms."""
    asked = with_run_taken(dict(fields))
    facts = facts_of(images, asked, machine)
    largest = max((tile for tile in tiles or () if tile is not None), default=1)
    chosen = replace(choose_recipe(facts, asked, largest_tile=largest), tile=None)
    if tiles is None and not named:
        tiles = tiles_for(chosen.resize_short or facts.short)
    progress.say(written_choice(chosen, facts, tiles=tiles))
    if told := way_to_weights(facts, asked):
        progress.say(told)
    return chosen, tiles


def begun_recipe(directory: Path, fields: Mapping[str, Any]) -> Recipe | None:
    """Return the recipe of the run in a directory with the requested fields, None if there is no run."""
    if not is_file(directory / RECIPE):
        return None
    return recipe_from_values(fields, Run.open(directory).recipe)


def begun_study(directory: Path, fields: Mapping[str, Any]) -> tuple[Recipe, tuple[str, ...]] | None:
    """Return base recipe and arms of the comparison that was started in a directory, None if there is none."""
    if not is_file(directory / STUDY):
        return None
    held = Study.load(directory)
    return recipe_from_values(fields, held.base), held.arms
