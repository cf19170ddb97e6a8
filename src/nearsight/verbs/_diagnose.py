"""Diagnose a classifier."""

import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Unpack

from nearsight import diagnosis
from nearsight.data import Data, ImageSet
from nearsight.data.decode import allowed_pixels
from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.parts import asked_for
from nearsight.errors import InputError
from nearsight.evaluation.class_matching import match_classes
from nearsight.evidence import TiledModel
from nearsight.lock import writing
from nearsight.numbers import whole
from nearsight.progress import Progress, watched
from nearsight.report import write_diagnosis
from nearsight.settings import Machine, Reading
from nearsight.settings.choices import DEFAULT_SPLIT
from nearsight.shortage import tells_of_memory
from nearsight.signatures import fields_of, takes_fields_of, without_fields_of
from nearsight.stopping import continuing
from nearsight.together import all_processes
from nearsight.verbs.binding import Binding, LookingOptions
from nearsight.verbs.null_networks import nulls_like
from nearsight.verbs.sources import AnyModel, as_trained, find_images, model_name, opened_run


@takes_fields_of(Binding, Reading)
@tells_of_memory("diagnosing", "memory", "images", "stride", "workers")
def diagnose(
    model: AnyModel,
    data: Data | None = None,
    *,
    split: str = DEFAULT_SPLIT,
    parts: Sequence[str] | None = None,
    groups: str | None = None,
    images: int | None = None,
    faithfulness: int | None = None,
    null: bool = False,
    seed: int = 0,
    out: str | Path | None = None,
    new_images: bool = False,
    machine: Machine | None = None,
    progress: Progress | bool = True,
    **options: Unpack[LookingOptions],
) -> Diagnosis:
    """Diagnose a classifier on a data set: what it relies on, where it errs, whether it looks at the object.

    >>> import numpy as np
    >>> from nearsight.data import load
    >>> from nearsight.models import Architecture, Classifier, Preprocessing
    >>> half = (0.5, 0.5, 0.5)
    >>> scenes = load("scenes")["test"].select(np.arange(6))
    >>> architecture = Architecture("airbench", classes=8, width=0.1)
    >>> toy = Classifier(architecture.build(), architecture, scenes.classes, 16, Preprocessing(half, half))
    >>> diagnose(toy, scenes, stride=16, faithfulness=0).table("locality").columns[0]
    'tile'

    `model` is a run, a `TiledModel` or anything else, as for `heatmap`. A run needs no `data`, which is what
    `evaluate` takes. If the set has other splits, they are searched for near-duplicates, and in place of half of a
    small test split its training images choose what verdicts are about. `parts` are the names of the parts to keep,
    None for all. `images` is how many images to examine, drawn at random (None: all);
    `faithfulness` is on how many of them the maps are checked, 0 for none; by default 32, and fewer, at least 8,
    where 32 would take more than four times the passes of the evaluation. `seed` fixes everything random. `groups`
    is the column by which accuracy is reported, as for `evaluate`.

    With `null`, networks like the run's are briefly trained on shuffled labels of its training images, to show how
    much evidence lies off the object by chance. The number of steps is reported first, and nothing is trained if no
    part would use it. With `out`, the page is written there as report.html, with diagnosis.json and the tables as
    Parquet; if the pass over all images is interrupted, the same call continues with it. A run's own images are those
    listed when it was trained; `new_images` adds those that came later.

    `progress=False` shows nothing; a `Progress` object gets the messages instead. Fields of
    `nearsight.settings.Reading` say how images are read. Raises `InputError` for bad input.
    """
    # Before a model is loaded for nothing.
    for name, value, least in (("images", images, 1), ("faithfulness", faithfulness, 0), ("seed", seed, 0)):
        if value is not None and whole(name, value) < least:
            raise InputError(f"`{name}` takes a whole number from {least} on, got {value}")
    asked_for(parts, groups=groups, faithfulness=faithfulness, null=null)
    reading = Reading(**fields_of(Reading, options))
    with (
        watched(progress) as channel,
        allowed_pixels(reading.max_pixels),
        writing(out, channel),
        all_processes() as processes,
    ):
        bound = Binding(machine=machine, **without_fields_of(Reading, options)).bind(model)
        _check_blank(bound)
        examined = find_images(
            model,
            data,
            split,
            classes=bound.classes,
            reading=as_trained(reading, bound),
            new_images=new_images,
            progress=channel,
        )
        matched = match_classes(examined.images, bound.classes)
        for note in matched.notes:
            channel.warn(note)
        nulls = (
            nulls_like(
                opened_run(model),
                examined.sets.get("train") if examined.own else None,
                bound,
                network=options.get("network"),
                beside=None if out is None else Path(out),
                machine=machine,
                progress=channel,
            )
            if null
            else None
        )
        keep = None if out is None else Path(out) / "diagnosis.parts"
        with continuing(keep):
            found = diagnosis.diagnose(
                bound,
                matched.images,
                model=model_name(model),
                others=_others(examined.others, bound.classes),
                parts=parts,
                groups=groups,
                limit=images,
                places=matched.kept,
                faithfulness=faithfulness,
                nulls=nulls,
                seed=seed,
                workers=(machine or Machine()).decoding_workers(),
                keep=keep,
                processes=processes,
                progress=channel,
            )
            if out is not None and keep is not None:
                processes.first_does(partial(write_diagnosis, found, out))
                if processes.first:
                    shutil.rmtree(keep, ignore_errors=True)
    return found


def _check_blank(bound: TiledModel) -> None:
    """Raise `InputError` if blank tiles should be skipped in what decides on whole images."""
    if bound.skip_blank is not None and (bound.tile is None or Decision.of(bound).whole):
        raise InputError(
            "`skip_blank` is for classifiers that decide by tiles, and this one decides on whole images; leave it out"
        )


def _others(others: Mapping[str, ImageSet], known: Sequence[str]) -> dict[str, ImageSet]:
    """Give the other splits the model's classes too, as labels are compared; those that have none stay out."""
    found = {}
    for name, images in others.items():
        try:
            found[name] = match_classes(images, known).images
        except InputError:
            continue
    return found
