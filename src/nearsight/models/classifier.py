"""A classifier: a network with all that is needed to use it, saved and loaded whole."""

import json
import platform
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.models.build import build
from nearsight.schema import numbered, read_schema
from nearsight.write import replace_atomically, write_json

WEIGHTS = "model.safetensors"
DESCRIPTION = "model.json"

Interpolation = Literal["bicubic", "bilinear"]


@dataclass(frozen=True)
class Architecture:
    """What `build` needs to make the network again.

    >>> Architecture("resnet18", classes=10, width=0.25).build().head.out_features
    10

    `tile` is the side of the images the network was built for, in pixels: the tile, or the whole image where
    the network was trained on whole images. Only networks that are cut to one size need it.
    """

    name: str
    classes: int
    width: float = 1.0
    tile: int | None = None

    def build(self) -> nn.Module:
        """Build the network with initial weights; raises what `build` raises."""
        return build(self.name, self.classes, width=self.width, tile=self.tile)


@dataclass(frozen=True)
class Preprocessing:
    """How decoded images become what the network takes: resized, then normalised.

    >>> halves = Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), resize_short=2)
    >>> image = torch.full((3, 4, 6), 255, dtype=torch.uint8)
    >>> halves.resize(image).shape, halves.normalise(image).unique()
    (torch.Size([3, 2, 3]), tensor([1.]))

    `mean` and `std` are per channel, in units where white is 1. `resize_short` is the length in pixels that
    the shorter side is brought to; None leaves images as they are.
    Raises `InputError` for values out of range.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resize_short: int | None = None
    interpolation: Interpolation = "bicubic"

    def __post_init__(self) -> None:
        if len(self.mean) != 3 or len(self.std) != 3 or not min(self.std) > 0:
            raise InputError(
                f"mean and std need three channels and std above 0, got mean {self.mean}, std {self.std}"
            )
        if self.resize_short is not None and self.resize_short < 1:
            raise InputError(f"resize_short must be at least 1 pixel, got {self.resize_short}")
        if self.interpolation not in get_args(Interpolation):
            raise InputError(f"interpolation must be 'bicubic' or 'bilinear', got '{self.interpolation}'")

    def resize(self, image: Tensor) -> Tensor:
        """Bring the shorter side of an image to `resize_short`, antialiased, the other side in proportion.

        `image` is uint8 (3, H, W), as is the result (3, h, w), rounded and clamped.
        """
        height, width = image.shape[-2:]
        short = self.resize_short
        if short is None or short == min(height, width):
            return image
        size = [round(side * short / min(height, width)) for side in (height, width)]
        resized = F.interpolate(
            image[None].float(), size=size, mode=self.interpolation, antialias=True, align_corners=False
        )
        return resized[0].round().clamp(0, 255).to(torch.uint8)

    def normalise(self, images: Tensor) -> Tensor:
        """Turn uint8 images (..., 3, H, W) into float32 ones of the same shape, on the same device."""
        mean, std = (_of_bytes(tuple(values), images.device) for values in (self.mean, self.std))
        return (images.float() - mean) / std


@lru_cache(maxsize=64)
def _of_bytes(values: tuple[float, ...], device: torch.device) -> Tensor:
    # Kept, because to send numbers to a GPU is to wait for it.
    with torch.inference_mode(False):
        return 255 * torch.tensor(values, device=device).view(3, 1, 1)


class Classifier(nn.Module):
    """A network with its architecture, class names, tile and preprocessing.

    >>> architecture = Architecture("resnet18", classes=2, width=0.25)
    >>> half = (0.5, 0.5, 0.5)
    >>> preprocessing = Preprocessing(half, half)
    >>> classifier = Classifier(architecture.build(), architecture, ("cat", "dog"), 16, preprocessing)
    >>> image = torch.zeros(3, 20, 16, dtype=torch.uint8)
    >>> classifier(classifier.prepare(image)[None]).shape
    torch.Size([1, 2])

    `tile` is the side of the tiles it was trained on, in pixels; None says whole images.
    Raises `InputError` when the architecture and the names differ in the number of classes.
    """

    def __init__(
        self,
        network: nn.Module,
        architecture: Architecture,
        classes: tuple[str, ...],
        tile: int | None,
        preprocessing: Preprocessing,
    ) -> None:
        super().__init__()
        if len(classes) != architecture.classes:
            raise InputError(
                f"the network has {architecture.classes} outputs but {len(classes)} class names were given"
            )
        self.network = network
        self.architecture = architecture
        self.classes = classes
        self.tile = tile
        self.preprocessing = preprocessing

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (B, classes) of normalised float images (B, 3, H, W)."""
        logits: Tensor = self.network(images)
        return logits

    def tile_to_look_at(self, tile: int | None) -> int:
        """Return `tile`, or where it is None the tile trained on; raises `InputError` where there is neither."""
        tile = tile if tile is not None else self.tile
        if tile is None:
            raise InputError(
                "this classifier was trained on whole images; give the side of the tiles to look at, such as "
                "`tile=32`"
            )
        return tile

    def prepare(self, image: Tensor) -> Tensor:
        """Resize and normalise one decoded image, uint8 (3, H, W), into what `forward` takes a batch of."""
        return self.preprocessing.normalise(self.preprocessing.resize(image))


