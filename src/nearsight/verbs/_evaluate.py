"""Evaluate a trained run."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from nearsight import evaluation
from nearsight.data import Data
from nearsight.data.decode import allowed_pixels
from nearsight.evaluation import Evaluation
from nearsight.evaluation.class_matching import ClassMap, match_classes
from nearsight.lock import writing
from nearsight.progress import Progress, watched
from nearsight.settings import Machine, Reading
from nearsight.settings.choices import DEFAULT_SPLIT
from nearsight.shortage import tells_of_memory
from nearsight.signatures import fields_of, takes_fields_of, without_fields_of
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

    `model` is a run, which needs no `data`, a `TiledModel`, which is looked at as it was bound, or anything that
    `Classifier.of` takes, with `classes`, `weights`, `tile` and `pretrained` as there. `network` is for a run
    that was trained with a network of your own. `stride`, `grid`, `memory` and `skip_blank` are those of
    `TiledModel`. `data` is what `train` takes; of a single set held in memory all images are evaluated, unless it is
    the run's own. On its own data the metrics and predictions are kept in the run's directory; on other data they are
    kept in `out`, when one is given. `reestimate` adds `full-pass+bn`, the full pass with BatchNorm statistics taken
    from whole training images. Classes of other data are matched with the model's by name, and by `class_map`, which
    names the model's class for each of the set's: a mapping, "a=b,c=d" or a file (a=b a line, CSV or JSON);
    images of classes that the model does not know are left out and counted. `groups` names a column of the set,
    or a fact of its files such as `file.format`: accuracy is reported for each of its values, and the class with
    the lowest accuracy within a group is named. (`group_column` is another matter: it keeps images on one side of
    a cut.) A run's own images are those that it listed when it was trained; `new_images` counts those that came
    since as well, and what is then found is kept only in `out`. How images are read is said as in
    `nearsight.settings.Reading`. With `progress` False nothing is shown; a `Progress` of yours is told instead.
    Raises `InputError` for bad input.
    """
    run, reading = opened_run(model), Reading(**fields_of(Reading, options))
    binding = Binding(machine=machine, **without_fields_of(Reading, options))
    bound = binding.bind(run or model, tiled=False, protocols=protocols or ())
    with watched(progress) as channel, allowed_pixels(reading.max_pixels):
        found = find_images(
            run or model,
            data,
            split,
            classes=bound.classes,
            reading=as_trained(reading, bound),
            new_images=new_images,
            progress=channel,
        )
        kept = run is not None and found.own and not new_images
        place = Path(out) if out is not None else run.directory if run is not None and kept else None
        if place is not None:
            Evaluation.check_place(place)
        with writing(place, channel):
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
                progress=channel,
            )
            result = replace(result, settings={**result.settings, **matched.settings})
            if place is not None:
                result.save(place)
    return result
