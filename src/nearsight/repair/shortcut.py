"""What is to be removed, with all that a method needs to do it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.candidates import IMAGE, TABLE, TILE
from nearsight.evidence import TiledModel

# Besides where a candidate is seen: what lies off the known object.
BACKGROUND = "background"
SEEN_IN = (IMAGE, TILE, TABLE, BACKGROUND)

# An edit of image i of a set: (images, i) to uint8 (3, H, W).
EditIn = Callable[[ImageSet, int], Tensor]
# Which tiles of some images are of it, image by image: bool (rows, columns) over the bound tile grid's corners.
TilesIn = Callable[[TiledModel, ImageSet, Sequence[int]], Iterator[NDArray[np.bool_]]]


@dataclass(frozen=True, eq=False)
class Shortcut:
    """A verdict's shortcut, known in every image that is trained on or tested.

    `class_number` and `number` name it as `CLASS:NUMBER`, counted from 1 in the order of the verdicts of its class;
    0 for what decides, object or background. `verdict`, `attribute`, `words` and `seen_in` are the verdict's own
    (`diagnosis.verdicts.Verdict`), or `BACKGROUND`. `in_train` and `in_test` are bool: which images have it, by the
    rule that was made on training images alone. `put_on` and `take_off` give image i of a set it and take it off
    it; `tiles` says which of its tiles are of it. Each is None where that cannot be done. Of a `BACKGROUND`, `put_on`
    puts the image's own object on the background of an image of another class. `column` is the column that it
    is seen in, for a table's.
    """

    class_number: int
    number: int
    verdict: str
    attribute: str
    words: str
    seen_in: str
    in_train: NDArray[np.bool_]
    in_test: NDArray[np.bool_]
    put_on: EditIn | None = None
    take_off: EditIn | None = None
    tiles: TilesIn | None = None
    column: str | None = None
