"""Of what BatchNorm takes its statistics in several processes: chosen by the device, said, or refused."""

from typing import Any

import pytest
import torch
from timm.layers import BatchNormAct2d
from torch import nn

from nearsight.errors import InputError
from nearsight.progress import SILENT
from nearsight.training.batch_norm import OWN_PART, WHOLE_BATCH, choose_batch_norm, over_processes


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Sequential(BatchNormAct2d(4)), nn.BatchNorm2d(4), nn.Flatten()
    )


@pytest.mark.parametrize(
    ("asked", "device", "processes", "chosen"),
    [
        (None, "cuda", 2, WHOLE_BATCH),
        (True, "cuda", 2, WHOLE_BATCH),
        (False, "cuda", 2, OWN_PART),
        (None, "cpu", 2, OWN_PART),
        (True, "cpu", 1, None),
    ],
)
def test_gpus_take_the_whole_batch_unless_told_otherwise(
    asked: bool | None, device: str, processes: int, chosen: str | None, listener: Any
) -> None:
    assert choose_batch_norm(network(), asked, device, processes, listener) == chosen
    assert bool(listener.said) == (chosen == OWN_PART)


def test_without_batch_norm_there_is_nothing_to_choose() -> None:
    assert choose_batch_norm(nn.Conv2d(3, 4, 3), None, "cpu", 2, SILENT) is None


def test_the_whole_batch_is_refused_on_a_cpu() -> None:
    with pytest.raises(InputError, match=r"`sync_batch_norm` needs GPUs: on cpu"):
        choose_batch_norm(network(), True, "cpu", 2, SILENT)


def test_alone_it_computes_what_it_did_with_the_same_tensors() -> None:
    before, after = network(), network()
    weights = [*after.parameters()]
    over_processes(after)
    assert all(one is other for one, other in zip(weights, after.parameters(), strict=True))
    images = torch.randn(5, 3, 6, 6)
    torch.testing.assert_close(after(images), before(images))
    assert all(
        one.equal(other)
        for one, other in zip(before.state_dict().values(), after.state_dict().values(), strict=True)
    )
