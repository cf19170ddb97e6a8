"""Predict images without labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

from nearsight.data import ImageSet, ImageSets
from nearsight.data.pictures import Pictures
from nearsight.data.unlabelled import unlabelled
from nearsight.evaluation import Predictions
from nearsight.evaluation.prediction_making import make_predictions
from nearsight.progress import Progress, watched
from nearsight.settings import Machine, Reading
from nearsight.settings.prediction_words import DEFAULT_TOP
from nearsight.shortage import tells_of_memory
from nearsight.signatures import takes_fields_of
from nearsight.together import all_processes
from nearsight.verbs.binding import Binding, ModelOptions
from nearsight.verbs.sources import AnyModel, as_trained, model_name, opened_run


@takes_fields_of(Binding)
@tells_of_memory("predicting", "memory", "stride", "workers")
def predict(
    model: AnyModel,
    images: Pictures | ImageSet | ImageSets | Sequence[Any],
    *,
    protocol: str | None = None,
    top: int = DEFAULT_TOP,
    out: str | Path | None = None,
    maps: str | Path | None = None,
    resume: bool = False,
    max_pixels: int | None = None,
    value_range: tuple[float, float] | None = None,
    machine: Machine | None = None,
    progress: Progress | bool = True,
    **options: Unpack[ModelOptions],
) -> Predictions:
    """Predict any number of images without labels, one after another, with a row per image.

    >>> import torch
    >>> red = torch.tensor([255, 0, 0], dtype=torch.uint8)[:, None, None].expand(3, 8, 8)
    >>> found = predict(lambda tiles: tiles.mean((2, 3)), [red], classes="red,green,blue", tile=4, progress=False)
    >>> found.table.select(["path", "class", "protocol"]).to_pylist()
    [{'path': 'image-0', 'class': 'red', 'protocol': 'mean-logit, tile 4, stride 1'}]

    `model` is a run, a `TiledModel` or anything that `Classifier.of` takes, with the options of `evaluate`, and
    images are prepared as there. `images` is one or several of files, folders of any depth, patterns such as
    `photos/*.jpg`, Parquet with or without labels, `hf:OWNER/NAME[@REVISION]`, image sets, Pillow images, arrays
    and tensors. `protocol` is by default mean-logit, or that of the `pooling`, and full-pass for a model of whole
    images.

    Each row has the path, the class, its probability and margin over the second class, the `top` classes with their
    probabilities, the protocol, the model, and the columns of the images' own table. An image that is damaged, too
    small for the tile or refused by the model has a `fault` instead. `out`, a file that ends in .csv or .parquet,
    is written in parts that are joined at the end; memory then grows only with the paths and columns of the images.
    `resume` keeps finished rows and tries faulty images again. `maps` is a directory for each image's evidence map,
    which `EvidenceMap.load` reads.

    `max_pixels` is the number of pixels that an image may have. `value_range` holds the values that become black and
    white in images of more than 8 bits, by default those of the model's training; if these are not known it must be
    given. `progress=False` shows nothing; a `Progress` object gets the messages instead. Raises `InputError` for bad
    input, and for an `out` that already exists, without `resume`.
    """
    reading = Reading(max_pixels=max_pixels, value_range=value_range)
    binding = Binding(machine=machine, **options)
    bound = binding.bind(
        opened_run(model) or model, tiled=False, protocols=() if protocol is None else (protocol,)
    )
    with watched(progress) as channel, all_processes() as processes:
        for note in bound.notes:
            channel.warn(note)
        return make_predictions(
            bound,
            unlabelled(images, reading=as_trained(reading, bound), progress=channel),
            model=model_name(model),
            protocol=protocol,
            top=top,
            out=out,
            maps=maps,
            resume=resume,
            workers=(machine or Machine()).decoding_workers(),
            processes=processes,
            progress=channel,
        )
