"""A table on disk that grows in parts: what a killed process had written is kept, and one file is made at the end."""

import csv
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearsight.digest import seal_table
from nearsight.errors import InputError, first_line
from nearsight.evaluation.rows_kept import Row
from nearsight.lock import remove_parts
from nearsight.read import checked_columns, open_file, opened_table, said_of, unreadable
from nearsight.runs.run import METADATA
from nearsight.schema import numbered, read_schema
from nearsight.settings.prediction_words import (
    CLASS,
    DIGEST,
    FAULT,
    MARGIN,
    MODEL,
    PATH,
    PROBABILITY,
    PROTOCOL,
)
from nearsight.write import plain, replace_atomically, write_table

if TYPE_CHECKING:
    import pyarrow as pa

CSV, PARQUET = ".csv", ".parquet"
_KIND = "predicted"
_MEND = "give another `out`"
# The first two lines of a CSV file are within this many bytes.
_BEGINNING = 2**20
_PART = re.compile(r"part-\d{6,9}")
# What every row without a fault has.
_FILLED = (PATH, CLASS, PROBABILITY, MARGIN, PROTOCOL, MODEL)


@dataclass(frozen=True)
class PartedTable:
    """A table of predictions, written to `path` as CSV or Parquet by its suffix, with its settings `made_with`.

    >>> import tempfile, pyarrow
    >>> out = PartedTable(Path(tempfile.mkdtemp()) / "predictions.csv", ("path", "class", "fault"), {"top": 1})
    >>> before = out.begin(resume=False)
    >>> out.write(pyarrow.table({"path": ["a.png"], "class": ["cat"], "fault": pyarrow.nulls(1, pyarrow.string())}))
    >>> out.finish(before)
    >>> out.path.read_text().splitlines()
    ['"path","class","fault"', '"a.png","cat",']

    Until it is finished, the rows are in PATH.parts, each part written whole or not at all. `columns` are those
    that all such tables have.
    """

    path: Path
    columns: tuple[str, ...]
    made_with: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.path.suffix not in (CSV, PARQUET):
            raise InputError(f"`out` is a file that ends in {CSV} or {PARQUET}, got {self.path}")

    @property
    def directory(self) -> Path:
        """Where the parts are until the table is finished."""
        return self.path.with_name(f"{self.path.name}.parts")

    def begin(self, *, resume: bool) -> list[Path]:
        """Return the files that hold earlier rows.

        Raises `InputError` if there are some without `resume`, and for those of another model, protocol or number
        of classes.
        """
        parts = self._parts()
        before = [self.path] if self.path.exists() else []
        if not resume and (before or parts):
            there = self.path if before else self.directory
            raise InputError(
                f"{there} already exists; continue it with `resume=True`, give another `out`, or remove it"
            )
        if (
            before
            and parts
            and self.path.stat().st_mtime_ns >= max(part.stat().st_mtime_ns for part in parts)
        ):
            # The table was finished with these; they only had not been removed yet.
            for part in parts:
                part.unlink()
            parts = []
        before += parts
        for file in before:
            self._check(file)
        if before:
            self._joined(before)
        return before

    def done(self, before: Sequence[Path]) -> dict[str, list[str | None]]:
        """Return the digests of the images that have a prediction in the earlier files, by their paths.

        Rows of older versions have None. Faults do not count.
        """
        found: defaultdict[str, list[str | None]] = defaultdict(list)
        for file in before:
            for table in _read(file):
                for path, digest in _rows_of(_without_faults(table)):
                    found[path].append(digest)
        return dict(found)

    def write(self, rows: "pa.Table") -> None:
        """Write some rows as one more part."""
        parts = self._parts()
        number = int(parts[-1].stem.rpartition("-")[2]) + 1 if parts else 0
        write_table(self.directory / f"part-{number:06}{PARQUET}", self._described(rows))

    def finish(self, before: Sequence[Path], dropped: Collection[Row] = ()) -> None:
        """Assemble the table: the earlier rows without faults, because those were tried again, and the new ones.

        Earlier rows that are `dropped` are of images that were replaced.
        """

        files = list(dict.fromkeys([*before, *self._parts()]))
        schema = self._joined(files)
        with replace_atomically(self.path) as temporary:
            with self._writer(temporary, schema) as writer:
                for file in files:
                    for table in _read(file):
                        kept = _without(dropped, _without_faults(table)) if file in before else table
                        writer.write_table(_shaped(kept, schema))
            if self.path.suffix == PARQUET:
                seal_table(temporary)
        if self.directory.is_dir():
            remove_parts(self.directory)

    def _joined(self, files: Sequence[Path]) -> "pa.Schema":
        """Return the columns of all files; raises `InputError` if a name has two incompatible types."""
        import pyarrow as pa

        schemas = [_schema(file, self.path.suffix) for file in files]
        try:
            found = pa.unify_schemas(schemas, promote_options="permissive")
        except pa.ArrowException as error:
            raise InputError(
                f"the rows in {self.path} and {self.directory.name} do not go together "
                f"({first_line(error)[:200]}); {_MEND}"
            ) from error
        # Older files lack one of ours, which then would come last.
        ours = [name for name in self.columns if name in found.names]
        return pa.schema([found.field(name) for name in dict.fromkeys([*ours, *found.names])])

    def _writer(self, path: Path, schema: "pa.Schema") -> Any:
        from pyarrow import csv as arrow_csv
        from pyarrow import parquet

        if self.path.suffix == CSV:
            return arrow_csv.CSVWriter(path, schema)
        return parquet.ParquetWriter(path, schema.with_metadata(self._metadata()))

    def _described(self, rows: "pa.Table") -> "pa.Table":
        return rows.replace_schema_metadata(self._metadata())

    def _metadata(self) -> dict[str, str]:
        return {METADATA: json.dumps(plain(numbered(_KIND, self.made_with)))}

    def _parts(self) -> list[Path]:
        found = self.directory.glob(f"part-*{PARQUET}")
        return sorted(path for path in found if _PART.fullmatch(path.stem))

    def _check(self, file: Path) -> None:
        found = _described_by(file, self.columns)
        if found is not None:
            for name, value in plain(self.made_with).items():
                if found.get(name, value) != value:
                    raise InputError(
                        f"{file} was made with another {name}, so it cannot be continued; give what it was made "
                        f"with, or another `out`"
                    )
            return
        names, first = _csv_beginning(file)
        said = None if first is None else (first.get(PROTOCOL), first.get(MODEL))
        ours = (self.made_with.get(PROTOCOL), self.made_with.get(MODEL))
        older = _before_digests(self.columns)
        begun = any(tuple(names[: len(columns)]) == columns for columns in (self.columns, older))
        if not begun or said not in (None, ours):
            raise InputError(
                f"{file} holds other columns, or predictions of another model or protocol, so it cannot be "
                f"continued; give what it was made with, or another `out`"
            )


