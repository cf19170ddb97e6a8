"""Where the last feature map is, in networks of many kinds."""

import pytest
import torch
from torch import Tensor, nn

from nearsight.diagnosis.faithfulness.feature_maps import as_feature_map, last_feature_map
from nearsight.models import build

SMALL = torch.zeros(3, 24, 24)


def path_of(model: nn.Module, image: Tensor) -> str | None:
    layer = last_feature_map(model.eval(), image)
    return next((path for path, part in model.named_modules() if part is layer), None)


@pytest.mark.parametrize(
    ("name", "path"), [("resnet18", "blocks.7"), ("airbench", "groups.2"), ("resnet9", "features.5")]
)
def test_of_our_networks_it_is_what_the_pooling_takes(name: str, path: str) -> None:
    assert path_of(build(name, classes=4, width=0.2, tile=16), SMALL) == path


@pytest.mark.parametrize(
    ("name", "side", "path"),
    [
        ("vit_tiny_patch16_224", 224, "blocks.11.norm1"),
        ("deit_tiny_distilled_patch16_224", 224, "blocks.11.norm1"),
        ("vit_tiny_r_s16_p8_224", 224, "blocks.11.norm1"),
        ("swin_tiny_patch4_window7_224", 224, "layers.3.blocks.1.norm1"),
        ("levit_128s", 224, "stages.2.blocks.3"),
        ("xcit_nano_12_p16_224", 224, "cls_attn_blocks.1.norm1"),
        ("pvt_v2_b0", 96, "stages.3"),
        ("mixer_s32_224", 224, "blocks.7.norm1"),
        ("convnext_atto", 96, "stages.3.blocks.1"),
        ("resnet18", 96, "layer4.1"),
        ("efficientnet_b0", 96, "bn2"),
        ("mobilenetv3_small_050", 96, "blocks.5.0.bn1"),
        ("coat_lite_tiny", 224, "serial_blocks4.1.norm1"),
    ],
)
def test_of_families_of_timm_it_is_in_the_last_stage(name: str, side: int, path: str) -> None:
    import timm

    assert path_of(timm.create_model(name, pretrained=False), torch.zeros(3, side, side)) == path


def test_a_head_of_zeros_hides_no_layer_and_nothing_is_changed() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    nn.init.zeros_(model[4].weight)
    model.train().requires_grad_(False)
    with torch.inference_mode(False), torch.no_grad():
        assert last_feature_map(model, SMALL) is model[0]
    assert model.training
    assert not model[4].weight.any()
    assert not any(weight.requires_grad for weight in model.parameters())
    assert not any(part._forward_hooks for part in model.modules())


def test_without_a_map_of_two_places_there_is_none() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 24 * 24, 2))
    one_place = nn.Sequential(nn.Conv2d(3, 2, 24), nn.Flatten())
    assert last_feature_map(flat, SMALL) is last_feature_map(one_place, SMALL) is None


def test_tokens_become_the_grid_of_the_image_row_by_row() -> None:
    tokens = torch.arange(71.0).view(1, 71, 1)
    # One class token before 7 by 10 places.
    found = as_feature_map(tokens, torch.Size([3, 224, 320]))
    assert found is not None
    assert torch.equal(found, torch.arange(1.0, 71.0).view(1, 1, 7, 10))


def test_channels_that_come_last_are_brought_first() -> None:
    image = torch.Size([3, 224, 320])
    places = torch.randn(1, 7, 10, 32)
    found = as_feature_map(places, image)
    assert found is not None
    assert torch.equal(found, places.permute(0, 3, 1, 2))
    first = torch.randn(1, 32, 7, 10)
    assert as_feature_map(first, image) is first
    assert as_feature_map(torch.zeros(1, 12, 197, 64), image) is None
