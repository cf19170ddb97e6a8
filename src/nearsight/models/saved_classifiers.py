"""A classifier's directory: its weights and its description, written and read as a whole."""

import copy
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from keyword import iskeyword
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.models.classifier import Architecture, Classifier, Network
from nearsight.models.outputs import Outputs, is_seen
from nearsight.models.preprocessing import Preprocessing
from nearsight.models.weights import fitting_weights, load_weights, read_weights
from nearsight.numbers import Pixels
from nearsight.read import check_of_run, is_file, parse_json, read_sealed_text
from nearsight.rows import from_values
from nearsight.schema import SCHEMA, numbered, read_schema
from nearsight.settings.models import CUSTOM
from nearsight.settings.pooled import BY_MEAN, Pooling
from nearsight.write import write_json, write_tensors

WEIGHTS = "model.safetensors"
DESCRIPTION = "model.json"
_MEND = "train the run again"
# The names of very many classes.
_LARGEST = 16 * 2**20


@dataclass(frozen=True)
class Description:
    """Everything about a classifier except its weights, as `Classifier` takes it.

    Fields with a default did not exist in the first versions.
    """

    architecture: Architecture
    classes: tuple[str, ...]
    tile: Pixels | None
    preprocessing: Preprocessing
    output: str | int | None = None
    outputs: Outputs = "logits"
    pooling: Pooling = BY_MEAN


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
            f"'{classifier.architecture.name}' is not a PyTorch network, so it has no weights to save"
        )
    state = _state(classifier.network)
    write_tensors(Path(directory) / WEIGHTS, state, {"format": "pt"})
    write_json(Path(directory) / DESCRIPTION, describe_classifier(classifier))


def describe_classifier(classifier: Classifier) -> dict[str, Any]:
    """Return everything about a classifier except its weights: the content of model.json."""
    return numbered(
        "model",
        {
            "architecture": asdict(classifier.architecture),
            "tile": classifier.tile,
            "classes": classifier.classes,
            "preprocessing": asdict(classifier.preprocessing),
            "output": classifier.output,
            "outputs": classifier.outputs,
            "pooling": asdict(classifier.pooling),
            "versions": {
                "nearsight": version("nearsight"),
                "torch": str(torch.__version__),
                "timm": version("timm"),
                "python": platform.python_version(),
            },
        },
    )


def _state(network: nn.Module) -> dict[str, Tensor]:
    """Return a network's tensors on the CPU, none of which shares its memory with another."""
    state: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, tensor in network.state_dict().items():
        kept = tensor.detach().cpu().contiguous()
        # Tied weights are stored under each of their names, because safetensors does not accept views.
        state[name] = kept.clone() if kept.untyped_storage().data_ptr() in taken else kept
        taken.add(kept.untyped_storage().data_ptr())
    return state


def load_classifier(directory: Path, network: Network | None = None) -> Classifier:
    """Read the classifier that `save_classifier` wrote, on the CPU and ready for inference.

    `network` is needed for a network of your own, which no file can build: the network itself, into a copy of
    which the weights are loaded, or a function that builds it for a number of classes.

    Raises `InputError` if a file is missing or damaged, if the network is needed and not given, and if the
    weights do not fit it, naming the leaf and both shapes.
    """
    directory = Path(directory)
    path, source = directory / DESCRIPTION, directory / WEIGHTS
    described = read_description(
        read_sealed_text(path, f"is {directory} a finished run?", largest=_LARGEST), str(path)
    )
    if not is_file(source):
        raise InputError(f"{directory} has no {WEIGHTS}; is it a finished run?")
    for file in (path, source):
        check_of_run(file)
    weights = read_weights(source)
    classifier = Classifier(
        _network(described.architecture, network, directory, weights),
        described.architecture,
        described.classes,
        described.tile,
        described.preprocessing,
        output=described.output,
        outputs=described.outputs,
        pooling=described.pooling,
    )
    load_weights(classifier.network, weights, str(source))
    return classifier.eval()


def read_description(text: str, source: str) -> Description:
    """Return what `describe_classifier` gave, from its JSON.

    Raises `InputError`, naming `source`, for something else or a newer description.
    """
    content = parse_json(text, source, _MEND)
    schema = read_schema("model", content, source)
    # Versions say what wrote it, but nothing about the classifier.
    known = {name: value for name, value in content.items() if name not in (SCHEMA, "versions")}
    try:
        described = from_values(Description, known, source, schema=schema)
    except InputError as error:
        raise InputError(f"{error}; {_MEND}") from error
    if len(described.classes) != described.architecture.classes:
        raise InputError(
            f"{source} names {len(described.classes)} classes of a network for {described.architecture.classes}; "
            f"{_MEND}"
        )
    return described


def _network(
    architecture: Architecture, given: Network | None, directory: Path, weights: Mapping[str, Tensor]
) -> nn.Module:
    if given is None and architecture.name.startswith(CUSTOM):
        own = architecture.name.removeprefix(CUSTOM)
        # What has no name in Python is used as its user gives it.
        named, given_as = (f", '{own}'", own) if own.isidentifier() and not iskeyword(own) else ("", "…")
        raise InputError(
            f"{directory} was made of a network of your own{named}, which no file can build; give it: "
            f"Run.open({str(directory)!r}).classifier(network={given_as})"
        )
    if given is None:
        _check_fits(architecture, weights, directory / WEIGHTS)
        return architecture.build()
    return architecture.finished(
        copy.deepcopy(given) if isinstance(given, nn.Module) else given(architecture.classes)
    )


def _check_fits(architecture: Architecture, weights: Mapping[str, Tensor], source: Path) -> None:
    """Raise `InputError` if a network is not that of the weights, before memory is taken for it."""
    try:
        with torch.device("meta"):
            planned = architecture.build()
    except InputError:
        raise
    except (NotImplementedError, RuntimeError):
        # Some of timm's networks compute with their weights while they are built.
        return
    fitting_weights(planned, weights, str(source))
