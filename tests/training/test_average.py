"""An average of weights, of those that have one."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from nearsight.training.average import WeightAverage

DECAY, STEPS = 0.9, 5


class Masked(nn.Module):
    """A network with what has no average: a mask, an index and a count, of which not all are saved."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.register_buffer("mask", torch.full((4, 4), float("-inf")).triu(1))
        self.register_buffer("index", torch.arange(1, 300), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        return self.norm(self.linear(values)) @ self.mask.softmax(1) + self.index[:4]


def trained(average: AveragedModel, network: Masked) -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(STEPS):
        network(torch.randn(8, 4, generator=generator))
        with torch.no_grad():
            network.linear.weight += torch.randn(4, 4, generator=generator)
        average.update_parameters(network)


def test_what_has_no_average_is_that_of_the_network() -> None:
    network = Masked()
    average = WeightAverage(network, DECAY)
    trained(average, network)
    assert torch.equal(average.module.mask, network.mask)
    assert torch.equal(average.module.index, network.index)
    assert average.module.norm.num_batches_tracked == STEPS
    assert average(torch.ones(2, 4)).isfinite().all()


def test_weights_and_statistics_are_averaged_as_pytorch_does() -> None:
    averages = []
    for make in (
        lambda network: WeightAverage(network, DECAY),
        lambda network: AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(DECAY), use_buffers=True),
    ):
        torch.manual_seed(1)
        network = Masked()
        average = make(network)
        trained(average, network)
        averages.append(average.module)
    ours, theirs = averages
    assert torch.equal(ours.linear.weight, theirs.linear.weight)
    assert torch.equal(ours.norm.running_var, theirs.norm.running_var)
    assert not torch.equal(ours.linear.weight, network.linear.weight)
