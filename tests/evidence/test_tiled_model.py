"""A bound model gives what the functions give, is probed once, and notices when its weights change."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.evidence import TiledModel, evidence, forward
from nearsight.evidence.embedding import embed
from nearsight.models import Architecture, Classifier, Preprocessing, TileNet

TOLERANCE = 1e-4


def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 5, 3, padding=1, stride=2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(5, 4),
        )


def classifier(resize_short: int | None = None) -> Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        architecture = Architecture("resnet18", classes=3, width=0.1)
        preprocessing = Preprocessing((0.5, 0.4, 0.3), (0.2, 0.3, 0.4), resize_short)
        return Classifier(architecture.build(), architecture, ("cat", "dog", "owl"), 16, preprocessing)


def decoded(*sizes: tuple[int, int]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(256, (3, *size), dtype=torch.uint8, generator=generator) for size in sizes]


def same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(((one - other).abs() <= TOLERANCE).all())


class Lenet(nn.Module):
    """Flattens with `view`, which channels-last maps of more than one place refuse."""

    def __init__(self, pool: nn.Module | None = None) -> None:
        super().__init__()
        self.first, self.pool, self.last = nn.Conv2d(3, 6, 5), pool or nn.Identity(), nn.LazyLinear(4)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.pool(torch.relu_(self.first(images.mul_(1.5))))
        return self.last(maps.view(len(maps), -1))


class Contiguous(nn.Module):
    """Takes contiguous images alone, and says so in the way of `error`."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error, self.first = error, nn.Conv2d(3, 4, 5)

    def forward(self, images: Tensor) -> Tensor:
        if not images.is_contiguous():
            raise self.error
        return self.first(images).mean((2, 3))


@pytest.mark.parametrize(
    "error", [AssertionError(), RuntimeError("input must be contiguous"), ValueError("Contiguous, please")]
)
def test_a_network_that_asks_for_contiguous_images_gets_them(error: Exception) -> None:
    network, images = Contiguous(error).eval(), torch.randn(1, 3, 20, 24)
    [found] = evidence(network, images, tile=8, stride=4)
    with torch.inference_mode():
        assert same(found.logits[:, 1, 1], network(images[..., 4:12, 4:12].contiguous())[0])


@pytest.mark.parametrize("memory", [1, 40_000, 2**28])
@pytest.mark.parametrize("resize_short", [None, 24])
def test_decoded_images_give_the_maps_of_prepared_ones(memory: int, resize_short: int | None) -> None:
    model = classifier(resize_short)
    images = decoded((20, 24), (20, 24), (31, 17))
    bound = TiledModel(model, memory=memory)
    found = list(bound.maps(images))
    wanted = evidence(
        model.eval(), [model.prepare(image) for image in images], tile=16, stride=4, grid="covering"
    )
    for one, other, image in zip(found, wanted, images, strict=True):
        assert one.grid == other.grid == bound.grid_of(image)
        assert one.classes == ("cat", "dog", "owl")
        assert same(one.logits, other.logits)


@pytest.mark.parametrize("memory", [1, 2**28])
def test_images_too_large_to_hold_prepared_are_cut_for_passes_over_them_too(memory: int) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        architecture = Architecture("tilenet", classes=3, width=0.1, tile=12)
        model = Classifier(
            architecture.build(), architecture, ("a", "b", "c"), 12, Preprocessing((0.5,) * 3, (0.2,) * 3)
        ).eval()
    [image] = decoded((30, 41))
    [found] = TiledModel(model, stride=1, memory=memory).maps([image])
    [wanted] = evidence(model, [model.prepare(image)], tile=12, grid="covering")
    assert same(found.logits, wanted.logits)


@pytest.mark.parametrize("memory", [1, 2**28])
def test_a_full_pass_is_the_model_on_each_image_in_order(memory: int) -> None:
    model = classifier().eval()
    images = decoded((20, 24), (16, 16), (20, 24), (17, 31), (16, 16))
    logits = TiledModel(model, memory=memory).full_pass(iter(images))
    with torch.inference_mode():
        wanted = torch.cat([model(model.prepare(image)[None]) for image in images])
    assert same(logits, wanted)
    assert TiledModel(model).full_pass([]).shape == (0, 3)


