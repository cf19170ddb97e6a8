"""A classifier: a network with everything that is needed to use it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from torch import Tensor, nn

from nearsight.arguments import checked
from nearsight.errors import InputError, listed
from nearsight.models.building import build
from nearsight.models.gated_attention import with_attention
from nearsight.models.onnx_session import Layout
from nearsight.models.outputs import Outputs, SharedFunction, as_logits, logits_in, logits_name
from nearsight.models.preprocessing import Channels, InputRange, Interpolation, Preprocessing, Size
from nearsight.models.said import Classes, Said
from nearsight.notebook import Shown, Summary
from nearsight.numbers import Pixels, Within
from nearsight.settings.pooled import BY_MEAN, Pooling

# If nothing says for what size of images a network is.
_SIDE = 64

Network = nn.Module | Callable[[int], nn.Module]
"""A network of your own, or what builds it for a number of classes."""


@dataclass(frozen=True)
class Architecture:
    """What `build` needs to build the network again.

    >>> Architecture("resnet18", classes=10, width=0.25).build().head.out_features
    10

    `tile` is the side of the images for which the network was built, in pixels: the tile, or the whole image if
    the network was trained on whole images. Only networks that are built for one size need it. With `attention`
    the network gives each tile's attention beside its logits (`AttentionHead`).
    """

    name: str
    classes: Annotated[int, Within(1, 2**24)]
    width: Annotated[float, Within(0.01, 100)] = 1.0
    tile: Pixels | None = None
    attention: bool = False

    def build(self) -> nn.Module:
        """Build the network with initial weights; raises where `build` does."""
        return self.finished(build(self.name, self.classes, width=self.width, tile=self.tile))

    def finished(self, network: nn.Module) -> nn.Module:
        """Return a network that gives logits alone, whose head is changed in place if there is `attention`."""
        return with_attention(network, self.classes, self.tile or _SIDE) if self.attention else network


class Classifier(Shown, nn.Module):
    """A network with its architecture, class names, tile and preprocessing.

    >>> architecture = Architecture("resnet18", classes=2, width=0.25)
    >>> half = (0.5, 0.5, 0.5)
    >>> preprocessing = Preprocessing(half, half)
    >>> classifier = Classifier(architecture.build(), architecture, ("cat", "dog"), 16, preprocessing)
    >>> import torch
    >>> image = torch.zeros(3, 20, 16, dtype=torch.uint8)
    >>> classifier(classifier.prepare(image)[None]).shape
    torch.Size([1, 2])

    `Classifier.of` makes one from anything that classifies images. `network` may return anything in which
    `nearsight.models.outputs.logits_name` finds logits, and need not be a module: copies share a function. `tile`
    is the side of the tiles on which it was trained, in pixels; None means whole images. `output` names the
    logits among several outputs, and `outputs` says what they are. `pooling` is how the tiles of an image make
    one prediction, as in training. `notes` are sentences about what was found when it was made. Raises
    `InputError` if the architecture and the names differ in the number of classes.
    """

    def __init__(
        self,
        network: nn.Module | Callable[[Tensor], Any],
        architecture: Architecture,
        classes: tuple[str, ...],
        tile: int | None,
        preprocessing: Preprocessing,
        *,
        output: str | int | None = None,
        outputs: Outputs = "logits",
        pooling: Pooling = BY_MEAN,
        notes: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        if len(classes) != architecture.classes:
            raise InputError(
                f"the network has {architecture.classes} outputs but {len(classes)} class names were given"
            )
        self.network: nn.Module = network if isinstance(network, nn.Module) else SharedFunction(network)
        self.architecture = architecture
        self.classes = classes
        self.tile = tile
        self.preprocessing = preprocessing
        self.outputs = outputs
        self.pooling = pooling
        self.notes = notes
        self.output = output
        self._name: str | None = None

    def _summary(self) -> Summary:
        numbers = sum(parameter.numel() for parameter in self.network.parameters())
        preparing = self.preprocessing
        resized = "as they are" if preparing.resize_short is None else f"short side {preparing.resize_short}"
        if preparing.resize_to is not None:
            resized = f"{preparing.resize_to[0]}×{preparing.resize_to[1]} pixels"
        rows = [
            ("network", f"{self.architecture.name}, {numbers:,} parameters"),
            ("classes", f"{len(self.classes):,}: {listed(self.classes, 8)}"),
            (
                "trained on",
                "whole images" if self.tile is None else f"tiles of {self.tile}×{self.tile} pixels",
            ),
            *([] if self.pooling == BY_MEAN else [("tiles make one prediction by", self.pooling.name)]),
            ("mean", ", ".join(f"{value:.3g}" for value in preparing.mean)),
            ("std", ", ".join(f"{value:.3g}" for value in preparing.std)),
            ("resized to", resized),
        ]
        return Summary(f"Classifier({self.architecture.name})", rows=rows, notes=self.notes)

    @classmethod
    @checked
    def of(
        cls,
        source: Any,
        *,
        classes: Classes | None = None,
        tile: int | None = None,
        preprocessing: Any = None,
        resize_short: int | None = None,
        resize_to: int | Size | None = None,
        crop: int | Size | None = None,
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
        interpolation: Interpolation | None = None,
        input_range: InputRange | None = None,
        channels: Channels | None = None,
        layout: Layout | None = None,
        output: str | int | None = None,
        outputs: Outputs | None = None,
        processor: Any = None,
        weights: str | Path | None = None,
        pretrained: bool = True,
        width: float = 1.0,
        name: str | None = None,
    ) -> "Classifier":
        """Return a classifier made of anything that classifies images.

        A PyTorch network with its class names and preprocessing; it is used as it is, not copied:

        >>> network = nn.Sequential(nn.Conv2d(3, 2, 5), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> toy = Classifier.of(network, classes=("cat", "dog"), tile=16, mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2))
        >>> toy.classes, toy.preprocessing.std
        (('cat', 'dog'), (0.2, 0.2, 0.2))

        A torchvision network, with the transforms and class names of its weights:

        >>> from torchvision.models import ResNet18_Weights, resnet18
        >>> published = ResNet18_Weights.DEFAULT  # resnet18(weights=published) has the trained network
        >>> network = resnet18()
        >>> names = published.meta["categories"]
        >>> Classifier.of(network, classes=names, preprocessing=published.transforms()).preprocessing.resize_short
        256

        Any function from images (B, 3, H, W) to logits; `notes` say what was found by running it:

        >>> colours = Classifier.of(lambda images: images.mean((2, 3)), classes="red,green,blue")
        >>> colours.notes
        ('nothing was said of mean and std: the model is given pixels from 0 for black to 1 for white',)

        An ONNX Runtime session, or an ONNX file (here one that takes whole numbers, with the channels last):

        >>> from types import SimpleNamespace
        >>> class Session:  # stands for onnxruntime.InferenceSession("FILE.onnx")
        ...     def get_inputs(self):
        ...         return [SimpleNamespace(name="images", shape=[1, 32, 32, 3], type="tensor(uint8)")]
        ...     def get_outputs(self):
        ...         return [SimpleNamespace(name="features"), SimpleNamespace(name="scores")]
        ...     def run(self, output_names, input_feed):
        ...         means = input_feed["images"].mean((1, 2), dtype="float32")
        ...         return [means, means @ [[1, 0], [0, 1], [0, 1]]]
        >>> session = Classifier.of(Session(), classes=("red", "other"), output="scores")
        >>> session.tile, session.preprocessing.input_range
        (32, '0-255')

        A Hugging Face classifier with its processor, or a pipeline that holds both. Size, crop, mean, standard
        deviation and filter come from the processor, the class names from the model:

        >>> from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor
        >>> tiny = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
        >>> config = ViTConfig(image_size=32, patch_size=8, id2label={0: "cat", 1: "dog"}, **tiny)
        >>> processor = ViTImageProcessor(size={"height": 32, "width": 32})
        >>> vit = Classifier.of(ViTForImageClassification(config), processor=processor)
        >>> vit.classes, vit.preprocessing.resize_to
        (('cat', 'dog'), (32, 32))

        A published network by its name, with weights, preprocessing and class names; timm also takes
        "timm:hf-hub:OWNER/NAME" and "timm:local-dir:DIRECTORY":

        >>> Classifier.of("timm:test_resnet", tile=64, pretrained=False).classes[0]
        'tench, Tinca tinca'

        A named architecture with a file of weights, safetensors or from `torch.save`, which is read only with
        `weights_only=True`:

        >>> import tempfile
        >>> import torch
        >>> from nearsight.models.building import build
        >>> file = Path(tempfile.mkdtemp()) / "weights.pt"
        >>> torch.save({"state_dict": build("resnet18", 2, width=0.25).state_dict()}, file)
        >>> Classifier.of("resnet18", weights=file, width=0.25, classes=("cat", "dog"), mean=0.5, std=0.5).classes
        ('cat', 'dog')

        A run of ours, its directory, or anything with a method `classifier`:

        >>> from nearsight.models.saved_classifiers import save_classifier
        >>> save_classifier(toy := Classifier.of("airbench", classes=2, pretrained=False, width=0.1), file.parent)
        >>> Classifier.of(file.parent).architecture == toy.architecture
        True

        `classes` are names, a file of them, a list with commas, or their number. `tile` is the side in pixels of
        the tiles to look at. `preprocessing` is a `Preprocessing` or torchvision's transforms, and `resize_short`,
        `resize_to`, `crop`, `mean`, `std`, `interpolation`, `input_range`, `channels` and `layout` are its fields,
        each said over what the source knows; `mean` and `std` may be one number for all colours. `output` is the
        name or number of the logits among several outputs. `outputs` says what they are: "logits", "probabilities",
        whose logarithm is taken, or one "logit" or "probability" for the second of two classes. `pretrained=False`
        gives published networks initial weights. `width` is that of our own architectures. `name` is what to call a
        model that has no name.

        Raises `InputError`, with what is missing or does not fit, for a model that nothing can be made of.
        """
        from nearsight.models.sources import classifier_of

        return classifier_of(
            source,
            Said(
                classes=classes,
                tile=tile,
                preprocessing=preprocessing,
                resize_short=resize_short,
                resize_to=resize_to,
                crop=crop,
                mean=mean,
                std=std,
                interpolation=interpolation,
                input_range=input_range,
                channels=channels,
                layout=layout,
                output=output,
                outputs=outputs,
                processor=processor,
                weights=weights,
                pretrained=pretrained,
                width=width,
                name=name,
            ),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (B, classes) of normalised float images (B, 3, H, W).

        >>> import torch
        >>> colours = Classifier.of(lambda images: images.mean((2, 3)), classes="red,green,blue")
        >>> colours(torch.ones(2, 3, 8, 8)).shape
        torch.Size([2, 3])
        """
        found = self.with_attention(images)
        return found[:, : len(self.classes)] if self.architecture.attention else found

    def with_attention(self, images: Tensor) -> Tensor:
        """Return the logits of normalised images, and in a last column, if the network gives it, their attention.

        >>> import torch
        >>> colours = Classifier.of(lambda images: images.mean((2, 3)), classes="red,green,blue")
        >>> colours.with_attention(torch.ones(2, 3, 8, 8)).shape  # this one gives none
        torch.Size([2, 3])
        """
        if self.preprocessing.layout == "NHWC":
            images = images.permute(0, 2, 3, 1)
        found = self.network(images)
        if isinstance(found, Tensor) and found.ndim == 2:
            return as_logits(found, self.outputs)
        if self._name is None:
            # Once, because a batch of another length may match another output.
            classes = 1 if self.outputs in ("logit", "probability") else len(self.classes)
            self._name = logits_name(found, len(images), classes=classes, wanted=self.output)
        return as_logits(logits_in(found, self._name), self.outputs)

    @checked
    def tile_to_look_at(self, tile: int | None) -> int:
        """Return `tile`, or, if it is None, the tile of training; raises `InputError` if there is neither.

        >>> toy = Classifier.of(lambda images: images.mean((2, 3)), classes="red,green,blue", tile=16)
        >>> toy.tile_to_look_at(None), toy.tile_to_look_at(8)
        (16, 8)
        """
        tile = tile if tile is not None else self.tile
        if tile is None:
            raise InputError(
                "this classifier was trained on whole images; give the side of the tiles to look at, such as "
                "`tile=32`"
            )
        return tile

    @checked
    def prepare(self, image: Tensor) -> Tensor:
        """Turn one decoded image, uint8 (3, H, W), into the input of a full pass: resized, cropped, normalised.

        >>> import torch
        >>> toy = Classifier.of(lambda images: images.mean((2, 3)), classes=3, resize_short=8, crop=8, mean=0, std=1)
        >>> toy.prepare(torch.zeros(3, 16, 24, dtype=torch.uint8)).shape
        torch.Size([3, 8, 8])

        The result is float. Raises `InputError` for a tensor that is no such image.
        """
        if image.ndim != 3:
            raise InputError(f"`image` takes one of (3, height, width), got one of {tuple(image.shape)}")
        return self.preprocessing.normalise(self.preprocessing.cut_whole(self.preprocessing.resize(image)))
