"""What a run starts from: pixel statistics against NumPy, weights by seed, and a whitening that whitens."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from nearsight.data import ImageSet
from nearsight.errors import InputError
from nearsight.evidence import evidence
from nearsight.models import build, receptive_field
from nearsight.progress import Silent
from nearsight.settings import RECIPES, Recipe
from nearsight.settings.tile_schedule import tile_sizes
from nearsight.training import prepare
from nearsight.training.prepare import (
    build_classifier,
    check_smallest_part,
    pixel_statistics,
    sample_tiles,
)


class Listener(Silent):
    """A watcher that keeps the lines that it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """Keep a line."""
        self.said.append(text)

    def warn(self, text: str) -> None:
        """Keep a warning."""
        self.said.append(f"warning: {text}")


def test_pixel_statistics_are_those_of_all_pixels(make_images: Callable[..., ImageSet]) -> None:
    images = make_images(30, height=5, width=7)
    assert images.pixels is not None
    pixels = images.pixels.numpy() / 255
    mean, std = pixel_statistics(images)
    np.testing.assert_allclose(mean, pixels.mean((0, 2, 3)), atol=1e-6)
    np.testing.assert_allclose(std, pixels.std((0, 2, 3)), atol=1e-6)


def test_images_of_one_colour_have_a_deviation_above_zero(make_images: Callable[..., ImageSet]) -> None:
    images = make_images(4)
    assert images.pixels is not None
    images.pixels.fill_(7)
    assert min(pixel_statistics(images)[1]) > 0


def test_the_seed_alone_decides_the_weights(make_images: Callable[..., ImageSet], recipe: Recipe) -> None:
    images = make_images(20)
    state = torch.get_rng_state()
    networks = [
        build_classifier(replace(recipe, seed=seed), images, Silent())[0].network.state_dict()
        for seed in (0, 0, 1)
    ]
    assert torch.get_rng_state().equal(state)
    first, same, other = networks
    assert all(first[name].equal(same[name]) for name in first)
    assert not first["head.weight"].equal(other["head.weight"])


def test_the_whitened_layer_gives_uncorrelated_outputs_of_variance_one(
    make_images: Callable[..., ImageSet], recipe: Recipe
) -> None:
    images = make_images(200)
    classifier, size = build_classifier(recipe, images, Silent())
    whiten = classifier.network.whiten
    assert not whiten.weight.requires_grad
    assert whiten.bias.requires_grad
    tiles = classifier.preprocessing.normalise(
        sample_tiles(images, 5000, recipe, size, classifier.preprocessing)
    )
    outputs = torch.nn.functional.conv2d(tiles, whiten.weight[:12]).transpose(0, 1).flatten(1)
    moments = outputs @ outputs.T / outputs.shape[1]
    torch.testing.assert_close(moments, torch.eye(12), atol=0.05, rtol=0)


def test_whitening_needs_a_network_that_has_the_layer(
    make_images: Callable[..., ImageSet], recipe: Recipe
) -> None:
    with pytest.raises(InputError, match=r"whiten needs a network with a whitening layer .* not resnet18"):
        build_classifier(replace(recipe, model="resnet18"), make_images(4), Silent())


def test_the_receptive_field_is_told(make_images: Callable[..., ImageSet], recipe: Recipe) -> None:
    listener = Listener()
    build_classifier(replace(recipe, model="resnet18-imagenet", whiten=False), make_images(4), listener)
    assert len(listener.said) == 2
    assert listener.said[1].startswith("warning: ")


