"""Maps of models with a pooling: what they say is what the network gives of tiles, however these are batched."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from nearsight.errors import InputError
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.evidence.map import POOLED_SCORES
from nearsight.models import Architecture, Classifier, Preprocessing
from nearsight.models.several_tiles import pooled_logits
from nearsight.settings.pooled import POOLINGS, Pooling, PoolingName
from nearsight.tiles import TileGrid

HALF = (0.5, 0.5, 0.5)


def attending(name: str) -> Classifier:
    architecture = Architecture(name, classes=3, width=0.1, tile=8, attention=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = architecture.build()
        for parameters in network.parameters():
            # Attention begins equal for all tiles.
            if not parameters.any():
                torch.nn.init.normal_(parameters)
    pooling = Pooling("attention")
    return Classifier(
        network, architecture, ("a", "b", "c"), 8, Preprocessing(HALF, HALF), pooling=pooling
    ).eval()


def decoded(*sizes: tuple[int, int]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(256, (3, *size), dtype=torch.uint8, generator=generator) for size in sizes]


@pytest.mark.parametrize("name", ["airbench", "tilenet"])
@pytest.mark.parametrize("memory", [1, 2**28])
def test_logits_and_attention_are_those_of_tiles_one_by_one(name: str, memory: int) -> None:
    classifier = attending(name)
    bound = TiledModel(classifier, stride=3, memory=memory)
    for image, found in zip(images := decoded((12, 15), (12, 15)), bound.maps(images), strict=True):
        with torch.no_grad():
            tiles = torch.stack([found.crop(classifier.prepare(image), i) for i in range(len(found.grid))])
            wanted = classifier.with_attention(tiles)
        assert found.attention is not None
        torch.testing.assert_close(found.logits.flatten(1).T, wanted[:, :3], atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(found.attention.flatten(), wanted[:, 3], atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(
            found.scores(),
            pooled_logits(Pooling("attention"), wanted[:, :3], wanted[:, 3]),
            atol=1e-4,
            rtol=1e-3,
        )
        # The softmax of the logits alone is what every other user of the classifier gets.
        assert classifier(tiles).shape == bound.logits(tiles).shape == (len(found.grid), 3)


def random_map(pooling: Pooling) -> EvidenceMap:
    grid = TileGrid(20, 26, tile=8, stride=3)
    generator = torch.Generator().manual_seed(1)
    logits, attention = (
        torch.randn(4, *grid.shape, generator=generator),
        torch.randn(grid.shape, generator=generator),
    )
    return EvidenceMap(logits, grid, ("a", "b", "c", "d"), pooling=pooling, attention=attention)


@pytest.mark.parametrize("name", POOLINGS)
def test_a_saved_map_has_the_same_scores(name: PoolingName, tmp_path: Path) -> None:
    tiles = random_map(Pooling(name, top_k=5))
    tiles.save(tmp_path / "map.safetensors")
    again = EvidenceMap.load(tmp_path / "map.safetensors")
    assert again.pooling == tiles.pooling
    assert again.protocol == tiles.pooling.protocol
    assert again.scores().equal(tiles.scores())
    assert again.scores().equal(POOLED_SCORES[tiles.protocol](tiles))


@pytest.mark.parametrize("name", ["top-k", "max", "attention"])
def test_the_tiles_that_count_make_the_score(name: PoolingName) -> None:
    tiles = random_map(Pooling(name, top_k=5))
    for number in range(4):
        counted = tiles.counted(number)
        assert counted is not None
        assert float(counted.sum()) == pytest.approx(1)
        torch.testing.assert_close((counted * tiles.logits[number]).sum(), tiles.scores()[number])
    counting = tiles.counting("b")
    assert counting is not None
    if name != "attention":
        strongest = tiles.logits[1].flatten().argsort(descending=True)[: 5 if name == "top-k" else 1]
        assert counting == tuple(strongest.tolist())


def test_where_all_count_alike_none_is_named() -> None:
    assert random_map(Pooling()).counting(0) is None
    assert random_map(Pooling("noisy-or")).counting(0) is None


def test_attention_is_of_networks_that_have_it() -> None:
    plain = Classifier.of("airbench", classes=3, pretrained=False, width=0.1, tile=8, mean=0.5, std=0.5)
    with pytest.raises(InputError, match="'attention' needs a network that was trained with"):
        TiledModel(plain, pooling=Pooling("attention"))
    grid = TileGrid(8, 8, tile=8, stride=8)
    with pytest.raises(InputError, match="attention has shape"):
        EvidenceMap(torch.zeros(1, 1, 1), grid, ("a",), attention=torch.zeros(2, 2))


@pytest.mark.parametrize("name", POOLINGS)
def test_a_skipped_tile_counts_in_no_score(name: PoolingName) -> None:
    tiles = random_map(Pooling(name, top_k=5))
    strongest = int(tiles.logits[2].argmax())
    logits = tiles.logits.clone()
    logits.flatten(1)[:, strongest] = torch.nan
    skipping = EvidenceMap(
        logits, tiles.grid, tiles.classes, pooling=tiles.pooling, attention=tiles.attention
    )
    left = [tile for tile in range(len(tiles.grid)) if tile != strongest]
    assert tiles.attention is not None
    wanted = POOLED_SCORES[tiles.protocol](
        EvidenceMap(
            tiles.logits.flatten(1)[:, None, left],
            TileGrid(8, 7 + len(left), tile=8, stride=1),
            tiles.classes,
            pooling=tiles.pooling,
            attention=tiles.attention.flatten()[None, left],
        )
    )
    torch.testing.assert_close(skipping.scores(), wanted)
    counted = skipping.counted(2)
    assert counted is None or float(counted.flatten()[strongest]) == 0


def test_a_map_that_skips_blank_tiles_keeps_pooling_and_attention() -> None:
    bound = TiledModel(attending("airbench"), stride=4, skip_blank=2)
    image = decoded((20, 28))[0]
    image[:, :, :12] = 200
    [found] = bound.maps([image])
    [whole] = TiledModel(attending("airbench"), stride=4).maps([image])
    assert found.pooling == Pooling("attention")
    assert found.attention is not None
    assert whole.attention is not None
    assert bool(found.skipped.any())
    there = ~found.skipped
    torch.testing.assert_close(found.attention[there], whole.attention[there], atol=1e-4, rtol=1e-3)
    assert found.scores().isfinite().all()
