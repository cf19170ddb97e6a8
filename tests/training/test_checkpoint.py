"""Checkpoints: every bit of the training state comes back, and a failed write harms nothing."""

import copy
import errno
import json
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.models import build
from nearsight.progress import Silent
from nearsight.settings import Recipe
from nearsight.training.average import WeightAverage
from nearsight.training.checkpoint import (
    BEFORE,
    NEWEST,
    Milestone,
    TrainingState,
    keep_as_newest,
    read_checkpoint,
    restore,
    save_checkpoint,
)
from nearsight.training.optimizers import build_optimizers
from nearsight.write import write_tensors

MILESTONE = Milestone(step=7, seconds=1.25, precision="bfloat16", reason="within 1 % of float32")


STEPS = 10


def make_state(optimizer: str, seed: int, ema: bool = True) -> TrainingState:
    torch.manual_seed(seed)
    network = build("airbench", 3, width=0.1).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = None
    if ema:
        average = WeightAverage(network, decay=0.5)
    recipe = Recipe(optimizer=optimizer, batch_size=8)
    return TrainingState(
        network, build_optimizers(network, recipe), average, torch.rand(4, dtype=torch.float64)
    )


def milestone(directory: Path) -> Milestone | None:
    checkpoint = read_checkpoint(directory)
    return None if checkpoint is None else checkpoint.milestone


def go_on(directory: Path, state: TrainingState) -> None:
    checkpoint = read_checkpoint(directory)
    assert checkpoint is not None
    restore(checkpoint, state, STEPS)


def advance(state: TrainingState, steps: range) -> None:
    for step in steps:
        draw = torch.Generator().manual_seed(step)
        images = torch.randn(8, 3, 8, 8, generator=draw).contiguous(memory_format=torch.channels_last)
        labels = torch.randint(3, (8,), generator=draw)
        F.cross_entropy(state.network(images), labels).backward()
        for optimizer in state.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        if state.average is not None:
            state.average.update_parameters(state.network)


def tensors(state: TrainingState) -> dict[str, Tensor]:
    found = {f"network.{name}": value for name, value in state.network.state_dict().items()}
    if state.average is not None:
        found |= {f"average.{name}": value for name, value in state.average.state_dict().items()}
    for number, optimizer in enumerate(state.optimizers):
        for index, entries in optimizer.state_dict()["state"].items():
            found |= {f"{number}.{index}.{name}": torch.as_tensor(value) for name, value in entries.items()}
    return found | {"running": state.running}


def same(ours: TrainingState, theirs: TrainingState) -> bool:
    a, b = tensors(ours), tensors(theirs)
    return a.keys() == b.keys() and all(
        a[name].equal(b[name]) and a[name].dtype == b[name].dtype and a[name].stride() == b[name].stride()
        for name in a
    )


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "muon"])
@pytest.mark.parametrize("ema", [False, True])
def test_a_state_read_back_goes_on_bit_for_bit(optimizer: str, ema: bool, tmp_path: Path) -> None:
    state, other = make_state(optimizer, 0, ema), make_state(optimizer, 1, ema)
    advance(state, range(3))
    save_checkpoint(tmp_path, state, MILESTONE)
    assert milestone(tmp_path) == MILESTONE
    assert not same(other, state)
    go_on(tmp_path, other)
    assert same(other, state)
    advance(state, range(3, 6))
    advance(other, range(3, 6))
    assert same(other, state)


def test_a_checkpoint_before_the_first_step_holds_no_momentum(tmp_path: Path) -> None:
    state, other = make_state("sgd", 0), make_state("sgd", 1)
    save_checkpoint(tmp_path, state, MILESTONE)
    go_on(tmp_path, other)
    assert same(other, state)


def test_saving_does_not_tie_the_file_to_the_running_weights(tmp_path: Path) -> None:
    state, other = make_state("muon", 0), make_state("muon", 1)
    advance(state, range(2))
    kept = copy.deepcopy(state)
    save_checkpoint(tmp_path, state, MILESTONE)
    advance(state, range(2, 4))
    go_on(tmp_path, other)
    assert same(other, kept)


