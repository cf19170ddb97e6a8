"""Tables that people write about images: which column is the file, the label, the split."""

import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nearsight.data.faults import one_line
from nearsight.data.tree import IMAGE_SUFFIXES
from nearsight.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".txt")
_FILES = (
    *("filename", "imagefilename", "imagefile", "filepath", "imagepath", "imgpath", "imagefilepath"),
    *("relativepath", "relpath", "fullpath", "path", "file", "fname", "image", "img", "imagename", "imgname"),
    *("imageid", "imgid", "images", "id", "name"),
)
_LABELS = (
    *(
        "classname",
        "labelname",
        "categoryname",
        "label",
        "labels",
        "class",
        "category",
        "target",
        "finelabel",
    ),
    *(
        "species",
        "breed",
        "variety",
        "diagnosis",
        "dx",
        "y",
        "classid",
        "labelid",
        "categoryid",
        "classindex",
    ),
    "labelindex",
)
_SPLITS = ("split", "set", "subset", "partition", "phase", "usage", "dataset", "datasplit")


def read_listed(file: Path) -> "pa.Table":
    """Read a table of CSV, TSV, lines of text, JSON or lines of JSON; columns without a header get numbers.

    Raises `InputError`, naming the file, if it is none of these.
    """
    try:
        is_json = file.suffix.casefold() in (".json", ".jsonl", ".ndjson")
        table = _read_json(file) if is_json else _read_text(file)
        twins = [name for name, count in Counter(table.column_names).items() if count > 1]
        if twins:
            raise ValueError(f"it has the column '{twins[0]}' twice")
        if not len(table):
            raise ValueError("it has no row")
        return table
    except MemoryError:
        raise
    # Arrow, csv and json may raise anything for files that are not tables, and for types that do not match.
    except Exception as fault:
        raise InputError(
            f"cannot read {file} as a table: {one_line(fault)}; expected a file and a label in each line"
        ) from None


def file_column(table: "pa.Table") -> str | None:
    """Return the column of files: by a usual name, or as the only one whose values are names of images."""
    found = usual_column(table.column_names, _FILES)
    by_value: list[str] = [name for name in table.column_names if _names_images(table[name].to_pylist()[:50])]
    if len(by_value) == 1 or (by_value and found not in by_value):
        return by_value[0]
    return found


def label_column(names: Sequence[str]) -> str | None:
    """Return the column of labels by its usual names.

    >>> label_column(["file_name", "Class ID", "Class Name"]), label_column(["age"])
    ('Class Name', None)
    """
    return usual_column(names, _LABELS)


def split_column(names: Sequence[str]) -> str | None:
    """Return the column of splits by its usual names."""
    return usual_column(names, _SPLITS)


def usual_column(names: Sequence[str], usual: Sequence[str]) -> str | None:
    """Return the first of the usual names that exists, whatever its case and separators."""
    plain = {re.sub(r"[\W_]", "", name.casefold()): name for name in reversed(names)}
    return next((plain[name] for name in usual if name in plain), None)


def _names_images(values: Sequence[object]) -> bool:
    texts = [value for value in values if value is not None]
    return bool(texts) and all(
        isinstance(text, str) and Path(text).suffix.casefold() in IMAGE_SUFFIXES for text in texts
    )


def _read_text(file: Path) -> "pa.Table":
    from io import BytesIO

    import pyarrow as pa
    import pyarrow.csv as pc

    raw = file.read_bytes()
    for marker in (b"\xff\xfe", b"\xfe\xff"):
        if raw.startswith(marker):
            raw = raw.decode("utf-16").encode()
    first = raw.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0].decode(errors="replace").strip()
    if not first:
        raise ValueError("it is empty")
    delimiter = "\t" if file.suffix.casefold() == ".tsv" else max("\t,;|", key=first.count)
    if first.count(delimiter) == 0:
        delimiter = " "
    header = next(csv.reader([first], delimiter=delimiter))
    headless = any(Path(cell).suffix.casefold() in IMAGE_SUFFIXES for cell in header)
    unnamed = [f"column {k + 1}" for k in range(len(header))]
    names = unnamed if headless else [name.strip() for name in header]
    # The name of a file is text, even if all its characters are digits.
    texts = {
        name: pa.string() for name in (usual_column(names, _FILES), usual_column(names, _SPLITS)) if name
    }
    return pc.read_csv(
        BytesIO(raw),
        read_options=pc.ReadOptions(column_names=names, skip_rows=0 if headless else 1),
        parse_options=pc.ParseOptions(delimiter=delimiter, newlines_in_values=delimiter == ","),
        convert_options=pc.ConvertOptions(column_types=texts),
    )


def _read_json(file: Path) -> "pa.Table":
    import pyarrow as pa

    text = file.read_text(encoding="utf-8-sig")
    if file.suffix.casefold() == ".json":
        rows = json.loads(text)
        if isinstance(rows, dict):
            if all(isinstance(value, str | int) for value in rows.values()):
                rows = [{"file": name, "label": label} for name, label in rows.items()]
            elif all(isinstance(value, list) for value in rows.values()):
                return pa.table(rows)
    else:
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ValueError("it is no list of records")
    columns = dict.fromkeys(name for row in rows for name in row)
    return pa.Table.from_pylist([{name: row.get(name) for name in columns} for row in rows])
