"""Passes over whole images against an oracle that cuts one tile at a time, and networks that only look the part."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.evidence import TiledModel, evidence
from nearsight.evidence.dense import DensePass, find_dense_pass
from nearsight.evidence.memory import peak_bytes
from nearsight.models import PooledTileNet, TileNet, build
from nearsight.tiles import TileGrid

TOLERANCE = 1e-4
MEMORY = 2**26


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make().eval()


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding)


class BagNetHead(nn.Module):
    """The pooling of the published BagNets: a kernel as high as the map, for both sides."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 5)

    def forward(self, features: Tensor) -> Tensor:
        pooled = nn.AvgPool2d(features.size()[2], stride=1)(features)
        return self.fc(pooled.view(pooled.size(0), -1))


def pooled(*layers: nn.Module, features: int = 8) -> nn.Module:
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, 5))


class Object(nn.Module):
    """Logits in an object, as the classifiers of Hugging Face give them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = conv(3, 5, 4, stride=2)

    def forward(self, images: Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=self.conv(images).relu().mean([-1, -2], keepdim=True).flatten(1))


class Shuffled(nn.Module):
    """Looks at the image after some change of it."""

    def __init__(self, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.change = change

    def forward(self, features: Tensor) -> Tensor:
        return self.change(features)


# With the stride that probing must find, and the rows that a tile of 12 has in the final grid.
PADDING_FREE: dict[str, tuple[Callable[[], nn.Module], int, int]] = {
    "TileNet": (lambda: TileNet(12, 5, width=0.1), 1, 1),
    "PooledTileNet": (lambda: PooledTileNet(12, 5, width=0.1), 2, 1),
    "smaller than the tile": (lambda: pooled(conv(3, 8, 3), nn.ReLU(), conv(8, 8, 5)), 1, 6),
    "stride 2": (lambda: pooled(conv(3, 8, 4, 2), nn.ReLU(), conv(8, 8, 3)), 2, 3),
    "strides 2 and 2": (lambda: pooled(conv(3, 8, 2, 2), nn.ReLU(), conv(8, 8, 3, 2)), 4, 2),
    "stride 3 and a pool": (lambda: pooled(conv(3, 8, 3), nn.MaxPool2d(3), nn.BatchNorm2d(8)), 3, 3),
    "a head of two layers": (
        lambda: nn.Sequential(pooled(conv(3, 8, 7, 2), nn.ReLU()), nn.Tanh(), nn.Linear(5, 4)),
        2,
        3,
    ),
    "BagNet": (lambda: nn.Sequential(conv(3, 8, 3), nn.ReLU(), conv(8, 8, 3, 2), BagNetHead()), 2, 4),
    "an object": (Object, 2, 5),
}
MODELS = {name: seeded(make) for name, (make, _, _) in PADDING_FREE.items()}

DECEPTIVE: dict[str, Callable[[], nn.Module]] = {
    "padding": lambda: pooled(conv(3, 8, 3, padding=1)),
    "padding far from the middle": lambda: pooled(conv(3, 8, 9), nn.ReLU(), conv(8, 8, 3, padding=1)),
    "asymmetric padding": lambda: pooled(nn.ZeroPad2d((1, 0, 1, 0)), conv(3, 8, 3, 2)),
    "reflection": lambda: pooled(nn.ReflectionPad2d(1), conv(3, 8, 3)),
    "a padded pool": lambda: pooled(conv(3, 8, 3), nn.MaxPool2d(3, stride=2, padding=1)),
    "a pool that rounds up": lambda: pooled(conv(3, 8, 4), nn.MaxPool2d(2, ceil_mode=True)),
    "adaptive pooling inside": lambda: pooled(conv(3, 8, 3), nn.AdaptiveAvgPool2d(6), conv(8, 8, 3)),
    "group norm": lambda: pooled(conv(3, 8, 3), nn.GroupNorm(2, 8), nn.ReLU()),
    "instance norm": lambda: pooled(conv(3, 8, 3), nn.InstanceNorm2d(8), nn.ReLU()),
    "a global gate": lambda: pooled(
        conv(3, 8, 3), Shuffled(lambda x: x * x.mean((2, 3), keepdim=True).sigmoid())
    ),
    "a gate by the maximum": lambda: pooled(
        conv(3, 8, 3), Shuffled(lambda x: x * x.amax((2, 3), keepdim=True).sigmoid())
    ),
    "attention": lambda: pooled(
        conv(3, 8, 3), Shuffled(lambda x: x * x.flatten(2).softmax(2).view_as(x) * x[0, 0].numel())
    ),
    "coordinates": lambda: pooled(
        conv(3, 8, 3), Shuffled(lambda x: x * (1 + 0.01 * torch.arange(x.shape[3])))
    ),
    "a roll": lambda: pooled(conv(3, 8, 3), Shuffled(lambda x: (x + x.roll(1, 3)).relu())),
    "resizing": lambda: pooled(Shuffled(lambda x: F.interpolate(x, scale_factor=1.3)), conv(3, 8, 3)),
    "a faint look at the whole": lambda: pooled(
        conv(3, 8, 3), Shuffled(lambda x: x + 1e-3 * x.std((2, 3), keepdim=True))
    ),
    "a ResNet": lambda: build("resnet18", 5, width=0.1),
    "a timm network": lambda: build("timm:mobilenetv3_small_050", 5),
}


def found(model: Callable[..., object], tile: int = 12, memory: int = MEMORY) -> DensePass | None:
    dense = find_dense_pass(model, torch.zeros(3, tile, tile), tile)
    return None if dense is None else dense.within(memory)


def pictures(*sizes: tuple[int, int], seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(3, height, width, generator=generator) for height, width in sizes]


def oracle(model: nn.Module, image: Tensor, grid: TileGrid) -> Tensor:
    """Cut each tile by slicing and give it to the model alone."""
    rows = []
    with torch.inference_mode():
        for top in grid.tops:
            tiles = [image[:, top : top + grid.tile, left : left + grid.tile] for left in grid.lefts]
            outputs = [model(tile[None]) for tile in tiles]
            rows.append(torch.stack([getattr(output, "logits", output)[0] for output in outputs], dim=1))
    return torch.stack(rows, dim=1)


def assert_same(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", PADDING_FREE)
def test_networks_without_padding_are_found_by_what_they_do(name: str) -> None:
    make, stride, window = PADDING_FREE[name]
    dense = found(seeded(make))
    assert dense is not None
    assert (dense.stride, dense.window) == (stride, window)


@pytest.mark.parametrize("name", DECEPTIVE)
def test_networks_that_only_look_padding_free_are_run_tile_by_tile(name: str) -> None:
    model = seeded(DECEPTIVE[name])
    assert found(model) is None
    [image] = pictures((17, 20))
    [evidence_map] = evidence(model, [image], tile=12, stride=3)
    assert_same(evidence_map.logits, oracle(model, image, evidence_map.grid))


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_passes_agree_with_the_oracle_for_any_size_stride_grid_and_memory(data: st.DataObject) -> None:
    model = MODELS[data.draw(st.sampled_from(sorted(PADDING_FREE)))]
    height, width = data.draw(st.integers(12, 21)), data.draw(st.integers(12, 21))
    stride = data.draw(st.integers(1, 13))
    grid = TileGrid(height, width, 12, stride, data.draw(st.sampled_from(["aligned", "covering"])))
    images = torch.stack(pictures(*[(height, width)] * data.draw(st.integers(1, 2))))
    dense = found(model, memory=data.draw(st.sampled_from([1, 50_000, MEMORY])))
    assert dense is not None
    for image, logits in zip(images, dense.logits(images, grid), strict=True):
        assert_same(logits, oracle(model, image, grid))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_the_engine_agrees_with_the_oracle_for_padding_free_networks(data: st.DataObject) -> None:
    model = MODELS[data.draw(st.sampled_from(sorted(PADDING_FREE)))]
    sizes = data.draw(
        st.lists(st.tuples(st.integers(12, 20), st.integers(12, 20)), min_size=1, max_size=4).map(sorted)
    )
    stride, kind = data.draw(st.integers(1, 13)), data.draw(st.sampled_from(["aligned", "covering"]))
    images = pictures(*sizes)
    maps = evidence(model, images, tile=12, stride=stride, grid=kind)
    for image, evidence_map in zip(images, maps, strict=True):
        assert_same(evidence_map.logits, oracle(model, image, evidence_map.grid))


@pytest.mark.parametrize("tile", [8, 13, 16, 28, 33])
@pytest.mark.parametrize("network", [TileNet, PooledTileNet])
def test_the_map_of_a_tile_net_is_found_at_stride_1(
    network: type[TileNet | PooledTileNet], tile: int
) -> None:
    model = seeded(lambda: network(tile, 4, width=0.1))
    [image] = pictures((tile + 6, tile + 9))
    [evidence_map] = evidence(model, [image], tile=tile)
    assert_same(evidence_map.logits, oracle(model, image, evidence_map.grid))
    with torch.inference_mode():
        [aligned] = evidence(model, [image], tile=tile, stride=model.stride)
        assert_same(aligned.mean(), model(image[None])[0])


def rows_given(model: Callable[..., object]) -> tuple[Callable[..., object], list[tuple[int, ...]]]:
    shapes = []

    def recorded(images: Tensor) -> object:
        shapes.append(tuple(images.shape))
        return model(images)

    return recorded, shapes


def test_a_fine_map_takes_passes_and_a_coarse_one_tiles() -> None:
    model, shapes = rows_given(seeded(lambda: TileNet(12, 4, width=0.1)))
    images = torch.stack(pictures((40, 44)))
    evidence(model, images, tile=12, stride=1)
    assert (1, 3, 40, 44) in shapes
    shapes.clear()
    evidence(model, images, tile=12, stride=12)
    assert not any(shape[2:] == (36, 36) for shape in shapes)
    assert (9, 3, 12, 12) in shapes


class RolledWhenWide(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = conv(3, 5, 5)

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[3] > 40:
            images = images.roll(1, 3)
        if images.shape[3] == 33:
            raise ValueError("33 is refused")
        return self.conv(images).relu().mean((2, 3))


@pytest.mark.parametrize("sizes", [[(14, 41)], [(14, 20), (14, 41), (14, 20)], [(14, 20), (14, 33)]])
def test_a_network_that_turns_at_a_size_that_was_not_probed_is_run_tile_by_tile_from_there(
    sizes: list[tuple[int, int]],
) -> None:
    model = seeded(RolledWhenWide)
    assert found(model) is not None
    images = pictures(*sizes)
    maps = evidence(model, images, tile=12)
    assert len(maps) == len(images)
    for image, evidence_map in zip(images, maps, strict=True):
        assert_same(evidence_map.logits, oracle(model, image, evidence_map.grid))


def test_a_plain_function_is_probed_like_a_module() -> None:
    network = MODELS["stride 2"]
    dense = found(lambda images: network(images) * 2)
    assert dense is not None
    assert found(lambda images: torch.from_numpy(network(images).numpy())) is not None
    assert found(lambda images: images.flatten(1)[:, :4]) is None


def test_logits_that_depend_on_chance_are_not_taken() -> None:
    network = MODELS["stride 2"]
    assert found(lambda images: network(images) + 0.01 * torch.rand(1)) is None


@pytest.mark.parametrize("image", [0, 2])
def test_a_pixel_that_is_not_finite_names_the_image_and_a_tile_that_sees_it(image: int) -> None:
    images = torch.stack(pictures((20, 22), (20, 22), (20, 22)))
    images[image, :, 19, 21] = float("nan")
    # Only the last of the nine rows of eleven tiles sees the corner.
    with pytest.raises(InputError, match=rf"image {image}, tile 98 \(top 8, left 10\)"):
        evidence(MODELS["TileNet"], images, tile=12, memory=2**21)


def test_a_model_that_works_in_place_changes_neither_the_images_nor_the_maps() -> None:
    plain = MODELS["stride 2"]
    model = nn.Sequential(Shuffled(lambda x: x.mul_(2)), plain).eval()
    assert found(model) is not None
    images = torch.stack(pictures((15, 17), (15, 17)))
    before = images.clone()
    maps = evidence(model, images, tile=12)
    assert images.equal(before)
    for image, evidence_map in zip(images, maps, strict=True):
        assert_same(evidence_map.logits, oracle(plain, 2 * image, evidence_map.grid))


def test_maps_of_passes_stand_alone() -> None:
    first, second = evidence(MODELS["TileNet"], torch.stack(pictures((15, 15), (15, 15))), tile=12)
    assert not first.logits.is_inference()
    assert first.logits.untyped_storage().nbytes() == first.logits.nbytes
    assert first.logits.is_contiguous()
    kept = second.logits.clone()
    first.logits.zero_()
    assert second.logits.equal(kept)


def test_a_model_in_training_mode_is_passed_over_in_eval_mode_and_put_back() -> None:
    model = seeded(lambda: TileNet(12, 4, width=0.1)).train()
    images = pictures((16, 18))
    with pytest.warns(UserWarning, match="training mode"):
        [trained] = evidence(model, images, tile=12)
    assert all(module.training for module in model.modules())
    assert_same(trained.logits, evidence(model.eval(), images, tile=12)[0].logits)


def test_passes_stay_within_the_memory_bound_however_large_and_many_the_images() -> None:
    memory = 2**21
    model = MODELS["TileNet"]

    def peak(count: int, side: int) -> int:
        stream: Iterator[Tensor] = (torch.zeros(3, side, side) for _ in range(count))

        def run() -> None:
            for _ in TiledModel(model, tile=12, stride=1, memory=memory).maps(stream):
                pass

        return peak_bytes(run)

    few, many = peak(20, 40), peak(60, 40)
    assert many <= memory
    assert many <= 1.01 * few
    maps = 5 * (120 - 12 + 1) ** 2 * 4
    assert peak(1, 120) <= memory + 3 * maps
