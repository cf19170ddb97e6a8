"""Networks by name: ours, and any of timm's."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from torch import nn

from nearsight.arguments import checked
from nearsight.errors import InputError, first_line, unknown_name
from nearsight.models.pooled_tile_net import PooledTileNet
from nearsight.models.quick import airbench, airbench94, resnet9
from nearsight.models.resnet import DEPTHS, ResNet
from nearsight.models.tile_net import TileNet
from nearsight.read import is_file, read_json
from nearsight.settings.models import CUSTOM, MODELS, ONE_TILE, TILENET, TILENET_POOLED, TIMM

DEFAULT_TILE = 16

_DIRECTORY = "local-dir:"
# More would be a layer that fits into no memory.
_MOST_CLASSES = 1_000_000
_ELSEWHERE = ("hf-hub:", "hf_hub:", _DIRECTORY)

_ONE_TILE: Mapping[str, Callable[[int, int, float], nn.Module]] = MappingProxyType(
    {TILENET: TileNet, TILENET_POOLED: PooledTileNet}
)
_ANY_TILE: Mapping[str, Callable[..., nn.Module]] = MappingProxyType(
    {
        "airbench": airbench,
        "airbench94": airbench94,
        "resnet9": resnet9,
        **{f"resnet{depth}": partial(ResNet, depth, stem="small") for depth in DEPTHS},
        **{f"resnet{depth}-imagenet": partial(ResNet, depth, stem="large") for depth in DEPTHS},
    }
)


@checked
def build(
    name: str, classes: int | None, *, pretrained: bool = False, width: float = 1.0, tile: int | None = None
) -> nn.Module:
    """Build a network by name, with initial or published weights.

    >>> import torch
    >>> build("resnet18", classes=10, width=0.25)(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 10])

    `width` multiplies the channels of our own networks. `pretrained` loads timm's published weights. `tile` is
    the side of the images for which the network is built, in pixels: `tilenet` and `tilenet-pooled` see exactly
    that many (by default 16), timm networks with position embeddings or windows are built for it, the others
    ignore it. The network takes normalised float images (B, 3, H, W) and returns logits (B, classes); `classes`
    None leaves their number to a network that comes with its own, from timm's "timm:hf-hub:…" or
    "timm:local-dir:…".

    Raises `InputError` for an unknown name, fewer than two classes, a width that is not positive or for a network
    that is not ours, a tile that a network's patches do not divide, and published weights that are not available.
    """
    if classes is None and not is_elsewhere(name):
        raise InputError(f"'{name}' needs the number of its classes")
    if classes is not None and classes < 2:
        raise InputError(f"a classifier needs at least 2 classes, got {classes}")
    if not width > 0:
        raise InputError(f"width must be positive, got {width}")
    if name.startswith(TIMM):
        if width != 1:
            raise InputError(
                f"width {width} cannot be obtained for '{name}': timm networks have their own widths; use 1"
            )
        return _build_timm(name, classes, pretrained, tile)
    if name.startswith(CUSTOM):
        raise InputError(
            f"'{name}' is a network of your own, which no name can build; give it (model=NETWORK)"
        )
    if name not in MODELS or classes is None:
        raise _unknown(name)
    if pretrained:
        raise InputError(
            f"there are no published weights for '{name}'; use a timm name such as 'timm:resnet18'"
        )
    if name in ONE_TILE:
        return _ONE_TILE[name](DEFAULT_TILE if tile is None else tile, classes, width)
    return _ANY_TILE[name](classes, width=width)


def is_elsewhere(name: str) -> bool:
    """Say whether a name is timm's for a network on the hub or in a directory, with its own configuration.

    >>> is_elsewhere("timm:hf-hub:OWNER/NAME"), is_elsewhere("timm:resnet18")
    (True, False)
    """
    return name.removeprefix(TIMM).startswith(_ELSEWHERE) and name.startswith(TIMM)


def _build_timm(name: str, classes: int | None, pretrained: bool, tile: int | None) -> nn.Module:
    import timm

    timm_name = name.removeprefix(TIMM)
    directory = timm_name.removeprefix(_DIRECTORY)
    if timm_name.startswith(_DIRECTORY):
        _check_configuration(Path(directory) / "config.json")
    if not is_elsewhere(name) and not timm.is_model(timm_name):
        raise unknown_name("model", name, [TIMM + known for known in timm.list_models()])
    sizes: list[dict[str, Any]] = [{}]
    if tile is not None:
        sizes = [{"img_size": tile, "dynamic_img_size": True}, {"img_size": tile}, {}]
    for size in sizes:
        try:
            network: nn.Module = timm.create_model(
                timm_name, pretrained=pretrained, num_classes=classes, **size
            )
        except TypeError as error:
            # timm has no way to ask which networks accept a size; those that do not refuse the argument.
            if "unexpected keyword" not in str(error) or not size:
                raise
        except OSError as error:
            raise InputError(
                f"the published weights of '{name}' could not be fetched: {first_line(error)}; "
                "check the network connection, or use initial weights with `pretrained=False`"
            ) from error
        except (RuntimeError, AssertionError, ValueError, KeyError) as error:
            at = f" at tile {tile}" if tile is not None else ""
            raise InputError(f"'{name}' cannot be built{at}: {first_line(error)}") from error
        else:
            _check_patch(name, network, tile)
            return network
    raise AssertionError("the last attempt passes no size")


def _check_configuration(path: Path) -> None:
    """Raise `InputError` for something that timm would read as a network's configuration but that cannot be one."""
    mend = "give a directory that timm saved a network to"
    if not is_file(path):
        raise InputError(f"{path.parent} has no config.json; {mend}")
    content = read_json(path, mend)
    classes = content.get("num_classes", 0) if isinstance(content, dict) else None
    if not isinstance(classes, int) or not 0 <= classes <= _MOST_CLASSES:
        raise InputError(f"{path} holds no configuration of timm with a number of classes; {mend}")


def _check_patch(name: str, network: nn.Module, tile: int | None) -> None:
    """Refuse a tile whose last pixels no patch would cover."""
    embedding = getattr(network, "patch_embed", None)
    patch = getattr(embedding, "patch_size", None)
    if tile is None or not hasattr(embedding, "img_size") or patch is None:
        return
    sides = patch if isinstance(patch, tuple) else (patch,)
    for side in sides:
        if tile % side:
            nearest = max(side, tile // side * side)
            raise InputError(
                f"'{name}' cuts images into patches of {side} pixels, and a tile of {tile} is no multiple "
                f"of that; use one such as {nearest}"
            )


def _unknown(name: str) -> InputError:
    import timm

    if timm.is_model(name):
        return InputError(f"unknown model '{name}'; timm has one of that name: use '{TIMM}{name}'")
    return unknown_name("model", name, [*MODELS, "timm:NAME"])
