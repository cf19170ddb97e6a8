"""What inner layers see is what their maps hold, and a shift changes just that: compared with the maps themselves."""

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.attributes import inner
from nearsight.diagnosis.attributes.inner import InnerLayers
from nearsight.diagnosis.decision import Decision
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.settings.protocols import FULL_PASS

SIDE, TILE = 12, 4


def decision(*layers: nn.Module, whole: bool) -> Decision:
    torch.manual_seed(0)
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2)).eval()
    classifier = Classifier.of(network, classes=("a", "b"), tile=None if whole else TILE, mean=0.5, std=0.5)
    bound = TiledModel(classifier, tile=TILE)
    return Decision(bound, FULL_PASS if whole else "mean-logit")


def images(*sides: int) -> list[Tensor]:
    random = np.random.default_rng(0)
    return [torch.from_numpy(random.integers(0, 256, (3, side, SIDE), dtype=np.uint8)) for side in sides]


def numbers(maps: Tensor) -> np.ndarray:
    """Say the four numbers of the channels of maps of one image, (C, places)."""
    plain = maps.numpy()
    return np.concatenate([plain.mean(1), plain.std(1), plain.max(1), plain.min(1)])


@pytest.fixture
def convolutional() -> tuple[nn.Module, ...]:
    torch.manual_seed(0)
    return nn.Conv2d(3, 5, 3, padding=1), nn.BatchNorm2d(5), nn.GELU()


def test_a_whole_image_is_seen_as_its_maps_are(convolutional: tuple[nn.Module, ...]) -> None:
    decided = decision(*convolutional, whole=True)
    (picture,) = images(SIDE)
    layers = InnerLayers.of(decided, picture)
    assert layers is not None
    convolution, norm = decided.bound.model.network[:2]  # type: ignore[union-attr,index]
    with torch.no_grad():
        maps = norm(convolution((picture.float() / 255 - 0.5)[None] / 0.5))[0]
    np.testing.assert_allclose(layers.see(picture), numbers(maps.flatten(1)), atol=1e-5)


def test_tiles_of_an_image_count_as_one(convolutional: tuple[nn.Module, ...]) -> None:
    decided = decision(*convolutional, whole=False)
    (picture,) = images(2 * TILE)
    layers = InnerLayers.of(decided, picture)
    assert layers is not None
    convolution, norm = decided.bound.model.network[:2]  # type: ignore[union-attr,index]
    prepared = (picture.float() / 255 - 0.5) / 0.5
    tiles = [
        prepared[:, top : top + TILE, left : left + TILE]
        for top in range(0, 2 * TILE, TILE)
        for left in range(0, SIDE, TILE)
    ]
    with torch.no_grad():
        maps = norm(convolution(torch.stack(tiles))).transpose(0, 1).flatten(1)
    np.testing.assert_allclose(layers.see(picture), numbers(maps), atol=1e-5)


@pytest.mark.parametrize("whole", [True, False])
def test_images_of_any_size_are_seen_in_the_order_that_is_asked_for(
    convolutional: tuple[nn.Module, ...], *, whole: bool
) -> None:
    pictures = images(SIDE, 8, SIDE, 10)
    layers = InnerLayers.of(decision(*convolutional, whole=whole), pictures[0])
    assert layers is not None
    assert all(layers.see(one).shape == (4 * 5,) for one in pictures)
    pictures = images(SIDE, SIDE, SIDE)
    held = MemoryImages(torch.stack(pictures), ("",) * 3)
    some = ImageSet("toy", "test", ("a", "b"), np.zeros(3, dtype=np.int64), held)
    places = np.array([2, 0])
    seen = layers.see_all(some, places, lambda _: None)
    np.testing.assert_allclose(seen, np.stack([layers.see(pictures[place]) for place in places]), atol=1e-5)


