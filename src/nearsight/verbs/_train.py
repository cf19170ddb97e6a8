"""Train a network."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, overload

from torch import nn

from nearsight import evaluation, training
from nearsight.data import Data, ImageSet
from nearsight.data.decode import allowed_pixels
from nearsight.errors import InputError
from nearsight.evaluation.expected import expected_of
from nearsight.evidence import TiledModel
from nearsight.launch import require_one_process
from nearsight.lock import writing
from nearsight.models import Classifier
from nearsight.progress import Progress, watched
from nearsight.runs import RESULT, Run
from nearsight.settings import Machine, Reading, Recipe, make_recipe
from nearsight.settings.choices import AUTO, DEFAULT_RECIPE
from nearsight.settings.models import CUSTOM
from nearsight.settings.pooled import check_top_k
from nearsight.shortage import tells_of_memory
from nearsight.signatures import fields_of, takes_fields_of, without_fields_of
from nearsight.study import CrossValidation, cross_validate
from nearsight.study.cross_validating import listed_folds
from nearsight.together import all_processes
from nearsight.training.early_warnings import early_warnings, require_readable
from nearsight.verbs.auto_recipe import auto_recipe, begun_recipe
from nearsight.verbs.default_directories import default_cross_validation, default_run
from nearsight.verbs.sources import folds_as_before, split_as_before, whole_sets


@overload
def train(
    data: Data,
    *,
    classes: Sequence[str] | None = None,
    recipe: str | Recipe = DEFAULT_RECIPE,
    folds: None = None,
    out: str | Path | None = None,
    resume: bool = False,
    stride: int | None = None,
    machine: Machine | None = None,
    progress: Progress | bool = True,
    **fields: Any,
) -> Run: ...


@overload
def train(
    data: Data,
    *,
    classes: Sequence[str] | None = None,
    recipe: str | Recipe = DEFAULT_RECIPE,
    folds: int,
    out: str | Path | None = None,
    resume: bool = False,
    stride: int | None = None,
    machine: Machine | None = None,
    progress: Progress | bool = True,
    **fields: Any,
) -> CrossValidation: ...


@takes_fields_of(Reading)
@tells_of_memory("working on the set", "workers", "stride")
def train(
    data: Data,
    *,
    classes: Sequence[str] | None = None,
    recipe: str | Recipe = DEFAULT_RECIPE,
    folds: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    stride: int | None = None,
    machine: Machine | None = None,
    progress: Progress | bool = True,
    **fields: Any,
) -> Run | CrossValidation:
    """Train a network on tiles or whole images of a data set, and evaluate it on the test split.

    >>> import tempfile
    >>> run = train("digits", recipe="fast", tile=8, steps=2, width=0.1, out=tempfile.mkdtemp())
    >>> sorted(run.result["evaluation"]["test"]["protocols"])
    ['full-pass', 'mean-logit', 'mean-probability', 'single-tile', 'vote']

    `recipe` "auto", the default, chooses settings that fit the images, the device and the available weights, and says
    which. `data` is a name or path, as for `load`, or images held in memory, as for `nearsight.data.image_sets`;
    `classes` names the classes of data that does not name them. `fields` change fields of the recipe, such as `tile`,
    `model` or `seed`. `model` may also be a network of your own, which is copied, or a function that builds it for a
    number of classes, such as its class. The run stores its name, and to open the run you give the network again.

    The run is written to `out`, by default runs/DATA-MODEL-TILE-SEED. `stride` is that of the evaluation's tile
    grid, by default a quarter of the tile. `progress=False` shows nothing; a `Progress` object gets the messages
    instead. Fields of `nearsight.settings.Reading` say how images are read. Raises `InputError` for bad input.

    With `folds`, for small sets, train is cut into that many parts. Each part has every class, and a group or a set
    of near-duplicates is never divided. One run per part, in out/fold-N, is trained on the other parts and tested
    on it. The results together are returned as a `CrossValidation`; `out` is by default that of a run, followed by
    -folds-N. A test split of the set's own is not touched.
    """
    reading = Reading(**fields_of(Reading, fields))
    fields = without_fields_of(Reading, fields)
    if "network" in fields:
        raise InputError(
            "a network to train is given as `model`: a name, the network itself, or what builds it"
        )
    network = fields.get("model")
    if network is None or isinstance(network, str):
        network = None
    elif not callable(network):
        raise InputError(f"model is {type(network).__name__}; expected a name, a network, or what builds one")
    else:
        kind = type(network).__name__
        own = kind if isinstance(network, nn.Module) else getattr(network, "__name__", kind).strip("<>")
        fields["model"] = CUSTOM + own
    asked = make_recipe(data if isinstance(data, str | Path) else "", recipe, fields)
    auto = recipe == AUTO
    if not auto:
        _require_tiles(asked, stride)
    machine = (machine or Machine()).launched()
    with watched(progress) as channel, allowed_pixels(reading.max_pixels), all_processes() as processes:
        sets = whole_sets(data, classes=classes, progress=channel, **reading.options)
        place = Path(out) if out is not None else None
        chosen = replace(asked, data=sets.name)
        if auto:
            fields |= {"data": sets.name}
            begun = begun_recipe(place, fields) if place is not None and resume else None
            chosen = begun or auto_recipe(fields, sets["train"], machine, channel)
            _require_tiles(chosen, stride)
        if folds is not None:
            require_one_process("train with folds")
            place = place or default_cross_validation(chosen, folds)
            with writing(place, channel):
                folded = folds_as_before(sets, listed_folds(place), folds, channel)
                for note in folded.whole.notes:
                    channel.say(note)
                return cross_validate(
                    chosen,
                    folded,
                    place,
                    network=network,
                    stride=stride,
                    resume=resume,
                    machine=machine,
                    progress=channel,
                )
        directory = place or default_run(chosen)
        if auto and resume and place is None:
            chosen = begun_recipe(directory, fields) or chosen
        if "top_k" in fields:
            check_top_k([chosen.pooling])
        with writing(directory, channel, finished=resume and (directory / RESULT).is_file()):
            sets = split_as_before(sets, directory, asked.validation, asked.seed, channel)
            for note in sets.notes:
                channel.say(note)
            for warning in early_warnings(chosen, sets["train"]):
                channel.warn(warning)
            if not (directory / RESULT).is_file():
                for split in ("val", "test"):
                    if split in sets:
                        require_readable(sets[split], channel)
            run = training.train(
                chosen,
                sets,
                directory,
                network=network,
                resume=resume,
                followed=partial(
                    _seconds_of_evaluation, images=sets.get("test"), stride=stride, machine=machine
                ),
                machine=machine,
                progress=channel,
            )
            held = run.result.get("evaluation", {}).get("test")
            evaluated = held is not None and stride in (None, held.get("stride"))
            if "test" in sets and not evaluated and processes.launch.takes_part:
                bound = TiledModel(run.classifier(network), stride=stride, device=machine.torch_device())
                for note in bound.notes:
                    channel.warn(note)
                result = evaluation.evaluate(
                    bound,
                    sets["test"],
                    workers=machine.decoding_workers(),
                    processes=processes,
                    progress=channel,
                )
                processes.first_does(partial(result.save, run.directory))
    return run


def _seconds_of_evaluation(
    classifier: Classifier, *, images: ImageSet | None, stride: int | None, machine: Machine
) -> float:
    """Return how long the evaluation of a classifier takes, which is left as it is; 0 if that is not known."""
    if images is None:
        return 0.0
    twin = copy.deepcopy(classifier)
    twin.network.eval()
    bound = TiledModel(twin, stride=stride, device=machine.torch_device())
    of_tiles = None if bound.tile is None else bound.cost
    cost = expected_of(bound, images, passes=[bound], of_tiles=of_tiles, workers=machine.decoding_workers())
    return 0.0 if cost is None else cost.seconds


def _require_tiles(recipe: Recipe, stride: int | None) -> None:
    if stride is not None and recipe.tile is None:
        raise InputError(
            "`stride` needs tiles, and this trains on whole images; give a `tile`, or leave it out"
        )
