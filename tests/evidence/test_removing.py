"""Removal maps against images changed one by one and scored by the functions that score any image."""

import gc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.evidence.banded import HeldBands
from nearsight.evidence.map import POOLED_SCORES
from nearsight.evidence.removing import _Around
from nearsight.models import Architecture, Classifier, Preprocessing, TileNet, build
from nearsight.models.banded import Seen
from nearsight.settings.pooled import Pooling

TOLERANCE = 1e-4


def images(*sizes: tuple[int, int], seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(3, *size, generator=generator) for size in sizes]


def padded() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build("resnet18", 5, width=0.1)


def unpadded() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TileNet(8, 5, width=0.1)


def filled(image: Tensor, fill: str, tile: int, other: Tensor | None) -> Tensor:
    if fill == "mean":
        return image.mean((1, 2), keepdim=True).expand_as(image)
    if fill == "blur":
        return torch.from_numpy(gaussian_filter(image.numpy(), (0, tile / 4, tile / 4), mode="nearest"))
    assert other is not None
    return other


def one_by_one(
    bound: TiledModel, protocol: str, image: Tensor, fill: str, other: Tensor | None = None
) -> Tensor:
    """Change the image for each tile and score it whole."""

    def score(image: Tensor) -> Tensor:
        if protocol == "full-pass":
            return bound.full_pass([image])[0]
        [found] = bound.maps([image])
        return POOLED_SCORES[protocol](found)

    grid = bound.grid_of(image)
    lost = torch.empty(len(bound.classes), *grid.shape)
    instead = filled(image, fill, grid.tile, other)
    for (row, top), (column, left) in product(enumerate(grid.tops), enumerate(grid.lefts)):
        changed = image.clone()
        pixels = (..., slice(top, top + grid.tile), slice(left, left + grid.tile))
        changed[pixels] = instead[pixels]
        lost[:, row, column] = score(image) - score(changed)
    return lost


@pytest.mark.parametrize(
    ("fill", "memory"), [("mean", 1), ("mean", 200_000), ("mean", 2**28), ("blur", 2**28), ("other", 2**28)]
)
@pytest.mark.parametrize(
    ("network", "protocol"), list(product((padded, unpadded), ("full-pass", "mean-logit")))
)
def test_a_value_is_what_the_score_of_the_changed_image_lacks(
    network: type[nn.Module], protocol: str, fill: str, memory: int
) -> None:
    model = network()
    bound = TiledModel(model, tile=8, stride=3, memory=memory)
    given = images((10, 13), (10, 13), (9, 12))
    others = images((10, 13), (10, 13), (9, 12), seed=1) if fill == "other" else None
    found = list(bound.removal_maps(given, protocol=protocol, fill=fill, others=others))
    scores = bound.full_pass(given) if protocol == "full-pass" else [one.mean() for one in bound.maps(given)]
    assert len(found) == 3
    for place, lost in enumerate(found):
        wanted = one_by_one(bound, protocol, given[place], fill, others[place] if others else None)
        torch.testing.assert_close(lost.logits, wanted, atol=TOLERANCE, rtol=0)
        torch.testing.assert_close(lost.scores(), scores[place], atol=TOLERANCE, rtol=0)
        assert lost.grid == bound.grid_of(given[place])
        assert lost.kind == "removal"
        assert (lost.removal.protocol, lost.removal.fill) == (protocol, fill)
        assert lost.predicted() == int(scores[place].argmax())


@pytest.mark.parametrize("protocol", ["top-k", "max", "noisy-or"])
def test_what_is_lost_is_of_the_pooling_asked_for(protocol: str) -> None:
    bound = TiledModel(padded(), tile=8, stride=3, pooling=Pooling(top_k=3))
    given = images((10, 16), (11, 12))
    for place, lost in enumerate(bound.removal_maps(given, protocol=protocol)):
        wanted = one_by_one(bound, protocol, given[place], "mean")
        torch.testing.assert_close(lost.logits, wanted, atol=TOLERANCE, rtol=0)
        assert lost.protocol == protocol


