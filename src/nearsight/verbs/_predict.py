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
    """Predict any number of images, which need no labels, one after another: a row an image.

    >>> import torch
    >>> red = torch.tensor([255, 0, 0], dtype=torch.uint8)[:, None, None].expand(3, 8, 8)
    >>> found = predict(lambda tiles: tiles.mean((2, 3)), [red], classes="red,green,blue", tile=4, progress=False)
    >>> found.table.select(["path", "class", "protocol"]).to_pylist()
    [{'path': 'image-0', 'class': 'red', 'protocol': 'mean-logit, tile 4, stride 1'}]

    `model` is a run, a `TiledModel` or anything that `Classifier.of` takes, with the options of `evaluate`, and
    images are prepared as there. `images` is one or several of files, folders of any depth, patterns such as
    `photos/*.jpg`, Parquet with or without labels, `hf:OWNER/NAME[@REVISION]`, image sets, Pillow images, arrays and
    tensors. `protocol` is by default mean-logit, or that of the `pooling`, and full-pass for a model of whole images.

    Each row has the path, the class, its probability and its margin over the second, the `top` classes with their
    probabilities, the protocol, the model, and what the images' own table says of them. An image that is damaged, too
    small for the tile or refused by the model has a `fault` instead. With `out`, a file that ends in .csv or
    .parquet, rows are written in parts as they come and put together at the end; with `resume` those that are there
    are kept, and faults are tried again. With `maps`, each image's evidence map is left in that directory, for
    `EvidenceMap.load`. With `out` memory grows with the number of images by no more than their paths and columns.

    `max_pixels` is how many pixels an image may have; `value_range` is what becomes black and white in images of
    more than 8 bits, by default what the model was trained in; where that is not known it must be given. With
    `progress` False nothing is shown; a `Progress` of yours is told instead. Raises `InputError` for bad input, and
    for an `out` that is there already, without `resume`.
    """
    reading = Reading(max_pixels=max_pixels, value_range=value_range)
    binding = Binding(machine=machine, **options)
    bound = binding.bind(
        opened_run(model) or model, tiled=False, protocols=() if protocol is None else (protocol,)
    )
    with watched(progress) as channel:
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
            progress=channel,
        )
