"""Embeddings of all tiles of a set: each that of its tile, at its place, whatever is made together."""

import errno
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from pyarrow import parquet
from tests.processes import in_processes
from torch import nn

import nearsight
from nearsight.data import ImageSet, MemoryImages
from nearsight.errors import InputError
from nearsight.evaluation import embedding_file
from nearsight.evaluation import tile_embeddings as module
from nearsight.evaluation.tile_embeddings import image_groups, tile_counts, tile_embeddings
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
    counts = tile_counts(bound, TOY)
    parts = [part.table(TOY) for _, part in tile_embeddings(bound, TOY, image_groups(counts))]
    rows = [row for part in parts for row in part.to_pylist()]
    assert len(rows) == counts.sum() == 3 * 3 * 4
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
    (tmp_path / "place.parquet").mkdir()
    with pytest.raises(InputError, match=r"place\.parquet is a directory; choose another `out`"):
        nearsight.embed(Small(), TOY, classes="cat,dog", tile=4, out=tmp_path / "place.parquet")
    assert {each.name for each in tmp_path.iterdir()} == {"tiles.parquet", "place.parquet"}


def test_a_disk_that_fills_while_parts_are_joined_is_not_damage_of_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, full = parquet.ParquetWriter.write_table, True

    def write(writer: parquet.ParquetWriter, table: Any) -> None:
        if full and "part-" not in str(writer.where):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written(writer, table)

    monkeypatch.setattr(parquet.ParquetWriter, "write_table", write)
    embed = partial(nearsight.embed, Small(), TOY, classes="cat,dog", tile=4, stride=4, progress=False)
    out = tmp_path / "tiles.parquet"
    with pytest.raises(InputError, match=r"the disk is full: .*tiles\.parquet could not be written"):
        embed(out=out)
    # The parts are kept, and continued once there is room.
    assert [file.name for file in tmp_path.rglob("*.parquet")] == ["part-000000000.parquet"]
    full = False
    assert parquet.read_table(embed(out=out)).equals(
        parquet.read_table(embed(out=tmp_path / "again.parquet"))
    )
    assert sorted(file.name for file in tmp_path.iterdir()) == ["again.parquet", "tiles.parquet"]


@pytest.mark.parametrize("free", [10**12, 100])
def test_parts_are_removed_as_they_are_joined_only_if_there_is_no_room_for_both(
    free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TOGETHER", 1)
    monkeypatch.setattr(embedding_file, "PART_SECONDS", -1.0)
    embed = partial(nearsight.embed, Small(), TOY, classes="cat,dog", tile=4, stride=4)
    whole = embed(out=tmp_path / "whole.parquet", progress=False).read_bytes()
    monkeypatch.setattr(embedding_file.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    out, left = tmp_path / "tiles.parquet", []
    tables_of = embedding_file._tables_of

    def seen(part: Path) -> Any:
        left.append(len([*part.parent.glob("part-*.parquet")]))
        return tables_of(part)

    monkeypatch.setattr(embedding_file, "_tables_of", seen)
    watching = Interrupting()
    embed(out=out, progress=watching)
    assert out.read_bytes() == whole
    assert left == ([3, 3, 3] if free > 100 else [3, 2, 1])
    assert ("removed as they are joined" in watching.said) == (free == 100)
    assert not out.with_name("tiles.parquet.parts").exists()


@pytest.mark.parametrize("counts", [[1], [1024], [5, 1018, 1, 1, 9000, 3], [4] * 1000])
def test_groups_are_all_images_in_order(counts: list[int]) -> None:
    groups = image_groups(np.array(counts))
    assert [number for group in groups for number in group] == [*range(len(counts))]
    # A batch is rarely much smaller than it may be.
    assert len(groups) <= sum(counts) / 1024 + 1


class Interrupting:
    """Who watches and presses Ctrl-C after so many tables; keeps what was said and how many tiles were made."""

    def __init__(self, after: int = -1) -> None:
        self.left, self.done, self.said = after, 0, ""

    def say(self, text: str) -> None:
        """Keep a line."""
        self.said += text

    warn = say

    def count(self, what: str, done: int, *_more: Any) -> None:
        """Press it, or keep a count."""
        if what == "embedding tiles":
            self.done, self.left = done, self.left - 1
            if self.left == 0:
                raise KeyboardInterrupt


def test_an_interruption_and_processes_leave_the_file_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TOGETHER", 7)
    pixels = torch.randint(0, 256, (23, 3, 9, 11), dtype=torch.uint8)
    many = ImageSet("toy", "test", ("cat", "dog"), np.arange(23) % 2, MemoryImages(pixels, ("",) * 23))
    embed = partial(nearsight.embed, Small(), many, classes="cat,dog", tile=4, stride=3)
    whole = embed(out=tmp_path / "whole.parquet", progress=False).read_bytes()
    for count in (2, 3):
        out = tmp_path / f"{count}.parquet"
        in_processes(monkeypatch, count, lambda _, out=out: embed(out=out, progress=False))
        assert out.read_bytes() == whole

    monkeypatch.setattr(embedding_file, "PART_SECONDS", -1.0)
    out = tmp_path / "interrupted.parquet"
    with pytest.raises(KeyboardInterrupt):
        embed(out=out, progress=Interrupting(after=18))
    [*parts] = sorted((tmp_path / "interrupted.parquet.parts").iterdir())
    assert len(parts) > 3
    parts[1].write_bytes(parts[1].read_bytes()[:-1])
    watching = [Interrupting(), Interrupting()]
    in_processes(monkeypatch, 2, lambda rank: embed(out=out, progress=watching[rank]))
    assert out.read_bytes() == whole
    assert "images were embedded before" in watching[0].said
    assert 0 < watching[0].done + watching[1].done < 23 * 12
    assert {path.name for path in tmp_path.iterdir()} == {
        "whole.parquet",
        "2.parquet",
        "3.parquet",
        "interrupted.parquet",
    }

    # What another network made is of no use.
    with pytest.raises(KeyboardInterrupt):
        embed(out=out, progress=Interrupting(after=18))
    other = Small()
    torch.nn.init.ones_(other.features.weight)
    anew = Interrupting()
    nearsight.embed(other, many, classes="cat,dog", tile=4, stride=3, out=out, progress=anew)
    assert anew.done == 23 * 12

    # What is said of the images is in the rows too.
    with pytest.raises(KeyboardInterrupt):
        embed(out=out, progress=Interrupting(after=18))
    relabelled = replace(many, labels=1 - many.labels)
    anew = Interrupting()
    nearsight.embed(Small(), relabelled, classes="cat,dog", tile=4, stride=3, out=out, progress=anew)
    assert anew.done == 23 * 12
    assert parquet.read_table(out)["label"].to_pylist()[::12] == (1 - many.labels).tolist()
