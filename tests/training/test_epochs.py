"""Every image of an epoch is seen once: on any number of processes, with workers, from where a killed run was."""

import io
import os
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nearsight.data import ImageSet
from nearsight.data.loading import read_set
from nearsight.models import Preprocessing
from nearsight.settings import Recipe
from nearsight.settings.tile_schedule import TileSizes
from nearsight.training.batches import StreamedTiles, streamed_batches

IMAGES, BATCH = 29, 6
PLAIN = Preprocessing(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def encoded() -> Iterator[bytes]:
    """Yield images of two sizes, each of one grey of its own."""
    for grey in range(IMAGES):
        file = io.BytesIO()
        Image.new("RGB", (9 + grey % 2, 8), (grey, grey, grey)).save(file, "PNG")
        yield file.getvalue()


def tars(place: Path) -> Path:
    place.mkdir()
    for number, content in enumerate(encoded()):
        with tarfile.open(place / f"train-{number % 3:04}.tar", "a") as tar:
            for ending, held in (("png", content), ("cls", b"%d" % (number % 2))):
                member = tarfile.TarInfo(f"{number:04}.{ending}")
                member.size = len(held)
                tar.addfile(member, io.BytesIO(held))
    return place


def parquet(place: Path, **options: Any) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    place.mkdir()
    rows = [
        {"image": {"bytes": content, "path": None}, "label": k % 2} for k, content in enumerate(encoded())
    ]
    for shard in range(3):
        file = place / f"train-{shard:05}-of-00003.parquet"
        pq.write_table(pa.Table.from_pylist(rows[shard::3]), file, **options)
    return place


def parquet_in_place(place: Path) -> Path:
    """Images that are stored as they are are not copied."""
    return parquet(place, compression="none", use_dictionary=False)


def seen(images: ImageSet, start: int, stop: int, world: int, workers: int) -> list[int]:
    """Return the greys of the images of some steps, as so many processes with so many workers each read them."""
    recipe = Recipe(tile=5, batch_size=BATCH)
    tiles = StreamedTiles(images, recipe, TileSizes((5, 5)), PLAIN)
    found = []
    for rank in range(world):
        for batch in streamed_batches(tiles, BATCH, start, stop, workers, rank, world):
            assert len(batch.labels) == BATCH // world
            found += batch.tiles.flatten(1).float().mean(1).int().tolist()
    return found


@pytest.mark.parametrize("write", [tars, parquet, parquet_in_place])
@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on a machine of one core
@pytest.mark.skipif(not hasattr(os, "fork"), reason="workers would start anew for each of many loaders")
def test_each_image_of_an_epoch_is_seen_once_whatever_happens(
    write: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    images = read_set(write(tmp_path / "set"))["train"]
    assert images.pixels is None
    # As many batches of six as images are six epochs.
    steps = IMAGES
    once = Counter(dict.fromkeys(range(IMAGES), BATCH))
    for world, workers in ((1, 0), (1, 2), (2, 0), (3, 0)):
        assert Counter(seen(images, 0, steps, world, workers)) == once
    # A job that ended in the middle of an epoch, and continued on another number of processes, twice.
    parts = [(0, 7, 1, 0), (7, 16, 3, 0), (16, steps, 2, 1)]
    assert Counter(grey for part in parts for grey in seen(images, *part)) == once
    # Five batches are one epoch, and the first image of the next.
    greys = [*seen(images, 0, 2, 1, 0), *seen(images, 2, 5, 3, 0)]
    assert sorted(Counter(greys).values()) == [1] * (IMAGES - 1) + [2]
