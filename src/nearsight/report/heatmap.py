"""Heatmaps: for each image the picture, the maps of its classes on one shared scale, and the strongest tiles."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from nearsight.arguments import checked
from nearsight.evidence import EvidenceMap, TileEvidence
from nearsight.evidence.kinds import FILL_WORDS, Kind
from nearsight.lock import writes
from nearsight.notebook import Shown, Summary
from nearsight.numbers import counted
from nearsight.progress import progress_here
from nearsight.report.figure_file import save_figure
from nearsight.report.for_viewers import save_for_viewers
from nearsight.report.large_picture import LargePicture
from nearsight.report.saved_heatmaps import check_images_stay, file_stems, read_saved, save_pictures
from nearsight.settings.protocols import MEAN_LOGIT
from nearsight.statistics.writing import signed
from nearsight.together import ONE_PROCESS, Processes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec

    from nearsight.evidence.figure import NotebookFigure

STRONGEST = 3
HEATMAP_PAGE = "heatmaps.html"


@dataclass(frozen=True, eq=False, repr=False)
class Heatmap(Shown):
    """One image with its evidence map and the classes that are shown.

    `image` is uint8 (3, height, width), the pixels of the map; `chosen` is the number of the requested class, if
    there is one. For an image too large to be held, `image` is a subsample, and `large` has the tiles that are
    shown.
    """

    name: str
    image: Tensor
    evidence: EvidenceMap
    chosen: int | None = None
    large: LargePicture | None = None

    @property
    def predicted(self) -> int:
        """The class with the largest score."""
        return self.evidence.predicted()

    @property
    def shown(self) -> tuple[int, ...]:
        """The classes that are drawn: the chosen one first, then the predicted one."""
        numbers = [self.predicted] if self.chosen is None else [self.chosen, self.predicted]
        return tuple(dict.fromkeys(numbers))

    def role(self, number: int) -> str:
        """Say why a class is shown."""
        roles = {"chosen": self.chosen, "predicted": self.predicted}
        return " and ".join(role for role, holder in roles.items() if holder == number)

    def logit(self, number: int) -> float:
        """Return a class's score under the map's protocol; for tiles alone, the mean of its drawn map."""
        return float(self.evidence.scores()[number])

    def strongest(self, number: int, *, against: bool) -> tuple[TileEvidence, ...]:
        """Return the strongest tiles for or against a class; no two share a pixel, and all have one sign."""
        tiles = self.evidence.top_tiles(number, STRONGEST, against=against, apart=True)
        sign = -1 if against else 1
        counts = [sign * tile.evidence > 0 for tile in tiles]
        return tuple(tile for tile, counted in zip(tiles, counts, strict=True) if counted == counts[0])

    def all_strongest(self) -> list[TileEvidence]:
        """Return all tiles that are shown enlarged."""
        return [
            tile
            for number in self.shown
            for against in (False, True)
            for tile in self.strongest(number, against=against)
        ]

    def crop(self, tile: TileEvidence) -> Tensor:
        """Return the pixels of one of the strongest tiles, uint8 (3, tile, tile)."""
        if self.large is not None:
            return self.large.tiles[tile.index]
        return self.evidence.crop(self.image, tile.index)

    def _summary(self) -> Summary:
        grid = self.evidence.grid
        rows = [
            (self.evidence.classes[number], self.role(number), signed(self.logit(number)))
            for number in self.shown
        ]
        return Summary(
            f"Heatmap({self.evidence.kind} evidence, tile {grid.tile}, stride {grid.stride}, {grid.kind} grid: "
            f"{self.name})",
            ("class", "shown as", self.evidence.protocol),
            rows,
        )

    def _repr_html_(self) -> str:
        return Heatmaps((self,))._repr_html_()


@dataclass(frozen=True, eq=False, repr=False)
class Heatmaps(Shown):
    """The heatmaps of one call, with one colour scale.

    >>> import torch
    >>> from nearsight.tiles import TileGrid
    >>> evidence = EvidenceMap(torch.tensor([[[3.0, 1.0]], [[0.0, -4.0]]]), TileGrid(4, 8, 4, 4), ("cat", "dog"))
    >>> maps = Heatmaps((Heatmap("owl", torch.zeros(3, 4, 8, dtype=torch.uint8), evidence, chosen=1),))
    >>> maps.limit, maps.to_json()["images"][0]["predicted"]
    (4.0, 'cat')

    `limit`, in logits, is the largest evidence, for or against, of any class shown for any image: colours run
    from −limit to limit in every figure. All maps are held in memory. `command` is what was typed to make them; empty
    if Python did, and in older files.
    """

    images: tuple[Heatmap, ...]
    command: str = ""

    def __len__(self) -> int:
        return len(self.images)

    @property
    def limit(self) -> float:
        """The bound of the shared colour scale, in logits."""
        from nearsight.evidence.plot import shared_limit

        return shared_limit(heatmap.evidence.logits[n] for heatmap in self.images for n in heatmap.shown)

    @checked
    def figure(self, number: int = 0) -> "Figure":
        """Return the figure of one image, which a notebook shows.

        >>> import torch
        >>> from nearsight.tiles import TileGrid
        >>> evidence = EvidenceMap(torch.tensor([[[3.0, 1.0]], [[0.0, -4.0]]]), TileGrid(4, 8, 4, 4), ("cat", "dog"))
        >>> maps = Heatmaps((Heatmap("owl", torch.zeros(3, 4, 8, dtype=torch.uint8), evidence, chosen=1),))
        >>> len(maps.figure().axes) > 1
        True
        """
        return heatmap_figure(self.images[number], self.limit)

    @checked
    @writes("directory")
    def save(self, directory: str | Path, processes: Processes = ONE_PROCESS) -> list[Path]:
        """Write NAME.png, NAME.svg and the map as NAME.safetensors for each image, and one page; return the paths.

        >>> import tempfile
        >>> import torch
        >>> from nearsight.tiles import TileGrid
        >>> evidence = EvidenceMap(torch.tensor([[[3.0, 1.0]], [[0.0, -4.0]]]), TileGrid(4, 8, 4, 4), ("cat", "dog"))
        >>> maps = Heatmaps((Heatmap("owl", torch.zeros(3, 4, 8, dtype=torch.uint8), evidence, chosen=1),))
        >>> paths = maps.save(place := tempfile.mkdtemp())
        >>> Heatmaps.load(place).to_json() == maps.to_json()
        True

        The page is heatmaps.html: maps over pictures, and the logits of the tile under the pointer. Beside these
        are heatmaps.json and pictures/NAME.png, from which `load` reads them back. Names that two images share
        get a number. Each file is written whole or not at all. For images too large to be held, the map of the
        shown classes is also written as a pyramidal TIFF (`save_map`), and the strongest tiles as NAME.geojson.
        If several `processes` hold the same heatmaps, each draws its share of the figures, and the first writes the
        rest.
        """
        directory = Path(directory)
        stems = self._stems()

        def others() -> list[Path]:
            maps = [directory / f"{stem}.safetensors" for stem in stems]
            for heatmap, path in zip(self.images, maps, strict=True):
                heatmap.evidence.save(path)
            for_viewers = []
            for heatmap, stem in zip(self.images, stems, strict=True):
                if heatmap.large is not None:
                    for_viewers += save_for_viewers(heatmap, directory, stem)
            return [*maps, *for_viewers, *save_pictures(directory, self.images, stems, self.command)]

        drawn = self.draw(directory, processes)
        return [*drawn, *(processes.first_does(others) or [])]

    @checked
    def draw(self, directory: str | Path, processes: Processes = ONE_PROCESS) -> list[Path]:
        """Write the figures NAME.png and NAME.svg of each image, and the page heatmaps.html; return the paths."""
        from nearsight.report.page.heatmap_page import write_heatmap_page

        directory, stems = Path(directory), self._stems()
        check_images_stay(directory, [heatmap.name for heatmap in self.images])

        def figures() -> list[Path]:
            paths, own = [], processes.share(len(self))
            for done, number in enumerate(own, start=1):
                figure = self.figure(number)
                for suffix in (".png", ".svg"):
                    paths.append(directory / f"{stems[number]}{suffix}")
                    save_figure(figure, paths[-1])
                progress_here().count("drawing figures", done, len(own))
            return paths

        drawn = [path for paths in processes.each(figures) for path in paths]
        page = directory / HEATMAP_PAGE
        processes.first_does(lambda: write_heatmap_page(self, page))
        return [*drawn, page]

    @staticmethod
    @checked
    def load(directory: str | Path) -> "Heatmaps":
        """Read the heatmaps that `save` left in a directory.

        >>> Heatmaps.load("heatmaps").limit  # doctest: +SKIP
        6.2

        Raises `InputError` if there are none, and for files that are damaged or of a newer version.
        """
        found, command = read_saved(Path(directory))
        return Heatmaps(
            tuple(
                Heatmap(row.name, image, evidence, row.chosen, large) for row, image, evidence, large in found
            ),
            command,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the numbers of all images as JSON can hold them: scores by protocol and strongest tiles, in logits.

        `evidence` is the kind of the map; `fill` is what replaced a tile, None if nothing did. `counting` are the
        numbers of the tiles that make a class's score, None if all count alike.
        """
        return {
            "limit": self.limit,
            "images": [
                {
                    "image": heatmap.name,
                    "files": stem,
                    "evidence": heatmap.evidence.kind,
                    "fill": None if heatmap.evidence.removal is None else heatmap.evidence.removal.fill,
                    "predicted": heatmap.evidence.classes[heatmap.predicted],
                    "chosen": None if heatmap.chosen is None else heatmap.evidence.classes[heatmap.chosen],
                    "grid": asdict(heatmap.evidence.grid),
                    "tiles": len(heatmap.evidence.grid),
                    "blank": int(heatmap.evidence.skipped.sum()),
                    "classes": {
                        heatmap.evidence.classes[number]: {
                            heatmap.evidence.protocol: heatmap.logit(number),
                            "counting": heatmap.evidence.counting(number),
                            "for": [asdict(tile) for tile in heatmap.strongest(number, against=False)],
                            "against": [asdict(tile) for tile in heatmap.strongest(number, against=True)],
                        }
                        for number in heatmap.shown
                    },
                }
                for heatmap, stem in zip(self.images, self._stems(), strict=True)
            ],
        }

    def _summary(self) -> Summary:
        rows = []
        for heatmap in self.images:
            grid, predicted = heatmap.evidence.grid, heatmap.predicted
            rows.append(
                (
                    Path(heatmap.name).name,
                    heatmap.evidence.classes[predicted],
                    signed(heatmap.logit(predicted)),
                    f"tile {grid.tile}, stride {grid.stride}, {grid.kind} grid",
                )
            )
        count = f"{len(self)} image{'' if len(self) == 1 else 's'}"
        protocol = self.images[0].evidence.protocol if self.images else MEAN_LOGIT
        return Summary(f"Heatmaps({count})", ("image", "predicted", protocol, "cut"), rows)

    def _repr_html_(self) -> str:
        summary = self._summary()
        if not self.images:
            return summary.html()
        # The first represents all: `figure(number)` shows another.
        return replace(summary, picture=heatmap_figure(self.images[0], self.limit).png(dpi=70)).html()

    def _stems(self) -> list[str]:
        return file_stems([heatmap.name for heatmap in self.images])