def test_a_directory_without_a_checkpoint_has_no_progress(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path) is None
    (tmp_path / "checkpoint").mkdir()
    assert read_checkpoint(tmp_path) is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_the_older_checkpoint_whole(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snapshot: Callable[[Path], dict[str, bytes]]
) -> None:
    state = make_state("sgd", 0)
    save_checkpoint(tmp_path, state, MILESTONE)
    before = snapshot(tmp_path)

    def full(path: Path, content: bytes) -> NoReturn:
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(number, "no room")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"the disk is full: .* what was there is kept"):
        save_checkpoint(tmp_path, state, replace(MILESTONE, step=9))
    monkeypatch.undo()
    assert snapshot(tmp_path) == before
    assert milestone(tmp_path) == MILESTONE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_device_that_is_really_full_is_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def on_the_device(path: Path) -> Iterator[Path]:
        temporary = path.with_name(f".{path.name}")
        temporary.symlink_to("/dev/full")
        yield temporary

    monkeypatch.setattr("nearsight.write.file_beside", on_the_device)
    with pytest.raises(InputError, match="the disk is full"):
        save_checkpoint(tmp_path, make_state("sgd", 0), MILESTONE)
    assert read_checkpoint(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"junk", b"\xff" * 100])
def test_a_damaged_checkpoint_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "state.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"state\.safetensors cannot be read: .* remove it") as caught:
        read_checkpoint(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_cut_short_at_any_place_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, make_state("sgd", 0), MILESTONE)
    path = tmp_path / "checkpoint" / "state.safetensors"
    whole = path.read_bytes()
    for length in (1, 7, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"(cannot be read|is damaged)"):
            read_checkpoint(tmp_path)


@pytest.mark.parametrize(
    "metadata", [None, {"other": "1"}, {"milestone": "{"}, {"milestone": json.dumps({"a": 1})}]
)
def test_safetensors_that_are_no_checkpoint_are_refused(
    metadata: dict[str, str] | None, tmp_path: Path
) -> None:
    from safetensors.torch import save_file

    (tmp_path / "checkpoint").mkdir()
    weights = nn.Linear(2, 2).state_dict()
    save_file(weights, tmp_path / "checkpoint" / "state.safetensors", metadata=metadata)
    with pytest.raises(InputError, match="is not a checkpoint of ours"):
        read_checkpoint(tmp_path)


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


