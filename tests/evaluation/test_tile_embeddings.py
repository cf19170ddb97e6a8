"""Embeddings of all tiles of a set: each that of its tile, at its place, whatever is made together."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pyarrow import parquet
from torch import nn

import nearsight
from nearsight.data import ImageSet, MemoryImages
from nearsight.errors import InputError
from nearsight.evaluation import tile_embeddings as module
from nearsight.evaluation.tile_embeddings import tile_count, tile_embeddings
from nearsight.evidence import TiledModel
from nearsight.models import Classifier


class Small(nn.Module):
    """A network whose embeddings have five features."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features, self.head = nn.Linear(3, 5), nn.Linear(5, 2)

    def forward(self, tiles: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.features(tiles.float().mean((2, 3)))))


PIXELS = torch.randint(0, 256, (3, 3, 9, 11), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
TOY = ImageSet("toy", "test", ("cat", "dog"), np.array([0, 1, 1]), MemoryImages(PIXELS, ("a", "b", "c")))


@pytest.mark.parametrize("together", [1, 7, 1000])
def test_each_row_is_the_embedding_of_its_tile(together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TOGETHER", together)
    network = Small()
    bound = TiledModel(Classifier.of(network, classes=TOY.classes, tile=4), stride=3)
    parts = [part.table(TOY) for part in tile_embeddings(bound, TOY)]
    rows = [row for part in parts for row in part.to_pylist()]
    assert len(rows) == tile_count(bound, TOY) == 3 * 3 * 4
    for row in rows:
        tile = PIXELS[row["image"], :, row["top"] : row["top"] + 4, row["left"] : row["left"] + 4]
        expected = torch.relu(network.features(bound.prepare(tile).mean((1, 2))))
        torch.testing.assert_close(torch.tensor(row["embedding"]), expected.detach())
        assert (row["path"], row["class"]) == ("abc"[row["image"]], TOY.classes[row["label"]])


def test_the_file_says_how_it_was_made(tmp_path: Path) -> None:
    file = nearsight.embed(
        Small(), TOY, classes="cat,dog", tile=4, stride=4, out=tmp_path / "tiles.parquet", progress=False
    )
    said = parquet.read_schema(file).metadata[b"nearsight"].decode()
    assert said == '{"model": "Small", "split": "test", "tile": 4, "stride": 4, "grid": "covering"}'
    with pytest.raises(InputError, match=r"out must end in \.parquet"):
        nearsight.embed(Small(), TOY, classes="cat,dog", tile=4, out=tmp_path / "tiles.csv")
    with pytest.raises(InputError, match="`skip_blank` does not go with embeddings"):
        nearsight.embed(Small(), TOY, classes="cat,dog", tile=4, skip_blank=2, out=tmp_path / "a.parquet")
