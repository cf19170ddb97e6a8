import math

import pytest
import torch
from torch import Tensor, nn

from nearsight.models.resnet import BasicBlock, Bottleneck, ResNet


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("depth", "stem", "classes", "published"),
    [
        (18, "small", 10, 11_173_962),
        (34, "small", 10, 21_282_122),
        (50, "small", 10, 23_520_842),
        (18, "large", 1000, 11_689_512),
        (34, "large", 1000, 21_797_672),
        (50, "large", 1000, 25_557_032),
    ],
)
def test_parameter_counts_are_the_published_ones(depth, stem, classes, published):
    with torch.device("meta"):
        assert parameters(ResNet(depth, classes, stem=stem)) == published


@pytest.mark.parametrize(
    ("depth", "stem", "training"),
    [
        (18, "small", False),
        (18, "large", True),
        (34, "large", False),
        (50, "small", True),
        (50, "large", False),
    ],
)
def test_equals_torchvision_with_the_same_weights(depth, stem, training):
    torchvision = pytest.importorskip("torchvision", reason="the oracle torchvision is not installed")
    torch.manual_seed(depth)
    oracle = getattr(torchvision.models, f"resnet{depth}")(num_classes=7)
    if stem == "small":
        oracle.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        oracle.maxpool = nn.Identity()
    for module in oracle.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.0)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2.0)

    network = ResNet(depth, 7, stem=stem)
    ours = network.state_dict()
    network.load_state_dict(dict(zip(ours, oracle.state_dict().values(), strict=True)))
    images = torch.randn(2, 3, 24, 40)

    assert torch.equal(network.train(training)(images), oracle.train(training)(images))


def test_features_pooled_into_the_head_are_the_logits():
    network = ResNet(18, 5, stem="small", width=0.25).eval()
    images = torch.randn(2, 3, 17, 23, generator=torch.Generator().manual_seed(0))
    pooled: Tensor = network.forward_features(images).flatten(2).mean(2)
    torch.testing.assert_close(network(images), network.head(pooled))


def test_width_multiplies_every_channel_count():
    whole, half = (ResNet(50, 10, stem="large", width=width).state_dict() for width in (1.0, 0.5))
    assert whole.keys() == half.keys()
    for name, tensor in whole.items():
        if tensor.ndim:
            assert half[name].shape[0] in (10, tensor.shape[0] / 2), name


def test_convolutions_start_with_the_variance_of_he_by_fan_out():
    torch.manual_seed(0)
    for name, module in ResNet(18, 10, stem="large").named_modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * math.prod(module.kernel_size)
            assert module.weight.std().item() == pytest.approx(math.sqrt(2 / fan_out), rel=0.05), name


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_a_block_whose_branch_is_zero_is_its_shortcut(block):
    same = block(64, 64 // block.expansion, stride=1).eval()
    last = same.norm2 if block is BasicBlock else same.norm3
    nn.init.zeros_(last.weight)
    images = torch.rand(1, 64, 5, 6)
    assert torch.equal(same(images), images)
