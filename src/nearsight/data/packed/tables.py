"""A Parquet file of a set with its images packed: all else in it stays as it is."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nearsight.data.faults import one_line
from nearsight.data.identity import digest_of
from nearsight.data.packed.files import Outcome, can_gain
from nearsight.errors import InputError
from nearsight.write import replace_atomically

if TYPE_CHECKING:
    import pyarrow as pa

# Rows that are read, packed and written together, as a row group.
_TOGETHER = 32
_MADE_OF = b"nearsight_packed_of"
# What packs some images.
Pack = Callable[[list[bytes]], Iterable[tuple[bytes, Outcome]]]


def pack_table(source: Path, target: Path, pack: Pack) -> Iterator[tuple[Outcome, int]]:
    """Write a Parquet file with its images packed, and yield what became of those of some rows, and how many rows.

    Images are the bytes of columns that hold bytes, or bytes with a path. A file that was made of it before is kept,
    and what became of its images is not known. Raises `InputError` for what is no Parquet.
    """
    import pyarrow as pa
    from pyarrow import parquet

    made_of = digest_of(source).encode()
    if target.is_file() and (parquet.read_schema(target).metadata or {}).get(_MADE_OF) == made_of:
        return
    try:
        with parquet.ParquetFile(source, pre_buffer=False) as file:
            schema = file.schema_arrow
            schema = schema.with_metadata({**(schema.metadata or {}), _MADE_OF: made_of})
            images = [name for name in schema.names if _holds_bytes(schema.field(name).type)]
            with (
                replace_atomically(target) as temporary,
                # A JPEG does not compress further, and no two cells are equal.
                parquet.ParquetWriter(temporary, schema, compression="none", use_dictionary=False) as writer,
            ):
                for batch in file.iter_batches(_TOGETHER):
                    outcome = Outcome()
                    columns = dict(zip(schema.names, batch.columns, strict=True))
                    for name in images:
                        columns[name], told = _packed_column(columns[name], pack)
                        outcome += told
                    writer.write_batch(pa.record_batch(list(columns.values()), schema=schema))
                    yield outcome, len(batch)
    except pa.ArrowException as fault:
        raise InputError(f"cannot read {source}: {one_line(fault)}; write or download it again") from fault


def first_image(source: Path) -> bytes | None:
    """Return the first image of a Parquet file that may be packed; None if there is none."""
    from pyarrow import parquet

    with parquet.ParquetFile(source, pre_buffer=False) as file:
        for batch in file.iter_batches(1):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                if _holds_bytes(batch.schema.field(name).type):
                    cell = column.to_pylist()[0]
                    content = cell.get("bytes") if isinstance(cell, dict) else cell
                    if isinstance(content, bytes) and can_gain(content):
                        return content
            return None
    return None


def _holds_bytes(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _holds_bytes(kind.field("bytes").type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _packed_column(column: "pa.Array", pack: Pack) -> "tuple[pa.Array, Outcome]":
    import pyarrow as pa

    if pa.types.is_struct(column.type):
        names = [field.name for field in column.type]
        parts = dict(zip(names, column.flatten(), strict=True))
        parts["bytes"], outcome = _packed_column(parts["bytes"], pack)
        return pa.StructArray.from_arrays(
            list(parts.values()), fields=list(column.type), mask=column.is_null()
        ), outcome
    cells = column.to_pylist()
    given = [cell for cell in cells if cell is not None]
    outcome, found = Outcome(), iter(pack(given))
    for row, cell in enumerate(cells):
        if cell is not None:
            cells[row], told = next(found)
            outcome += told
    return pa.array(cells, column.type), outcome
