"""A classifier's directory: its weights and its description, written and read whole."""

import copy
import json
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from keyword import iskeyword
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor, nn

from nearsight.digest import unsealed_json
from nearsight.errors import InputError
from nearsight.models.classifier import Architecture, Classifier, Network
from nearsight.models.outputs import Outputs, is_seen
from nearsight.models.preprocessing import Preprocessing
from nearsight.models.weights import load_weights, read_weights
from nearsight.numbers import real, whole
from nearsight.schema import numbered, read_schema
from nearsight.settings.models import CUSTOM
from nearsight.write import write_json, write_tensors

WEIGHTS = "model.safetensors"
DESCRIPTION = "model.json"


@dataclass(frozen=True)
class Description:
    """What there is to know of a classifier but its weights, as `Classifier` takes it."""

    architecture: Architecture
    classes: tuple[str, ...]
    tile: int | None
    preprocessing: Preprocessing
    output: str | int | None
    outputs: Outputs


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
    if classifier.architecture.name.startswith(CUSTOM) and not is_seen(classifier.network):
        raise InputError(
            f"'{classifier.architecture.name}' is no network of PyTorch: it has no weights to save"
        )
    state = _state(classifier.network)
    write_tensors(Path(directory) / WEIGHTS, state, {"format": "pt"})
    write_json(Path(directory) / DESCRIPTION, describe_classifier(classifier))


def describe_classifier(classifier: Classifier) -> dict[str, Any]:
    """Return what there is to know of a classifier but its weights: what model.json holds."""
    return numbered(
        "model",
        {
            "architecture": asdict(classifier.architecture),
            "tile": classifier.tile,
            "classes": classifier.classes,
            "preprocessing": asdict(classifier.preprocessing),
            "output": classifier.output,
            "outputs": classifier.outputs,
            "versions": {
                "nearsight": version("nearsight"),
                "torch": str(torch.__version__),
                "timm": version("timm"),
                "python": platform.python_version(),
            },
        },
    )


def _state(network: nn.Module) -> dict[str, Tensor]:
    """Return a network's tensors on the CPU, none of them sharing its memory with another."""
    state: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, tensor in network.state_dict().items():
        kept = tensor.detach().cpu().contiguous()
        # Tied weights are stored under each of their names, as safetensors takes no views.
        state[name] = kept.clone() if kept.untyped_storage().data_ptr() in taken else kept
        taken.add(kept.untyped_storage().data_ptr())
    return state


def load_classifier(directory: Path, network: Network | None = None) -> Classifier:
    """Read the classifier that `save_classifier` wrote, on the CPU and ready for inference.

    `network` is needed where it was made of a network of your own, which no file can build: that network, into a copy
    of which the weights go, or a function that builds it for a number of classes.

    Raises `InputError` when a file is missing or damaged, when the network is needed and not given, and when the
    weights do not fit it, naming the leaf and both shapes.
    """
    directory = Path(directory)
    classifier = _describe(directory / DESCRIPTION, network)
    if not (directory / WEIGHTS).is_file():
        raise InputError(f"{directory} has no {WEIGHTS}; is it a finished run?")
    load_weights(classifier.network, read_weights(directory / WEIGHTS), str(directory / WEIGHTS))
    return classifier.eval()


def _describe(path: Path, network: Network | None) -> Classifier:
    try:
        text = unsealed_json(path.read_bytes(), path, "put back a copy of it, or train the run again").decode(
            "utf-8"
        )
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}; is {path.parent} a finished run?") from error
    described = read_description(text, str(path))
    return Classifier(
        _network(described.architecture, network, path.parent),
        described.architecture,
        described.classes,
        described.tile,
        described.preprocessing,
        output=described.output,
        outputs=described.outputs,
    )


def read_description(text: str, source: str) -> Description:
    """Return what `describe_classifier` gave, from its JSON.

    Raises `InputError`, naming `source`, for another or a newer description.
    """
    try:
        content: dict[str, Any] = json.loads(text)
        read_schema("model", content, source)
        architecture = Architecture(**content["architecture"])
        # Absent fields were not known to the version that wrote the file, and mean what they default to.
        preprocessing: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in content["preprocessing"].items()
        }
        described = Description(
            architecture,
            tuple(content["classes"]),
            content["tile"],
            Preprocessing(**preprocessing),
            content.get("output"),
            content.get("outputs", "logits"),
        )
        _check_kinds(described)
    except InputError as error:
        raise error if source in str(error) else InputError(f"{source}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{source} does not describe a classifier ({type(error).__name__}: {error}); train the run again"
        ) from error
    return described


def _check_kinds(described: Description) -> None:
    """Raise `TypeError` for what is no text or no number where a description has one, or no kind of output."""
    architecture, preprocessing = described.architecture, described.preprocessing
    for text in (architecture.name, *described.classes):
        if not isinstance(text, str):
            raise TypeError(f"{text!r} is no name")
    for number in (architecture.classes, architecture.width, *preprocessing.mean, *preprocessing.std):
        real("a description", number)
    for side in (architecture.tile, described.tile, preprocessing.resize_short):
        if side is not None:
            whole("a side", side)
    if not isinstance(described.output, str | int | None):
        raise TypeError(f"{described.output!r} is no name or number of an output")
    if described.outputs not in get_args(Outputs):
        raise TypeError(f"{described.outputs!r} is not what an output can be")


def _network(architecture: Architecture, given: Network | None, directory: Path) -> nn.Module:
    if given is None and architecture.name.startswith(CUSTOM):
        own = architecture.name.removeprefix(CUSTOM)
        # What has no name in Python is given as its user finds it.
        named, given_as = (f", '{own}'", own) if own.isidentifier() and not iskeyword(own) else ("", "…")
        raise InputError(
            f"{directory} was made of a network of your own{named}, which no file can build; give it: "
            f"Run.open({str(directory)!r}).classifier(network={given_as})"
        )
    if given is None:
        return architecture.build()
    return copy.deepcopy(given) if isinstance(given, nn.Module) else given(architecture.classes)
