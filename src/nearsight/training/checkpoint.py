"""The latest training state of a run: one file, written whole or not at all, without pickle."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.runs import CHECKPOINT
from nearsight.schema import FIRST, SCHEMA, SCHEMAS, read_schema
from nearsight.write import write_tensors

_FILE = "state.safetensors"


@dataclass(frozen=True)
class Milestone:
    """How far a run has come, and what must stay the same when it goes on.

    `material` is the fingerprint of what it is trained on, empty where that are the set's own images.
    """

    step: int
    seconds: float
    precision: str
    reason: str
    material: str = ""


@dataclass(frozen=True)
class TrainingState:
    """The parts of a run that change as it trains; `group_weights` are those of the loss of the worst group."""

    network: nn.Module
    optimizers: list[torch.optim.Optimizer]
    average: nn.Module | None
    running: Tensor
    group_weights: Tensor | None = None


def save_checkpoint(directory: Path, state: TrainingState, milestone: Milestone) -> None:
    """Write the training state under `directory`; a reader finds the old one or the new one, never a part.

    Raises `InputError` when the disk is full; the old one is then kept.
    """
    tensors = {f"network.{name}": value for name, value in state.network.state_dict().items()}
    if state.average is not None:
        tensors |= {f"average.{name}": value for name, value in state.average.state_dict().items()}
    numbers: dict[str, float] = {}
    for number, optimizer in enumerate(state.optimizers):
        for index, entries in optimizer.state_dict()["state"].items():
            for name, value in entries.items():
                key = f"optimizer.{number}.{index}.{name}"
                if isinstance(value, Tensor):
                    tensors[key] = value
                elif value is not None:
                    numbers[key] = value
    tensors["running"] = state.running
    if state.group_weights is not None:
        tensors["group_weights"] = state.group_weights
    whole = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    schema = {SCHEMA: str(SCHEMAS["checkpoint"])}
    header = schema | {"progress": json.dumps(asdict(milestone)), "numbers": json.dumps(numbers)}
    write_tensors(directory / CHECKPOINT / _FILE, whole, header)


def read_milestone(directory: Path) -> Milestone | None:
    """Return how far the run in `directory` had come at its last checkpoint, or None if it has none."""
    from safetensors import SafetensorError, safe_open

    path = directory / CHECKPOINT / _FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata()
            read_schema("checkpoint", {SCHEMA: int(header.get(SCHEMA, FIRST))}, path)
            return Milestone(**json.loads(header["progress"]))
    except InputError:
        raise
    except (SafetensorError, TypeError, KeyError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is not a checkpoint of ours ({error}); remove it to begin again") from None


def load_checkpoint(directory: Path, state: TrainingState) -> None:
    """Put the last checkpoint's values into `state`, bit for bit, in the parameters' memory layout."""
    from safetensors import safe_open

    with safe_open(directory / CHECKPOINT / _FILE, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        numbers: dict[str, float] = json.loads(file.metadata()["numbers"])
    state.network.load_state_dict(_under("network.", tensors))
    if state.average is not None:
        state.average.load_state_dict(_under("average.", tensors))
    for number, optimizer in enumerate(state.optimizers):
        entries: dict[int, dict[str, Any]] = {}
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        for key, value in (tensors | numbers).items():
            if key.startswith(f"optimizer.{number}."):
                _, _, index, name = key.split(".", 3)
                entries.setdefault(int(index), {})[name] = _like(parameters[int(index)], value)
        optimizer.load_state_dict({"state": entries, "param_groups": optimizer.state_dict()["param_groups"]})
    state.running.copy_(tensors["running"])
    if state.group_weights is not None:
        state.group_weights.copy_(tensors["group_weights"])


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _like(parameter: Tensor, value: Tensor | float) -> Tensor | float:
    # Sums over a tensor run in memory order, so a buffer in another layout would change the last bits.
    if isinstance(value, Tensor) and value.shape == parameter.shape:
        return torch.empty_like(parameter).copy_(value)
    return value