def _described_by(file: Path, columns: Sequence[str]) -> dict[str, Any] | None:
    """Return what a Parquet file was made with; None for CSV, which cannot say.

    Raises `InputError` if it does not have our columns, with our types.
    """
    from pyarrow import types

    if file.suffix == CSV:
        return None
    with opened_table(file, _MEND) as held:
        empty = held.schema_arrow.empty_table()
    found = said_of(empty, METADATA, file, _MEND)
    if not found:
        raise InputError(f"{file} holds no predictions that can be continued; {_MEND}")
    read_schema(_KIND, found, file)
    kinds = {name: types.is_floating if _is_number(name) else types.is_string for name in columns}
    if DIGEST not in empty.column_names:
        kinds.pop(DIGEST)
    checked_columns(empty, kinds, file, _MEND)
    return found


def read_predicted(path: Path) -> "pa.Table":
    """Read a finished table of predictions, CSV or Parquet.

    Raises `InputError` if it does not exist or cannot be read.
    """
    return _in_one(list(_read(path)))


def first_rows(path: Path, count: int) -> "pa.Table":
    """Read the first rows of a finished table of predictions, and no more than a batch beyond them."""
    found: list[pa.Table] = []
    for table in _read(path):
        found.append(table)
        if sum(map(len, found)) >= count:
            break
    return _in_one(found).slice(0, count)


def _in_one(tables: list["pa.Table"]) -> "pa.Table":
    """Return the rows of some tables as one, without empty chunks, at which pyarrow 21 writes a CSV's names twice."""
    import pyarrow as pa

    return pa.concat_tables([table for table in tables if len(table)] or tables, promote_options="permissive")


