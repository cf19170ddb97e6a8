"""Where the images of Parquet files lie in them, so that they are read there, and not copied first."""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from nearsight.data.placed_images import IMAGE, placed_images
from nearsight.data.stamps import stamp_of
from nearsight.read import open_regular

if TYPE_CHECKING:
    from datasets import Dataset
    from pyarrow.parquet import FileMetaData

# Rows that are looked at together.
_TOGETHER = 256
# What lies between two values at most: the head of a page, and which of its cells are empty.
_BETWEEN = 2**16
# So much of a value is looked for there, behind its length.
_START = 60


class _NotPlainError(Exception):
    """A value is not stored as it is."""


def image_places(files: Sequence[Path], column: str) -> "Dataset | None":
    """Return a row for each row of some Parquet files, with the place of its image; None if it has none there.

    A cell of the column `image` has the `path` that the file gives it, and the place: `size` bytes from `offset` on
    in the file `shard`, as in tar files. Images have a place if they are bytes, and the file holds these as they are:
    neither compressed nor listed in a dictionary. Each place is found by comparing its content with what pyarrow
    reads. Rows are kept in the cache of sets until a file changes.
    """
    from datasets import Dataset
    from datasets.exceptions import DatasetGenerationError
    from pyarrow import parquet

    if not all(_stored_plainly(parquet.read_metadata(file), column) for file in files):
        return None
    stamps = ([stamp_of(file) for file in files],)
    try:
        return Dataset.from_generator(
            _rows,
            features=placed_images(),
            gen_kwargs={"files": [*map(str, files)], "column": column, "stamps": stamps},
        )
    except DatasetGenerationError as fault:
        if isinstance(fault.__cause__, _NotPlainError):
            return None
        raise


def _stored_plainly(header: "FileMetaData", column: str) -> bool:
    """Whether the end of a file says that the bytes of its images are neither compressed nor in a dictionary."""
    for group in map(header.row_group, range(header.num_row_groups)):
        chunks = [group.column(k) for k in range(group.num_columns)]
        found = [chunk for chunk in chunks if chunk.path_in_schema in (column, f"{column}.bytes")]
        if [chunk.compression for chunk in found] != ["UNCOMPRESSED"] or found[0].has_dictionary_page:
            return False
    return True


def _rows(files: list[str], column: str, stamps: object) -> Iterator[dict[str, Any]]:
    del stamps
    for file in files:
        with open_regular(file) as stream:
            for content, path, start in _values(file, column):
                # It refers to a file.
                if isinstance(content, str) or (content is None and path is not None):
                    raise _NotPlainError
                cell = None
                if content is not None:
                    stream.seek(max(stream.tell(), start))
                    size = len(content)
                    place = {"shard": file, "offset": _found(stream, content), "size": size}
                    cell = {"bytes": None, "path": path, **place}
                yield {IMAGE: cell}


def _values(file: str, column: str) -> Iterator[tuple[bytes | str | None, str | None, int]]:
    """Yield the bytes and the path of each cell of a column, and where in the file its row group begins."""
    import pyarrow as pa
    from pyarrow import parquet

    with parquet.ParquetFile(file, pre_buffer=False) as table:
        for number in range(table.num_row_groups):
            group = table.metadata.row_group(number)
            chunks = (group.column(k) for k in range(group.num_columns))
            start = next(
                chunk.data_page_offset
                for chunk in chunks
                if chunk.path_in_schema in (column, f"{column}.bytes")
            )
            for batch in table.iter_batches(_TOGETHER, row_groups=[number], columns=[column]):
                cells = batch.column(0)
                if not pa.types.is_struct(cells.type):
                    yield from ((content, None, start) for content in cells.to_pylist())
                    continue
                for cell in cells.to_pylist():
                    yield (cell or {}).get("bytes"), (cell or {}).get("path"), start


def _found(stream: BinaryIO, content: bytes) -> int:
    """Return from where on a stream, read from where it is, has some content behind its length, and move it there.

    Raises `_NotPlainError` if it does not follow soon.
    """
    start = stream.tell()
    beginning = struct.pack("<I", len(content)) + content[:_START]
    between = stream.read(_BETWEEN + len(beginning)).find(beginning)
    if between < 0:
        raise _NotPlainError
    offset = start + between + 4
    stream.seek(offset)
    if stream.read(len(content)) != content:
        raise _NotPlainError
    return offset
