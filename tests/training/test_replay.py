"""Steps replayed as a graph: on a GPU what they are one kernel at a time, elsewhere never captured."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nearsight.data import ImageSet, ImageSets
from nearsight.progress import Silent
from nearsight.settings import Machine, Recipe
from nearsight.training import replay, train
from nearsight.training.replay import WARM_UP, Replay
from nearsight.training.step import Step

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
GPU = Machine(device="cuda")


class Listener(Silent):
    """A watcher that keeps the lines that it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """Keep a line."""
        self.said.append(text)

    def warn(self, text: str) -> None:
        """Keep a warning."""
        self.said.append(f"warning: {text}")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_where_nothing_can_be_captured_every_call_runs_as_it_is_and_it_is_said_once() -> None:
    listener, seen = Listener(), []
    run = Replay(lambda key, given: seen.append((key, int(given))), listener)
    for number in range(WARM_UP + 3):
        run("small" if number < 2 else "large", torch.tensor(number))
    assert seen == [("small" if number < 2 else "large", number) for number in range(WARM_UP + 3)]
    assert len(listener.said) == 1
    assert listener.said[0].startswith(
        "warning: steps cannot be captured as a graph and run one kernel at a time: "
    )


@on_gpu
def test_replays_do_the_work_on_each_calls_own_inputs() -> None:
    total, listener, calls = torch.zeros(2, 3, device="cuda"), Listener(), []

    def add(key: str, given: Tensor) -> None:
        calls.append(key)
        total.add_(given if key == "plain" else 2 * given)

    with torch.cuda.stream(torch.cuda.Stream()):
        run = Replay(add, listener)
        for key in ("plain", "doubled"):
            for number in range(10):
                run(key, torch.full((2, 3), float(number), device="cuda"))
        assert total.eq(3 * sum(range(10))).all()
    assert listener.said == []
    assert len(calls) == 2 * (WARM_UP + 1)


@on_gpu
def test_work_that_waits_for_the_gpu_is_run_as_it_is() -> None:
    listener, seen = Listener(), []
    with torch.cuda.stream(torch.cuda.Stream()):
        run = Replay(lambda _key, given: seen.append(int(given)), listener)
        for number in range(WARM_UP + 3):
            run("", torch.tensor(number, device="cuda"))
    assert seen == list(range(WARM_UP + 3))
    assert len(listener.said) == 1


@on_gpu
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"tile": None, "crop_padding": 1, "tile_schedule": "4@0.4"},
        {"tile": 6, "tiles_per_image": 2, "accumulate": 2, "clip": 1.0, "class_weights": "balanced"},
        {"optimizer": "sgd", "model": "resnet18", "whiten": False, "flip": "random", "learning_rate": 0.05},
        {"optimizer": "adamw", "learning_rate": 1e-3},
    ],
)
def test_a_replayed_run_learns_what_a_run_of_single_kernels_does(
    fields: dict[str, object],
    recipe: Recipe,
    sets: ImageSets,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    read_weights: Callable[[Path], dict[str, Tensor]],
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    recipe = replace(recipe, **{"steps": WARM_UP + 4, "learning_rate": 0.02, **fields})  # type: ignore[arg-type]
    ends = []
    for warm_up in (replay.WARM_UP, 10**9):
        monkeypatch.setattr(replay, "WARM_UP", warm_up)
        listener = Listener()
        train(recipe, sets, tmp_path / str(warm_up), machine=GPU, progress=listener)
        assert [line for line in listener.said if "captured" in line] == []
        ends.append(read_weights(tmp_path / str(warm_up)))
    ours, theirs = ends
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], rtol=2e-2, atol=2e-3)


@on_gpu
def test_a_step_never_waits_for_the_gpu(
    recipe: Recipe, make_images: Callable[..., ImageSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Step.__call__

    def watched(function: Callable[..., object]) -> Callable[..., object]:
        def inner(*arguments: object) -> object:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it calls itself a prototype
                torch.cuda.set_sync_debug_mode("error")
            try:
                return function(*arguments)
            finally:
                torch.cuda.set_sync_debug_mode("default")

        return inner

    monkeypatch.setattr(Step, "__call__", watched(own))
    sets = ImageSets("toy", {"train": make_images(48)})
    # The first step of a process may load what it has not yet, so it is taken before.
    run = train(replace(recipe, steps=12, tile=6), sets, tmp_path / "run", machine=GPU)
    assert run.result["training"]["steps"] == 12