@pytest.mark.parametrize("memory", [1, 2**28])
def test_tiles_are_embedded_and_scored_in_batches(memory: int) -> None:
    model = classifier().eval()
    tiles = decoded(*[(16, 16)] * 5)
    bound = TiledModel(model, memory=memory)
    prepared = torch.stack([model.prepare(tile) for tile in tiles])
    assert same(bound.embed(tiles), embed(model, prepared))
    assert same(bound.logits(torch.stack(tiles)), forward(model, prepared))
    assert same(bound.logits(prepared), forward(model, prepared))


def test_the_model_given_is_left_as_it_is() -> None:
    model = network().train()
    before = copy.deepcopy(model.state_dict())
    list(TiledModel(model, tile=8).maps(torch.rand(2, 3, 12, 12)))
    assert all(module.training for module in model.modules())
    assert all(before[name].equal(value) for name, value in model.state_dict().items())
    assert model[0].weight.is_contiguous()


def test_a_change_of_weights_is_noticed_and_any_other_is_told() -> None:
    model = network().eval()
    image = torch.rand(1, 3, 12, 12)
    bound = TiledModel(model, tile=8)
    sibling = bound.at(6)

    def agrees() -> bool:
        return all(
            same(next(one.maps(image)).logits, evidence(model, image, tile=one.tile, stride=2)[0].logits)
            for one in (bound.at(8, 2), sibling.at(6, 2))
        ) and same(bound.full_pass(image), forward(model, image))

    assert agrees()
    with torch.no_grad():
        model[0].weight.mul_(3)
    assert agrees()
    model.load_state_dict(network().state_dict())
    assert agrees()
    model[1].running_mean.add_(1)
    assert agrees()
    fused = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
    model(image).sum().backward()
    fused.step()
    assert agrees()
    model[6] = nn.Linear(5, 4)
    assert agrees()
    model[0].weight.data.mul_(2)
    assert not agrees()
    bound.rebind()
    assert agrees()


def test_probing_is_done_once_for_all_tiles_and_all_sizes() -> None:
    bound = TiledModel(classifier())
    # That it pads, and what a tile takes.
    for images in (decoded((20, 24)), decoded((30, 30), (25, 17))):
        list(bound.maps(images))
    assert bound.probes == 2
    for tile in (12, 18, 20):
        list(bound.at(tile).maps(decoded((30, 30))))
    assert bound.probes == 2
    for side in range(20, 44):
        bound.full_pass(decoded((side, side), (side, side)))
    # At 23 pixels, which are more than twice a tile's, and at 33.
    assert bound.probes == 4


def test_a_tile_that_a_model_refuses_is_said_whatever_it_raises() -> None:
    def fixed(images: Tensor) -> Tensor:
        assert images.shape[-1] == 8, "only 8 pixels wide\nand no more"
        return images.mean((2, 3))

    bound = TiledModel(fixed, tile=12)
    asked: list[Callable[[], object]] = [
        lambda: list(bound.maps([torch.ones(3, 24, 24)])),
        lambda: bound.logits([torch.ones(3, 12, 12)]),
        lambda: bound.notes,
    ]
    for ask in asked:
        with pytest.raises(
            InputError, match=r"refuses images of 12×12 pixels \(only 8 pixels wide\); choose"
        ):
            ask()
    assert bound.at(8).full_pass([torch.ones(3, 8, 8)]).shape == (1, 3)


def test_weights_that_are_not_numbers_have_not_changed() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    with torch.no_grad():
        model[3].bias.fill_(float("nan"))
    bound = TiledModel(model, tile=8)
    for _ in range(3):
        bound.full_pass([torch.ones(3, 8, 8)] * 2)
    assert bound.probes == 1


def test_a_network_without_padding_is_probed_once_a_size() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        bound = TiledModel(TileNet(12, 4, width=0.1), tile=12)
    for tile in (12, 14, 12, 14):
        list(bound.at(tile).maps(torch.rand(2, 3, 20, 20)))
    assert bound.probes == 2


@pytest.mark.parametrize("pool", [None, nn.AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d(3)])
def test_a_model_that_needs_contiguous_images_gets_them_everywhere(pool: nn.Module | None) -> None:
    torch.manual_seed(0)
    model = Lenet(pool).eval()
    image = torch.rand(1, 3, 12, 12)
    with torch.inference_mode():
        wanted = model(image.clone())
    bound = TiledModel(model, tile=12, stride=3)
    assert same(bound.logits(image), wanted)
    assert same(next(bound.maps(image)).logits[None, :, 0, 0], wanted)
    assert same(bound.full_pass(image), wanted)
    assert bound.embed(image).shape[0] == 1
    assert same(evidence(model, image, tile=12)[0].logits[None, :, 0, 0], wanted)
    assert bound.cost([bound.grid_of(image[0])]).tiles == 1


