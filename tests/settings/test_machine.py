"""The machine: devices that are there, and as many decoding processes as cores."""

import os

import pytest
import torch

from nearsight.errors import InputError
from nearsight.settings import Machine


def test_workers_are_those_asked_for_or_one_a_granted_core() -> None:
    assert Machine(workers=0).decoding_workers() == 0
    assert 1 <= Machine().decoding_workers() <= min(16, os.cpu_count() or 1)


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert Machine().torch_device() == Machine(device="cpu").torch_device() == torch.device("cpu")
    with pytest.raises(
        InputError, match="device cuda is not available on this machine; take `device='auto'`"
    ):
        Machine(device="cuda").torch_device()
