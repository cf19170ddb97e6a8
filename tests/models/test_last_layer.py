"""The last layer of a network: what a new one of timm's begins with."""

import pytest
import timm
import torch

from nearsight.models.last_layer import begin_even
from nearsight.models.quick import resnet9


@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet", "test_vit", "mobilenetv3_small_050"])
def test_a_new_last_layer_is_no_larger_than_pytorchs_own(name: str) -> None:
    torch.manual_seed(0)
    network = timm.create_model(name, num_classes=10)
    layer = network.get_classifier()
    before = layer.weight.detach().clone()
    begin_even(network)
    limit = layer.in_features**-0.5
    assert layer.weight.abs().max() <= limit * 1.000001
    # It is only shrunk, and only if it must be.
    expected = before * min(1.0, limit / float(before.abs().max()))
    torch.testing.assert_close(layer.weight.detach(), expected, rtol=0, atol=0)


def test_nothing_else_of_a_network_changes() -> None:
    for network in (timm.create_model("test_efficientnet", num_classes=3), resnet9(3)):
        before = {name: value.clone() for name, value in network.state_dict().items()}
        begin_even(network)
        changed = [name for name, value in network.state_dict().items() if not value.equal(before[name])]
        assert changed in ([], ["classifier.weight"])
