"""The embeddings of all tiles of a set as one Parquet file, made in parts that outlive an interruption."""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from nearsight.data import ImageSet
from nearsight.digest import seal_table
from nearsight.errors import InputError
from nearsight.evaluation.expected import expected_of, say_cost
from nearsight.evaluation.kept_scores import made_with
from nearsight.evaluation.tile_embeddings import TileEmbeddings, image_groups, tile_counts, tile_embeddings
from nearsight.evidence import Cost, TiledModel
from nearsight.evidence.cost import TIMED_TILES
from nearsight.lock import remove_parts, writing_parts
from nearsight.numbers import agreeing, counted
from nearsight.progress import SILENT, Progress, Stopwatch
from nearsight.read import opened_table, said_of
from nearsight.runs.run import METADATA
from nearsight.statistics.writing import scaled
from nearsight.stopping import continuing
from nearsight.tiles import TileGrid
from nearsight.together import ONE_PROCESS, Processes
from nearsight.write import plain, replace_atomically

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet

# A part ends this many seconds after it was begun, with the group of images that it is in.
PART_SECONDS = 20.0
_PARTS = "part-*.parquet"
_GIB = 2**30
# What the file may take more than its parts.
_ROOM = 1.1
_MEND = "embed again"


def write_embeddings(
    path: Path,
    bound: TiledModel,
    images: ImageSet,
    facts: Mapping[str, object],
    *,
    workers: int = 0,
    processes: Processes = ONE_PROCESS,
    progress: Progress = SILENT,
) -> None:
    """Write a row for each tile of a set to `path`, with `facts` in the file's metadata.

    Until the file is whole, its rows are in PATH.parts. The same call continues with the parts of an interrupted one,
    if model, images, labels and settings are the same. If there are several `processes`, each embeds its share of
    the images, and the first writes the file, which is the same for any number of them. Raises `InputError` where
    `tile_embeddings` does, and before any work if `path` is a directory.
    """
    parts = _Parts(path.with_name(f"{path.name}.parts"), _key(bound, images))
    counts = tile_counts(bound, images)
    with writing_parts(parts.directory, progress), continuing(parts.directory, _PARTS):
        if path.is_dir():
            raise InputError(f"{path} is a directory; choose another `out`")
        [kept, *_] = processes.each(lambda: parts.begin() if processes.first else [])
        done = set(chain.from_iterable(kept))
        if done:
            progress.say(
                f"{len(done):,} of {counted(len(images), 'image')} {agreeing(len(done), 'was', 'were')} "
                "embedded before the interruption"
            )
        missing = [group for group in image_groups(counts) if group.start not in done]
        share = processes.share(len(missing))
        own = missing[share.start : share.stop]
        if progress is not SILENT and own:
            some = images.select(np.concatenate([np.arange(group.start, group.stop) for group in own]))
            cost = expected_of(bound, some, of_tiles=partial(_cost_of_tiles, bound), workers=workers)
            say_cost(progress, "embedding", len(some), cost)

        def embeddings() -> Iterator[tuple[range, TileEmbeddings]]:
            made, total = 0, sum(int(counts[group.start : group.stop].sum()) for group in own)
            for group, found in tile_embeddings(bound, images, own, workers):
                if not made:
                    size = scaled(float(counts.sum() * found.embedding[0].nbytes), "B")
                    progress.say(f"{counted(counts.sum(), 'tile')}, {size} of embeddings")
                yield group, found
                made += len(found.embedding)
                progress.count("embedding tiles", made, total)

        processes.each(lambda: parts.write(images, embeddings()))
        processes.first_does(lambda: parts.join(path, {METADATA: json.dumps(facts)}, progress))


def _cost_of_tiles(bound: TiledModel, grids: Sequence[TileGrid]) -> Cost:
    """Return what the embeddings of all tiles of some grids cost: each is passed by itself."""
    total, tile = sum(map(len, grids)), grids[0].tile
    batch = torch.zeros(min(total, TIMED_TILES), 3, tile, tile)
    bound.embed(batch)
    watch = Stopwatch()
    bound.embed(batch)
    return Cost(total, None, watch.seconds() / len(batch) * total)


