"""The two sets that come with the package: scikit-learn's digits, and the generated scenes."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from nearsight.data.image_set import ImageSet, MemoryImages
from nearsight.data.regions import MaskRegions
from nearsight.errors import InputError, unknown_name

_SCENES_OPTIONS: dict[str, type] = {"shortcut": float, "size": float, "seed": int}


def read_digits() -> dict[str, ImageSet]:
    """Return scikit-learn's 1,797 handwritten digits, 8×8, their 17 greys spread over 0 to 255, as one split.

    >>> read_digits()["train"].image(0).shape
    torch.Size([3, 8, 8])
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = torch.from_numpy((digits.images * (255 / 16)).round().astype(np.uint8))
    images = MemoryImages(
        grey[:, None].repeat(1, 3, 1, 1), tuple(f"digits/{row}" for row in range(len(grey)))
    )
    classes = tuple(str(name) for name in digits.target_names)
    return {"train": ImageSet("digits", "train", classes, digits.target.astype(np.int64), images)}


def read_scenes(name: str) -> dict[str, ImageSet]:
    """Draw every split of `scenes` or, for example, `scenes:shortcut=0.9,seed=1`, with a mask for each image.

    The drawn set is kept beside the cache of `datasets` (HF_HOME), so that it is drawn once.

    Raises `InputError` for options that `scenes` does not have and for values that are not numbers.
    """
    from datasets import config

    from nearsight.data.scene_cache import drawn_scenes

    found = {}
    cache = Path(config.HF_DATASETS_CACHE) / "nearsight-scenes"
    for split, drawn in drawn_scenes(cache, _scenes_options(name)).items():
        images = MemoryImages(
            drawn.pixels, tuple(f"scenes/{split}/{row}" for row in range(len(drawn.labels)))
        )
        found[split] = ImageSet(name, split, drawn.classes, drawn.labels, images, MaskRegions(drawn.masks))
    return found


def _scenes_options(name: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for part in filter(None, name.partition(":")[2].split(",")):
        key, _, value = part.partition("=")
        if key not in _SCENES_OPTIONS:
            raise unknown_name("option of scenes", key, _SCENES_OPTIONS)
        try:
            options[key] = _SCENES_OPTIONS[key](value)
        except ValueError:
            raise InputError(
                f"{key} of scenes is a number, got '{value}'; for example scenes:shortcut=0.9,seed=1"
            ) from None
    return options