def test_a_module_that_cannot_be_copied_is_run_itself() -> None:
    model = network()
    model.register_buffer("made", torch.ones(1, requires_grad=True) * 2)
    bound = TiledModel(model, tile=8)
    assert same(bound.full_pass(torch.ones(1, 3, 8, 8)), forward(model, torch.ones(1, 3, 8, 8)))
    assert model.training


def test_what_cannot_be_bound_or_looked_at_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="cannot be called"):
        TiledModel(3, tile=4)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least 1 pixel"):
        TiledModel(abs, tile=0)
    with pytest.raises(InputError, match=r"torch\.float16"):
        TiledModel(network().half(), tile=4)
    with pytest.raises(InputError, match="no tile to look at"):
        list(TiledModel(network()).maps(torch.rand(1, 3, 8, 8)))
    with pytest.raises(InputError, match="bare model does not say how"):
        TiledModel(network(), tile=8).full_pass(decoded((8, 8)))


def test_classes_are_named_or_numbered() -> None:
    assert TiledModel(classifier()).classes == ("cat", "dog", "owl")
    assert TiledModel(network(), tile=8).classes == ("0", "1", "2", "3")
    assert TiledModel(network(), tile=8, classes="abcd").classes == tuple("abcd")


def test_a_full_pass_sees_the_middle_where_the_preprocessing_cuts_it() -> None:
    seen = []

    def model(images: Tensor) -> Tensor:
        seen.append(tuple(images.shape[2:]))
        return images.mean((2, 3))

    classifier = Classifier.of(model, classes=3, mean=0, std=1, resize_short=12, crop=(10, 8), tile=6)
    images = [torch.randint(0, 256, (3, 24, 30), dtype=torch.uint8) for _ in range(3)]
    bound = TiledModel(classifier)
    seen.clear()
    found = bound.full_pass(images)
    assert seen[-1] == (10, 8)
    with torch.inference_mode():
        expected = torch.cat([classifier(classifier.prepare(image)[None]) for image in images])
    torch.testing.assert_close(found, expected)
    assert next(bound.maps(images[:1])).grid.height == 12


def test_what_a_user_should_know_is_found_once() -> None:
    passes = []

    def model(tiles: Tensor) -> Tensor:
        passes.append(len(tiles))
        return tiles.mean((2, 3)).softmax(1)

    bound = TiledModel(model, tile=4)
    assert passes == []
    [note] = bound.notes
    assert "probabilities" in note
    count = len(passes)
    assert bound.at(8).notes == bound.notes
    assert len(passes) == count
    classifier = Classifier.of(model, classes=3, tile=4)
    assert TiledModel(classifier).notes == classifier.notes
    assert len(classifier.notes) == 2
    assert (
        TiledModel(Classifier.of(model, classes=3, outputs="probabilities", mean=0, std=1, tile=4)).notes
        == ()
    )


def test_sparse_images_are_as_dense_ones_and_tensors_without_numbers_are_refused() -> None:
    bound = TiledModel(classifier(), tile=8, stride=4)
    images = decoded((12, 16), (12, 12))
    sparse = [image.to_sparse() for image in images]
    for one, other in zip(bound.maps(sparse), bound.maps(images), strict=True):
        assert one.logits.equal(other.logits)
    assert bound.full_pass(sparse).equal(bound.full_pass(images))
    for place in range(2):
        images[place] = images[place].to("meta")
        with pytest.raises(InputError, match=rf"images\[{place}\] is a tensor without data"):
            list(bound.maps(images))
        with pytest.raises(InputError, match="`images` is a tensor without data"):
            bound.full_pass(images)
        images = decoded((12, 16), (12, 12))


@pytest.mark.parametrize("images", [5, range(10**12), b"abc"])
def test_what_are_no_images_is_refused(images: object) -> None:
    with pytest.raises(InputError, match="takes"):
        evidence(network().eval(), images, tile=8)  # type: ignore[arg-type]
