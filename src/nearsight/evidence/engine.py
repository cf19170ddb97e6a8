"""The evidence of every tile of any number of images, with any model."""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nearsight.arguments import checked
from nearsight.errors import InputError
from nearsight.evidence.forward_pass import Model, check_model
from nearsight.evidence.map import EvidenceMap
from nearsight.evidence.ready import ReadyModel
from nearsight.evidence.stream import evidence_maps
from nearsight.evidence.tile_settings import TileSettings
from nearsight.settings import GridKind
from nearsight.settings.choices import DEFAULT_MEMORY


@checked
def evidence(
    model: Model,
    images: Tensor | Sequence[Tensor],
    *,
    tile: int,
    stride: int = 1,
    grid: GridKind = "aligned",
    memory: int = DEFAULT_MEMORY,
    classes: Sequence[str] | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> list[EvidenceMap]:
    """Return the evidence map of each image: the model's logits of every tile, as of that tile alone.

    >>> def brightness(tiles):
    ...     return torch.stack([tiles.mean((1, 2, 3)), -tiles.mean((1, 2, 3))], dim=1)
    >>> [dark] = evidence(brightness, torch.zeros(1, 3, 6, 8), tile=4, stride=2, classes=("light", "dark"))
    >>> dark.logits.shape
    torch.Size([2, 2, 3])

    `model` is any callable from (B, C, H, W) to logits (B, classes), or an ONNX Runtime session. `images` is
    float (N, C, H, W), or a sequence of float (C, H, W) of any sizes, in the model's input form. `memory` bounds,
    in bytes, the images and tiles that are processed at once and what the model needs for them; the maps come in
    addition. `classes` names the logits (by default "0", "1", …). `dtype` is that of the tiles. `device` is where
    the model runs: by default where its weights are, or else where the images are. The maps are on the CPU, in
    float32 (in float64 if the model gives that). How many tiles share a batch can change the last bits of a
    logit, by less than 1e-4. So can passes over whole images instead of tiles, which the engine makes if probing
    the model shows that they give the same and take less work: see `find_dense_pass`. For a stream of images, or
    several calls with one model, use `TiledModel`.

    Raises `InputError` if a tile does not fit an image, if the model's output is not (B, classes), and if a logit
    is not finite; the message names the image and the tile.
    """
    check_model(model, dtype)
    if isinstance(model, nn.Module) and model.training:
        warnings.warn(
            "the model is in training mode: it is evaluated in eval mode and put back afterwards",
            stacklevel=3,
        )
    if isinstance(images, Tensor) and images.ndim == 3:
        raise InputError(
            f"images has the shape {tuple(images.shape)} of one image; expected (images, channels, height, "
            "width), or a list: give images[None]"
        )
    target = torch.device(device) if device is not None else None
    settings = TileSettings(tile, memory, stride, grid, target, dtype)
    names = None if classes is None else tuple(classes)
    ready = ReadyModel(model, settings, classes=names, copied=False)
    return list(evidence_maps(ready, settings, iter(images), names))
