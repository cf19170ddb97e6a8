"""The start-up check: what is asked for is taken, a wrong bfloat16 is found, nothing is left behind."""

import copy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nearsight.training import precision
from nearsight.training.precision import choose_precision

IMAGES = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Spoiled(nn.Module):
    """A network that is wrong in bfloat16 and right in float32, in its output or in its gradients alone."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3), nn.Linear(288, 4)
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.body(images)
        if not torch.is_autocast_enabled("cpu"):
            return logits
        if self.how == "raises":
            raise NotImplementedError
        if self.how == "NaN gradients":
            logits.register_hook(lambda gradient: gradient * torch.nan)
        return {"garbage": 1 - 2 * logits, "NaN": logits * torch.nan}.get(self.how, logits)


@pytest.mark.parametrize("asked", ["float32", "bfloat16"])
def test_what_is_asked_for_is_taken(asked: str) -> None:
    choice = choose_precision(asked, Spoiled("garbage"), IMAGES)
    assert (choice.precision, choice.reason) == (asked, "asked for")
    assert choice.dtype == getattr(torch, asked)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("garbage", "bfloat16 logits differ from float32 by"),
        ("NaN", "bfloat16 logits differ from float32 by"),
        ("NaN gradients", "bfloat16 gradients differ from float32 by"),
        ("raises", "bfloat16 fails here: NotImplementedError"),
    ],
)
def test_a_bfloat16_that_is_wrong_here_is_not_taken(how: str, reason: str) -> None:
    choice = choose_precision("auto", Spoiled(how), IMAGES, timed=False)
    assert choice.precision == "float32"
    assert reason in choice.reason


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the processor one that multiplies twice as fast in bfloat16."""
    monkeypatch.setattr(precision, "slowdown", lambda: 0.5)


def test_where_matrix_products_are_slower_in_bfloat16_float32_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precision, "slowdown", lambda: 1.7)
    choice = choose_precision("auto", Spoiled("raises"), IMAGES)
    assert choice.precision == "float32"
    assert choice.reason == "this processor takes 1.7 times as long for a matrix product in bfloat16"


def test_the_processor_is_asked_once_and_its_clock_alone_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(np.cumsum([*[0, 2] * 9, 0, 1, *[0, 3] * 9, 0, 0.5]).tolist())
    monkeypatch.setattr(precision.time, "process_time", lambda: next(clock))
    threads = torch.get_num_threads()
    precision.slowdown.cache_clear()
    try:
        # The fastest product of each: one second in float32, and half of one in bfloat16.
        assert [precision.slowdown(), precision.slowdown()] == [0.5, 0.5]
    finally:
        precision.slowdown.cache_clear()
    assert torch.get_num_threads() == threads


def test_other_work_on_a_gpu_does_not_change_the_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of 20 runs that shared a GPU, one was timed while another ran, and trained in float32 alone.
    same = {"logits": torch.ones(2), "gradients": torch.ones(2)}
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    monkeypatch.setattr(precision, "slowdown", lambda: 9.0)
    monkeypatch.setattr(precision, "_probe", lambda *_: same)
    batch: Any = SimpleNamespace(device=torch.device("cuda"))
    choice = choose_precision("auto", nn.Identity(), batch)
    assert choice.precision == "bfloat16"
    assert choice.reason == "this GPU has it, and it is as exact as bfloat16 should be"


def test_products_that_are_shorter_than_the_clock_can_tell_take_some_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precision.time, "process_time", lambda: 7.0)
    assert precision.slowdown.__wrapped__() == 1


@pytest.mark.usefixtures("fast")
def test_a_bfloat16_that_is_right_is_taken_with_its_reason() -> None:
    choice = choose_precision("auto", Spoiled("not at all"), IMAGES)
    assert choice.precision == "bfloat16"
    # Differences that are allowed would only alarm.
    fast = (
        "this processor multiplies matrices in it 2.0 times as fast, and it is as exact as bfloat16 should be"
    )
    assert choice.reason == fast
    # Several processes may not ask: what one of them is told, the others are not.
    choice = choose_precision("auto", Spoiled("not at all"), IMAGES, timed=False)
    assert (choice.precision, choice.reason) == ("bfloat16", "it is as exact as bfloat16 should be")


@pytest.mark.usefixtures("fast")
def test_the_check_leaves_the_network_and_the_global_generator_alone() -> None:
    network = Spoiled("not at all").eval()
    before = copy.deepcopy(network.state_dict())
    state = torch.get_rng_state()
    choose_precision("auto", network, IMAGES)
    assert torch.get_rng_state().equal(state)
    assert not network.training
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(("seconds", "said"), [(0.05, []), (48.0, ["up to 0:48"])])
def test_a_long_check_says_how_long_before_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, listener: Any, seconds: float, said: list[str]
) -> None:
    monkeypatch.setattr(precision.Stopwatch, "seconds", lambda _: seconds)
    choose_precision("auto", Spoiled("not at all"), IMAGES, progress=listener)
    start = "checking on 16 tiles whether bfloat16 is correct here: "
    assert listener.said == [start + one for one in said]
