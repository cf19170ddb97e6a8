"""The latest training states of a run: the last one and the one before it, each a file without pickle."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nearsight.errors import InputError, first_line
from nearsight.progress import SILENT, Progress
from nearsight.read import parse_json, read_tensors
from nearsight.rows import from_values
from nearsight.runs import CHECKPOINT
from nearsight.schema import FIRST, SCHEMA, SCHEMAS, read_schema
from nearsight.write import seals_of, write_tensors

NEWEST, BEFORE = "state.safetensors", "previous.safetensors"
# Complete, but not yet in its place.
_NEXT = "next.safetensors"
_BEGIN_AGAIN = "remove it to begin again"


@dataclass(frozen=True)
class Milestone:
    """How far a run has come, and what must stay the same when it continues.

    `material` is the fingerprint of what it is trained on, empty if that is the set's own images; `metrics` is
    the digest of the rows of metrics.csv until then, empty if that was not known. `beside` are the digests of the
    files that make the run what it is, by their names; none in older checkpoints.
    """

    step: int
    seconds: float
    precision: str
    reason: str
    material: str = ""
    metrics: str = ""
    beside: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingState:
    """The parts of a run that change as it trains; `group_weights` are those of the loss of the worst group."""

    network: nn.Module
    optimizers: list[torch.optim.Optimizer]
    average: nn.Module | None
    running: Tensor
    group_weights: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The content of a file of a training state, read at once; `counted` is whether it has the number of tensors."""

    path: Path
    milestone: Milestone
    tensors: Mapping[str, Tensor]
    numbers: Mapping[str, float]
    counted: bool


