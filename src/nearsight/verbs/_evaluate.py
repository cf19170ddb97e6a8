"""Evaluate a trained run."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Unpack

from nearsight import evaluation
from nearsight.data import Data
from nearsight.data.decode import allowed_pixels
from nearsight.evaluation import Evaluation
from nearsight.evaluation.class_matching import ClassMap, match_classes
from nearsight.evaluation.kept_scores import CONTENT, content_of
from nearsight.evaluation.result import split_name
from nearsight.lock import writing
from nearsight.progress import Progress, watched
from nearsight.settings import Machine, Reading
from nearsight.settings.choices import DEFAULT_SPLIT
from nearsight.shortage import tells_of_memory
from nearsight.signatures import fields_of, takes_fields_of, without_fields_of
from nearsight.stopping import continuing
from nearsight.together import all_processes
from nearsight.verbs.binding import Binding, LookingOptions
from nearsight.verbs.sources import AnyModel, as_trained, find_images, opened_run


@takes_fields_of(Binding, Reading)
@tells_of_memory("evaluating", "memory", "stride", "workers")
def evaluate(
    model: AnyModel,
    data: Data | None = None,
    *,
    split: str = DEFAULT_SPLIT,
    protocols: Sequence[str] | None = None,
    reestimate: bool = False,
    class_map: ClassMap | None = None,
    groups: str | None = None,
    out: str | Path | None = None,
    new_images: bool = False,
    machine: Machine | None = None,
    progress: Progress | bool = True,
    **options: Unpack[LookingOptions],
) -> Evaluation:
    """Evaluate a run, or any other classifier, on a split of its own data set or of another.

    >>> import torch
    >>> red, green = torch.tensor([[255, 0, 0], [0, 255, 0]], dtype=torch.uint8)[..., None, None].expand(2, 3, 8, 8)
    >>> by_colour = evaluate(
    ...     lambda tiles: tiles.mean((2, 3)), ([red, green], [0, 1]), classes="red,green,blue", tile=4, progress=False
    ... )
    >>> by_colour.metrics["mean-logit"]["accuracy"]
    1.0

    `model` is a run, which needs no `data`, a `TiledModel`, which keeps its settings, or anything that
    `Classifier.of` takes, with its `classes`, `weights`, `tile` and `pretrained`. `network` is for a run that was
    trained with a network of your own. `stride`, `grid`, `memory` and `skip_blank` are those of `TiledModel`.
    `data` is what `train` takes. Of a single set held in memory all images are evaluated, unless it is the run's
    own. `reestimate` adds `full-pass+bn`, the full pass with the BatchNorm statistics of whole training images.

    Metrics and predictions on the run's own data are kept in its directory; those on other data, and of other
    `weights`, only in `out`. A run's own images are those listed when it was trained. `new_images` adds those
    that came later, and the result is then kept only in `out`. An evaluation that is interrupted goes on where it
    was with the same call.

    Classes of other data are matched with the model's by name, and by `class_map`, which names the model's class
    for a class of the set: a mapping, "a=b,c=d" or a file (a=b per line, CSV or JSON). Images of classes that the
    model does not know are left out and counted. `groups` names a column of the set, or a fact of its files such as
    `file.format`: accuracy is reported for each of its values, with the lowest accuracy of a class within a group.
    (`group_column` is something else: it keeps images on the same side of a split.)

    `progress=False` shows nothing; a `Progress` object gets the messages instead. Fields of
    `nearsight.settings.Reading` say how images are read. Raises `InputError` for bad input.
    """
    run, reading = opened_run(model), Reading(**fields_of(Reading, options))
    binding = Binding(machine=machine, **without_fields_of(Reading, options))
    bound = binding.bind(run or model, tiled=False, protocols=protocols or ())
    with watched(progress) as channel, allowed_pixels(reading.max_pixels), all_processes() as processes:
        found = find_images(
            run or model,
            data,
            split,
            classes=bound.classes,
            reading=as_trained(reading, bound),
            new_images=new_images,
            progress=channel,
        )
        # The run's results are those of its own weights.
        kept = run is not None and found.own and not new_images and binding.weights is None
        place = Path(out) if out is not None else run.directory if run is not None and kept else None
        if place is not None:
            Evaluation.check_place(place)
        keep = None if place is None else place / split_name("evaluation.parts", split)
        with writing(place, channel), continuing(keep):
            matched = match_classes(found.images, bound.classes, class_map)
            for note in (*bound.notes, *matched.notes):
                channel.warn(note)
            result = evaluation.evaluate(
                bound,
                matched.images,
                protocols=protocols,
                reestimate=found.sets["train"] if reestimate else None,
                groups=groups,
                workers=(machine or Machine()).decoding_workers(),
                keep=keep,
                processes=processes,
                progress=channel,
            )
            told = {CONTENT: content_of(matched.images)} if kept else {}
            result = replace(result, settings={**result.settings, **matched.settings, **told})
            if place is not None:
                processes.first_does(partial(result.save, place))
                if keep is not None and processes.first:
                    shutil.rmtree(keep, ignore_errors=True)
    return result
