"""The engine against an oracle that cuts one tile at a time, and the properties of a map."""

from collections.abc import Callable, Iterator

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.evidence import TiledModel, evidence
from nearsight.models import build
from nearsight.tiles import TileGrid

TOLERANCE = 1e-4
FEW_BYTES = 20_000  # makes batches of a few tiles


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make().eval()


def small_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 5, 3, padding=1, stride=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def padding_free() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "padded ResNet": lambda: build("resnet18", 7, width=0.25),
    "timm MobileNet": lambda: timm.create_model("mobilenetv3_small_050", num_classes=6),
    "timm ViT": lambda: timm.create_model(
        "vit_tiny_patch16_224", img_size=16, patch_size=4, depth=2, num_classes=5
    ),
    "padding-free": padding_free,
}
SMALL = seeded(small_net)


def oracle(model: nn.Module, image: Tensor, grid: TileGrid) -> Tensor:
    """Cut each tile by slicing and give it to the model alone."""
    rows = []
    with torch.inference_mode():
        for top in grid.tops:
            tiles = [image[:, top : top + grid.tile, left : left + grid.tile] for left in grid.lefts]
            rows.append(torch.stack([model(tile[None])[0] for tile in tiles], dim=1))
    return torch.stack(rows, dim=1)


def pictures(*sizes: tuple[int, int], seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(3, height, width, generator=generator) for height, width in sizes]


def largest_difference(one: Tensor, other: Tensor) -> float:
    assert one.shape == other.shape
    return float((one - other).abs().max())


@pytest.mark.parametrize("name", NETWORKS)
def test_the_map_is_the_model_on_each_tile_alone(name: str) -> None:
    model = seeded(NETWORKS[name])
    images = pictures((21, 24), (16, 16), (17, 31))
    maps = evidence(model, images, tile=16, stride=3, grid="covering", memory=2**22)
    for image, evidence_map in zip(images, maps, strict=True):
        assert largest_difference(evidence_map.logits, oracle(model, image, evidence_map.grid)) <= TOLERANCE


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_sizes_strides_grids_and_bounds_agree_with_the_oracle(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.tuples(st.integers(3, 13), st.integers(3, 13)), min_size=1, max_size=4))
    repeated = [size for size in sizes for _ in range(data.draw(st.integers(1, 2)))]
    tile = data.draw(st.integers(3, min(min(size) for size in sizes)))
    stride = data.draw(st.integers(1, 7))
    kind = data.draw(st.sampled_from(["aligned", "covering"]))
    images = pictures(*repeated)
    memory = data.draw(st.sampled_from([1, FEW_BYTES, 2**26]))
    maps = evidence(SMALL, images, tile=tile, stride=stride, grid=kind, memory=memory)
    assert [evidence_map.grid for evidence_map in maps] == [
        TileGrid(height, width, tile, stride, kind) for height, width in repeated
    ]
    for image, evidence_map in zip(images, maps, strict=True):
        assert largest_difference(evidence_map.logits, oracle(SMALL, image, evidence_map.grid)) <= TOLERANCE


@given(st.permutations(range(5)))
@settings(max_examples=10, deadline=None)
def test_permuting_the_images_permutes_the_maps(order: list[int]) -> None:
    images = pictures((8, 8), (8, 8), (9, 12), (11, 8), (8, 8))
    maps = evidence(SMALL, images, tile=5, stride=2, memory=FEW_BYTES)
    permuted = evidence(SMALL, [images[i] for i in order], tile=5, stride=2, memory=FEW_BYTES)
    for i, evidence_map in zip(order, permuted, strict=True):
        assert largest_difference(evidence_map.logits, maps[i].logits) <= TOLERANCE


