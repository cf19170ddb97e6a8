"""A table on disk that grows in parts: what a killed process had written is kept, and one file is made at the end."""

import csv
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearsight.digest import check_table, seal_table
from nearsight.errors import InputError
from nearsight.runs.run import METADATA
from nearsight.schema import numbered, read_schema
from nearsight.settings.prediction_words import FAULT, MARGIN, MODEL, PATH, PROBABILITY, PROTOCOL
from nearsight.write import plain, replace_atomically, write_table

if TYPE_CHECKING:
    import pyarrow as pa

CSV, PARQUET = ".csv", ".parquet"
_KIND = "predicted"


@dataclass(frozen=True)
class PartedTable:
    """A table of predictions that goes to `path`, as CSV or Parquet by its suffix, with what it is `made_with`.

    >>> import tempfile, pyarrow
    >>> out = PartedTable(Path(tempfile.mkdtemp()) / "predictions.csv", ("path", "class", "fault"), {"top": 1})
    >>> before = out.begin(resume=False)
    >>> out.write(pyarrow.table({"path": ["a.png"], "class": ["cat"], "fault": pyarrow.nulls(1, pyarrow.string())}))
    >>> out.finish(before)
    >>> out.path.read_text().splitlines()
    ['"path","class","fault"', '"a.png","cat",']

    Until it is finished the rows lie in PATH.parts, each part written whole or not at all. `columns` are those that
    all such tables have.
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
        """Return the files that hold rows of before.

        Raises `InputError` for some without `resume`, and for those of another model, protocol or number of classes.
        """
        parts = self._parts()
        before = [self.path] if self.path.exists() else []
        if not resume and (before or parts):
            there = self.path if before else self.directory
            raise InputError(
                f"{there} is there already; go on with `resume=True`, or give another `out` or remove it"
            )
        if (
            before
            and parts
            and self.path.stat().st_mtime_ns >= max(part.stat().st_mtime_ns for part in parts)
        ):
            # The table was finished with these, and only they were not removed any more.
            for part in parts:
                part.unlink()
            parts = []
        before += parts
        for file in before:
            self._check(file)
        return before

    def done(self, before: Sequence[Path]) -> Counter[str]:
        """Return how often each path has a prediction in the files of before; faults are none."""
        found: Counter[str] = Counter()
        for file in before:
            for table in _read(file):
                found.update(_without_faults(table)[PATH].to_pylist())
        return found

    def write(self, rows: "pa.Table") -> None:
        """Write some rows as one more part."""
        parts = self._parts()
        number = int(parts[-1].stem.rpartition("-")[2]) + 1 if parts else 0
        write_table(self.directory / f"part-{number:06}{PARQUET}", self._described(rows))

    def finish(self, before: Sequence[Path]) -> None:
        """Put the table together: the rows of before, without faults, as these were tried again, and the new ones."""
        import pyarrow as pa

        files = list(dict.fromkeys([*before, *self._parts()]))
        schema = pa.unify_schemas(
            [_schema(file, self.path.suffix) for file in files], promote_options="permissive"
        )
        with replace_atomically(self.path) as temporary:
            with self._writer(temporary, schema) as writer:
                for file in files:
                    for table in _read(file):
                        kept = _without_faults(table) if file in before else table
                        writer.write_table(_shaped(kept, schema))
            if self.path.suffix == PARQUET:
                seal_table(temporary)
        shutil.rmtree(self.directory, ignore_errors=True)

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
        return sorted(self.directory.glob(f"part-*{PARQUET}"))

    def _check(self, file: Path) -> None:
        found = _described_by(file)
        if found is not None:
            for name, value in plain(self.made_with).items():
                if found.get(name, value) != value:
                    raise InputError(
                        f"{file} was made with another {name}, so it cannot be gone on with; give what it was made "
                        "with, or another `out`"
                    )
        else:
            with file.open(newline="", encoding="utf-8") as text:
                rows = csv.DictReader(text)
                first = next(rows, None)
            said = None if first is None else (first.get(PROTOCOL), first.get(MODEL))
            ours = (self.made_with.get(PROTOCOL), self.made_with.get(MODEL))
            if tuple(rows.fieldnames or ())[: len(self.columns)] != self.columns or said not in (None, ours):
                raise InputError(
                    f"{file} holds other columns, or predictions of another model or protocol, so it cannot be gone "
                    "on with; give what it was made with, or another `out`"
                )


def _described_by(file: Path) -> dict[str, Any] | None:
    """Return what a Parquet file was made with; None for CSV, which cannot say."""
    import pyarrow as pa
    from pyarrow import parquet

    if file.suffix == CSV:
        return None
    try:
        with file.open("rb") as held:
            check_table(held, file)
            metadata = parquet.read_schema(held).metadata or {}
        found: dict[str, Any] = json.loads(metadata[METADATA.encode()])
    except InputError:
        raise
    except (pa.ArrowInvalid, OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{file} holds no predictions that can be gone on with; give another `out`"
        ) from error
    read_schema(_KIND, found, file)
    return found


def read_predicted(path: Path) -> "pa.Table":
    """Read a finished table of predictions, CSV or Parquet.

    Raises `InputError` where it is not there or cannot be read.
    """
    import pyarrow as pa

    try:
        if path.suffix == PARQUET:
            with path.open("rb") as file:
                check_table(file, path)
        return pa.concat_tables(list(_read(path)), promote_options="permissive")
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"cannot read the predictions in {path}: {error}") from error


def first_rows(path: Path, count: int) -> "pa.Table":
    """Read the first rows of a finished table of predictions, and no more than a batch beyond."""
    import pyarrow as pa

    found: list[pa.Table] = []
    for table in _read(path):
        found.append(table)
        if sum(map(len, found)) >= count:
            break
    return pa.concat_tables(found, promote_options="permissive").slice(0, count)


def _read(file: Path) -> Iterator["pa.Table"]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    if file.suffix == PARQUET:
        held = parquet.ParquetFile(file)
        with held:
            if not held.num_row_groups:
                yield held.schema_arrow.empty_table()
            for batch in held.iter_batches():
                yield pa.Table.from_batches([batch])
        return
    options = arrow_csv.ConvertOptions(
        column_types=dict(zip(*_csv_types(file), strict=True)),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    parsing = arrow_csv.ParseOptions(newlines_in_values=True)
    with arrow_csv.open_csv(file, convert_options=options, parse_options=parsing) as reader:
        for batch in reader:
            yield pa.Table.from_batches([batch])


def _csv_types(file: Path) -> tuple[list[str], list["pa.DataType"]]:
    import pyarrow as pa

    with file.open(newline="", encoding="utf-8") as text:
        names = next(csv.reader(text), [])
    # What else is known of an image is text there: a patient 007 stays one.
    ours = (PROBABILITY, MARGIN)
    return names, [pa.float32() if name.partition(".")[0] in ours else pa.string() for name in names]


def _schema(file: Path, suffix: str) -> "pa.Schema":
    import pyarrow as pa
    from pyarrow import parquet

    if file.suffix == CSV:
        names, kinds = _csv_types(file)
        return pa.schema(list(zip(names, kinds, strict=True)))
    found = parquet.read_schema(file).remove_metadata()
    if suffix == PARQUET:
        return found
    return pa.schema(
        [field if pa.types.is_float32(field.type) else pa.field(field.name, pa.string()) for field in found]
    )


def _without_faults(table: "pa.Table") -> "pa.Table":
    import pyarrow.compute as pc

    return table.filter(pc.is_null(table[FAULT]))


def _shaped(table: "pa.Table", schema: "pa.Schema") -> "pa.Table":
    """Give a table all columns of a schema; in text, lists are as Python writes them."""
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