def test_pretrained_weights_keep_the_preprocessing_they_were_trained_with(
    make_images: Callable[..., ImageSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    import timm

    asked = []

    def offline(name: str, *, pretrained: bool, **options: object) -> torch.nn.Module:
        asked.append(pretrained)
        return real(name, pretrained=False, **options)

    real = timm.create_model
    monkeypatch.setattr(timm, "create_model", offline)
    recipe = Recipe(data="x", model="timm:test_resnet.r160_in1k", pretrained=True, tile=32)
    classifier, _ = build_classifier(recipe, make_images(4, height=40, width=40), Silent())
    config = timm.get_pretrained_cfg("test_resnet.r160_in1k")
    assert set(asked) == {True}
    assert (classifier.preprocessing.mean, classifier.preprocessing.std) == (config.mean, config.std)
    assert classifier.preprocessing.interpolation == config.interpolation


@pytest.mark.parametrize("classes", [3, 1000])
def test_published_weights_keep_their_last_layer_for_as_many_classes_alone(
    classes: int, make_images: Callable[..., ImageSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new one begins with small weights, also where timm's are meant for thousands of classes."""
    import timm

    real = timm.create_model
    made: list[torch.Tensor] = []

    def offline(name: str, *, pretrained: bool, **options: object) -> torch.nn.Module:
        assert pretrained
        network = real(name, pretrained=False, **options)
        with torch.no_grad():
            made.append(network.get_classifier().weight.mul_(100).clone())
        return network

    monkeypatch.setattr(timm, "create_model", offline)
    recipe = Recipe(data="x", model="timm:test_efficientnet", pretrained=True, tile=32)
    images = make_images(classes, height=40, width=40, classes=classes)
    classifier, _ = build_classifier(recipe, images, Silent())
    weight = classifier.network.get_classifier().weight
    assert weight.equal(made[-1]) == (classes == 1000)
    assert classes == 1000 or weight.abs().max() <= 256**-0.5 * 1.000001


def test_a_tilenet_for_whole_images_sees_its_own_tile(make_images: Callable[..., ImageSet]) -> None:
    recipe = replace(RECIPES["tilenet-whole"], model_tile=8, width=0.1)
    classifier, size = build_classifier(recipe, make_images(20, height=12, width=14), Silent())
    assert classifier.tile == classifier.architecture.tile == 8
    assert receptive_field(classifier.network, 8).side == 8
    assert min(size) > 8
    # Its logits of an image are the mean of those of all its tiles.
    picture = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0))
    [tiles] = evidence(classifier.eval(), picture, tile=8)
    torch.testing.assert_close(tiles.mean(), classifier(picture)[0].detach(), rtol=0, atol=1e-5)


def test_what_a_run_starts_from_knows_nothing_of_its_schedule_and_tiles_of_an_image(
    make_images: Callable[..., ImageSet], recipe: Recipe
) -> None:
    """The whitening comes from one tile per image, all of the size that the run ends on."""
    images = make_images(30, height=12, width=14)
    varied = replace(recipe, tile_schedule="5@0.3,6@0.6", tiles_per_image=3)
    plain, size = build_classifier(recipe, images, Silent())
    scheduled, ends_on = build_classifier(varied, images, Silent())
    assert size == ends_on == (8, 8)
    ours, theirs = scheduled.network.state_dict(), plain.network.state_dict()
    assert all(ours[name].equal(theirs[name]) for name in theirs)
    tiles = sample_tiles(images, 30, varied, ends_on, scheduled.preprocessing)
    assert tiles.shape == (30, 3, 8, 8)
    assert tiles.equal(sample_tiles(images, 30, recipe, size, plain.preprocessing))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("tilenet", {"tile": 12, "tile_schedule": "8@0.5"}),
        ("tilenet", {"tile": 12, "tile_schedule": "11@0.5"}),
        ("tilenet-whole", {"model_tile": 12, "tile_schedule": "8@0.2,14@0.5"}),
        ("tilenet-pooled", {"model_tile": 12, "tile_schedule": "11@0.2,14@0.5"}),
    ],
)
def test_a_stage_below_the_tile_of_tilenet_is_refused_in_one_line(
    name: str, changes: dict[str, object], make_images: Callable[..., ImageSet]
) -> None:
    images = make_images(8, height=16, width=18)
    recipe = replace(RECIPES[name], width=0.1, **changes)
    with pytest.raises(InputError, match=r"a tile of (8|11) pixels; the smallest .* is 12$") as caught:
        build_classifier(recipe, images, Silent())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["tilenet-whole", "tilenet-pooled"])
