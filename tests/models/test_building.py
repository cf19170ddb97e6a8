import pytest
import torch

from nearsight.errors import InputError
from nearsight.models import build
from nearsight.settings.models import MODELS


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", [(16, 16), (33, 20)])
def test_our_networks_take_any_size_and_say_one_logit_per_class(name, size):
    network = build(name, 7, width=0.125).eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, *size)).shape == (2, 7)


@pytest.mark.parametrize("name", MODELS)
def test_the_seed_fixes_the_initial_weights_and_width_changes_them(name):
    def state(seed, width):
        torch.manual_seed(seed)
        return build(name, 3, width=width).state_dict()

    first, again, wider, other = state(1, 0.125), state(1, 0.125), state(1, 0.25), state(2, 0.125)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(first[key].shape != wider[key].shape for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_timm_networks_are_built_by_name():
    timm = pytest.importorskip("timm")
    network = build("timm:test_resnet", 4)
    assert type(network) is type(timm.create_model("test_resnet"))
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 4)


def test_a_timm_network_of_fixed_size_is_cut_to_the_tile_and_takes_whole_images_too():
    network = build("timm:vit_tiny_patch16_224", 4, tile=32).eval()
    assert network.patch_embed.img_size == (32, 32)
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 4)
    assert network(torch.zeros(1, 3, 96, 64)).shape == (1, 4)


def test_a_tile_changes_nothing_in_a_network_that_takes_any_size():
    torch.manual_seed(0)
    plain = build("timm:test_resnet", 4).state_dict()
    torch.manual_seed(0)
    cut = build("timm:test_resnet", 4, tile=24).state_dict()
    assert all(torch.equal(plain[key], cut[key]) for key in plain)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("resnt18", 10), "did you mean 'resnet18'"),
        (("resnet101", 10), "use 'timm:resnet101'"),
        (("timm:resnt18", 10), "did you mean 'timm:resnet18'"),
        (("timm:resnet18.nonsense", 10), r"Invalid pretrained tag \(nonsense\)"),
        (("resnet18", 1), "at least 2 classes, got 1"),
    ],
)
def test_bad_names_and_counts_are_refused_in_one_line(arguments, says):
    with pytest.raises(InputError, match=says) as caught:
        build(*arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("width", [0.0, -1.0, float("nan")])
def test_a_width_that_is_not_positive_is_refused(width):
    with pytest.raises(InputError, match="width must be positive"):
        build("resnet18", 10, width=width)


def test_timm_networks_refuse_another_width():
    with pytest.raises(InputError, match="timm networks have their own widths"):
        build("timm:test_resnet", 10, width=0.5)


def test_our_networks_have_no_published_weights():
    with pytest.raises(InputError, match="use a timm name"):
        build("resnet18", 10, pretrained=True)


@pytest.mark.parametrize(("tile", "nearest"), [(20, 16), (40, 32), (8, 16)])
def test_a_tile_that_the_patches_do_not_divide_is_refused_with_one_that_they_do(tile, nearest):
    with pytest.raises(InputError, match=f"use one such as {nearest}$"):
        build("timm:test_vit", 10, tile=tile)
    build("timm:test_vit", 10, tile=nearest)


def test_published_weights_without_a_network_are_refused_in_one_line(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        InputError, match=r"'timm:resnet18' could not be fetched.*check the network"
    ) as caught:
        build("timm:resnet18", 10, pretrained=True)
    assert "\n" not in str(caught.value)


def test_a_network_nobody_has_published_weights_for_is_refused():
    with pytest.raises(InputError, match="No pretrained weights exist"):
        build("timm:botnet50ts_256", 10, pretrained=True)
