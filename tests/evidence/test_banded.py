"""A map made band by band is the map of the whole image; blank tiles are left out of it and of its scores."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.evidence.banded import HeldBands, blank_tiles
from nearsight.models import Architecture, Classifier, Preprocessing
from nearsight.settings import GridKind
from nearsight.tiles import TileGrid, cut_grid

HALF = (0.5, 0.5, 0.5)


def classifier(network: nn.Module, tile: int = 8, **options: int) -> Classifier:
    preprocessing = Preprocessing(HALF, HALF, interpolation="bilinear", **options)  # type: ignore[arg-type]
    return Classifier(
        network, Architecture("airbench", classes=2, width=0.1), ("cat", "dog"), tile, preprocessing
    )


def network(*, padded: bool) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=int(padded)),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )


@pytest.fixture(scope="module")
def image() -> Tensor:
    return torch.randint(256, (3, 61, 75), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("grid", ["aligned", "covering"])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("memory", [2**18, 2**29])
def test_bands_give_the_map_of_the_whole(image: Tensor, grid: GridKind, padded: bool, memory: int) -> None:
    bound = TiledModel(classifier(network(padded=padded)), stride=3, grid=grid, memory=memory)
    [whole] = bound.maps([image])

    banded = bound.map_of_bands(HeldBands(image))
    among = list(bound.maps([image, HeldBands(image), image]))

    assert banded.grid == whole.grid
    assert banded.classes == whole.classes
    for found in (banded, *among):
        torch.testing.assert_close(found.logits, whole.logits)


def test_all_rows_are_shown_once_and_in_order(image: Tensor) -> None:
    class Bands(HeldBands):
        def bands(self, spans, seen=None) -> Iterator[Tensor]:  # type: ignore[no-untyped-def]
            self_spans.extend(spans := list(spans))
            return super().bands(spans, seen)

    self_spans: list[tuple[int, int]] = []
    shown: list[int] = []
    bound = TiledModel(classifier(network(padded=False)), stride=3, memory=2**18)
    bound.map_of_bands(Bands(image), lambda top, rows: shown.extend(range(top, top + rows.shape[1])))
    assert shown == list(range(61))
    assert self_spans == sorted(self_spans)
    assert len(self_spans) > 1


def test_an_image_that_is_resized_is_resized_by_bands(image: Tensor) -> None:
    bound = TiledModel(classifier(network(padded=False), resize_short=32), stride=3)
    [whole] = bound.maps([image])
    assert bound.map_of_bands(HeldBands(image)).logits.equal(whole.logits)
    resized = bound.resize_banded(HeldBands(image))
    assert isinstance(resized, Tensor)
    assert resized.equal(bound.resize(image))


def test_blank_tiles_are_those_of_little_range(image: Tensor) -> None:
    image = image.clone()
    image[:, 10:40, 20:70] = 200 + image[:, 10:40, 20:70] // 32
    for kind in ("aligned", "covering"):
        grid = TileGrid(61, 75, tile=8, stride=3, kind=kind)
        tiles = cut_grid(image[None], grid)[0].flatten(-2).int()
        expected = ((tiles.amax(-1) - tiles.amin(-1)) <= 7).all(-1)
        assert blank_tiles(image, grid, 7).equal(expected)
        assert 0 < expected.sum() < len(grid)


@pytest.mark.parametrize("padded", [False, True])
def test_skipped_tiles_are_nan_and_in_no_score(image: Tensor, padded: bool) -> None:
    image = image.clone()
    image[:, 5:58, 10:70] = 230
    model = classifier(network(padded=padded))
    [whole] = TiledModel(model, stride=3).maps([image])
    bound = TiledModel(model, stride=3, skip_blank=16)

    [found] = bound.maps([image])

    blank = blank_tiles(image, found.grid, 16)
    assert found.skipped.equal(blank)
    assert found.logits.isnan().all(0).equal(blank)
    kept = whole.logits[:, ~blank]
    torch.testing.assert_close(found.logits[:, ~blank], kept)
    torch.testing.assert_close(found.mean(), kept.mean(1))
    torch.testing.assert_close(found.probabilities(), kept.softmax(0).mean(1))
    torch.testing.assert_close(found.vote(), torch.bincount(kept.argmax(0), minlength=2) / kept.shape[1])
    top = found.top_tiles(0, len(found.grid))
    assert len(top) == kept.shape[1]
    assert [tile.evidence for tile in top] == sorted((tile.evidence for tile in top), reverse=True)
    least = found.top_tiles(0, 1, against=True)[0]
    assert least.evidence == top[-1].evidence


def test_an_image_of_blank_tiles_is_looked_at_whole() -> None:
    grey = torch.full((3, 20, 20), 128, dtype=torch.uint8)
    [found] = TiledModel(classifier(network(padded=True)), skip_blank=0).maps([grey])
    assert not found.skipped.any()
    assert found.logits.isfinite().all()


def test_a_map_with_skipped_tiles_is_read_back(tmp_path: Path) -> None:
    logits = torch.randn(2, 18, 23)
    logits[:, 3:5, 2] = torch.nan
    grid = TileGrid(61, 75, tile=8, stride=3)
    EvidenceMap(logits, grid, ("cat", "dog")).save(tmp_path / "a.safetensors")
    assert EvidenceMap.load(tmp_path / "a.safetensors").skipped.sum() == 2
    half = logits.clone()
    half[0, 0, 0] = torch.nan
    for bad in (half, torch.full_like(logits, torch.nan)):
        EvidenceMap(bad, grid, ("cat", "dog")).save(tmp_path / "b.safetensors")
        with pytest.raises(InputError, match="logits are not all finite"):
            EvidenceMap.load(tmp_path / "b.safetensors")


def test_a_pixel_has_the_mean_of_the_tiles_that_were_looked_at() -> None:
    logits = torch.tensor([[[3.0, torch.nan, 5.0]]])
    pixels = EvidenceMap(logits, TileGrid(2, 6, tile=2, stride=2), ("cat",)).per_pixel("cat")
    assert pixels[0, :2].tolist() == [3, 3]
    assert pixels[0, 2:4].isnan().all()
    assert pixels[0, 4:].tolist() == [5, 5]


def test_what_cannot_be_is_refused(image: Tensor) -> None:
    model = classifier(network(padded=False))
    with pytest.raises(InputError, match="`skip_blank` is by how much"):
        TiledModel(model, skip_blank=256)
    with pytest.raises(InputError, match="as decoded, uint8"):
        list(TiledModel(model, skip_blank=3).maps([image.float()]))
    with pytest.raises(InputError, match="leave `skip_blank` out"):
        TiledModel(model, skip_blank=3).removal_maps([image], protocol="full-pass")
    with pytest.raises(InputError, match=r"the map of 56 tiles .* larger `stride`"):
        TiledModel(model, stride=10, memory=100).map_of_bands(HeldBands(image))
