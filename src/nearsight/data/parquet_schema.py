"""What a Parquet file says about its columns, checked before any row is read: types, class names, row counts."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearsight.arguments import shown
from nearsight.data.class_names import distinct
from nearsight.data.faults import one_line
from nearsight.errors import InputError, listed

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features
    from pyarrow.parquet import FileMetaData

_MOST_COLUMNS = 2000
# More classes than any set names, and longer names than anyone reads.
MOST_CLASSES = 1_000_000
_LONGEST_NAME = 1000
_LARGEST_METADATA = 64 * 2**20
# Images are already compressed; columns that say the same about all of them pack well, and are small.
_MOST_TIMES, _ALWAYS_UNPACKED = 64, 512 * 2**20
_AGAIN = "write it again"
# The first pyarrow that reads lists of one length of which some are missing.
_LACKING = 26


@dataclass(frozen=True, eq=False)
class ParquetSchema:
    """The columns of a file that can be read, in the form for `datasets`, and the class names in its metadata.

    `class_columns` are the columns whose numbers are those of named classes, with the names as they are written.
    `left_out` are the columns that cannot be read, and `notes` report them and what was changed.
    """

    features: "Features"
    class_names: tuple[str, ...] | None
    class_columns: dict[str, list[str]]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def numbering(self) -> str:
        """What differs between files whose numbers stand for different classes."""
        return json.dumps([self.class_columns, self.class_names], sort_keys=True)


def read_header(file: Path) -> "FileMetaData":
    """Read the end of a Parquet file, which says what is in it.

    Raises `InputError` if that is damaged, if it claims more rows than there are bytes, or if they unpack to far
    more.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        header = pq.read_metadata(file)
    except (pa.ArrowException, OSError, ValueError) as fault:
        raise InputError(
            f"{file} is not a whole Parquet file: {one_line(fault)}; write or download it again"
        ) from None
    size = file.stat().st_size
    if header.num_rows > size:
        raise InputError(
            f"{file} claims {header.num_rows:,} rows and has {size:,} bytes, so that they hold no images; {_AGAIN}"
        )
    unpacked = sum(abs(header.row_group(k).total_byte_size) for k in range(header.num_row_groups))
    if unpacked > max(_ALWAYS_UNPACKED, _MOST_TIMES * size):
        raise InputError(
            f"{file} has {size:,} bytes and unpacks to {unpacked:,}, which no images do; {_AGAIN}"
        )
    return header


def parquet_schema(header: "FileMetaData", file: Path) -> ParquetSchema:
    """Return what the columns of a file are; raises `InputError`, naming the file, if that cannot be found out."""
    import pyarrow as pa

    try:
        schema = header.schema.to_arrow_schema()
    except (pa.ArrowException, ValueError, NotImplementedError) as fault:
        raise InputError(f"cannot read the columns of {file}: {one_line(fault)}; {_AGAIN}") from None
    if len(schema) > _MOST_COLUMNS:
        raise InputError(
            f"{file} has {len(schema):,} columns, and up to {_MOST_COLUMNS:,} are read; leave out those that say "
            "nothing of an image"
        )
    twice = [name for name, count in Counter(schema.names).items() if count > 1]
    if twice:
        raise InputError(f"{file} has several columns of one name ({listed(twice)}); name them apart")
    told = _told_features(header, file)
    notes: list[str] = []
    features: dict[str, Any] = {}
    class_columns = {}
    left_out = []
    for field in schema:
        kind = told.get(field.name)
        names = _class_names(kind, field.type, file, field.name)
        if names is not None:
            class_columns[field.name] = names
        feature = _feature(field, kind, names)
        if feature is None:
            left_out.append(field.name)
            notes.append(f"the column '{field.name}' is left out, as {field.type} is not read")
            continue
        if _lacks_lists(field, header, file):
            left_out.append(field.name)
            notes.append(
                f"the column '{field.name}' is left out, as pyarrow {pa.__version__} cannot read {field.type} of "
                f"which some are missing; {_LACKING}.0 can"
            )
            continue
        features[field.name] = feature
        if names is not None and len(set(names)) < len(names):
            equal = sorted({own for own in names if names.count(own) > 1})
            notes.append(f"'{field.name}' names several classes alike, which get a number: {listed(equal)}")
    from datasets import Features

    own = _own_class_names(header, file)
    return ParquetSchema(Features(features), own, class_columns, tuple(left_out), tuple(notes))


def _feature(field: "pa.Field", told: Any, names: list[str] | None) -> Any:
    """Return a column in the form that `datasets` knows, None if it does not know it."""
    import pyarrow as pa
    from datasets import ClassLabel, Features, Image, Value

    if names is not None:
        return ClassLabel(names=list(distinct(names)))
    kind = _without_views(field.type)
    if isinstance(told, dict) and told.get("_type") == "Image" and _may_hold_images(kind):
        return Image()
    if pa.types.is_dictionary(kind):
        kind = _without_views(kind.value_type)
    if pa.types.is_null(kind):
        return Value("null")
    try:
        found = Features.from_arrow_schema(pa.schema([pa.field(field.name, kind)]))[field.name]
        # What it cannot write again, it cannot read either.
        Features({field.name: found}).arrow_schema  # noqa: B018
    # `datasets` raises whatever its parsing of a type's name leads to.
    except Exception:
        return None
    return found


