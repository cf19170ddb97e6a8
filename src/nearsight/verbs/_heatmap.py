"""Show what a network sees."""

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from nearsight.data.decode import allowed_pixels
from nearsight.data.pictures import Pictures
from nearsight.data.values import values_from
from nearsight.errors import InputError
from nearsight.lock import writing
from nearsight.progress import Progress, watched
from nearsight.report import Heatmaps, make_heatmaps
from nearsight.settings import EvidenceKind, Fill, Machine, Reading
from nearsight.settings.choices import DEFAULT_EVIDENCE, DEFAULT_FILL
from nearsight.shortage import tells_of_memory
from nearsight.signatures import takes_fields_of
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

    `model` is a run, a `TiledModel`, which is looked at as it was bound, or anything that `Classifier.of` takes, with
    `classes`, `weights`, `tile` and `pretrained` as there; a network of timm needs a `tile`. `network` is for a run
    that was trained with a network of your own. `stride`, `grid`, `memory` and `skip_blank` are those of
    `TiledModel`. `images` is
    one or several of files, directories of files, Pillow images, arrays (H, W, 3) and tensors (3, H, W), uint8 from 0
    to 255 or floating-point from 0 to 1. `class_name` is one for all images or one for each; by default it is the
    name of a file's directory where that is a class, as in an image folder. The mean of a map is the image's score
    under `mean-logit` for that tile grid, and what another `pooling` decides by is made of the same map;
    tile and stride are by default those of `evaluate`. With `evidence`
    "removal" the map says what the score by which the classifier decides loses when a tile is replaced, by the
    image's mean colour (`fill` "mean", the default), by the image blurred ("blur") or by the same place of the next
    image ("other"); `fill` is for these maps alone. With `out`, each image's figure is left there as PNG and SVG,
    with the map as safetensors; of images too large to be held, which are read part by part, also a pyramidal TIFF of
    the map and GeoJSON of the strongest tiles. `max_pixels` is how many pixels an image may have (by default Pillow's
    178,956,970), and `value_range` what becomes black and white in images of more than 8 bits, by default what the
    model was trained in. With `progress` False nothing is shown; a `Progress` of yours is told instead. Raises
    `InputError` for bad input, before anything is written.
    """
    if fill is not None and evidence == "tile":
        raise InputError(
            "`fill` is what takes a tile's place in maps of removal; add `evidence='removal'`, or leave `fill` out"
        )
    reading = Reading(max_pixels=max_pixels, value_range=value_range)
    with watched(progress) as channel, allowed_pixels(reading.max_pixels), writing(out, channel):
        bound = Binding(machine=machine, **options).bind(model)
        with values_from(as_trained(reading, bound).value_range, of_a_set=False):
            found = make_heatmaps(
                bound,
                images,
                class_name=class_name,
                evidence=evidence,
                fill=fill or DEFAULT_FILL,
                progress=channel,
            )
        seen = trained_on_among(model, images)
        if seen:
            channel.warn(
                f"the run was trained on {len(seen)} of {len(found.images)} images, such as {seen[0]}"
            )
        if out is not None:
            found.save(out)
    return found
