"""From a classifier and images to their heatmaps."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nearsight.data import to_pixels
from nearsight.data.identity import digest_of_pixels
from nearsight.data.large_image import LargeImage, Overview, large_image
from nearsight.data.pictures import Pictures, named_pictures
from nearsight.data.placement import read_placement
from nearsight.data.stamps import stamp_of
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.removal import removal_maps
from nearsight.errors import InputError, unknown_name
from nearsight.evaluation.kept_blocks import KeptBlocks
from nearsight.evaluation.kept_scores import MAPS, can_keep_maps, made_by
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.evidence.kinds import KINDS
from nearsight.launch import this_command
from nearsight.models import Classifier, receptive_field
from nearsight.models.outputs import is_seen
from nearsight.numbers import agreeing, counted
from nearsight.progress import SAID_SECONDS, SILENT, Progress, Stopwatch, duration
from nearsight.report.heatmap import Heatmap, Heatmaps
from nearsight.report.large_picture import LargePicture
from nearsight.report.saved_heatmaps import check_images_stay
from nearsight.settings import EvidenceKind, Fill
from nearsight.settings.choices import DEFAULT_EVIDENCE, DEFAULT_FILL
from nearsight.settings.protocols import MEAN_LOGIT
from nearsight.tiles import TileGrid
from nearsight.together import ONE_PROCESS, Processes

# Images are mapped in blocks, so that batches, and the last bits of a map, are the same on any number of processes.
BLOCK = 8


def make_heatmaps(
    bound: TiledModel,
    images: Pictures,
    *,
    class_name: str | Sequence[str | None] | None = None,
    evidence: EvidenceKind = DEFAULT_EVIDENCE,
    fill: Fill = DEFAULT_FILL,
    keep: Path | None = None,
    processes: Processes = ONE_PROCESS,
    progress: Progress = SILENT,
) -> Heatmaps:
    """Return the evidence of images, ready to be drawn: for a requested class, and the predicted one.

    >>> import torch
    >>> from nearsight.models import Architecture, Classifier, Preprocessing
    >>> half, architecture = (0.5, 0.5, 0.5), Architecture("airbench", classes=2, width=0.1)
    >>> toy = Classifier(architecture.build(), architecture, ("cat", "dog"), 16, Preprocessing(half, half))
    >>> heatmaps = make_heatmaps(TiledModel(toy), [torch.zeros(3, 20, 24, dtype=torch.uint8)], class_name="dog")
    >>> heatmaps.images[0].evidence.grid.shape
    (2, 3)

    `images` is one or several of files, directories of files, Pillow images, arrays (H, W, 3) and tensors (3, H,
    W), as `named_pictures` and `to_pixels` take them. `class_name` is one for all images, or one for each; by
    default it is the true class of a file whose directory has a class's name, as in an image folder. The
    `evidence` is that of each tile alone, with the scores of `mean-logit`, or "removal": what the scores by which
    the classifier decides (`Decision.of`) lose when `fill` replaces the tile; with "other" that is the next
    image. Long work leaves its maps in the directory `keep`, and continues with them after an interruption; the
    caller removes it, and saves the heatmaps beside it. If there are several `processes`, each maps its share of the
    images, and all return all of them. `progress` is told the number of tiles and their cost before the run, and how
    many images are done. All images, uint8, and maps are held in memory, except images too large for it, which are
    read part by part.

    Raises `InputError` for a class that does not exist, an image that cannot be read or is smaller than the
    tile, an image that a heatmap beside `keep` would replace, a tile that leaves the network an empty grid, and
    logits that are not finite.
    """
    given = named_pictures(images)
    if keep is not None:
        check_images_stay(keep.parent, [name for name, _ in given])
    chosen = [_number(name, bound.classes) for name in _class_names(class_name, given, bound.classes)]
    if evidence not in KINDS:
        raise unknown_name("evidence", evidence, KINDS)
    decision = None if evidence == "tile" else Decision.of(bound)
    if decision is None:
        _warn_of_receptive_field(bound, progress)
        for note in bound.notes:
            progress.warn(note)
    elif fill == "other" and len(given) == 1:
        raise InputError(
            "fill 'other' takes the same place of the next image, and there is one image; give two, or another `fill`"
        )
    share = _Share(
        bound, given, chosen, processes.share(len(given), BLOCK), decision, fill, keep, progress=progress
    )
    grids = processes.each(share.look)
    if decision is not None:
        count = sum(len(grid) for found in grids for grid in found)
        told = f"{counted(count, 'tile')} {agreeing(count, 'is', 'are')} removed one by one"
        seconds = 0.0 if progress is SILENT else share.seconds_of_removal(grids[processes.launch.rank])
        cost = f": about {duration(seconds)}" if seconds > SAID_SECONDS else ""
        progress.say(f"{told}, and {decision.protocol} scores each image again{cost}")
    elif share.own:
        progress.say(bound.cost(grids[processes.launch.rank]).sentence())
    found = processes.each(share.heatmaps)
    return Heatmaps(tuple(heatmap for each in found for heatmap in each), this_command())


@dataclass(frozen=True)
class _Share:
    """The images of a process: their `own` places among those given, and `pictures` of them, once it has looked.

    `decision` is what removal maps are of, None for maps of tiles.
    """

    bound: TiledModel
    given: Sequence[tuple[str, Any]]
    chosen: Sequence[int | None]
    own: range
    decision: Decision | None
    fill: Fill
    keep: Path | None = None
    pictures: dict[int, Tensor | LargeImage] = field(default_factory=dict)
    progress: Progress = SILENT

    def look(self) -> list[TileGrid]:
        """Read the images, and return the grid of each."""
        needed = [*self.own]
        if self.fill == "other" and self.own:
            needed.append(self._after(self.own[-1]))
        for place in dict.fromkeys(needed):
            name, image = self.given[place]
            self.pictures[place] = _looked_at(self.bound, image, name)
        if self.decision is not None and not self._in_bands:
            self._held(needed)
        return [_grid(self.bound, self.pictures[place], self.given[place][0]) for place in self.own]

    @property
    def _in_bands(self) -> bool:
        """Whether removal maps can be made of images that are read by bands of rows."""
        return self.decision is not None and self.decision.protocol == MEAN_LOGIT and self.fill == "mean"

    def seconds_of_removal(self, grids: Sequence[TileGrid]) -> float:
        """Return about how long the removal of all tiles of the grids takes, from a pass or a batch that is timed."""
        if self.decision is None or not grids:
            return 0.0
        if not self.decision.whole:
            # All tiles that overlap the removed one are scored again.
            tiles = min(len(grids[0]), (2 * -(-grids[0].tile // grids[0].stride) - 1) ** 2)
            return self.bound.cost(grids).seconds * tiles
        count = sum(map(len, grids))
        [first, *_] = self._held(self.own)
        # What is set up for the first is not met again.
        self.bound.full_pass([first])
        watch = Stopwatch()
        self.bound.full_pass([first])
        return watch.seconds() * count

    def heatmaps(self) -> list[Heatmap]:
        """Map the images, block by block."""
        kept = None if self.keep is None else KeptBlocks(self.keep, MAPS, self._made_with)
        found: list[Heatmap] = []
        with nullcontext() if kept is None else kept.writing():
            for start in self.own[::BLOCK]:
                block = range(start, min(start + BLOCK, self.own.stop))
                maps = None if kept is None else kept.read(start // BLOCK)
                if maps is not None:
                    found += [self._heatmap(place, each) for place, each in zip(block, maps, strict=True)]
                    self.progress.count("mapping images", len(found), len(self.own))
                    continue
                held = self._maps(block)
                for place in block:
                    found.append(
                        self._heatmap(place, next(held) if isinstance(self.pictures[place], Tensor) else None)
                    )
                    self.progress.count("mapping images", len(found), len(self.own))
                if kept is not None:
                    kept.add(start // BLOCK, [heatmap.evidence for heatmap in found[-len(block) :]])
        return found

    def _heatmap(self, place: int, evidence: EvidenceMap | None) -> Heatmap:
        """Return the heatmap of an image; a map of one that is read part by part is made, if there is none."""
        picture, name, chosen = self.pictures[place], self.given[place][0], self.chosen[place]
        if isinstance(picture, LargeImage):
            return _large(self.bound, picture, name, chosen, evidence, self._in_bands, self.progress)
        assert evidence is not None
        return Heatmap(name, picture, evidence, chosen)

    @cached_property
    def _model(self) -> dict[str, Any] | None:
        return made_by(self.bound)

    def _made_with(self, number: int) -> dict[str, Any] | None:
        """Return all that the maps of a block depend on; None if that is not known, or if they are too large."""
        block = range(number * BLOCK, min((number + 1) * BLOCK, self.own.stop))
        tiles = sum(len(_grid(self.bound, self.pictures[place], self.given[place][0])) for place in block)
        model = self._model
        if model is None or not can_keep_maps([tiles], len(self.bound.classes)):
            return None
        needed = [*block, *(self._after(place) for place in block)] if self.fill == "other" else block
        return {
            **model,
            "decision": None if self.decision is None else [self.decision.protocol, self.fill],
            "images": [_content(self.pictures[place]) for place in needed],
        }

    def _maps(self, block: range) -> Iterator[EvidenceMap]:
        if self.decision is None:
            pictures = (self.pictures[place] for place in block)
            return self.bound.maps(picture for picture in pictures if isinstance(picture, Tensor))
        others = self._held([self._after(place) for place in block]) if self.fill == "other" else None
        held = [
            place for place in block if not (self._in_bands and isinstance(self.pictures[place], LargeImage))
        ]
        return removal_maps(self.decision, self._held(held), fill=self.fill, others=others)

    def _after(self, place: int) -> int:
        return (place + 1) % len(self.given)

    def _held(self, places: Sequence[int]) -> list[Tensor]:
        found = []
        for picture in (self.pictures[place] for place in places):
            if not isinstance(picture, Tensor):
                raise InputError(
                    f"{picture.path} is too large to be held whole, as its score without a tile takes, unless a tile "
                    "of its mean colour is put in place of another and the mean of all tiles decides; leave "
                    "`evidence='removal'` out, or cut a part out of it"
                )
            found.append(picture)
        return found


def _looked_at(bound: TiledModel, image: Any, name: str) -> Tensor | LargeImage:
    """Return an image at the size at which it is evaluated, held if it fits into memory."""
    large = large_image(image) if isinstance(image, str | Path) else None
    if large is None:
        return bound.resize(to_pixels(image, name))
    resized = bound.resize_banded(large)
    return resized if isinstance(resized, Tensor) else large


def _content(picture: Tensor | LargeImage) -> Any:
    """Return what differs for another image, or for the same file with another range of values."""
    if isinstance(picture, Tensor):
        return digest_of_pixels(picture)
    return [picture.path, *stamp_of(picture.path), picture.value_range]


def _large(
    bound: TiledModel,
    picture: LargeImage,
    name: str,
    chosen: int | None,
    evidence: EvidenceMap | None,
    removes: bool,
    progress: Progress,
) -> Heatmap:
    """Return the heatmap of an image that is read part by part; its map is made, if there is none.

    It is that of its tiles, or if one `removes` them, of what the mean of all loses without each.
    """
    overview = Overview(picture.height, picture.width)
    sums = torch.zeros(3, dtype=torch.int64)

    def seen(top: int, rows: Tensor) -> None:
        overview.add(top, rows)
        sums.add_(rows.sum((1, 2), dtype=torch.int64))
        progress.count(f"rows of {Path(name).name}", top + rows.shape[1], picture.height)

    if evidence is None:
        evidence = bound.map_of_bands(picture, seen)
        if removes:
            colour = (sums.double() / (picture.height * picture.width)).float()
            evidence = bound.removal_map_of_bands(picture, evidence, colour)
    else:
        top = 0
        for rows in picture.parts():
            seen(top, rows)
            top += rows.shape[1]
    bare = Heatmap(name, overview.pixels, evidence, chosen)
    tiles = {tile.index: (tile.top, tile.left) for tile in bare.all_strongest()}
    side = evidence.grid.tile
    pixels = picture.tiles(list(tiles.values()), (side, side))
    large = LargePicture(dict(zip(tiles, pixels, strict=True)), read_placement(picture.path))
    return replace(bare, large=large)


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
            f"class_name has {len(asked)} names for {counted(len(pictures), 'image')}; give one, or one for each"
        )
    return asked


def _true_class(path: Path, classes: Sequence[str]) -> str | None:
    folder = path.absolute().parent.name
    return folder if folder in classes else None


def _number(name: str | None, classes: Sequence[str]) -> int | None:
    if name is not None and name not in classes:
        raise unknown_name("class", name, classes)
    return None if name is None else classes.index(name)


def _grid(bound: TiledModel, picture: Tensor | LargeImage, name: str) -> TileGrid:
    try:
        return bound.grid_of(picture)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