class Warned(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def warn(self, text: str) -> None:
        self.lines.append(text)


class Untold(Silent):
    def warn(self, text: str) -> None:
        raise AssertionError(text)


def two_checkpoints(directory: Path) -> TrainingState:
    """Write a checkpoint of step 2, and one of step 4 after it; return the state at step 2."""
    state = make_state("adamw", 0)
    advance(state, range(2))
    kept = copy.deepcopy(state)
    save_checkpoint(directory, state, replace(MILESTONE, step=2))
    advance(state, range(2, 4))
    save_checkpoint(directory, state, replace(MILESTONE, step=4))
    return kept


def test_where_the_last_is_damaged_the_one_before_it_is_used_and_said(tmp_path: Path) -> None:
    kept, other, warned = two_checkpoints(tmp_path), make_state("adamw", 1), Warned()
    damage(tmp_path / "checkpoint" / NEWEST)
    checkpoint = read_checkpoint(tmp_path, warned)
    assert checkpoint is not None
    assert checkpoint.milestone.step == 2
    (line,) = warned.lines
    assert re.search(r"state\.safetensors is damaged: .*; the checkpoint before it is used$", line)
    assert same(other, kept) is False
    keep_as_newest(restore(checkpoint, other, STEPS))
    assert same(other, kept)
    # The next one does not put the damaged one in the place of the whole one.
    save_checkpoint(tmp_path, other, replace(MILESTONE, step=3))
    damage(tmp_path / "checkpoint" / NEWEST)
    before = read_checkpoint(tmp_path)
    assert before is not None
    assert before.milestone.step == 2


def test_where_both_are_damaged_one_line_says_so(tmp_path: Path) -> None:
    two_checkpoints(tmp_path)
    for name in (NEWEST, BEFORE):
        damage(tmp_path / "checkpoint" / name)
    said = (
        r"state\.safetensors is damaged: .*previous\.safetensors is damaged: .*; remove .*checkpoint to begin"
    )
    with pytest.raises(InputError, match=said):
        read_checkpoint(tmp_path, Untold())


def test_a_kill_between_the_two_moves_leaves_the_one_before(tmp_path: Path) -> None:
    two_checkpoints(tmp_path)
    (tmp_path / "checkpoint" / NEWEST).rename(tmp_path / "checkpoint" / "next.safetensors")
    warned = Warned()
    checkpoint = read_checkpoint(tmp_path, warned)
    assert checkpoint is not None
    assert (checkpoint.milestone.step, warned.lines) == (2, [])


def rewrite(path: Path, change: Callable[[dict[str, Tensor], dict[str, str]], None], sealed: bool) -> None:
    """Write a checkpoint again with something changed, with a digest that is right or without any."""
    with safe_open(path, framework="pt") as file:
        held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        header = {name: value for name, value in file.metadata().items() if name != "nearsight.digest"}
    change(held, header)
    if sealed:
        write_tensors(path, held, header)
    else:
        header.pop("tensors")
        save_file(held, path, metadata=header)


def of_progress(**values: object) -> Callable[[dict[str, Tensor], dict[str, str]], None]:
    def change(_held: dict[str, Tensor], header: dict[str, str]) -> None:
        header["progress"] = json.dumps(json.loads(header["progress"]) | values)

    return change


MOMENTUM = "optimizer.0.3.exp_avg"
UNFIT: list[tuple[Callable[[dict[str, Tensor], dict[str, str]], object], str]] = [
    (of_progress(step=-5), "step -5"),
    (of_progress(step=STEPS + 1), "the run has 10"),
    (of_progress(step="4"), "takes a whole number"),
    (of_progress(seconds=-1.0), "-1.0 seconds"),
    (of_progress(precision="float8"), "float8"),
    (of_progress(more=1), "unknown field"),
    (lambda _held, header: header.update(numbers='{"optimizer.0.0.step": NaN}'), "which JSON does not have"),
    (lambda held, _header: held.pop(MOMENTUM), "lacks exp_avg|tensors and was written with"),
    (lambda held, _header: held.update({MOMENTUM: torch.zeros(1, 2)}), "float32 1×2, not of float32"),
    (lambda held, _header: held.update({MOMENTUM: held[MOMENTUM].half()}), "float16"),
    (lambda held, _header: held[MOMENTUM].fill_(math.nan), "is not a number"),
    (lambda held, _header: held["running"].fill_(math.nan), "running is not finite"),
    (lambda held, _header: held.update({"running": torch.zeros(3)}), "running is float32 3"),
    (
        lambda held, _header: held.update({"optimizer.0.99.step": torch.zeros(1)}),
        "of something else|written with",
    ),
    (lambda held, _header: held.update({"optimizer.x": torch.zeros(1)}), "of something else|written with"),
    (lambda held, _header: held.update({"other": torch.zeros(1)}), "of something else|written with"),
]


def test_a_mask_that_is_infinite_from_the_start_comes_back(tmp_path: Path) -> None:
    def masked() -> TrainingState:
        network = nn.Linear(2, 2)
        network.register_buffer("mask", torch.full((2, 2), -math.inf).triu(1))
        return TrainingState(network, [torch.optim.SGD(network.parameters())], None, torch.zeros(4))

    state, other = masked(), masked()
    save_checkpoint(tmp_path, state, MILESTONE)
    kept = read_checkpoint(tmp_path)
    assert kept is not None
    restore(kept, other, STEPS)
    assert torch.equal(other.network.state_dict()["weight"], state.network.state_dict()["weight"])
    state.network.state_dict()["mask"][1, 0] = math.inf
    save_checkpoint(tmp_path, state, MILESTONE)
    (tmp_path / "checkpoint" / BEFORE).unlink()
    kept = read_checkpoint(tmp_path)
    assert kept is not None
    with pytest.raises(InputError, match=r"network\.mask is not finite"):
        restore(kept, other, STEPS)


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize(("change", "message"), UNFIT)
def test_what_does_not_fit_the_run_is_refused_or_the_one_before_is_used(
    change: Callable[[dict[str, Tensor], dict[str, str]], None], message: str, sealed: bool, tmp_path: Path
) -> None:
    kept, other = two_checkpoints(tmp_path), make_state("adamw", 1)
    rewrite(tmp_path / "checkpoint" / NEWEST, change, sealed)
    warned = Warned()
    checkpoint = read_checkpoint(tmp_path, warned)
    assert checkpoint is not None
    assert restore(checkpoint, other, STEPS, warned).milestone.step == 2
    assert same(other, kept)
    (line,) = warned.lines
    assert re.search(message, line)
    (tmp_path / "checkpoint" / BEFORE).unlink()
    with pytest.raises(InputError, match=message) as caught:
        restore(read_checkpoint(tmp_path) or checkpoint, other, STEPS)
    assert "\n" not in str(caught.value)
    assert same(other, kept)
