"""Show what a network sees."""

from collections.abc import Sequence
from pathlib import Path

from nearsight.data.decode import allowed_pixels
from nearsight.data.pictures import Pictures
from nearsight.evidence import DEFAULT_MEMORY
from nearsight.models.classifier import Network
from nearsight.models.said import Classes
from nearsight.progress import Progress, watched
from nearsight.report import Heatmaps, make_heatmaps
from nearsight.settings import GridKind, Machine
from nearsight.settings.choices import DEFAULT_GRID
from nearsight.verbs.binding import Binding
from nearsight.verbs.sources import AnyModel


def heatmap(
    model: AnyModel,
    images: Pictures,
    *,
    class_name: str | Sequence[str | None] | None = None,
    tile: int | None = None,
    stride: int | None = None,
    grid: GridKind = DEFAULT_GRID,
    classes: Classes | None = None,
    weights: str | Path | None = None,
    network: Network | None = None,
    pretrained: bool = True,
    memory: int = DEFAULT_MEMORY,
    out: str | Path | None = None,
    max_pixels: int | None = None,
    machine: Machine | None = None,
    progress: Progress | bool = True,
) -> Heatmaps:
    """Show the evidence of images, tile by tile, for the true or a chosen class and the predicted one.

    >>> import torch
    >>> black = torch.zeros(3, 168, 200, dtype=torch.uint8)
    >>> heatmaps = heatmap("timm:test_resnet", [black], tile=64, stride=64, pretrained=False)
    >>> heatmaps.images[0].evidence.grid.shape
    (3, 4)

    `model` is a run, a `TiledModel`, which is looked at as it was bound, or anything that `Classifier.of`
    takes, with `classes`, `weights`, `tile` and `pretrained` as there; a network of timm needs a `tile`.
    `network` is for a run that was trained with a network of your own. `images` is one or several of files,
    directories of files, Pillow images, arrays (H, W, 3) and tensors (3, H, W), uint8 from 0 to 255 or
    floating-point from 0 to 1. `class_name` is one for all images or one for each; by default it is the name
    of a file's directory where that is a class, as in an image folder. The mean of a map is the image's score
    under `mean-logit` for that tile grid; tile and stride are by default those of `evaluate`. With `out`,
    each image's figure is left there as PNG and SVG, with the map as safetensors. `max_pixels` is how many
    pixels an image may have (by default Pillow's 178,956,970). With `progress` False nothing is shown; a
    `Progress` of yours is told instead. Raises `InputError` for bad input, before anything is written.
    """
    with watched(progress) as channel, allowed_pixels(max_pixels):
        found = make_heatmaps(
            Binding(
                tile=tile,
                stride=stride,
                grid=grid,
                memory=memory,
                machine=machine,
                classes=classes,
                weights=weights,
                network=network,
                pretrained=pretrained,
            ).bind(model),
            images,
            class_name=class_name,
            progress=channel,
        )
    if out is not None:
        found.save(out)
    return found
