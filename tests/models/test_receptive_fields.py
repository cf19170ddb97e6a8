import copy
import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from nearsight.errors import InputError
from nearsight.models import ReceptiveField, build, receptive_field


def by_recurrence(layers):
    """Oracle: the standard recurrence over (kernel, stride) of the longest path."""
    field, jump = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * jump
        jump *= stride
    return field


def resnet_layers(depth, large):
    blocks = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}[depth]
    layers = [(7, 2), (3, 2)] if large else [(3, 1)]
    for stage, count in enumerate(blocks):
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            layers += [(3, stride)] if depth == 50 else [(3, stride), (3, 1)]
    return layers


def bagnet(field):
    """A BagNet's pattern without padding: 3×3 convolutions first, 1×1 ones after."""
    kernels = [3 if number < (field - 1) // 2 else 1 for number in range(20)]
    return nn.Sequential(
        *(nn.Sequential(nn.Conv2d(3 if i == 0 else 4, 4, k), nn.ReLU()) for i, k in enumerate(kernels)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )


@pytest.mark.parametrize("depth", [18, 34, 50])
@pytest.mark.parametrize("large", [False, True])
def test_resnets_have_the_receptive_field_of_the_recurrence(depth, large):
    found = receptive_field(build(f"resnet{depth}{'-imagenet' * large}", 10, width=0.125), 64)
    stride = 32 if large else 8
    grid = (64 // stride, 64 // stride)
    assert found == ReceptiveField(64, by_recurrence(resnet_layers(depth, large)), stride, grid)


def test_known_receptive_fields_of_imagenet_networks():
    assert by_recurrence(resnet_layers(18, large=True)) == 435
    assert receptive_field(build("timm:resnet18", 10), 224).side == 435


def test_quick_networks_have_the_receptive_field_of_the_recurrence():
    pool = (2, 2)
    airbench = [(2, 1), *3 * [(3, 1), pool, (3, 1)]]
    resnet9 = [(3, 1), (3, 1), pool, (3, 1), (3, 1), (3, 1), pool, (3, 1), pool, (3, 1), (3, 1)]
    assert receptive_field(build("airbench", 10, width=0.125), 16).side == by_recurrence(airbench)
    assert receptive_field(build("resnet9", 10, width=0.125), 16).side == by_recurrence(resnet9)


@pytest.mark.parametrize("field", [9, 17, 33])
def test_a_network_without_padding_sees_its_tile_and_no_more(field):
    found = receptive_field(bagnet(field), field)
    assert found == ReceptiveField(field, field, 1, (1, 1))
    assert found.warning() is None
    assert receptive_field(bagnet(field), field + 6).grid == (7, 7)


@pytest.mark.parametrize(
    "name", ["timm:test_vit", "timm:test_efficientnet", "timm:mobilenetv3_small_050", "timm:test_mambaout"]
)
def test_attention_and_global_gates_see_every_pixel_and_local_mixers_do_not(name):
    expects_every_pixel = name != "timm:test_mambaout"
    found = receptive_field(build(name, 10, tile=32), 32)
    assert (found.side is None) == expects_every_pixel


def test_convnext_has_the_receptive_field_of_the_recurrence():
    network = build("timm:test_convnext", 10)
    layers = [(4, 4)]
    for stage in network.stages:
        layers += [(2, 2)] if stage is not network.stages[0] else []
        layers += [(7, 1)] * len(stage.blocks)
    assert receptive_field(network, 64) == ReceptiveField(64, by_recurrence(layers), 32, (2, 2))


def test_tokens_make_a_square_grid():
    assert receptive_field(build("timm:test_vit", 10, tile=64), 64) == ReceptiveField(64, None, 16, (4, 4))


def test_channels_last_feature_maps_are_read_the_right_way_round():
    found = receptive_field(build("timm:swin_tiny_patch4_window7_224", 10, tile=96), 96)
    assert (found.stride, found.grid) == (32, (3, 3))


@pytest.mark.parametrize("norm", [nn.GroupNorm(1, 4), nn.InstanceNorm2d(4)])
def test_normalising_over_the_image_sees_every_pixel(norm):
    network = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), norm, nn.ReLU())
    assert receptive_field(network, 16) == ReceptiveField(16, None, 2, (8, 8))


@st.composite
def stacks(draw):
    layers = []
    for _ in range(draw(st.integers(1, 3))):
        kernel = draw(st.integers(1, 5))
        # An even kernel spread out may step over the only row of a thin image.
        dilation = draw(st.integers(1, 2)) if kernel % 2 else 1
        # More padding than half a kernel makes border places that see no pixel at all.
        padding = draw(st.integers(0, (dilation * (kernel - 1) + 1) // 2))
        layers.append((kernel, draw(st.integers(1, 3)), padding, dilation))
    return layers


@settings(max_examples=40, deadline=None)
@given(stacks(), st.integers(1, 40))
def test_any_stack_of_convolutions_agrees_with_the_recurrence(stack, tile):
    network = nn.Sequential()
    for number, (kernel, stride, padding, dilation) in enumerate(stack):
        network.append(nn.Conv2d(3 if number == 0 else 2, 2, kernel, stride, padding, dilation))
    # The stride is measured over multiples of 2⁵·3² pixels: 27, which no network has, comes out only nearly.
    assume(288 % math.prod(stride for _, stride, _, _ in stack) == 0)
    effective = [((kernel - 1) * dilation + 1, stride) for kernel, stride, _, dilation in stack]
    side = tile
    for kernel, stride, padding, dilation in stack:
        side = (side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        if side < 1:
            with pytest.raises(InputError, match="leaves an empty final grid"):
                receptive_field(network, tile)
            return
    stride = math.prod(stride for _, stride in effective)
    # A kernel smaller than the stride before it leaves pixels out, but the field still spans its two ends.
    assert receptive_field(network, tile) == ReceptiveField(
        tile, by_recurrence(effective), stride, (side, side)
    )


def test_a_network_without_named_features_is_read_after_its_last_sum():
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.ModuleList(_Sum(3 if block == 0 else 4, 4) for block in range(3))
            self.head = nn.Linear(4, 2)

        def forward(self, images):
            for block in self.body:
                images = F.max_pool2d(block(images), 2, ceil_mode=True)
            return self.head(F.adaptive_avg_pool2d(images, 1).flatten(1))

    # The last pool is a function, not a module: the grid is that of the last block.
    assert receptive_field(Plain(), 16) == ReceptiveField(
        16, by_recurrence([(5, 1), (2, 2)] * 2 + [(5, 1)]), 4, (4, 4)
    )


class _Sum(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.wide = nn.Conv2d(inputs, outputs, 5, padding=2)
        self.narrow = nn.Conv2d(inputs, outputs, 1)

    def forward(self, images):
        return self.wide(images) + self.narrow(images)


def test_a_network_of_flat_pixels_sees_every_pixel():
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 5))
    assert receptive_field(network, 8) == ReceptiveField(8, None, 8, (1, 1))


@pytest.mark.parametrize("tile", [1, 5, 11])
def test_an_empty_grid_names_the_smallest_tile_that_works(tile):
    network = nn.Sequential(nn.Conv2d(3, 4, 5, stride=2), nn.MaxPool2d(3), nn.Conv2d(4, 4, 2)).eval()

    def works(size):
        try:
            return network(torch.zeros(1, 3, size, size)).numel() > 0
        except RuntimeError:
            return False

    smallest = next(size for size in range(1, 100) if works(size))
    with pytest.raises(InputError, match=f"{tile} pixels; the smallest tile that works is {smallest}$"):
        receptive_field(network, tile)
    assert receptive_field(network, smallest).grid == (1, 1)


def test_a_network_built_for_another_size_says_why_it_refuses():
    with pytest.raises(InputError, match=r"refuses a tile of 32 pixels \(Input height .* match model"):
        receptive_field(build("timm:vit_tiny_patch16_224", 10), 32)


def test_neither_the_network_nor_the_random_state_changes():
    network = build("timm:test_resnet", 10).train()
    before = copy.deepcopy(network.state_dict())
    random_state = torch.random.get_rng_state()
    receptive_field(network, 32)
    assert network.training
    assert torch.equal(random_state, torch.random.get_rng_state())
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def test_weights_of_zero_do_not_hide_what_is_seen():
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1))
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    assert receptive_field(network, 16).side == 5


def test_a_tile_that_shrinks_to_one_place_is_warned_of_with_the_stem_to_choose():
    found = receptive_field(build("resnet18-imagenet", 10, width=0.125), 16, name="resnet18-imagenet")
    assert found.sentence() == (
        "resnet18-imagenet at tile 16: receptive field 435 pixels, stride 32, final grid 1×1"
    )
    assert "use resnet18 (3×3 stem, no max-pool) or a tile of 48 pixels" in found.warning()
    assert receptive_field(build("resnet18-imagenet", 10, width=0.125), 48).warning() is None
    assert receptive_field(build("resnet18", 10, width=0.125), 16).warning() is None


def test_the_tile_that_a_warning_proposes_is_enough():
    for tile in (1, 20, 32):
        found = receptive_field(build("resnet18-imagenet", 10, width=0.125), tile)
        assert found.warning() is not None
        assert (
            receptive_field(build("resnet18-imagenet", 10, width=0.125), tile + found.stride).warning()
            is None
        )
