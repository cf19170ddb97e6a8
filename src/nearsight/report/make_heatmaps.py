"""From a classifier and images to their heatmaps."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from nearsight.data.decode import decode_image
from nearsight.errors import InputError, unknown_name
from nearsight.evidence import DEFAULT_MEMORY, TiledModel
from nearsight.models import Classifier, receptive_field
from nearsight.models.outputs import is_seen
from nearsight.progress import SILENT, Progress
from nearsight.report.heatmap import Heatmap, Heatmaps
from nearsight.settings import GridKind
from nearsight.tiles import TileGrid, default_stride


def make_heatmaps(
    classifier: Classifier,
    images: str | Path | Sequence[str | Path | Tensor],
    *,
    class_name: str | Sequence[str | None] | None = None,
    tile: int | None = None,
    stride: int | None = None,
    grid: GridKind = "covering",
    memory: int = DEFAULT_MEMORY,
    device: torch.device | str = "cpu",
    progress: Progress = SILENT,
) -> Heatmaps:
    """Return the evidence of images, ready to be drawn: of a class that is asked for, and the predicted one.

    >>> from nearsight.models import Architecture, Preprocessing
    >>> half, architecture = (0.5, 0.5, 0.5), Architecture("airbench", classes=2, width=0.1)
    >>> toy = Classifier(architecture.build(), architecture, ("cat", "dog"), 16, Preprocessing(half, half))
    >>> heatmaps = make_heatmaps(toy, [torch.zeros(3, 20, 24, dtype=torch.uint8)], class_name="dog")
    >>> heatmaps.images[0].evidence.grid.shape
    (2, 3)

    `images` are files, or uint8 (3, height, width). `class_name` is one for all images, or one for each; by
    default it is the true class of a file whose directory has a class's name, as in an image folder. `tile`,
    `stride`, `grid` and `memory` are those of `evaluate`, with the same defaults, so the scores are those of
    its `mean-logit`. `progress` is told the number of tiles and their cost before the run, and how many
    images are done. All images and maps are held in memory.

    Raises `InputError` for a class that does not exist, an image that cannot be read or is smaller than the
    tile, a tile that leaves the network an empty grid, and logits that are not finite.
    """
    if isinstance(images, str | Path):
        images = [images]
    if not len(images):
        raise InputError("no image was given; give at least one file")
    tile = classifier.tile_to_look_at(tile)
    chosen = [_number(name, classifier) for name in _class_names(class_name, images, classifier)]
    stride = stride if stride is not None else default_stride(tile)
    if is_seen(classifier.network):
        seen = receptive_field(classifier.network, tile, name=classifier.architecture.name)
        if warning := seen.warning():
            progress.warn(warning)
    names = [f"image-{i}" if isinstance(image, Tensor) else str(image) for i, image in enumerate(images)]
    pictures = [
        classifier.preprocessing.resize(_decoded(image, name))
        for image, name in zip(images, names, strict=True)
    ]
    grids = [_grid(picture, name, tile, stride, grid) for picture, name in zip(pictures, names, strict=True)]
    bound = TiledModel(classifier, tile=tile, stride=stride, grid=grid, memory=memory, device=device)
    for note in bound.notes:
        progress.warn(note)
    progress.say(bound.cost(grids).sentence())
    maps = bound.maps(pictures)
    found = []
    for name, picture, evidence_map, number in zip(names, pictures, maps, chosen, strict=True):
        found.append(Heatmap(name, picture, evidence_map, number))
        progress.count("mapping images", len(found), len(names))
    return Heatmaps(tuple(found))


def _class_names(
    given: str | Sequence[str | None] | None, images: Sequence[str | Path | Tensor], classifier: Classifier
) -> Sequence[str | None]:
    if given is None:
        return [
            None if isinstance(image, Tensor) else _true_class(Path(image), classifier) for image in images
        ]
    if isinstance(given, str):
        return [given] * len(images)
    if len(given) != len(images):
        raise InputError(
            f"class_name has {len(given)} names for {len(images)} images; give one, or one for each"
        )
    return given


def _true_class(path: Path, classifier: Classifier) -> str | None:
    folder = path.absolute().parent.name
    return folder if folder in classifier.classes else None


def _number(name: str | None, classifier: Classifier) -> int | None:
    if name is not None and name not in classifier.classes:
        raise unknown_name("class", name, classifier.classes)
    return None if name is None else classifier.classes.index(name)


def _decoded(image: str | Path | Tensor, name: str) -> Tensor:
    if not isinstance(image, Tensor):
        return decode_image(Path(image))
    if image.dtype != torch.uint8 or image.ndim != 3 or len(image) != 3:
        raise InputError(
            f"{name} is {image.dtype} of shape {tuple(image.shape)}; expected uint8 (3, height, width), as "
            "decoded"
        )
    return image.cpu()


def _grid(picture: Tensor, name: str, tile: int, stride: int, kind: GridKind) -> TileGrid:
    try:
        return TileGrid(picture.shape[-2], picture.shape[-1], tile, stride, kind)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