def save_checkpoint(directory: Path, state: TrainingState, milestone: Milestone) -> None:
    """Write the training state under `directory`, and keep the one before it.

    A reader finds the old one or the new one, never a part. Raises `InputError` if the disk is full; the existing
    one is then kept.
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
    header = {
        SCHEMA: str(SCHEMAS["checkpoint"]),
        "progress": json.dumps(asdict(milestone)),
        "numbers": json.dumps(numbers),
        "tensors": str(len(whole)),
    }
    place = directory / CHECKPOINT
    write_tensors(place / _NEXT, whole, header)
    if (place / NEWEST).is_file():
        (place / NEWEST).replace(place / BEFORE)
    (place / _NEXT).replace(place / NEWEST)


def check_same_run(directory: Path, milestone: Milestone) -> None:
    """Raise `InputError` if a checkpoint was written beside other files of a run than those in its directory."""
    there = seals_of(directory, milestone.beside)
    for name, seal in milestone.beside.items():
        if there.get(name, seal) != seal:
            place = directory / CHECKPOINT
            raise InputError(
                f"{place} is of another run than {directory / name}; put back what belongs together, or remove "
                f"{place} to begin again"
            )


def read_checkpoint(directory: Path, progress: Progress = SILENT) -> Checkpoint | None:
    """Return the last checkpoint of the run in `directory`, or None if it has none.

    If that is damaged, the one before it is returned, and `progress` is told. Raises `InputError` if none is
    whole, and for one of a newer version.
    """
    newest, before = _places(directory)
    if not newest.is_file():
        return _read(before) if before.is_file() else None
    try:
        return _read(newest)
    except InputError as error:
        if not before.is_file():
            raise
        return _one_before(_read, error, before, progress)


def restore(
    checkpoint: Checkpoint, state: TrainingState, steps: int, progress: Progress = SILENT
) -> Checkpoint:
    """Load a checkpoint's values into `state`, bit for bit, in the parameters' memory layout; return the checkpoint.

    If it does not fit the state of a run of this many steps, the one before it is used, if there is one, and
    `progress` is told. Raises `InputError` if none fits; `state` is then as before.
    """
    try:
        entries = _checked(checkpoint, state, steps)
    except InputError as error:
        before = checkpoint.path.with_name(BEFORE)
        if before == checkpoint.path or not before.is_file():
            raise
        return _one_before(lambda path: restore(_read(path), state, steps), error, before, progress)
    state.network.load_state_dict(_under("network.", checkpoint.tensors))
    if state.average is not None:
        state.average.load_state_dict(_under("average.", checkpoint.tensors))
    for optimizer, held in zip(state.optimizers, entries, strict=True):
        parameters = _parameters(optimizer)
        laid_out = {
            index: {name: _like(parameters[index], value) for name, value in values.items()}
            for index, values in held.items()
        }
        optimizer.load_state_dict({"state": laid_out, "param_groups": optimizer.state_dict()["param_groups"]})
    state.running.copy_(checkpoint.tensors["running"])
    if state.group_weights is not None:
        state.group_weights.copy_(checkpoint.tensors["group_weights"])
    return checkpoint


def keep_as_newest(checkpoint: Checkpoint) -> None:
    """Put the checkpoint from which a run continues in the place of a newer one that was damaged."""
    if checkpoint.path.name != NEWEST:
        checkpoint.path.replace(checkpoint.path.with_name(NEWEST))


def _one_before(
    take: Callable[[Path], Checkpoint], error: InputError, before: Path, progress: Progress
) -> Checkpoint:
    """Return the checkpoint before one that raised an error, and say so; if it fails too, report both."""
    what = str(error).removesuffix(f"; {_BEGIN_AGAIN}")
    try:
        found = take(before)
    except InputError as another:
        why = str(another).removesuffix(f"; {_BEGIN_AGAIN}")
        raise InputError(f"{what}; {why}; remove {before.parent} to begin again") from another
    progress.warn(f"{what}; the checkpoint before it is used")
    return found


def _places(directory: Path) -> tuple[Path, Path]:
    return directory / CHECKPOINT / NEWEST, directory / CHECKPOINT / BEFORE


def _read(path: Path) -> Checkpoint:
    tensors, header = read_tensors(path, _BEGIN_AGAIN)
    try:
        read_schema("checkpoint", {SCHEMA: int(header.get(SCHEMA, FIRST))}, path)
        numbers = parse_json(header["numbers"], path, _BEGIN_AGAIN)
        counted = "tensors" in header
        if counted and int(header["tensors"]) != len(tensors):
            raise ValueError(f"it holds {len(tensors)} tensors and was written with {header['tensors'][:20]}")
        milestone = from_values(Milestone, parse_json(header["progress"], path, _BEGIN_AGAIN), path)
        _check_milestone(milestone)
        _check_numbers(numbers)
    except InputError:
        raise
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path} is not a checkpoint of ours ({first_line(error)}); {_BEGIN_AGAIN}"
        ) from None
    return Checkpoint(path, milestone, tensors, numbers, counted)


def _check_milestone(milestone: Milestone) -> None:
    if milestone.step < 0:
        raise ValueError(f"step {milestone.step}")
    if not (isfinite(milestone.seconds) and milestone.seconds >= 0):
        raise ValueError(f"{milestone.seconds} seconds")
    if milestone.precision not in ("float32", "bfloat16"):
        raise ValueError(f"precision {milestone.precision[:40]!r}")


def _check_numbers(numbers: Any) -> None:
    for name, value in numbers.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
            raise ValueError(f"{name} is no finite number")


Entries = dict[int, dict[str, Tensor | float]]


def _checked(checkpoint: Checkpoint, state: TrainingState, steps: int) -> list[Entries]:
    """Return what each optimizer held, once everything in a checkpoint is known to fit."""
    faults = _faults(checkpoint, state, steps)
    fault = next(faults, None)
    if fault is not None:
        raise InputError(f"{checkpoint.path} does not fit this run: {fault}; {_BEGIN_AGAIN}")
    return [_entries(checkpoint, number) for number in range(len(state.optimizers))]


def _faults(checkpoint: Checkpoint, state: TrainingState, steps: int) -> Iterator[str]:
    step, tensors = checkpoint.milestone.step, checkpoint.tensors
    if step > steps:
        yield f"it is of step {step:,}, and the run has {steps:,}"
    expected = {f"network.{name}": value for name, value in state.network.state_dict().items()}
    if state.average is not None:
        expected |= {f"average.{name}": value for name, value in state.average.state_dict().items()}
    expected["running"] = state.running
    if state.group_weights is not None:
        expected["group_weights"] = state.group_weights
    others = {name for name in tensors if not name.startswith("optimizer.")}
    for name in sorted(expected.keys() ^ others):
        yield f"{name} is {'missing' if name in expected else 'of something else'}"
    for name, value in expected.items():
        found = tensors[name]
        # Sums have another precision on some devices.
        kind_differs = found.dtype != value.dtype and name not in ("running", "group_weights")
        if found.shape != value.shape or kind_differs:
            yield f"{name} is {_kind(found)}, and {_kind(value)} is expected"
        # What a network masks may be infinite from the start.
        if not bool((torch.isfinite(found) | (found == value.detach().cpu())).all()):
            yield f"{name} is not finite"
    yield from _optimizer_faults(checkpoint, state)


def _optimizer_faults(checkpoint: Checkpoint, state: TrainingState) -> Iterator[str]:
    for key in (*checkpoint.tensors, *checkpoint.numbers):
        parts = key.split(".", 3)
        if parts[0] == "optimizer" and not (
            len(parts) == 4
            and all(part.isdecimal() for part in parts[1:3])
            and int(parts[1]) < len(state.optimizers)
            and int(parts[2]) < len(_parameters(state.optimizers[int(parts[1])]))
        ):
            yield f"{key} is of something else"
            return
    for number, optimizer in enumerate(state.optimizers):
        entries, parameters = _entries(checkpoint, number), _parameters(optimizer)
        names = {name for held in entries.values() for name in held}
        kinds: dict[str, torch.dtype] = {}
        for index, parameter in enumerate(parameters):
            held = entries.get(index, {})
            # A parameter that no loss reaches has none of them; older files do not say how many there were.
            if held.keys() != names and (held or not checkpoint.counted):
                yield f"optimizer.{number}.{index} lacks {', '.join(sorted(names - held.keys()))}"
            for name, value in held.items():
                if not isinstance(value, Tensor):
                    continue
                kind = kinds.setdefault(name, value.dtype)
                if value.ndim and value.shape != parameter.shape:
                    yield f"optimizer.{number}.{index}.{name} is {_kind(value)}, not of {_kind(parameter)}"
                if value.dtype != kind or not value.is_floating_point():
                    yield f"optimizer.{number}.{index}.{name} is {_kind(value)}"
                # A mean of squares may be infinite; its step is then zero.
                if bool(torch.isnan(value).any()):
                    yield f"optimizer.{number}.{index}.{name} is not a number"


def _entries(checkpoint: Checkpoint, number: int) -> Entries:
    """Return what one optimizer held for each of its parameters, by their number."""
    entries: Entries = {}
    every: Mapping[str, Tensor | float] = {**checkpoint.tensors, **checkpoint.numbers}
    for key, value in every.items():
        if key.startswith(f"optimizer.{number}."):
            _, _, index, name = key.split(".", 3)
            entries.setdefault(int(index), {})[name] = value
    return entries


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {'×'.join(map(str, tensor.shape)) or 'scalar'}"


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _like(parameter: Tensor, value: Tensor | float) -> Tensor | float:
    # Sums over a tensor go in memory order, so a buffer in another layout would change the last bits.
    if isinstance(value, Tensor) and value.shape == parameter.shape:
        return torch.empty_like(parameter).copy_(value)
    return value