def _key(bound: TiledModel, images: ImageSet) -> str:
    """Return what differs for other models, images, labels or settings; nothing if that is not known."""
    made = made_with(bound, images, {}, [])
    if made is None:
        return ""
    made["named"] = [images.paths(), images.labels.tolist(), images.classes]
    return sha256(json.dumps(plain(made), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class _Parts:
    """The parts in a directory: tables of groups of images that follow one another, made with what `key` says."""

    directory: Path
    key: str

    def begin(self) -> list[range]:
        """Return the images that are in earlier parts; parts of other embeddings, and damaged ones, are removed."""
        found = []
        for file in self._files():
            images = None
            with (
                suppress(InputError, AttributeError, TypeError, ValueError),
                opened_table(file, _MEND) as held,
            ):
                said = said_of(held.schema_arrow.empty_table(), METADATA, file, _MEND)
                if self.key and said.get("key") == self.key:
                    images = _images_in(held)
            if images is None:
                file.unlink()
            else:
                found.append(images)
        return found

    def write(self, images: ImageSet, embeddings: Iterator[tuple[range, TileEmbeddings]]) -> None:
        """Write the embeddings of one group of images after the other."""
        groups = groupby(embeddings, key=itemgetter(0))
        group = next(groups, None)
        while group is not None:
            file, begun = self.directory / f"part-{group[0].start:09}.parquet", time.monotonic()
            with _tables_into(file, {METADATA: json.dumps({"key": self.key})}) as write:
                follows = True
                while group is not None and follows:
                    numbers, tables = group
                    for _, found in tables:
                        write(found.table(images))
                    group = next(groups, None)
                    late = time.monotonic() - begun > PART_SECONDS
                    follows = not late and group is not None and group[0].start == numbers.stop

    def join(self, path: Path, said: Mapping[str, str], progress: Progress) -> None:
        """Make one file of all parts, and remove them: at the end, or one by one if the disk has no room for both."""
        size = sum(file.stat().st_size for file in self._files())
        short = shutil.disk_usage(path.parent).free < _ROOM * size
        if short:
            progress.say(
                f"the disk has no room for {size / _GIB:,.2f} GiB twice: parts are removed as they are joined, and "
                "what an interruption loses meanwhile is embedded again"
            )
        with _tables_into(path, said) as write:
            for file in self._files():
                for table in _tables_of(file):
                    write(table)
                if short:
                    file.unlink()
        remove_parts(self.directory)

    def _files(self) -> list[Path]:
        return sorted(self.directory.glob(_PARTS))


def _tables_of(part: Path) -> Iterator["pa.Table"]:
    """Yield what a part holds; what fails while it is written is no damage of the part."""
    with opened_table(part, _MEND) as held:
        for number in range(held.num_row_groups):
            yield held.read_row_group(number)


def _images_in(part: "parquet.ParquetFile") -> range:
    """Return the images of a part, by what the file says of the first of its columns, their numbers."""
    ends = [part.metadata.row_group(number).column(0).statistics for number in range(part.num_row_groups)]
    return range(min(end.min for end in ends), max(end.max for end in ends) + 1)


@contextmanager
def _tables_into(path: Path, said: Mapping[str, str]) -> Iterator[Callable[["pa.Table"], None]]:
    """Give a function that writes one table after the other into a file, each as a row group."""
    from pyarrow import parquet

    with replace_atomically(path) as temporary:
        with ExitStack() as opened:
            writer: parquet.ParquetWriter | None = None

            def write(table: "pa.Table") -> None:
                nonlocal writer
                described = table.replace_schema_metadata(said)
                if writer is None:
                    writer = opened.enter_context(parquet.ParquetWriter(temporary, described.schema))
                writer.write_table(described)

            yield write
        seal_table(temporary)
