"""The start-up check: what is asked for is taken, a wrong bfloat16 is found, nothing is left behind."""

import copy
import time
from types import SimpleNamespace
from typing import Any

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
        if self.how == "emulated":
            busy_until = time.process_time() + 0.2
            while time.process_time() < busy_until:
                pass
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


def test_a_bfloat16_that_the_machine_emulates_is_not_taken() -> None:
    choice = choose_precision("auto", Spoiled("emulated"), IMAGES)
    assert choice.precision == "float32"
    assert "times as long here" in choice.reason


def test_other_work_on_a_gpu_does_not_change_the_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of 20 runs that shared a GPU, one was timed while another ran, and trained in float32 alone.
    same = {"logits": torch.ones(2), "gradients": torch.ones(2)}
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    monkeypatch.setattr(
        precision, "_probe", lambda *given: (same, 0.09 if given[2] == torch.bfloat16 else 0.01)
    )
    batch: Any = SimpleNamespace(device=torch.device("cuda"))
    choice = choose_precision("auto", nn.Identity(), batch)
    assert choice.precision == "bfloat16"
    assert choice.reason == "this GPU has it, and it is as exact as bfloat16 should be"


def test_passes_that_are_shorter_than_the_clock_can_tell_take_some_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precision.time, "process_time", lambda: 7.0)
    choice = choose_precision("auto", Spoiled("not at all"), IMAGES)
    assert choice.reason.startswith("1.0 times as fast")


def test_a_bfloat16_that_is_right_is_taken_with_its_reason() -> None:
    choice = choose_precision("auto", Spoiled("not at all"), IMAGES, timed=False)
    assert choice.precision == "bfloat16"
    # Differences that are allowed would only alarm.
    assert choice.reason.endswith(" times as fast as float32 here, and as exact as bfloat16 should be")


def test_the_check_leaves_the_network_and_the_global_generator_alone() -> None:
    network = Spoiled("not at all").eval()
    before = copy.deepcopy(network.state_dict())
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    choose_precision("auto", network, IMAGES)
    assert torch.get_num_threads() == threads
    assert torch.get_rng_state().equal(state)
    assert not network.training
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())


def test_a_long_check_says_how_long_before_it_begins(monkeypatch: pytest.MonkeyPatch, listener: Any) -> None:
    same = {"logits": torch.ones(2), "gradients": torch.ones(2)}
    for seconds, said in (
        (0.05, []),
        (
            1.0,
            [
                "checking on 16 tiles whether bfloat16 is correct and fast here: up to 0:48 if the processor "
                "emulates it"
            ],
        ),
    ):
        monkeypatch.setattr(precision, "_probe", lambda *_, seconds=seconds: (same, seconds))
        choose_precision("auto", nn.Identity(), IMAGES, progress=listener)
        assert listener.said == said