def _read(file: Path) -> Iterator["pa.Table"]:
    for table in _batches(file):
        if FAULT in table.column_names:
            predicted = _without_faults(table)
            for name in _FILLED:
                if name in predicted.column_names and predicted[name].null_count:
                    raise unreadable(file, f"a row of it has neither a fault nor a {name}", _MEND)
        yield table


def _batches(file: Path) -> Iterator["pa.Table"]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    if file.suffix == PARQUET:
        with opened_table(file, _MEND) as held:
            if not held.metadata.num_rows:
                yield held.schema_arrow.empty_table()
            for batch in held.iter_batches():
                batch.validate(full=True)
                yield pa.Table.from_batches([batch])
        return
    names, _ = _csv_beginning(file)
    kinds = {name: pa.float32() if _is_number(name) else pa.string() for name in names}
    options = arrow_csv.ConvertOptions(
        column_types=kinds, strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    parsing = arrow_csv.ParseOptions(newlines_in_values=True)
    with open_file(file, _MEND) as opened:
        try:
            with arrow_csv.open_csv(opened, convert_options=options, parse_options=parsing) as reader:
                # Without rows there is no batch, but there is a table.
                yield reader.schema.empty_table()
                for batch in reader:
                    yield pa.Table.from_batches([batch])
        except (pa.ArrowException, OSError) as error:
            raise unreadable(
                file, f"it is damaged or cut short ({first_line(error)[:200]})", _MEND
            ) from error


def _csv_beginning(file: Path) -> tuple[list[str], dict[str, str] | None]:
    """Return the names of the columns of a CSV file, and its first row; None if it has none."""
    with open_file(file, _MEND) as opened:
        try:
            beginning = opened.read(_BEGINNING).decode("utf-8-sig", errors="replace")
            rows = csv.reader(beginning.splitlines(keepends=True))
            names, first = next(rows, []), next(rows, None)
        except (OSError, ValueError, csv.Error) as error:
            raise unreadable(file, f"it is no CSV in UTF-8 ({first_line(error)[:200]})", _MEND) from error
    if len(set(names)) < len(names):
        raise unreadable(file, "it has two columns of one name", _MEND)
    return names, None if first is None else dict(zip(names, first, strict=False))


def _is_number(column: str) -> bool:
    # All other columns are text: a patient 007 stays 007.
    return column.partition(".")[0] in (PROBABILITY, MARGIN)


def _schema(file: Path, suffix: str) -> "pa.Schema":
    import pyarrow as pa

    if file.suffix == CSV:
        names, _ = _csv_beginning(file)
        return pa.schema([(name, pa.float32() if _is_number(name) else pa.string()) for name in names])
    with opened_table(file, _MEND) as held:
        found = held.schema_arrow.remove_metadata()
    if suffix == PARQUET:
        return found
    return pa.schema(
        [field if pa.types.is_float32(field.type) else pa.field(field.name, pa.string()) for field in found]
    )


def _before_digests(columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that tables of older versions have."""
    return tuple(name for name in columns if name != DIGEST)


def _rows_of(table: "pa.Table") -> Iterator[Row]:
    digests = table[DIGEST].to_pylist() if DIGEST in table.column_names else [None] * len(table)
    return zip(table[PATH].to_pylist(), digests, strict=True)


def _without(dropped: Collection[Row], table: "pa.Table") -> "pa.Table":
    import pyarrow as pa

    kept = [row not in dropped for row in _rows_of(table)]
    return table.filter(pa.array(kept, pa.bool_())) if dropped else table


def _without_faults(table: "pa.Table") -> "pa.Table":
    import pyarrow.compute as pc

    return table.filter(pc.is_null(table[FAULT]))


def _shaped(table: "pa.Table", schema: "pa.Schema") -> "pa.Table":
    """Give a table all columns of a schema; in text, lists are written as in Python."""
    import pyarrow as pa

    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(len(table), field.type))
        elif pa.types.is_nested(table[field.name].type) and pa.types.is_string(field.type):
            written = [
                None if value is None else json.dumps(plain(value)) for value in table[field.name].to_pylist()
            ]
            columns.append(pa.array(written, pa.string()))
        else:
            columns.append(table[field.name].cast(field.type))
    return pa.Table.from_arrays(columns, schema=schema)
