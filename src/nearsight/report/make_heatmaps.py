"""From a classifier and images to their heatmaps."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from nearsight.data.decode import decode_image
from nearsight.errors import InputError, unknown_name
from nearsight.evidence import TiledModel
from nearsight.models import Classifier, receptive_field
from nearsight.models.outputs import is_seen
from nearsight.progress import SILENT, Progress
from nearsight.report.heatmap import Heatmap, Heatmaps
from nearsight.tiles import TileGrid


def make_heatmaps(
    bound: TiledModel,
    images: str | Path | Sequence[str | Path | Tensor],
    *,
    class_name: str | Sequence[str | None] | None = None,
    progress: Progress = SILENT,
) -> Heatmaps:
    """Return the evidence of images, ready to be drawn: of a class that is asked for, and the predicted one.

    >>> from nearsight.models import Architecture, Classifier, Preprocessing
    >>> half, architecture = (0.5, 0.5, 0.5), Architecture("airbench", classes=2, width=0.1)
    >>> toy = Classifier(architecture.build(), architecture, ("cat", "dog"), 16, Preprocessing(half, half))
    >>> heatmaps = make_heatmaps(TiledModel(toy), [torch.zeros(3, 20, 24, dtype=torch.uint8)], class_name="dog")
    >>> heatmaps.images[0].evidence.grid.shape
    (2, 3)

    `images` are files, or uint8 (3, height, width). `class_name` is one for all images, or one for each; by
    default it is the true class of a file whose directory has a class's name, as in an image folder. The scores
    are those of `mean-logit`. `progress` is told the number of tiles and their cost before the run, and how many
    images are done. All images, uint8, and maps are held in memory.

    Raises `InputError` for a class that does not exist, an image that cannot be read or is smaller than the
    tile, a tile that leaves the network an empty grid, and logits that are not finite.
    """
    if isinstance(images, str | Path):
        images = [images]
    if not len(images):
        raise InputError("no image was given; give at least one file")
    chosen = [_number(name, bound.classes) for name in _class_names(class_name, images, bound.classes)]
    _warn_of_receptive_field(bound, progress)
    names = [f"image-{i}" if isinstance(image, Tensor) else str(image) for i, image in enumerate(images)]
    pictures = [bound.resize(_decoded(image, name)) for image, name in zip(images, names, strict=True)]
    grids = [_grid(bound, picture, name) for picture, name in zip(pictures, names, strict=True)]
    for note in bound.notes:
        progress.warn(note)
    progress.say(bound.cost(grids).sentence())
    found = []
    for name, picture, evidence_map, number in zip(
        names, pictures, bound.maps(pictures), chosen, strict=True
    ):
        found.append(Heatmap(name, picture, evidence_map, number))
        progress.count("mapping images", len(found), len(names))
    return Heatmaps(tuple(found))


def _warn_of_receptive_field(bound: TiledModel, progress: Progress) -> None:
    tile = bound.require_tile()
    if not isinstance(bound.model, Classifier) or not is_seen(bound.model.network):
        return
    seen = receptive_field(bound.model.network, tile, name=bound.model.architecture.name)
    if warning := seen.warning():
        progress.warn(warning)


def _class_names(
    given: str | Sequence[str | None] | None, images: Sequence[str | Path | Tensor], classes: Sequence[str]
) -> Sequence[str | None]:
    if given is None:
        return [None if isinstance(image, Tensor) else _true_class(Path(image), classes) for image in images]
    if isinstance(given, str):
        return [given] * len(images)
    if len(given) != len(images):
        raise InputError(
            f"class_name has {len(given)} names for {len(images)} images; give one, or one for each"
        )
    return given


def _true_class(path: Path, classes: Sequence[str]) -> str | None:
    folder = path.absolute().parent.name
    return folder if folder in classes else None


def _number(name: str | None, classes: Sequence[str]) -> int | None:
    if name is not None and name not in classes:
        raise unknown_name("class", name, classes)
    return None if name is None else classes.index(name)


def _decoded(image: str | Path | Tensor, name: str) -> Tensor:
    if not isinstance(image, Tensor):
        return decode_image(Path(image))
    if image.dtype != torch.uint8 or image.ndim != 3 or len(image) != 3:
        raise InputError(
            f"{name} is {image.dtype} of shape {tuple(image.shape)}; expected uint8 (3, height, width), as "
            "decoded"
        )
    return image.cpu()


def _grid(bound: TiledModel, picture: Tensor, name: str) -> TileGrid:
    try:
        return bound.grid_of(picture)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
