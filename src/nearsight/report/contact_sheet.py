"""Contact sheet of `scenes`: `python -m nearsight.report.contact_sheet docs/images/scenes.png --seed 4`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nearsight.data.scenes import draw_scenes
from nearsight.report.figure_file import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 4


def mosaic(images: NDArray[np.uint8], gap: int = GAP) -> NDArray[np.uint8]:
    """Lay out rows and columns of images as one, with white gaps of `gap` pixels between them.

    >>> mosaic(np.zeros((2, 3, 8, 8, 3), dtype=np.uint8), gap=1).shape
    (17, 26, 3)

    `images` is uint8 (rows, columns, height, width, 3).
    """
    rows, columns, height, width, channels = images.shape
    padded = np.full((rows, columns, height + gap, width + gap, channels), 255, dtype=np.uint8)
    padded[:, :, :height, :width] = images
    sheet = padded.transpose(0, 2, 1, 3, 4).reshape(rows * (height + gap), columns * (width + gap), channels)
    return sheet[: sheet.shape[0] - gap, : sheet.shape[1] - gap]


def draw_contact_sheet(path: Path, *, examples: int = 8, seed: int = 0) -> None:
    """Draw examples of every class of `scenes`, and the same objects as each split and shortcut shows them.

    >>> draw_contact_sheet(Path("docs/images/scenes.png"))  # doctest: +SKIP

    The figure is written to `path`, whole or not at all, as a PNG or SVG by its suffix.
    """
    from nearsight.evidence.figure import NotebookFigure

    train = draw_scenes("train", shortcut=0, seed=seed, count=8 * examples)
    classes = train.classes
    by_class = _channels_last(train.pixels.numpy()).reshape(examples, len(classes), 64, 64, 3).swapaxes(0, 1)

    rows = {
        f"test\nshortcut {shortcut:g}": draw_scenes("test", shortcut=shortcut, seed=seed, count=8)
        for shortcut in (0, 0.25, 0.5, 0.75, 1)
    }
    rows |= {split: draw_scenes(split, seed=seed, count=8) for split in ("shuffled", "swapped")}
    by_split = [_channels_last(scenes.pixels.numpy()) for scenes in rows.values()]
    masks = rows["swapped"].masks.numpy()
    by_split.append(np.repeat(masks[..., None] * np.uint8(255), 3, axis=-1))

    figure = NotebookFigure(figsize=(15, 7.5), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2)
    _show(
        left, by_class, "Every class on any background (shortcut 0)", rows=classes, columns=("",) * examples
    )
    _show(
        right,
        np.stack(by_split),
        "The same eight objects: what the shortcut and the test splits change",
        rows=(*rows, "mask"),
        columns=classes,
    )
    save_figure(figure, path, dpi=100)


def _channels_last(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels.transpose(0, 2, 3, 1)


def _show(
    axes: "Axes", images: NDArray[np.uint8], title: str, rows: tuple[str, ...], columns: tuple[str, ...]
) -> None:
    height, width = images.shape[2:4]
    axes.imshow(mosaic(images), interpolation="nearest")
    axes.set_title(title, fontsize=12, loc="left")
    axes.set_yticks([(height + GAP) * row + height / 2 for row in range(len(rows))], rows)
    axes.set_xticks([(width + GAP) * column + width / 2 for column in range(len(columns))], columns)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


if __name__ == "__main__":
    parser = ArgumentParser(description="Draw the contact sheet of scenes.")
    parser.add_argument("path", type=Path, help="the PNG or SVG to write")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw_contact_sheet(options.path, seed=options.seed)
