"""Weights in a file: read without ever running what is in it, and fitted leaf by leaf."""

import pickle
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nearsight.errors import InputError, first_line
from nearsight.read import open_file, read_tensors
from nearsight.settings.models import PICKLED, SAFETENSORS

# Names under which training scripts put the weights beside their optimizer, best first.
_WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model", "weights", "net")
# Prefixes that wrappers of networks put before every name.
_PREFIXES = ("module.", "_orig_mod.", "model.", "network.")
# Counters that older files lack and that evaluation does not use.
_COUNTERS = "num_batches_tracked"


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a file of weights by name, on the CPU.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "weights.pt"
    >>> torch.save({"state_dict": {"module.head.weight": torch.zeros(2, 8)}, "epoch": 3}, path)
    >>> read_weights(path)["module.head.weight"].shape
    torch.Size([2, 8])

    `path` is a safetensors file, or a file of `torch.save`, which is only read with `weights_only=True`. Weights
    beside other things, as in a checkpoint, are found. Raises `InputError` if the file cannot be read, is
    damaged, or holds more than weights.
    """
    path = Path(path)
    if path.suffix == SAFETENSORS:
        return read_tensors(path, "give a whole file of weights")[0]
    return _inner(_unpickled(path), path)


def check_held(network: nn.Module) -> None:
    """Raise `InputError` for a network that has shapes of weights but no weights, as on the meta device.

    >>> check_held(nn.Linear(2, 2, device="meta"))
    Traceback (most recent call last):
    nearsight.errors.InputError: the network's weights are on the meta device, which holds shapes and no numbers; \
load them first, with network.to_empty(device="cpu") and load_state_dict
    """
    if any(tensor.is_meta for tensor in (*network.parameters(), *network.buffers())):
        raise InputError(
            "the network's weights are on the meta device, which holds shapes and no numbers; load them first, with "
            'network.to_empty(device="cpu") and load_state_dict'
        )


def _unpickled(path: Path) -> Any:
    if path.suffix not in PICKLED:
        known = ", ".join((SAFETENSORS, *PICKLED))
        raise InputError(f"{path} is no file of weights; expected one whose name ends in {known}")
    try:
        with warnings.catch_warnings():
            # It warns of old files before it reads or refuses them.
            warnings.simplefilter("ignore")
            with open_file(path, "give a file of weights") as file:
                return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} holds more than weights, and reading it could run code; save network.state_dict() alone, "
            "best as safetensors"
        ) from error
    except InputError:
        raise
    except Exception as error:
        # Unpickling runs nothing here, but damage may raise any kind of error.
        raise InputError(f"{path} is damaged or cut short ({first_line(error)})") from error


def _inner(content: Any, path: Path) -> dict[str, Tensor]:
    if isinstance(content, Mapping):
        tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
        if tensors and len(tensors) == len(content):
            return tensors
        for wrapper in _WRAPPERS:
            if isinstance(content.get(wrapper), Mapping):
                return _inner(content[wrapper], path)
        if tensors:
            return tensors
    raise InputError(f"{path} holds {type(content).__name__}, not weights by name")


def load_weights(
    network: nn.Module, weights: Mapping[str, Tensor], source: str, *, new: Iterable[str] = ()
) -> None:
    """Load weights into a network, each into the leaf of its name.

    >>> head = nn.Linear(8, 2)
    >>> load_weights(head, {"module.weight": torch.ones(2, 8), "module.bias": torch.zeros(2)}, "file")
    >>> head.weight.unique()
    tensor([1.], grad_fn=<Unique2Backward0>)

    If no name fits, the prefix that wrappers put before all of them ("module.", "_orig_mod.", "model.") is
    removed. Leaves that are `new` stay as they are. Raises `InputError` if the others do not fit, naming `source`,
    the leaf and both shapes; the network is then as before.
    """
    network.load_state_dict(fitting_weights(network, weights, source, new=new))


def fitting_weights(
    network: nn.Module, weights: Mapping[str, Tensor], source: str, *, new: Iterable[str] = ()
) -> dict[str, Tensor]:
    """Return weights by the names of a network's leaves, which may be on the meta device.

    >>> list(fitting_weights(nn.Linear(8, 2, bias=False, device="meta"), {"weight": torch.ones(2, 8)}, "file"))
    ['weight']

    Those of leaves that are `new` are the network's own. Raises `InputError` if the others do not fit, naming
    `source`, the leaf and both shapes.
    """
    expected = network.state_dict()
    fitting = dict(_without_prefix(weights, expected)) | {name: expected[name] for name in new}
    for name in expected:
        if name.endswith(_COUNTERS) and name not in fitting:
            fitting[name] = expected[name]
    for name in sorted(fitting.keys() | expected.keys()):
        found, needed = (_shape(tensors.get(name)) for tensors in (fitting, expected))
        if found != needed:
            raise InputError(
                f"{source} does not fit the architecture: '{name}' is {found} in the file but {needed} in the network"
            )
    return fitting


def _without_prefix(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    while weights and not weights.keys() & expected.keys():
        prefix = next((known for known in _PREFIXES if all(name.startswith(known) for name in weights)), None)
        if prefix is None:
            break
        weights = {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
    return weights


def rows_of(weights: Mapping[str, Tensor], layer: str) -> int | None:
    """Return how many outputs the weights of a layer have, whatever the prefix of its name; None without it.

    >>> rows_of({"module.head.weight": torch.zeros(10, 512)}, "head")
    10
    """
    for name, tensor in weights.items():
        if tensor.ndim >= 2 and f".{name}".endswith(f".{layer}.weight"):
            return len(tensor)
    return None


def _shape(tensor: Tensor | None) -> str:
    return "missing" if tensor is None else "×".join(map(str, tensor.shape)) or "a scalar"
