"""The content of result.json, key by key, and its reading."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, Required, TypedDict

from nearsight.digest import digest_of
from nearsight.errors import InputError
from nearsight.numbers import Count, Pixels, Within
from nearsight.read import LARGEST_TEXT, parse_sealed_json, read_bytes, read_sealed_json
from nearsight.rows import from_values
from nearsight.schema import SCHEMA, read_schema
from nearsight.settings import GridKind
from nearsight.settings.pooled import PoolingName
from nearsight.statistics import Estimate

Share = Annotated[float, Within(0, 1)]
Interval = tuple[Share, Share]
# What is as long as there are classes, of what was measured under a protocol.
_OF_CLASSES = ("per_class", "confusion")
# The outlines of the last results that were read, by the digest of all that is in the file.
_OUTLINES: dict[str, dict[str, Any]] = {}
_MOST_OUTLINES = 256
_WAY_OUT = "mend it, or move it away and evaluate the run again"


class Training(TypedDict, total=False):
    """What training took; other keys are kept, and `whole_training` says whether all of it is there."""

    images: Count
    steps: Count
    epochs: float
    images_seen: Count
    pixels_per_image: Count
    training_pixels: Count
    flops_per_image: Count
    flops: Annotated[int, Within(0, 10**29)]
    optimizer_flops: Annotated[int, Within(0, 10**29)]
    seconds: float
    images_per_second: float
    peak_memory_bytes: Count
    precision: str
    precision_reason: str
    seed: Count
    parameters: Count
    hardware: Mapping[str, Any]
    versions: Mapping[str, str]


# What every version wrote about training.
_TRAINED = (
    "steps", "epochs", "images_seen", "pixels_per_image", "training_pixels", "flops", "seconds", "images_per_second",
    "peak_memory_bytes", "precision", "parameters", "hardware", "versions",
)  # fmt: skip


# `class` cannot be a name in Python.
OfClass = TypedDict(
    "OfClass",
    {
        "class": Required[str],
        "n": Required[Count],
        "accuracy": Required[Share | None],
        "interval": Required[Interval | None],
        "f1": Estimate | None,
        "auroc": Estimate | None,
        "average_precision": Estimate | None,
    },
    total=False,
)
"""What was measured of one class, as result.json holds it."""


class Measured(TypedDict, total=False):
    """What was measured under one protocol; measures that the first versions did not have may be absent."""

    n: Required[Count]
    accuracy: Required[Share]
    interval: Required[Interval]
    top5: Required[Share | None]
    ece: Required[float | None]
    balanced_accuracy: Estimate | None
    f1: Estimate | None
    auroc: Estimate | None
    average_precision: Estimate | None
    restricted_accuracy: Estimate | None
    worst_group_accuracy: Estimate | None
    by_group: Mapping[str, Any] | None
    per_class: Required[tuple[OfClass, ...]]


class Evaluated(TypedDict, total=False):
    """One evaluation, of a split: its settings and what was measured under each protocol."""

    data: str
    split: str
    images: Count
    device: str
    groups: str | None
    tile: Pixels | None
    stride: Pixels | None
    grid: GridKind
    tiles: Count
    pooling: PoolingName
    top_k: Annotated[float, Within(0, 2**24)]
    shift: Count
    shift_fill: str
    seconds: float
    left_out: tuple[str, ...]
    classes_left_out: Mapping[str, Count]
    classes_lacking: tuple[str, ...]
    protocols: Mapping[str, Measured]


class Result(TypedDict, total=False):
    """All of result.json; an evaluation without its run has no training."""

    training: Training
    evaluation: Mapping[str, Evaluated]


def read_result_file(path: Path, mend: str = _WAY_OUT) -> dict[str, Any]:
    """Return the content of result.json, except the number of its schema.

    Raises `InputError`, naming the file and how to `mend` it, if it cannot be read, is of a newer schema, or
    contains anything but what `Result` describes.
    """
    return _checked(read_sealed_json(path, mend), path, mend)


def read_outline(path: Path, mend: str = _WAY_OUT) -> dict[str, Any]:
    """Return what `read_result_file` does without what was measured of each class, and raise where it does.

    Of very many classes it takes seconds to read the file, and a comparison asks again and again what a run cost and
    how it was evaluated. So the same content is taken apart once, and what is returned is the caller's own.
    """
    content = read_bytes(path, mend, largest=LARGEST_TEXT)
    digest = digest_of(content)
    outline = _OUTLINES.get(digest)
    if outline is None:
        outline = _without_classes(_checked(parse_sealed_json(content, path, mend), path, mend))
        if len(_OUTLINES) == _MOST_OUTLINES:
            _OUTLINES.clear()
        _OUTLINES[digest] = outline
    return deepcopy(outline)


def _checked(content: Any, path: Path, mend: str) -> dict[str, Any]:
    check_result(content, path, mend)
    return {name: value for name, value in content.items() if name != SCHEMA}


def _without_classes(result: dict[str, Any]) -> dict[str, Any]:
    evaluation = {
        split: {
            **evaluated,
            "protocols": {
                protocol: {name: value for name, value in measured.items() if name not in _OF_CLASSES}
                for protocol, measured in evaluated.get("protocols", {}).items()
            },
        }
        for split, evaluated in result.get("evaluation", {}).items()
    }
    return {**result, "evaluation": evaluation} if evaluation else result


def check_result(content: Any, path: Path, mend: str = _WAY_OUT) -> None:
    """Raise `InputError` if the content of result.json is of a newer schema or not as `Result` describes it.

    >>> check_result({"evaluation": {"test": 3}}, Path("result.json"))
    Traceback (most recent call last):
    nearsight.errors.InputError: result.json: evaluation.test takes a table, got 3; mend it, or move it away and \
evaluate the run again
    """
    schema = read_schema("result", content, path)
    try:
        from_values(Result, content, path, schema=schema)
    except InputError as error:
        raise InputError(f"{error}; {mend}") from error


def whole_training(result: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """Return what training took, from result.json; raises `InputError` if any of it is missing."""
    training: Mapping[str, Any] = result.get("training", {})
    if missing := [name for name in _TRAINED if name not in training]:
        raise InputError(f"{path} does not say {missing[0]} of its training; train the run again")
    return training
