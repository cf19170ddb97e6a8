"""A shortcut to be removed, with everything that a method needs for this."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.candidates import Edit
from nearsight.evidence import TiledModel

# In addition to where a candidate is seen: off the known object.
BACKGROUND = "background"

# An edit of image i of a set: (images, i) to uint8 (3, H, W).
EditIn = Callable[[ImageSet, int], Tensor]
# Which tiles of some images belong to it, image by image: bool (rows, columns) over the bound tile grid's
# corners.
TilesIn = Callable[[TiledModel, ImageSet, Sequence[int]], Iterator[NDArray[np.bool_]]]


def of_image(edit: Edit) -> EditIn:
    """Return an edit of pixels as one of an image of a set."""
    return lambda images, i: edit(images.image(i))


@dataclass(frozen=True, eq=False)
class Shortcut:
    """A verdict's shortcut, known in every training and test image.

    `class_number` and `number` name it as `CLASS:NUMBER`, counted from 1 in the order of the verdicts of its
    class; 0 stands for what decides, object or background. `verdict`, `attribute`, `words` and `seen_in` are the
    verdict's own (`diagnosis.verdicts.Verdict`), or `BACKGROUND`. `in_train` and `in_test` are bool: which images
    have it, by the rule that was made on training images alone. `put_on` adds it to image i of a set and
    `take_off` removes it; `tiles` says which of the image's tiles belong to it. Each is None if that cannot be
    done. For a `BACKGROUND`, `put_on` puts the image's own object on the background of an image of another class.
    `column` is the column in which it is seen, for one of a table.
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