def heatmap_figure(heatmap: Heatmap, limit: float) -> "NotebookFigure":
    """Return one image's figure: a row per class, with the picture, the map and the strongest tiles enlarged."""
    from nearsight.evidence.figure import NotebookFigure
    from nearsight.evidence.plot import bar_label, short_name

    evidence, grid = heatmap.evidence, heatmap.evidence.grid
    # A picture is 2.7 inches wide; a row is never so low that the tiles beside it become small.
    predicted = short_name(evidence.classes[heatmap.predicted])
    title = f"{short_name(Path(heatmap.name).name)}: {predicted} predicted {_from_what(heatmap)}"
    height = 2.7 * min(2.0, max(0.8, grid.height / grid.width)) + 0.35
    figure = NotebookFigure(
        figsize=(11.5, (0.6 if "\n" in title else 0.4) + height * len(heatmap.shown)),
        layout="constrained",
        facecolor="white",
    )
    places = figure.add_gridspec(len(heatmap.shown), 3, width_ratios=(1, 1, 1.2))
    maps, mesh = [], None
    for row, number in enumerate(heatmap.shown):
        maps.append(figure.add_subplot(places[row, 1]))
        mesh = _draw_row(figure, heatmap, number, limit, maps[-1], places[row, 0], places[row, 2])
    if mesh is not None:
        bar = figure.colorbar(mesh, ax=maps, location="right", shrink=0.85, aspect=24, pad=0.02)
        bar.set_label(bar_label(evidence))
    figure.suptitle(
        title,
        parse_math=False,
        x=0.004,
        ha="left",
        fontsize=11,
    )
    return figure