def cropping() -> Classifier:
    preprocessing = Preprocessing((0.5, 0.4, 0.3), (0.2, 0.3, 0.4), 20, crop=(12, 12))
    architecture = Architecture("resnet18", classes=3, width=0.1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Classifier(architecture.build(), architecture, ("cat", "dog", "owl"), None, preprocessing)


def test_a_full_pass_loses_what_its_crop_sees_of_a_tile() -> None:
    classifier = cropping()
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(256, (3, 20, 26), dtype=torch.uint8, generator=generator)
    bound = TiledModel(classifier, tile=4, stride=4)
    [lost] = bound.removal_maps([image], protocol="full-pass")
    assert lost.grid == bound.grid_of(image)
    prepared = classifier.prepare(image)
    assert prepared.shape == (3, 12, 12)
    mean = prepared.mean((1, 2), keepdim=True)
    plain = TiledModel(classifier.network)
    for (row, top), (column, left) in product(enumerate(lost.grid.tops), enumerate(lost.grid.lefts)):
        rows = slice(max(0, top - 4), max(0, top - 4 + 4))
        columns = slice(max(0, left - 7), max(0, left - 7 + 4))
        changed = prepared.clone()
        changed[:, rows, columns] = mean
        wanted = plain.full_pass([prepared, changed])
        torch.testing.assert_close(lost.logits[:, row, column], wanted[0] - wanted[1], atol=TOLERANCE, rtol=0)
    assert bool((lost.logits[:, 0] == 0).all())
    assert bool((lost.logits[:, 2] != 0).any())


@dataclass(frozen=True)
class CountedBands(HeldBands):
    """Bands that count the neighbourhoods of tiles that are held when each is asked for."""

    held: list[int] = field(default_factory=list)

    def bands(self, spans: Iterable[tuple[int, int]], seen: Seen | None = None) -> Iterator[Tensor]:
        for band in super().bands(spans, seen):
            self.held.append(sum(type(one) is _Around for one in gc.get_objects()))
            yield band


@pytest.mark.parametrize("memory", [2_000, 2**28])
@pytest.mark.parametrize("network", [padded, unpadded])
def test_bands_lose_what_the_whole_image_does(network: type[nn.Module], memory: int) -> None:
    preprocessing = Preprocessing((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    architecture = Architecture("resnet18", classes=5, width=0.1)
    classifier = Classifier(network(), architecture, tuple("abcde"), 8, preprocessing)
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(256, (3, 43, 22), dtype=torch.uint8, generator=generator)
    bound = TiledModel(classifier, stride=3, memory=memory)
    [wanted] = bound.removal_maps([image], protocol="mean-logit")
    bands = HeldBands(image)
    found = bound.removal_map_of_bands(bands, bound.map_of_bands(bands), image.float().mean((1, 2)))
    assert (found.grid, found.removal.fill) == (wanted.grid, "mean")
    torch.testing.assert_close(found.logits, wanted.logits, atol=TOLERANCE, rtol=0)


def test_bands_hold_the_neighbourhoods_of_one_row() -> None:
    toy = Classifier.of(lambda images: images.mean((2, 3)), classes=3, tile=4, mean=0.0, std=1.0)
    bound, image = TiledModel(toy, stride=2, memory=4_000), torch.zeros(3, 64, 20, dtype=torch.uint8)
    bands = CountedBands(image)
    whole = bound.map_of_bands(HeldBands(image))
    bound.removal_map_of_bands(bands, whole, torch.zeros(3))
    rows, columns = whole.grid.shape
    assert (rows, columns) == (31, 9)
    assert len(bands.held) == rows
    assert max(bands.held) <= columns, bands.held


def test_images_of_another_size_fill_too() -> None:
    bound = TiledModel(padded(), tile=8)
    [given], [other] = images((16, 16)), images((40, 24), seed=1)
    [lost] = bound.removal_maps([given], protocol="full-pass", fill="other", others=[other])
    assert bool(lost.logits.isfinite().all())


def test_a_removal_map_comes_back_from_its_file(tmp_path: object) -> None:
    bound = TiledModel(padded(), tile=8, classes=tuple("abcde"))
    [lost] = bound.removal_maps(images((16, 16)), protocol="full-pass", fill="blur")
    lost.save(f"{tmp_path}/map.safetensors")
    found = EvidenceMap.load(f"{tmp_path}/map.safetensors")
    assert (found.kind, found.removal, found.grid, found.classes) == (
        "removal",
        lost.removal,
        lost.grid,
        lost.classes,
    )
    assert torch.equal(found.logits, lost.logits)


def test_a_file_of_the_first_schema_is_of_tiles_alone() -> None:
    written = Path(__file__).parents[1] / "fixtures" / "schema-1" / "heatmaps" / "image-0.safetensors"
    found = EvidenceMap.load(written)
    assert (found.kind, found.removal) == ("tile", None)
    assert torch.equal(found.scores(), found.mean())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"protocol": "vote"}, "unknown protocol of removal 'vote'"),
        ({"protocol": "full-pass", "fill": "black"}, "unknown fill 'black'"),
        ({"protocol": "full-pass", "fill": "other"}, "give `others`, one for each image"),
        ({"protocol": "full-pass", "others": []}, "the fill is 'mean'; leave them out"),
        ({"protocol": "full-pass", "fill": "other", "others": []}, "others has 0 images"),
    ],
)
def test_what_cannot_be_taken_away_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(TiledModel(padded(), tile=8).removal_maps(images((16, 16)), **settings))  # type: ignore[arg-type]


def test_an_image_too_large_to_be_changed_is_refused() -> None:
    bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=8, memory=2**20)
    large = torch.zeros(1, 1, 1).expand(3, 4096, 2048)
    with pytest.raises(InputError, match="about 288 MiB; give more `memory`"):
        next(bound.removal_maps([large], protocol="mean-logit"))


def test_logits_that_are_not_finite_name_the_image() -> None:
    def model(batch: Tensor) -> Tensor:
        return batch.mean((2, 3)) / (batch.amax((1, 2, 3)) < 5)[:, None]

    given = [torch.zeros(3, 8, 8), torch.full((3, 8, 8), 9.0)]
    with pytest.raises(InputError, match="not finite for image 1"):
        list(TiledModel(model, tile=4).removal_maps(given, protocol="full-pass"))
