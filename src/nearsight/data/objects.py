"""The column `objects` of Hugging Face's image folders and detection sets, and the boxes in it."""

from typing import TYPE_CHECKING, Any

from nearsight.data.faults import one_line
from nearsight.errors import InputError

if TYPE_CHECKING:
    from datasets import Dataset

OBJECTS = "objects"
_BOXES = ("bbox", "boxes", "box", "bboxes")


def with_flat_boxes(rows: "Dataset") -> "Dataset":
    """Add to a table with a column `objects` a column `objects.bbox` of each row's boxes; others are left unchanged.

    >>> from datasets import Dataset
    >>> rows = Dataset.from_dict({"objects": [[{"bbox": [1, 2, 3, 4], "category": 0}], [], None]})
    >>> with_flat_boxes(rows)["objects.bbox"][:]
    [[[1.0, 2.0, 3.0, 4.0]], [], None]

    `objects` is a struct of lists or a list of structs; both occur. Raises `InputError` for boxes of anything but
    numbers.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from datasets import List, Value

    if OBJECTS not in rows.column_names:
        return rows
    column = rows.select_columns([OBJECTS]).with_format("arrow")[:][OBJECTS].combine_chunks()
    kind = column.type
    inner = kind.value_type if pa.types.is_list(kind) or pa.types.is_large_list(kind) else kind
    if not pa.types.is_struct(inner):
        return rows
    name = next((name for name in _BOXES if inner.get_field_index(name) >= 0), None)
    if name is None:
        return rows
    if inner is kind:
        boxes = [_several(each) for each in pc.struct_field(column, name).to_pylist()]
    else:
        boxes = [
            None if each is None else [one[name] for one in each if one is not None]
            for each in column.to_pylist()
        ]
    try:
        return rows.add_column(f"{OBJECTS}.bbox", boxes, feature=List(List(Value("float64"))))
    # `datasets` raises what Arrow and its own casts do.
    except Exception as fault:
        raise InputError(f"its '{name}' are no boxes of numbers ({one_line(fault)})") from None


def _several(boxes: list[Any] | None) -> list[Any] | None:
    """A single object may be there without a list around it."""
    return [boxes] if boxes and not isinstance(boxes[0], list) else boxes
