"""Pictures to look at, without labels: files, directories, and anything else that a program holds as an image."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from numpy.typing import NDArray
from torch import Tensor

from nearsight.data.encoded import check_path
from nearsight.data.folder import files_below
from nearsight.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

Picture: TypeAlias = Union[str, Path, Tensor, NDArray[Any], "Image"]
Pictures: TypeAlias = Picture | Sequence[Picture]


def named_pictures(images: Pictures) -> list[tuple[str, Any]]:
    """Return each picture with a name: the path of a file, or else its number, as in `image-0`.

    >>> import numpy as np
    >>> [name for name, _ in named_pictures(["cat.png", np.zeros((8, 8, 3), np.uint8)])]
    ['cat.png', 'image-1']

    `images` is one picture or several: files, directories, which stand for all files in them at any depth, and
    anything else that `to_pixels` takes; an array or tensor with four axes is a batch. Raises `InputError` if
    there is none.
    """
    found: list[tuple[str, Any]] = []
    for image in _several(images):
        if isinstance(image, str | Path):
            check_path(image)
            place = Path(image)
            found += (
                [(file, file) for file in files_below(place)] if place.is_dir() else [(str(image), image)]
            )
        else:
            found.append((f"image-{len(found)}", image))
    if not found:
        raise InputError("no image was given; give at least one file")
    return found


def _several(images: Any) -> Sequence[Any]:
    axes = getattr(images, "ndim", None)
    if isinstance(images, str | Path) or axes in (0, 2, 3) or not hasattr(images, "__len__"):
        return [images]
    return list(images)