def test_a_tilenet_for_whole_images_takes_stages_from_its_tile_up(
    name: str, make_images: Callable[..., ImageSet]
) -> None:
    images = make_images(8, height=16, width=18)
    recipe = replace(RECIPES[name], model_tile=8, width=0.1, tile_schedule="8@0.2,12@0.5")
    classifier, size = build_classifier(recipe, images, Silent())
    assert classifier.tile == 8
    sizes = [side for _, side in tile_sizes(recipe.tile_schedule, size, 10).spans(10)]
    assert sizes == [(8, 8), (12, 12), (16, 18)]
    assert all(classifier.network(torch.zeros(2, 3, *side)).shape == (2, 3) for side in sizes)


def test_a_model_tile_beyond_the_images_names_the_largest_that_fits(
    make_images: Callable[..., ImageSet],
) -> None:
    recipe = replace(RECIPES["tilenet-pooled"], width=0.1)
    with pytest.raises(
        InputError, match="12 pixels of the images' shorter side, got 16; give `model_tile=12`"
    ):
        build_classifier(recipe, make_images(8, 12, 20), Silent())
    fitting, _ = build_classifier(replace(recipe, model_tile=12), make_images(8, 12, 20), Silent())
    assert fitting.tile == 12


def test_large_images_are_whitened_by_few_of_them(
    make_images: Callable[..., ImageSet], recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    real = prepare.whiten
    monkeypatch.setattr(
        prepare, "whiten", lambda layer, tiles: (counts.append(len(tiles)), real(layer, tiles))
    )
    monkeypatch.setattr(prepare, "WHITENING_PIXELS", 20 * 8 * 8)
    for side in (8, 16, 64):
        build_classifier(replace(recipe, tile=side), make_images(30, side, side), Silent())
    assert counts == [20, 5, 1]


class OneSize(torch.nn.Module):
    """A network that takes squares of 16 pixels only."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.head = torch.nn.Linear(3 * 16 * 16, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        logits: torch.Tensor = self.head(images.flatten(1))
        return logits


def test_a_network_of_one_size_is_refused_before_it_trains_on_whole_images_of_several(
    stream: Callable[[list[np.ndarray]], ImageSet],
) -> None:
    recipe = Recipe(data="x", model="custom:OneSize", resize_short=16)
    with pytest.raises(InputError, match=r"refuses whole images of 16×32 pixels.*`tile=16`"):
        build_classifier(
            recipe,
            stream([np.zeros((20, 20, 3), np.uint8), np.zeros((20, 40, 3), np.uint8)]),
            Silent(),
            OneSize,
        )
    squares = stream([np.zeros((20, 20, 3), np.uint8), np.zeros((40, 40, 3), np.uint8)])
    assert build_classifier(recipe, squares, Silent(), OneSize)[1] == (16, 16)


@pytest.mark.parametrize(
    ("batch_size", "accumulate", "tiles", "devices", "refused"),
    [
        (2, 2, 1, 1, True),
        (5, 4, 1, 1, True),
        (4, 2, 1, 2, True),
        (2, 2, 2, 1, False),
        (5, 3, 1, 1, True),
        (6, 3, 1, 1, False),
    ],
)
def test_batch_norm_with_one_value_a_channel_is_refused_before_training(
    batch_size: int, accumulate: int, tiles: int, devices: int, refused: bool
) -> None:
    network = build("resnet18", 3, width=0.1)
    recipe = Recipe(batch_size=batch_size, accumulate=accumulate, tiles_per_image=tiles)
    if refused:
        with pytest.raises(InputError, match=r"one tile of 8×8 pixels.*a larger `batch_size`, fewer parts"):
            check_smallest_part(network, recipe, (8, 8), devices)
        check_smallest_part(network, recipe, (64, 64), devices)
    else:
        check_smallest_part(network, recipe, (8, 8), devices)
