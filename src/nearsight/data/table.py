"""Tables of images as `datasets` reads them: which column holds the images, the labels, the regions."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nearsight.data.faults import one_line
from nearsight.data.image_set import image_name
from nearsight.data.objects import OBJECTS, with_flat_boxes
from nearsight.data.placed_images import is_placed
from nearsight.data.regions import REGION_COLUMNS
from nearsight.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

_IMAGE_COLUMNS = ("image", "img")
_LABEL_COLUMNS = ("label", "labels", "fine_label", "class", "target", "cls")
MISSING = -1
# A longer list is an embedding or a picture, not something by which images are grouped or looked up.
_LONGEST_LIST = 16


@dataclass(frozen=True, eq=False)
class Table:
    """One split as read: a `datasets.Dataset` of a column `image` and at most one of regions, and its labels.

    `labels` has an int64 or a string for each row, -1 or None if it is missing; None means that there are no
    labels at all. `classes` is None if the table does not name its classes. `columns` holds what else the table
    says about each row, None if it says nothing else. `notes` report what was concluded in reading it.
    """

    rows: "Dataset"
    labels: NDArray[np.int64] | list[str | None] | None
    classes: tuple[str, ...] | None
    columns: "pa.Table | None" = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def name(self, row: int, split: str) -> str:
        """Name the image of a row, for messages."""
        return image_name(self.rows[row]["image"], split, row)


def as_table(rows: "Dataset", where: str, class_names: tuple[str, ...] | None = None) -> Table:
    """Find the image, label and region columns of a dataset in the Hugging Face image layout.

    `class_names` are used if the label column does not name its classes itself. Raises `InputError`, naming
    `where` and the columns, if there is no image column or the labels are neither numbers nor names.
    """
    from datasets import ClassLabel, Image

    features = rows.features
    image = image_column(features)
    if image is None:
        raise InputError(
            f"{where} has no column of images (columns: {', '.join(features)}); expected 'image', a struct "
            "of encoded bytes and path, and 'label'"
        )
    label = next((name for name in _LABEL_COLUMNS if name in features), None) or next(
        (name for name, kind in features.items() if isinstance(kind, ClassLabel)), None
    )
    _check_text(rows, where)
    notes = []
    try:
        rows = with_flat_boxes(rows)
    except InputError as fault:
        notes.append(f"{OBJECTS}: left out, as {fault}")
    region = next((name for name in REGION_COLUMNS if name in rows.column_names), None)
    labels, classes = None, class_names
    if label is not None:
        if isinstance(features[label], ClassLabel):
            classes = tuple(features[label].names)
            if not all(isinstance(name, str) for name in classes):
                raise InputError(f"the classes of the column '{label}' of {where} are not all named by text")
        labels = _read_labels(rows.select_columns([label]), label, where)
    kept = rows.select_columns([image] if region is None else [image, region])
    kept = kept if image == "image" else kept.rename_column(image, "image")
    try:
        # It warns about the integers that it makes smaller, and then refuses them.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            if not is_placed(kept.features["image"]):
                kept = kept.cast_column("image", Image(decode=False))
            if region is not None and isinstance(kept.features[region], Image):
                kept = kept.cast_column(region, Image(decode=False))
    # `datasets` raises what Arrow and its own casts do.
    except Exception as fault:
        raise InputError(
            f"the column '{image}' of {where} does not hold images ({one_line(fault)}); expected a struct "
            "of encoded bytes and path"
        ) from None
    others = [name for name in features if name not in (image, label, region, OBJECTS)]
    return Table(kept, labels, classes, other_columns(rows, others), tuple(notes))


def image_column(features: Mapping[str, object]) -> str | None:
    """Return the name of the column that holds a table's images; None if there is none."""
    from datasets import Image

    return next((name for name in _IMAGE_COLUMNS if name in features), None) or next(
        (name for name, kind in features.items() if isinstance(kind, Image) and name not in REGION_COLUMNS),
        None,
    )


def _check_text(rows: "Dataset", where: str) -> None:
    """Raise `InputError` if text in a table is not valid, before any of it is converted to Python's."""
    import pyarrow as pa

    for name in rows.column_names:
        try:
            rows.data.column(name).validate(full=True)
        except (pa.ArrowException, ValueError) as fault:
            raise InputError(
                f"the column '{name}' of {where} is damaged: {one_line(fault)}; write it again"
            ) from None


def other_columns(rows: "Dataset", names: Sequence[str]) -> "pa.Table | None":
    """Keep the columns that say something about an image: text, numbers, times, booleans, names, and short lists.

    >>> from datasets import Dataset
    >>> rows = Dataset.from_dict({"patient": ["a", "b"], "place": [[0.5, 1.5], [2.0, 3.0]], "vector": [[0] * 99] * 2})
    >>> other_columns(rows, rows.column_names).column_names
    ['patient', 'place']

    Numbers of named classes become their names. Returns None if no column is kept.
    """
    import pyarrow as pa
    from datasets import ClassLabel

    kept = {}
    for name in names:
        column = rows.select_columns([name]).with_format("arrow")[:][name]
        kind = rows.features[name]
        if isinstance(kind, ClassLabel):
            column = pa.chunked_array([_named(part, kind.names) for part in column.chunks], pa.string())
        if _says_something(column):
            kept[name] = column
    return pa.table(kept) if kept else None


def _named(numbers: "pa.Array", names: Sequence[str]) -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    places = pc.if_else(pc.and_(pc.greater_equal(numbers, 0), pc.less(numbers, len(names))), numbers, None)
    return pa.array(names, pa.string()).take(places)


def _says_something(column: "pa.ChunkedArray") -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        lengths = pc.max(pc.list_value_length(column)).as_py() or 0
        return _is_scalar(kind.value_type) and lengths <= _LONGEST_LIST
    return _is_scalar(kind)


def _is_scalar(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return not (
        pa.types.is_nested(kind)
        or pa.types.is_null(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _read_labels(column: "Dataset", label: str, where: str) -> NDArray[np.int64] | list[str | None]:
    import pyarrow as pa

    values = column.with_format("arrow")[:][label]
    kind = values.type
    if pa.types.is_null(kind):
        return np.full(len(values), MISSING, dtype=np.int64)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return list(values.to_pylist())
    try:
        if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            return _whole(values.cast(pa.float64()).to_numpy(), label, where)
        if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
            return np.asarray(values.cast(pa.int64()).fill_null(MISSING).to_numpy())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as fault:
        raise InputError(
            f"the column '{label}' of {where} holds no class numbers: {one_line(fault)}"
        ) from None
    raise InputError(f"the column '{label}' of {where} is {kind}; a label is a whole number or a class name")


def _whole(values: NDArray[np.float64], label: str, where: str) -> NDArray[np.int64]:
    """Numbers that a table stores as floating-point, often because one is missing."""
    given = values[~np.isnan(values)]
    broken = given[(given != np.floor(given)) | (np.abs(given) > 2.0**53)]
    if len(broken):
        raise InputError(
            f"the column '{label}' of {where} holds {broken[0]:g}; a label is a whole number or a class name"
        )
    return np.where(np.isnan(values), MISSING, np.nan_to_num(values)).astype(np.int64)
