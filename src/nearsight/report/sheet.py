"""A contact sheet of a set: images of each class and split, with the outlines of their regions."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nearsight.data import ImageSet, ImageSets
from nearsight.errors import InputError
from nearsight.numbers import counted
from nearsight.report.contact_sheet import GAP, mosaic
from nearsight.report.figure_file import save_figure
from nearsight.settings.sheets import require_sheet
from nearsight.write import keep_inputs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDE = 96
EXAMPLES = 4
MOST_CLASSES = 24
MOST_SPLITS = 6
_OUTLINE = (255, 0, 160)
_DPI = 100


def draw_sheet(sets: ImageSets, path: Path) -> None:
    """Draw up to 4 images of each class in each split, of at most 24 classes and 6 splits.

    >>> from tempfile import mkdtemp
    >>> from nearsight.data import load
    >>> draw_sheet(load("digits"), Path(mkdtemp()) / "digits.png")

    A region is outlined if it is known; an image that cannot be decoded leaves its place empty. The file is
    written whole or not at all, as PNG, PDF or SVG by its suffix. Raises `InputError` for another suffix, and for an
    image of the set.
    """
    from nearsight.evidence.figure import NotebookFigure

    require_sheet(path)
    of_that_name = (
        place for images in sets.values() for place in images.paths() if Path(place).name == path.name
    )
    keep_inputs(path, of_that_name if path.is_file() else (), "sheet")
    count = len(sets.classes)
    shown = np.unique(np.linspace(0, count - 1, min(count, MOST_CLASSES)).round().astype(int))
    splits = list(sets.items())[:MOST_SPLITS]
    size = (SIDE + GAP) / _DPI
    names = [_short(sets.classes[number]) for number in shown]
    width = 0.09 * max(map(len, names)) + len(splits) * (EXAMPLES * size + 0.3)
    figure = NotebookFigure(
        figsize=(max(width, 4), len(shown) * size + 1), layout="constrained", facecolor="white"
    )
    left_out = f", {len(shown)} of them shown" if len(shown) < count else ""
    figure.suptitle(f"{_short(sets.name, 60)}: {counted(count, 'class', 'classes')}{left_out}", fontsize=11)
    for k, (axes, (split, images)) in enumerate(
        zip(figure.subplots(1, len(splits), squeeze=False)[0], splits, strict=True)
    ):
        _draw_split(axes, split, images, shown, names if k == 0 else [""] * len(names))
    save_figure(figure, path, dpi=_DPI)


def thumbnail(images: ImageSet, i: int) -> NDArray[np.uint8]:
    """Return image i, scaled to fit 96×96 on white, with its region outlined: uint8 (96, 96, 3).

    >>> from nearsight.data import load
    >>> thumbnail(load("digits")["test"], 0).shape
    (96, 96, 3)
    """
    canvas = Image.new("RGB", (SIDE, SIDE), "white")
    try:
        pixels = images.image(i)
        region = images.region(i)
    except InputError:
        return np.asarray(canvas)
    height, width = pixels.shape[1:]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    filtering = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    picture = np.array(
        Image.fromarray(np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())).resize(size, filtering)
    )
    if region is not None:
        mask = Image.fromarray(region.numpy().astype(np.uint8) * 255).resize(size, Image.Resampling.NEAREST)
        picture[_edge(np.asarray(mask) > 0)] = _OUTLINE
    canvas.paste(Image.fromarray(picture), ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return np.asarray(canvas)


def _draw_split(
    axes: "Axes", split: str, images: ImageSet, shown: NDArray[np.int64], names: list[str]
) -> None:
    sheet = np.full((len(shown), EXAMPLES, SIDE, SIDE, 3), 255, dtype=np.uint8)
    for row, number in enumerate(shown):
        own = np.flatnonzero(images.labels == number)
        chosen = own[np.unique(np.linspace(0, len(own) - 1, min(len(own), EXAMPLES)).round().astype(int))]
        for column, i in enumerate(chosen if len(own) else ()):
            sheet[row, column] = thumbnail(images, int(i))
    axes.imshow(mosaic(sheet), interpolation="nearest")
    axes.set_title(f"{split}: {counted(len(images), 'image')}", fontsize=10)
    axes.set_yticks([(SIDE + GAP) * row + SIDE / 2 for row in range(len(names))], names)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels of a mask that touch what is outside it."""
    padded = np.pad(mask, 1)
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inside


def _short(name: str, most: int = 24) -> str:
    # A dollar would be read as the start of a formula.
    name = name.replace("$", r"\$")
    return name if len(name) <= most else f"…{name[1 - most :]}"
