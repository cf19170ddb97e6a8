"""The cells of a table's column, as plain Python values."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def cells(column: "pa.ChunkedArray") -> list[object]:
    """Return the values of a column as Python has them; times that Python does not have are text, as they are stored.

    >>> import pyarrow as pa
    >>> cells(pa.chunked_array([[1_577_836_800]], pa.timestamp("s", tz="Mars/Olympus")))
    ['2020-01-01 00:00:00']
    """
    import pyarrow as pa

    try:
        return list(column.to_pylist())
    except (pa.ArrowInvalid, OverflowError, ValueError, LookupError):
        # Times in an unknown zone, or of years that Python does not have.
        bare = column.cast(pa.timestamp(column.type.unit)) if pa.types.is_timestamp(column.type) else column
        return list(bare.cast(pa.string()).to_pylist())