def _without_views(kind: "pa.DataType") -> "pa.DataType":
    """A type with plain text and bytes instead of views of them, for which Arrow lacks operations, at any depth."""
    import pyarrow as pa

    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_struct(kind):
        return pa.struct([part.with_type(_without_views(part.type)) for part in kind])
    if pa.types.is_large_list(kind):
        return pa.large_list(_without_views(kind.value_type))
    if pa.types.is_list(kind):
        return pa.list_(_without_views(kind.value_type))
    return kind


def _lacks_lists(field: "pa.Field", header: "FileMetaData", file: Path) -> bool:
    """Whether a column has lists of one length of which some are missing, and pyarrow is too old to read them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not pa.types.is_fixed_size_list(field.type) or int(pa.__version__.split(".")[0]) >= _LACKING:
        return False
    kind = field.type
    if kind.list_size > 1 and not pa.types.is_nested(kind.value_type):
        # Its path has the names of the list and of the values behind its own; a column that is no list may, too.
        leaves = enumerate(map(header.schema.column, range(header.num_columns)))
        own = [
            k for k, leaf in leaves if leaf.max_repetition_level and leaf.path.rsplit(".", 2)[0] == field.name
        ]
        groups = [header.row_group(k) for k in range(header.num_row_groups)]
        # For a missing list the file counts one value.
        return any(
            group.column(k).num_values != group.num_rows * kind.list_size for group in groups for k in own
        )
    try:
        with pq.ParquetFile(file) as held:
            for _ in held.iter_batches(columns=[field.name]):
                pass
    except (pa.ArrowException, OSError) as fault:
        # Other damage is told where the column is read.
        return isinstance(fault, pa.ArrowInvalid)
    return False


def _may_hold_images(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        fields = {kind.field(i).name: kind.field(i).type for i in range(kind.num_fields)}
        return _is_bytes(fields.get("bytes", pa.binary())) and _is_text(fields.get("path", pa.string()))
    return _is_bytes(kind) or _is_text(kind)


def _is_bytes(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_null(kind))


def _is_text(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind))


def _told_features(header: "FileMetaData", file: Path) -> dict[str, Any]:
    """What the features of the Hugging Face layout say about each column; nothing if they have another form."""
    written = _metadata(header, b"huggingface", file)
    for key in ("info", "features"):
        written = written.get(key) if isinstance(written, dict) else None
    return written if isinstance(written, dict) else {}


def _class_names(told: Any, kind: "pa.DataType", file: Path, column: str) -> list[str] | None:
    """The names of a column's classes, None if its numbers stand for none."""
    import pyarrow as pa

    if not isinstance(told, dict) or not (told.get("_type") == "ClassLabel" or "names" in told):
        return None
    if not (pa.types.is_integer(kind) or pa.types.is_null(kind)):
        return None
    names, count = told.get("names"), told.get("num_classes")
    if names is None and isinstance(count, int) and not isinstance(count, bool):
        if not 0 <= count <= MOST_CLASSES:
            raise InputError(
                f"the column '{column}' of {file} is said to have {count:,} classes; up to {MOST_CLASSES:,} are read"
            )
        return [str(number) for number in range(count)]
    return _checked_names(names, f"the column '{column}' of {file}")


def _own_class_names(header: "FileMetaData", file: Path) -> tuple[str, ...] | None:
    names = _metadata(header, b"class_names", file)
    return None if names is None else tuple(_checked_names(names, f"the metadata `class_names` of {file}"))


def _checked_names(names: Any, where: str) -> list[str]:
    if not isinstance(names, list) or not all(
        isinstance(name, str | int | float) and not isinstance(name, bool) for name in names
    ):
        raise InputError(f"{where} names its classes by {shown(names)}; expected a list of names")
    found = [str(name) for name in names]
    if len(found) > MOST_CLASSES:
        raise InputError(f"{where} names {len(found):,} classes; up to {MOST_CLASSES:,} are read")
    long = next((name for name in found if len(name) > _LONGEST_NAME), None)
    if long is not None:
        raise InputError(f"{where} has a class name of {len(long):,} letters; give names to be read")
    if any("\ud800" <= letter <= "\udfff" for name in found for letter in name):
        raise InputError(f"{where} has class names that are no text; {_AGAIN}")
    return found


def _metadata(header: "FileMetaData", key: bytes, file: Path) -> Any:
    written = (header.metadata or {}).get(key)
    if written is None:
        return None
    if len(written) > _LARGEST_METADATA:
        raise InputError(f"the metadata '{key.decode()}' of {file} has {len(written):,} bytes; {_AGAIN}")
    try:
        return json.loads(written)
    except (ValueError, RecursionError) as fault:
        raise InputError(
            f"the metadata '{key.decode()}' of {file} is no JSON ({one_line(fault)}); {_AGAIN}"
        ) from None