def save_classifier(classifier: Classifier, directory: Path) -> None:
    """Write a classifier to model.safetensors and model.json in a directory, each whole or not at all.

    >>> import tempfile
    >>> half = (0.5, 0.5, 0.5)
    >>> architecture = Architecture("resnet18", classes=2, width=0.25)
    >>> saved = Classifier(architecture.build(), architecture, ("cat", "dog"), 16, Preprocessing(half, half))
    >>> directory = Path(tempfile.mkdtemp())
    >>> save_classifier(saved, directory)
    >>> load_classifier(directory).classes
    ('cat', 'dog')

    Raises `InputError` when the disk is full or the directory cannot be written.
    """
    state = {
        name: tensor.detach().cpu().contiguous() for name, tensor in classifier.network.state_dict().items()
    }
    with replace_atomically(Path(directory) / WEIGHTS) as temporary:
        temporary.write_bytes(save(state, metadata={"format": "pt"}))
    write_json(
        Path(directory) / DESCRIPTION,
        numbered(
            "model",
            {
                "architecture": asdict(classifier.architecture),
                "tile": classifier.tile,
                "classes": classifier.classes,
                "preprocessing": asdict(classifier.preprocessing),
                "versions": {
                    "nearsight": version("nearsight"),
                    "torch": str(torch.__version__),
                    "timm": version("timm"),
                    "python": platform.python_version(),
                },
            },
        ),
    )


def load_classifier(directory: Path) -> Classifier:
    """Read the classifier that `save_classifier` wrote, on the CPU and ready for inference.

    Raises `InputError` when a file is missing or damaged, and when the weights do not fit the architecture,
    naming the leaf and both shapes.
    """
    directory = Path(directory)
    classifier = _describe(directory / DESCRIPTION)
    state = _read_weights(directory / WEIGHTS)
    _check_fit(state, classifier.network.state_dict(), directory / WEIGHTS)
    classifier.network.load_state_dict(state)
    return classifier.eval()


def _describe(path: Path) -> Classifier:
    try:
        content: dict[str, Any] = json.loads(_read(path))
        read_schema("model", content, path)
        architecture = Architecture(**content["architecture"])
        preprocessing = dict(content["preprocessing"])
        for name in ("mean", "std"):
            preprocessing[name] = tuple(preprocessing[name])
        return Classifier(
            architecture.build(),
            architecture,
            tuple(content["classes"]),
            content["tile"],
            Preprocessing(**preprocessing),
        )
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} does not describe a classifier ({type(error).__name__}: {error}); train the run again"
        ) from error


def _read_weights(path: Path) -> dict[str, Tensor]:
    try:
        return load(_read(path))
    except SafetensorError as error:
        raise InputError(f"{path} is damaged or cut short ({error}); train the run again") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; is {path.parent} a finished run?") from error


def _check_fit(state: dict[str, Tensor], expected: dict[str, Tensor], path: Path) -> None:
    for name in sorted(state.keys() | expected.keys()):
        found, needed = (_shape(tensors.get(name)) for tensors in (state, expected))
        if found != needed:
            raise InputError(
                f"{path} does not fit the architecture in {DESCRIPTION}: '{name}' is {found} in the file but "
                f"{needed} in the network"
            )


def _shape(tensor: Tensor | None) -> str:
    return "missing" if tensor is None else "×".join(map(str, tensor.shape)) or "a scalar"
