"""Show what a network sees."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from nearsight.data.decode import allowed_pixels
from nearsight.data.pictures import Pictures
from nearsight.data.values import values_from
from nearsight.errors import InputError
from nearsight.lock import writing
from nearsight.numbers import agreeing, counted
from nearsight.progress import Progress, watched
from nearsight.report import Heatmaps, make_heatmaps
from nearsight.settings import EvidenceKind, Fill, Machine, Reading
from nearsight.settings.choices import DEFAULT_EVIDENCE, DEFAULT_FILL
from nearsight.shortage import tells_of_memory
from nearsight.signatures import takes_fields_of
from nearsight.stopping import continuing
from nearsight.together import all_processes
from nearsight.verbs.binding import Binding, ModelOptions
from nearsight.verbs.sources import AnyModel, as_trained, trained_on_among


@takes_fields_of(Binding)
@tells_of_memory("drawing maps", "memory", "stride")
def heatmap(
    model: AnyModel,
    images: Pictures,
    *,
    class_name: str | Sequence[str | None] | None = None,
    evidence: EvidenceKind = DEFAULT_EVIDENCE,
    fill: Fill | None = None,
    out: str | Path | None = None,
    max_pixels: int | None = None,
    value_range: tuple[float, float] | None = None,
    machine: Machine | None = None,
    progress: Progress | bool = True,
    **options: Unpack[ModelOptions],
) -> Heatmaps:
    """Show the evidence of images, tile by tile, for the true or a chosen class and the predicted one.

    >>> import torch
    >>> black = torch.zeros(3, 168, 200, dtype=torch.uint8)
    >>> heatmaps = heatmap("timm:test_resnet", [black], tile=64, stride=64, pretrained=False)
    >>> heatmaps.images[0].evidence.grid.shape
    (3, 4)

    `model` is a run, a `TiledModel`, which keeps its settings, or anything that `Classifier.of` takes, with its
    `classes`, `weights`, `tile` and `pretrained`; a timm network needs a `tile`. `network` is for a run that was
    trained with a network of your own. `stride`, `grid`, `memory` and `skip_blank` are those of `TiledModel`; tile
    and stride are by default those of `evaluate`. `images` is one or several of files, directories of files, Pillow
    images, arrays (H, W, 3) and tensors (3, H, W), uint8 from 0 to 255 or floating-point from 0 to 1. `class_name`
    is one for all images or one for each; by default it is the name of a file's directory if that is a class, as in
    an image folder.

    The mean of a map is the image's score under `mean-logit` for that tile grid. With another `pooling` the score
    is made from the same map. With `evidence` "removal" the map says how much the classifier's score falls when a
    tile is replaced, by the image's mean colour (`fill` "mean", the default), by the blurred image ("blur") or by
    the same place of the next image ("other").

    With `out`, each image's figure is written there as PNG and SVG, with the map as safetensors. The same call
    continues with the maps of an interrupted one. Images too large for memory are read in parts; they also get a
    pyramidal TIFF of the map and GeoJSON of the strongest tiles.
    `max_pixels` is the number of pixels that an image may have (by default Pillow's 178,956,970). `value_range`
    holds the values that become black and white in images of more than 8 bits, by default those of the model's
    training. `progress=False` shows nothing; a `Progress` object gets the messages instead. Raises `InputError` for
    bad input, before anything is written.
    """
    if fill is not None and evidence == "tile":
        raise InputError(
            "`fill` replaces tiles in removal maps; add `evidence='removal'`, or leave `fill` out"
        )
    reading = Reading(max_pixels=max_pixels, value_range=value_range)
    with (
        watched(progress) as channel,
        allowed_pixels(reading.max_pixels),
        writing(out, channel),
        all_processes() as processes,
    ):
        bound = Binding(machine=machine, **options).bind(model)
        keep = None if out is None else Path(out) / "heatmaps.parts"
        with values_from(as_trained(reading, bound).value_range, of_a_set=False):
            found = make_heatmaps(
                bound,
                images,
                class_name=class_name,
                evidence=evidence,
                fill=fill or DEFAULT_FILL,
                keep=keep,
                processes=processes,
                progress=channel,
            )
        seen = trained_on_among(model, images) if processes.first else []
        if seen:
            channel.warn(
                f"{len(seen)} of {counted(len(found.images), 'image')} "
                f"{agreeing(len(seen), 'is a training image', 'are training images')} of the run: {seen[0]}"
            )
        if out is not None and keep is not None:
            with continuing(keep):
                found.save(out, processes)
            if processes.first:
                shutil.rmtree(keep, ignore_errors=True)
    return found
