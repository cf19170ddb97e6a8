"""Drawing an evidence map: signed logits on one diverging scale, a cell per tile, never smoothed."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from torch import Tensor

from nearsight.errors import InputError, shortened
from nearsight.evidence.figure import NotebookFigure
from nearsight.models.resizing import resized
from nearsight.settings.protocols import ATTENTION, FULL_PASS, MAX, NOISY_OR, TOP_K
from nearsight.statistics.writing import signed
from nearsight.tiles import TileGrid, cell_edges

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

    from nearsight.evidence.map import EvidenceMap, TileEvidence

# Orange for, purple against: distinguishable with any colour vision; white is no evidence.
COLOURS = "PuOr_r"
FOR, AGAINST = "#B35806", "#542788"
# More pixels of an image, or cells of a map, along a side than any figure here shows.
MOST_SHOWN = 1200
_HALO = (withStroke(linewidth=3.2, foreground="white"),)
_OUTLINES = {FOR: "solid", AGAINST: (0, (3, 1.5))}


LONGEST_NAME = 30


def plot_map(
    evidence_map: "EvidenceMap", number: int, *, image: Tensor | None = None, limit: float | None = None
) -> NotebookFigure:
    """Return a figure of one class's map with its colour bar, beside the image if one is given.

    >>> from nearsight.evidence import EvidenceMap
    >>> tiles = EvidenceMap(torch.ones(1, 1, 2), TileGrid(2, 4, tile=2, stride=2), ("cat",))
    >>> plot_map(tiles, 0).axes[0].get_title(loc="left")
    'cat: mean logit +1.00'

    The arguments are those of `EvidenceMap.plot`, with the class as its number.
    """
    if limit is None:
        limit = shared_limit([evidence_map.logits[number]])
    elif not 0 < limit < float("inf"):
        raise InputError(f"limit must be a positive number of logits, got {limit}")
    figure = NotebookFigure(
        figsize=(4.6 if image is None else 8.4, 4), layout="constrained", facecolor="white"
    )
    axes = figure.subplots(1, 1 if image is None else 2, squeeze=False)[0]
    if image is not None:
        draw_image(axes[0], image, evidence_map.grid)
    mesh = draw_map(axes[-1], evidence_map, number, limit, image)
    score = float(evidence_map.scores()[number])
    axes[-1].set_title(
        f"{short_name(evidence_map.classes[number])}: {score_words(evidence_map)} {signed(score)}",
        loc="left",
        fontsize=10,
        parse_math=False,
    )
    figure.colorbar(mesh, ax=axes[-1], label=bar_label(evidence_map), shrink=0.8)
    return figure


def score_words(evidence_map: "EvidenceMap") -> str:
    """Say what the scores of a map are."""
    return {
        FULL_PASS: "full-pass logit",
        TOP_K: f"mean of {evidence_map.pooling.words}, the strongest",
        MAX: "strongest tile",
        NOISY_OR: "log-odds of at least one tile",
        ATTENTION: "mean logit by attention",
    }.get(evidence_map.protocol, "mean logit")


def made_words(evidence_map: "EvidenceMap") -> str:
    """Say how an image's score is made of its map.

    >>> from nearsight.evidence import EvidenceMap
    >>> made_words(EvidenceMap(torch.zeros(1, 1, 1), TileGrid(4, 4, tile=4, stride=4), ("cat",)))
    'the mean of the drawn map'
    """
    return {
        TOP_K: f"the mean of the strongest tiles of the drawn map ({evidence_map.pooling.words})",
        MAX: "the strongest tile of the drawn map",
        NOISY_OR: "the log-odds that at least one tile of the drawn map shows the class",
        ATTENTION: "the mean of the drawn map by the tiles' attention",
    }.get(evidence_map.protocol, "the mean of the drawn map")


def counting_words(evidence_map: "EvidenceMap") -> str:
    """Say which tiles are outlined on a map because they make the score; empty if none are."""
    if evidence_map.removal is not None:
        return ""
    return {
        TOP_K: "outlined: the tiles that are averaged",
        MAX: "outlined: the tile that decides",
        ATTENTION: "outlined: the tiles with half of the attention",
    }.get(evidence_map.protocol, "")


def bar_label(evidence_map: "EvidenceMap") -> str:
    """Say what the colours of a map mean."""
    return "evidence of a tile, logits" if evidence_map.kind == "tile" else "lost without the tile, logits"


def short_name(name: str) -> str:
    """Return a name, shortened to fit a figure.

    >>> short_name("cat"), short_name("a" * 40)[-2:]
    ('cat', 'a…')
    """
    return shortened(name, LONGEST_NAME)


def shared_limit(logits: Iterable[Tensor]) -> float:
    """Return one bound for the colours of several maps: their largest logit, whatever its sign.

    >>> shared_limit([torch.tensor([1.0, -3.0]), torch.tensor([2.0])]), shared_limit([torch.zeros(2)])
    (3.0, 1.0)

    It is 1 if all are zero, so that a flat map can be drawn.
    """
    ends = (end for values in logits for end in values[~values.isnan()].aminmax())
    return max((abs(float(end)) for end in ends), default=0.0) or 1.0


def draw_map(
    axes: "Axes", evidence_map: "EvidenceMap", number: int, limit: float, image: Tensor | None = None
) -> "QuadMesh":
    """Draw one class's map in the pixels of its image: one cell per tile, at the tile's centre.

    The cells' values are the tiles' logits themselves, so their mean is the mean logit. If only some tiles make
    the score, as under `top-k` and `max`, their cells are outlined. The margin, where no tile has its centre,
    shows the image, faint and grey, if one is given. If there are more than `MOST_SHOWN` tiles along a side,
    which no figure can show, a cell is the mean of a block.
    """
    grid = evidence_map.grid
    _frame(axes, grid)
    if image is not None:
        check_image(image, grid)
        grey = _as_shown(image).float().mean(0).numpy() / 255
        axes.imshow(
            0.55 + 0.4 * grey, cmap="gray", vmin=0, vmax=1, extent=_extent(grid), interpolation="nearest"
        )
    rows, columns = (-(-count // MOST_SHOWN) for count in grid.shape)
    logits = evidence_map.logits[number].cpu()[None]
    blocks, looked_at = (
        F.avg_pool2d(values, (rows, columns), ceil_mode=True)[0]
        for values in (logits.nan_to_num(0.0), (~logits.isnan()).to(logits.dtype))
    )
    # Blocks without evaluated tiles are not drawn.
    blocks = blocks / looked_at
    mesh = axes.pcolormesh(
        _every(cell_edges(grid.lefts, grid.tile), columns),
        _every(cell_edges(grid.tops, grid.tile), rows),
        blocks.numpy(),
        cmap=COLOURS,
        vmin=-limit,
        vmax=limit,
        rasterized=True,
        zorder=1,
    )
    counting = evidence_map.counting(number)
    if counting is not None and rows == columns == 1:
        _outline_cells(axes, grid, counting)
    _frame(axes, grid)
    return mesh


def _outline_cells(axes: "Axes", grid: TileGrid, tiles: Iterable[int]) -> None:
    lefts, tops = cell_edges(grid.lefts, grid.tile), cell_edges(grid.tops, grid.tile)
    for tile in tiles:
        row, column = divmod(tile, grid.shape[1])
        width, height = lefts[column + 1] - lefts[column], tops[row + 1] - tops[row]
        axes.add_patch(
            Rectangle(
                (lefts[column], tops[row]),
                width,
                height,
                fill=False,
                edgecolor="black",
                linewidth=1.2,
                zorder=2,
            )
        )


def draw_image(axes: "Axes", image: Tensor, grid: TileGrid) -> None:
    """Draw the image of a map, uint8 (3, height, width)."""
    check_image(image, grid)
    axes.imshow(_as_shown(image).permute(1, 2, 0).numpy(), extent=_extent(grid), interpolation="nearest")
    _frame(axes, grid)


def outline(axes: "Axes", tiles: Iterable["TileEvidence"], side: int, colour: str) -> None:
    """Outline tiles on their image and number them from 1, strongest first."""
    for rank, tile in enumerate(tiles, start=1):
        axes.add_patch(
            Rectangle(
                (tile.left, tile.top),
                side,
                side,
                fill=False,
                edgecolor=colour,
                linewidth=1.6,
                linestyle=_OUTLINES[colour],
                path_effects=_HALO,
            )
        )
        _number(axes, rank, (tile.left, tile.top), colour, xytext=(3, -3), ha="left", va="top")


def number_cells(axes: "Axes", tiles: Iterable["TileEvidence"], side: int, colour: str) -> None:
    """Number the cells of tiles on a map from 1, strongest first."""
    for rank, tile in enumerate(tiles, start=1):
        centre = (tile.left + side / 2, tile.top + side / 2)
        _number(axes, rank, centre, colour, xytext=(0, 0), ha="center", va="center")


def check_image(image: Tensor, grid: TileGrid) -> None:
    """Raise `InputError` unless an image is uint8 (3, height, width) and of the grid's size.

    For a large image, a subsample is enough, as long as a figure shows no more pixels.
    """
    step = 1
    if image.ndim == 3 and max(image.shape) >= MOST_SHOWN:
        step = round(max(grid.height, grid.width) / max(image.shape)) or 1
    expected = (3, -(-grid.height // step), -(-grid.width // step))
    if image.dtype != torch.uint8 or tuple(image.shape) != expected:
        raise InputError(
            f"the image is {image.dtype} of shape {tuple(image.shape)}; expected uint8 of shape "
            f"{(3, grid.height, grid.width)}: the pixels that the map is of, before normalising"
        )


def _number(axes: "Axes", rank: int, place: tuple[float, float], colour: str, **settings: Any) -> None:
    axes.annotate(
        str(rank),
        place,
        textcoords="offset points",
        fontsize=8,
        fontweight="bold",
        color=colour,
        path_effects=_HALO,
        **settings,
    )


def _every(edges: list[float], step: int) -> list[float]:
    """Return every n-th border, and the last one."""
    return [*edges[:-1:step], edges[-1]]


def _as_shown(image: Tensor) -> Tensor:
    """Return an image, uint8 (3, H, W), with no more pixels than a figure shows."""
    height, width = image.shape[-2:]
    share = MOST_SHOWN / max(height, width)
    if share >= 1:
        return image
    # For very large images, every n-th pixel is enough.
    step = max(1, int(1 / (2 * share)))
    return resized(
        image[:, ::step, ::step].contiguous(),
        (max(1, round(height * share)), max(1, round(width * share))),
        "bilinear",
    )


def _extent(grid: TileGrid) -> tuple[float, float, float, float]:
    return (0, grid.width, grid.height, 0)


def _frame(axes: "Axes", grid: TileGrid) -> None:
    axes.set(xlim=(0, grid.width), ylim=(grid.height, 0), xticks=[], yticks=[], aspect="equal")
    axes.set_facecolor("#EEEEEE")
    axes.spines[:].set_color("#BBBBBB")
