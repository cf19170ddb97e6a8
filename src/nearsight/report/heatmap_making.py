"""From a classifier and images to their heatmaps."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from nearsight.data import to_pixels
from nearsight.data.pictures import Pictures, named_pictures
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.removal import removal_maps
from nearsight.errors import InputError, unknown_name
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.evidence.kinds import KINDS
from nearsight.models import Classifier, receptive_field
from nearsight.models.outputs import is_seen
from nearsight.progress import SILENT, Progress
from nearsight.report.heatmap import Heatmap, Heatmaps
from nearsight.settings import EvidenceKind, Fill
from nearsight.settings.choices import DEFAULT_EVIDENCE, DEFAULT_FILL
from nearsight.tiles import TileGrid


def make_heatmaps(
    bound: TiledModel,
    images: Pictures,
    *,
    class_name: str | Sequence[str | None] | None = None,
    evidence: EvidenceKind = DEFAULT_EVIDENCE,
    fill: Fill = DEFAULT_FILL,
    progress: Progress = SILENT,
) -> Heatmaps:
    """Return the evidence of images, ready to be drawn: of a class that is asked for, and the predicted one.

    >>> import torch
    >>> from nearsight.models import Architecture, Classifier, Preprocessing
    >>> half, architecture = (0.5, 0.5, 0.5), Architecture("airbench", classes=2, width=0.1)
    >>> toy = Classifier(architecture.build(), architecture, ("cat", "dog"), 16, Preprocessing(half, half))
    >>> heatmaps = make_heatmaps(TiledModel(toy), [torch.zeros(3, 20, 24, dtype=torch.uint8)], class_name="dog")
    >>> heatmaps.images[0].evidence.grid.shape
    (2, 3)

    `images` is one or several of files, directories of files, Pillow images, arrays (H, W, 3) and tensors (3,
    H, W), as `named_pictures` and `to_pixels` take them. `class_name` is one for all images, or one for each;
    by default it is the true class of a file whose directory has a class's name, as in an image folder. The
    `evidence` is that of each tile alone, with the scores of `mean-logit`, or "removal": what the scores by which
    the classifier decides (`Decision.of`) lose without the tile, `fill` taking its place; with "other" that is the
    next image. `progress` is told the number of tiles and their cost before the run, and how many images are done.
    All images, uint8, and maps are held in memory.

    Raises `InputError` for a class that does not exist, an image that cannot be read or is smaller than the
    tile, a tile that leaves the network an empty grid, and logits that are not finite.
    """
    given = named_pictures(images)
    chosen = [_number(name, bound.classes) for name in _class_names(class_name, given, bound.classes)]
    if evidence not in KINDS:
        raise unknown_name("evidence", evidence, KINDS)
    if evidence == "tile":
        _warn_of_receptive_field(bound, progress)
    names = [name for name, _ in given]
    pictures = [bound.resize(to_pixels(image, name)) for name, image in given]
    grids = [_grid(bound, picture, name) for picture, name in zip(pictures, names, strict=True)]
    if evidence == "tile":
        for note in bound.notes:
            progress.warn(note)
        progress.say(bound.cost(grids).sentence())
        maps = bound.maps(pictures)
    else:
        maps = _without_tiles(bound, pictures, grids, fill, progress)
    found = []
    for name, picture, evidence_map, number in zip(names, pictures, maps, chosen, strict=True):
        found.append(Heatmap(name, picture, evidence_map, number))
        progress.count("mapping images", len(found), len(names))
    return Heatmaps(tuple(found))


def _without_tiles(
    bound: TiledModel, pictures: Sequence[Tensor], grids: Sequence[TileGrid], fill: Fill, progress: Progress
) -> Iterator[EvidenceMap]:
    decision = Decision.of(bound)
    if fill == "other" and len(pictures) == 1:
        raise InputError(
            "fill 'other' takes the same place of the next image, and there is one image; give two, or another `fill`"
        )
    count = sum(map(len, grids))
    progress.say(
        f"{count:,} tiles are taken away one by one, and {decision.protocol} scores each image again"
    )
    others = [*pictures[1:], pictures[0]] if fill == "other" else None
    return removal_maps(decision, pictures, fill=fill, others=others)


def _warn_of_receptive_field(bound: TiledModel, progress: Progress) -> None:
    tile = bound.require_tile()
    if not isinstance(bound.model, Classifier) or not is_seen(bound.model.network):
        return
    seen = receptive_field(bound.model.network, tile, name=bound.model.architecture.name)
    if warning := seen.warning():
        progress.warn(warning)


def _class_names(
    asked: str | Sequence[str | None] | None, pictures: Sequence[tuple[str, Any]], classes: Sequence[str]
) -> Sequence[str | None]:
    if asked is None:
        return [
            _true_class(Path(image), classes) if isinstance(image, str | Path) else None
            for _, image in pictures
        ]
    if isinstance(asked, str):
        return [asked] * len(pictures)
    if len(asked) != len(pictures):
        raise InputError(
            f"class_name has {len(asked)} names for {len(pictures)} images; give one, or one for each"
        )
    return asked


def _true_class(path: Path, classes: Sequence[str]) -> str | None:
    folder = path.absolute().parent.name
    return folder if folder in classes else None


def _number(name: str | None, classes: Sequence[str]) -> int | None:
    if name is not None and name not in classes:
        raise unknown_name("class", name, classes)
    return None if name is None else classes.index(name)


def _grid(bound: TiledModel, picture: Tensor, name: str) -> TileGrid:
    try:
        return bound.grid_of(picture)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