class OneByOne(nn.Module):
    """Passes images through a part one by one."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([self.part(image[None]) for image in images])


@pytest.mark.parametrize("whole", [True, False])
def test_images_are_seen_together_as_they_are_alone(
    convolutional: tuple[nn.Module, ...], *, whole: bool
) -> None:
    pictures = images(SIDE, SIDE, 8, SIDE, 10, 10)
    layers = InnerLayers.of(decision(*convolutional, whole=whole), pictures[0])
    assert layers is not None
    alone = [layers.see(one) for one in pictures]
    np.testing.assert_allclose(np.stack(layers.see_each(pictures)), np.stack(alone), atol=1e-5)


def test_a_network_that_passes_images_one_by_one_is_seen_too(convolutional: tuple[nn.Module, ...]) -> None:
    pictures = images(SIDE, SIDE, SIDE)
    layers = InnerLayers.of(decision(OneByOne(nn.Sequential(*convolutional)), whole=True), pictures[0])
    assert layers is not None
    seen = layers.see_each(pictures)
    np.testing.assert_allclose(np.stack(seen), np.stack([layers.see(one) for one in pictures]), atol=1e-5)


def test_a_network_without_norms_is_seen_by_its_convolutions_and_left_without_hooks() -> None:
    decided = decision(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 5, 3), whole=True)
    (picture,) = images(SIDE)
    layers = InnerLayers.of(decided, picture)
    assert layers is not None
    assert [type(layer) for layer in layers.layers] == [nn.Conv2d, nn.Conv2d]
    assert layers.see(picture).shape == (4 * (4 + 5),)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in decided.bound.module.modules())


def test_tokens_of_a_transformer_are_places() -> None:
    network = timm.create_model("vit_tiny_patch16_224", img_size=32, num_classes=2, depth=2).eval()
    classifier = Classifier.of(network, classes=("a", "b"), mean=0.5, std=0.5, resize_to=32, crop=32)
    decided = Decision(TiledModel(classifier, tile=32), FULL_PASS)
    picture = torch.zeros(3, 32, 32, dtype=torch.uint8)
    layers = InnerLayers.of(decided, picture)
    assert layers is not None
    assert {type(layer).__name__ for layer in layers.layers} == {"LayerNorm"}
    assert np.isfinite(layers.see(picture)).all()


def test_wide_and_deep_networks_are_seen_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inner, "LAYERS", 2)
    monkeypatch.setattr(inner, "CHANNELS", 3)
    steps = [layer for _ in range(4) for layer in (nn.Conv2d(5, 5, 1), nn.ReLU())]
    decided = decision(nn.Conv2d(3, 5, 1), *steps, whole=True)
    (picture,) = images(SIDE)
    layers = InnerLayers.of(decided, picture)
    assert layers is not None
    assert layers.see(picture).shape == (2 * 3 * 4,)


def test_what_is_no_module_or_has_no_maps_is_not_seen() -> None:
    (picture,) = images(SIDE)
    for model in (lambda some: some.mean((2, 3)), nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())):
        classifier = Classifier.of(model, classes=3, mean=0.5, std=0.5)
        assert InnerLayers.of(Decision(TiledModel(classifier, tile=4), FULL_PASS), picture) is None


def test_a_part_that_runs_twice_is_left_out(convolutional: tuple[nn.Module, ...]) -> None:
    _, norm, _ = convolutional
    decided = decision(*convolutional, nn.Conv2d(5, 5, 1), norm, whole=True)
    (picture,) = images(SIDE)
    layers = InnerLayers.of(decided, picture)
    assert layers is not None
    assert [type(layer) for layer in layers.layers] == [nn.Conv2d, nn.Conv2d]


def test_a_shift_gives_images_the_means_and_spreads_of_others(convolutional: tuple[nn.Module, ...]) -> None:
    decided = decision(*convolutional, whole=True)
    some, others = images(TILE, TILE)
    layers = InnerLayers.of(decided, some)
    assert layers is not None
    having, lacking = (layers.see(one)[None] for one in (some, others))
    (channels,) = layers.channels
    with layers.shift(0, having, lacking)._given():
        shifted = layers.see(others)[None]
    ratio = (having / lacking)[0, channels : 2 * channels]
    assert ((ratio > 1 / inner.MOST_SPREAD) & (ratio < inner.MOST_SPREAD)).all()
    np.testing.assert_allclose(shifted[:, : 2 * channels], having[:, : 2 * channels], atol=1e-4)
    np.testing.assert_array_equal(layers.see(others)[None], lacking)


def test_a_shift_of_nothing_changes_no_score_of_a_transformer() -> None:
    network = timm.create_model("vit_tiny_patch16_224", img_size=32, num_classes=2, depth=2).eval()
    classifier = Classifier.of(network, classes=("a", "b"), mean=0.5, std=0.5, resize_to=32, crop=32)
    decided = Decision(TiledModel(classifier, tile=32), FULL_PASS)
    first, second = (
        torch.from_numpy(np.random.default_rng(k).integers(0, 256, (3, 32, 32), dtype=np.uint8))
        for k in range(2)
    )
    layers = InnerLayers.of(decided, first)
    assert layers is not None
    rows = np.stack([layers.see(first), layers.see(second)])
    plain = decided.scores([second])
    with layers.shift(1, rows[:1], rows[:1])._given():
        np.testing.assert_allclose(layers.decision.scores([second]), plain, atol=1e-4)
    with layers.shift(1, rows[:1], rows[1:])._given():
        assert not np.allclose(layers.decision.scores([second]), plain, atol=1e-4)


@pytest.mark.parametrize("protocol", [FULL_PASS, "mean-logit", "max"])
def test_a_shift_changes_scores_under_every_protocol_and_nothing_outside(protocol: str) -> None:
    # Unpadded, so that tiles are made by passes over whole images.
    decided = replace(
        decision(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), whole=False), protocol=protocol
    )
    first, second = images(SIDE, SIDE)
    plain, dense = decided.scores([second]), dict(decided.bound._ready._dense)
    layers = InnerLayers.of(decided, first)
    assert layers is not None
    shift = layers.shift(0, layers.see(first)[None] + 1, layers.see(second)[None])
    with shift._given():
        assert not np.allclose(shift.decision.scores([second]), plain, atol=1e-3)
    np.testing.assert_array_equal(decided.scores([second]), plain)
    assert decided.bound._ready._dense == dense
    np.testing.assert_allclose(layers.decision.scores([second]), plain, atol=1e-5)


def test_a_shift_is_made_as_long_as_another() -> None:
    random = np.random.default_rng(0)
    decided = decision(nn.Conv2d(3, 5, 1), nn.BatchNorm2d(5), whole=True)
    layers = InnerLayers.of(decided, images(SIDE)[0])
    assert layers is not None
    rows = random.random((3, 20)).astype(np.float32) + np.arange(3, dtype=np.float32)[:, None]
    short, long = layers.shift(0, rows[1:2], rows[:1]), layers.shift(0, rows[2:], rows[:1])
    made = short.as_long_as(long)
    assert made.length == pytest.approx(long.length, rel=1e-5)
    moved, before = (one.having[0] - one.lacking[0] for one in (made, short))
    np.testing.assert_allclose(moved / np.linalg.norm(moved), before / np.linalg.norm(before), rtol=1e-4)
    np.testing.assert_array_equal(made.having[1], short.having[1])


@pytest.mark.parametrize("whole", [True, False])
def test_a_shift_after_which_scores_are_not_finite_says_so(*, whole: bool) -> None:
    decided = decision(nn.Conv2d(3, 5, 1), nn.BatchNorm2d(5), whole=whole)
    (picture,) = images(SIDE)
    layers = InnerLayers.of(decided, picture)
    assert layers is not None
    row = layers.see(picture)[None]
    shift = layers.shift(0, row + np.float32(np.inf), row)
    with np.errstate(invalid="ignore"), pytest.raises(InputError, match=r"finite|NaN"):
        shift.predictions_of([picture], lambda one: one)


def test_features_that_are_not_finite_are_numbers(convolutional: tuple[nn.Module, ...]) -> None:
    convolution, norm, last = convolutional
    norm.weight.data[:] = torch.tensor([1, np.inf, np.nan, 1e30, -np.inf])
    decided = decision(convolution, norm, nn.Hardtanh(), last, whole=False)
    (picture,) = images(SIDE)
    layers = InnerLayers.of(decided, picture)
    assert layers is not None
    assert np.isfinite(layers.see(picture)).all()


def test_a_norm_that_prepares_images_does_not_hide_the_convolutions() -> None:
    decided = decision(nn.InstanceNorm2d(3), nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 5, 1), whole=True)
    layers = InnerLayers.of(decided, images(SIDE)[0])
    assert layers is not None
    assert [type(layer) for layer in layers.layers] == [nn.InstanceNorm2d, nn.Conv2d, nn.Conv2d]


@pytest.mark.parametrize("whole", [True, False])
def test_a_shift_says_where_an_image_has_what_it_gives(*, whole: bool) -> None:
    decided = decision(nn.Conv2d(3, 5, 1), nn.BatchNorm2d(5), whole=whole)
    plain = (images(2 * TILE)[0] / 16 + 60).to(torch.uint8)
    marked = plain.clone()
    marked[:, 1:3, 5:8] = 255
    layers = InnerLayers.of(decided, plain)
    assert layers is not None
    shift = layers.shift(0, layers.see(marked)[None], layers.see(plain)[None])
    seen = shift.seen_in(marked)
    assert seen.shape == (2 * TILE, SIDE)
    square = seen[1:3, 5:8].min()
    seen[1:3, 5:8] = 0
    assert square > 10 * max(seen.max(), shift.seen_in(plain).max())


def test_of_a_cropped_image_only_the_crop_is_seen() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 5, 1), nn.BatchNorm2d(5), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2)
    )
    classifier = Classifier.of(
        network.eval(), classes=("a", "b"), mean=0.5, std=0.5, resize_short=32, crop=16
    )
    decided = Decision(TiledModel(classifier, tile=16), FULL_PASS)
    plain = (
        torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)) / 16
    ).byte()
    marked = plain.clone()
    marked[:, 10:13, 10:13] = 255
    layers = InnerLayers.of(decided, plain)
    assert layers is not None
    seen = layers.shift(0, layers.see(marked)[None], layers.see(plain)[None]).seen_in(marked)
    assert seen[10:13, 10:13].min() > 10 * seen[14:].max()
    assert not seen[:8].any()
    assert not seen[24:].any()


def test_networks_with_learned_attention_are_not_looked_into(convolutional: tuple[nn.Module, ...]) -> None:
    decided = decision(*convolutional, whole=False)
    attending = decided.bound.with_model(decided.bound.model)
    assert InnerLayers.of(decided, images(SIDE)[0]) is not None
    with patch.object(TiledModel, "attends", property(lambda _: True)):
        assert InnerLayers.of(Decision(attending, "attention"), images(SIDE)[0]) is None