@given(st.integers(0, 5), st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_shifting_the_image_shifts_the_map(down: int, right: int) -> None:
    [scene] = pictures((20, 22))
    whole = evidence(SMALL, [scene], tile=6)[0].logits
    shifted = evidence(SMALL, [scene[:, down:, right:]], tile=6)[0].logits
    assert largest_difference(shifted, whole[:, down:, right:]) <= TOLERANCE


@pytest.mark.parametrize("kind", ["aligned", "covering"])
def test_a_constant_model_gives_a_constant_map(kind: str) -> None:
    constant = torch.tensor([1.5, -2.0])
    maps = evidence(
        lambda tiles: constant.expand(len(tiles), 2), pictures((9, 14)), tile=4, stride=3, grid=kind
    )
    assert (maps[0].logits == constant[:, None, None]).all()


def test_one_tile_as_large_as_the_image_is_the_model_on_the_image() -> None:
    [image] = pictures((10, 10))
    [evidence_map] = evidence(SMALL, [image], tile=10, stride=4)
    with torch.inference_mode():
        assert largest_difference(evidence_map.logits[:, 0, 0], SMALL(image[None])[0]) <= TOLERANCE


def test_a_tensor_of_images_is_a_list_of_images() -> None:
    images = torch.stack(pictures((9, 10), (9, 10), (9, 10)))
    together = evidence(SMALL, images, tile=4)
    for evidence_map, image in zip(together, images, strict=True):
        assert (
            largest_difference(evidence_map.logits, evidence(SMALL, [image], tile=4)[0].logits) <= TOLERANCE
        )


def test_batches_span_images_of_different_sizes() -> None:
    batches = []

    def model(tiles: Tensor) -> Tensor:
        batches.append(len(tiles))
        return tiles.flatten(1)

    evidence(model, pictures((4, 4), (5, 4), (4, 6), (4, 4), (4, 4)), tile=4)
    # Two tiles show what is returned, one that nothing is averaged, two measure the memory; the eight of the five
    # images go together.
    assert batches == [2, 1, 2, 1 + 2 + 3 + 1 + 1]


def test_the_tiles_are_channels_last_float32() -> None:
    kinds = set()

    def model(tiles: Tensor) -> Tensor:
        kinds.add((tiles.dtype, tiles.is_contiguous(memory_format=torch.channels_last)))
        return tiles.mean((2, 3))

    evidence(model, torch.zeros(3, 3, 8, 8, dtype=torch.float64), tile=4, memory=FEW_BYTES)
    assert (torch.float32, True) in kinds
    assert {dtype for dtype, _ in kinds} == {torch.float32}


def test_another_type_can_be_asked_for() -> None:
    model = seeded(small_net).double()
    [image] = pictures((8, 9))
    [evidence_map] = evidence(model, [image], tile=4, dtype=torch.float64)
    assert evidence_map.logits.dtype == torch.float64
    assert largest_difference(evidence_map.logits, oracle(model, image.double(), evidence_map.grid)) <= 1e-12


def test_maps_stand_alone_and_can_be_used_with_gradients() -> None:
    first, second = evidence(SMALL, torch.stack(pictures((6, 6), (6, 6))), tile=4)
    assert not first.logits.is_inference()
    assert first.logits.untyped_storage().nbytes() == first.logits.nbytes
    kept = second.logits.clone()
    first.logits.zero_()
    assert second.logits.equal(kept)


def test_no_images_make_no_maps() -> None:
    assert evidence(SMALL, [], tile=4) == []


def test_class_names_are_kept_or_numbered() -> None:
    [image] = pictures((6, 6))
    assert evidence(SMALL, [image], tile=4, classes="abcde")[0].classes == tuple("abcde")
    assert evidence(SMALL, [image], tile=4)[0].classes == tuple("01234")
    with pytest.raises(InputError, match="5 logits but 2 class names"):
        evidence(SMALL, [image], tile=4, classes=("a", "b"))


def test_a_stream_is_read_no_further_ahead_than_a_batch_needs() -> None:
    read = 0

    def stream() -> Iterator[Tensor]:
        nonlocal read
        for _ in range(1000):
            read += 1
            yield torch.zeros(3, 8, 8)

    bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=4, stride=1, memory=100_000)
    maps = bound.maps(stream())
    for done in range(1, 400):
        next(maps)
        assert read - done < 100
    assert read >= 400


def test_tensors_alive_at_once_do_not_grow_with_the_number_of_images() -> None:
    """The bytes of all tensors that the engine and the model make, at the peak, within the bound."""
    from nearsight.evidence.memory import _LiveBytes

    def peak(count: int, memory: int) -> int:
        stream = (torch.zeros(3, 24, 24) for _ in range(count))
        with _LiveBytes() as live:
            for _ in TiledModel(SMALL, tile=8, stride=4, memory=memory).maps(stream):
                pass
        return live.peak

    memory = 2**20
    few, many = peak(100, memory), peak(1000, memory)
    assert many <= memory
    assert many <= 1.01 * few
    # The bound is made use of, and a larger one is too.
    assert few > memory / 4
    assert peak(1000, 2 * memory) > 1.5 * many


@pytest.mark.parametrize(("value", "word"), [(float("nan"), "NaN"), (float("inf"), "infinite")])
def test_logits_that_are_not_finite_name_the_image_and_the_tile(value: float, word: str) -> None:
    images = torch.zeros(3, 3, 8, 10)
    images[1, 0, 5, 9] = value
    # Tiles of 4 at stride 2 make three rows of four; the pixel lies in tile row 1 (rows 2 to 5), column 3.
    with pytest.raises(InputError, match=rf"gave {word} logits for image 1, tile 7 \(top 2, left 6\)"):
        evidence(lambda tiles: tiles.amax((2, 3)), images, tile=4, stride=2, memory=FEW_BYTES)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([torch.zeros(3, 8, 8), torch.zeros(3, 8, 3)], "image 1: a tile of 4 .* 8×3; the largest .* 3"),
        ([torch.zeros(3, 8, 8), torch.zeros(1, 8, 8)], "image 1 is .*expected float .* with 3 channels"),
        ([torch.zeros(3, 8, 8, dtype=torch.uint8)], "image 0 is torch.uint8"),
        ([torch.zeros(8, 8)], "image 0 is torch.float32 of shape"),
    ],
)
def test_images_that_do_not_belong_are_named(images: list[Tensor], message: str) -> None:
    with pytest.raises(InputError, match=message):
        evidence(lambda tiles: tiles.mean((2, 3)), images, tile=4)


def test_a_grid_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match="'alinged'"):
        evidence(SMALL, torch.zeros(1, 3, 8, 8), tile=4, grid="alinged")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(("name", "tile", "stride"), [("tilenet", 16, 1), ("resnet18", 16, 3)])
def test_on_a_gpu_maps_are_those_of_the_processor(name: str, tile: int, stride: int) -> None:
    torch.manual_seed(0)
    network = build(name, 5, width=0.25, tile=tile).eval()
    images = torch.randn(3, 3, 30, 26)
    expected = evidence(network, images, tile=tile, stride=stride)
    found = evidence(network.to("cuda"), images.to("cuda"), tile=tile, stride=stride)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours.logits, theirs.logits, rtol=1e-4, atol=1e-4)


def test_one_image_without_its_first_axis_is_named() -> None:
    with pytest.raises(InputError, match=r"\(3, 40, 40\) of one image.*images\[None\]"):
        evidence(SMALL, torch.zeros(3, 40, 40), tile=8)
