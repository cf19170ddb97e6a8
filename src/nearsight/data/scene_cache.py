"""Drawn `scenes` kept on disk, because drawing them takes twenty seconds and every command loads them."""

from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from nearsight.data import scenes
from nearsight.data.scenes import BACKGROUNDS, SHAPES, SceneImages
from nearsight.digest import PLACEHOLDER, check_tensors, seal_tensors
from nearsight.errors import InputError
from nearsight.read import loaded_tensors
from nearsight.write import replace_atomically

# What determines which pixels are drawn.
_DRAWN_BY = ("scenes", "scene_objects", "scene_shapes", "scene_paint", "scene_backgrounds")
_KEPT = 4  # sets of 120 MB
_PARTS = ("pixels", "masks", "labels", "backgrounds")


def drawn_scenes(cache: Path, options: Mapping[str, Any]) -> dict[str, SceneImages]:
    """Return every split of `scenes` under some options, drawn now or earlier.

    `cache` is the directory of sets that were drawn before; it is created if it is missing. A file in it is only
    used by the code and the libraries that drew it; a damaged one is drawn again. The four sets used last are
    kept. Raises where `draw_scenes` does.
    """
    file = cache / f"{_key(options)}.safetensors"
    kept = _read(file)
    if kept is not None:
        return kept
    drawn = {split: scenes.draw_scenes(split, **options) for split in scenes.SPLITS}
    _keep(file, drawn)
    return drawn


def _key(options: Mapping[str, Any]) -> str:
    found = blake2b(repr(sorted(options.items())).encode(), digest_size=16)
    for name in _DRAWN_BY:
        module = import_module(f"nearsight.data.{name}")
        found.update(Path(str(module.__file__)).read_bytes())
    for library in ("numpy", "pillow"):
        found.update(version(library).encode())
    found.update(repr(scenes.SPLITS).encode())
    return found.hexdigest()


def _read(file: Path) -> dict[str, SceneImages] | None:
    try:
        with file.open("rb") as held:
            if not check_tensors(held, file):
                return None
            tensors = loaded_tensors(held.read())
        file.touch()  # the files used last are kept
    except (OSError, SafetensorError, InputError):
        return None
    return {split: _scenes(tensors, split) for split in scenes.SPLITS}


def _keep(file: Path, drawn: Mapping[str, SceneImages]) -> None:
    tensors = {
        f"{split}.{part}": torch.as_tensor(getattr(images, part))
        for split, images in drawn.items()
        for part in _PARTS
    }
    # What cannot be kept is drawn again.
    with suppress(InputError), replace_atomically(file) as temporary:
        save_file(tensors, temporary, PLACEHOLDER)
        seal_tensors(temporary)
    with suppress(OSError):
        files = sorted(file.parent.glob("*.safetensors"), key=lambda kept: kept.stat().st_mtime)
        for old in files[:-_KEPT]:
            old.unlink()


def _scenes(tensors: Mapping[str, Tensor], split: str) -> SceneImages:
    pixels, masks, labels, backgrounds = (tensors[f"{split}.{part}"] for part in _PARTS)
    return SceneImages(pixels, masks, labels.numpy(), backgrounds.numpy(), tuple(SHAPES), tuple(BACKGROUNDS))