def _from_what(heatmap: Heatmap) -> str:
    from nearsight.evidence.plot import counting_words

    grid, removal = heatmap.evidence.grid, heatmap.evidence.removal
    blank = int(heatmap.evidence.skipped.sum())
    tiles = f"{counted(len(grid) - blank, 'tile')} of {grid.tile}×{grid.tile} pixels, stride {grid.stride}"
    if removal is None:
        counting = counting_words(heatmap.evidence)
        skipped = f"; {blank:,} blank ones skipped" if blank else ""
        return f"from {tiles}{skipped}" + (f"\n{counting[0].upper()}{counting[1:]}" if counting else "")
    return f"under {removal.protocol}\nWhat is lost when one of {tiles}, is replaced by {FILL_WORDS[removal.fill]}"


def _draw_row(
    figure: "Figure",
    heatmap: Heatmap,
    number: int,
    limit: float,
    map_axes: "Axes",
    picture: "SubplotSpec",
    crops: "SubplotSpec",
) -> "QuadMesh":
    from nearsight.evidence.plot import (
        AGAINST,
        FOR,
        draw_image,
        draw_map,
        number_cells,
        outline,
        score_words,
        short_name,
    )

    grid = heatmap.evidence.grid
    picture_axes = figure.add_subplot(picture)
    draw_image(picture_axes, heatmap.image, grid)
    picture_axes.set_title(
        short_name(heatmap.evidence.classes[number]),
        loc="left",
        fontsize=11,
        fontweight="bold",
        parse_math=False,
    )
    mesh = draw_map(map_axes, heatmap.evidence, number, limit, heatmap.image)
    map_axes.set_title(
        f"{heatmap.role(number)}: {score_words(heatmap.evidence)} {signed(heatmap.logit(number))}",
        loc="left",
        fontsize=10,
    )
    cells = crops.subgridspec(2, STRONGEST)
    for place, (colour, against) in enumerate(((FOR, False), (AGAINST, True))):
        tiles = heatmap.strongest(number, against=against)
        outline(picture_axes, tiles, grid.tile, colour)
        number_cells(map_axes, tiles, grid.tile, colour)
        crop_axes = [figure.add_subplot(cells[place, rank]) for rank in range(STRONGEST)]
        _draw_crops(crop_axes, heatmap, tiles, colour)
        heading = _heading(tiles, heatmap.evidence.kind, against=against)
        crop_axes[0].set_ylabel(heading, fontsize=9, color=colour)
    return mesh


def _heading(tiles: tuple[TileEvidence, ...], kind: Kind, *, against: bool) -> str:
    if kind == "removal":
        # Without a tile with a negative value, the score is higher.
        lost = tiles[0].evidence >= 0
        if against:
            return "least lost" if lost else "most gained"
        return "most lost" if lost else "least gained"
    # The lowest of many tiles for a class is not against it.
    if against:
        return "strongest against" if tiles[0].evidence < 0 else "least for"
    return "strongest for" if tiles[0].evidence > 0 else "least against"


def _draw_crops(
    axes: "Sequence[Axes]", heatmap: Heatmap, tiles: tuple[TileEvidence, ...], colour: str
) -> None:
    for place in axes[len(tiles) :]:
        place.set_axis_off()
    for rank, (place, tile) in enumerate(zip(axes, tiles, strict=False), start=1):
        crop = heatmap.crop(tile)
        place.imshow(crop.permute(1, 2, 0).numpy(), interpolation="nearest")
        place.set(xticks=[], yticks=[])
        place.spines[:].set(color=colour, linewidth=2)
        place.set_title(f"{rank}: {signed(tile.evidence)}", fontsize=9, color=colour)
