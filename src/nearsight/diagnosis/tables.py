"""The tables of a diagnosis: their columns, which they have without rows too, and their rows."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nearsight.diagnosis.flip import Flip
from nearsight.diagnosis.reasons import AtlasTile
from nearsight.settings.protocols import WHOLE
from nearsight.statistics import Estimate

if TYPE_CHECKING:
    import pyarrow

    from nearsight.diagnosis.result import Diagnosis

Row = dict[str, Any]
Columns = dict[str, str]

_ESTIMATE = {"value": "float64", "low": "float64", "high": "float64", "n": "int64", "chance": "float64"}
_TILE = {
    "index": "int64",
    "path": "string",
    "label": "string",
    "top": "int64",
    "left": "int64",
    "evidence": "float64",
    "kept": "list<int64>",
    "logits": "list<float64>",
}


def make_table(name: str, diagnosis: "Diagnosis") -> "pyarrow.Table":
    """Return a table of a diagnosis, by a name of `TABLES`; classes are given by name.

    An estimate NAME has the columns NAME, NAME.low, NAME.high, NAME.n and NAME.chance.
    """
    import pyarrow

    columns, rows = TABLES[name]
    schema = pyarrow.schema([(column, _type(kind)) for column, kind in columns.items()])
    return pyarrow.Table.from_pylist(list(rows(diagnosis)), schema=schema)


def _type(kind: str) -> Any:
    import pyarrow

    if kind.startswith("list<"):
        return pyarrow.list_(_type(kind.removeprefix("list<").removesuffix(">")))
    return pyarrow.type_for_alias(kind)


def _estimates(*names: str) -> Columns:
    return {
        column: kind
        for name in names
        for column, kind in zip(_estimate_columns(name), _ESTIMATE.values(), strict=True)
    }


def _estimate_columns(name: str) -> list[str]:
    return [name, *(f"{name}.{part}" for part in list(_ESTIMATE)[1:])]


def _estimate(name: str, estimate: Estimate | None) -> Row:
    values = [None] * len(_ESTIMATE) if estimate is None else [getattr(estimate, part) for part in _ESTIMATE]
    return dict(zip(_estimate_columns(name), values, strict=True))


def _protocols(diagnosis: "Diagnosis") -> Iterator[Row]:
    for row in diagnosis.accuracies:
        yield {
            "protocol": row.protocol,
            "tile": None if row.protocol in WHOLE else diagnosis.tile,
            "stride": None if row.protocol in WHOLE else diagnosis.stride,
            **_estimate("accuracy", row.accuracy),
            **_estimate("agreement", row.agreement),
        }


def _errors(diagnosis: "Diagnosis") -> Iterator[Row]:
    classes = diagnosis.classes
    for error in diagnosis.errors.errors:
        yield {
            "index": error.index,
            "path": error.path,
            "label": classes[error.label],
            "prediction": classes[error.prediction],
            "margin": error.margin,
            "cost": error.cost,
            **_flip("flip", error.flip, classes),
            **_flip("to_label", error.to_label, classes),
            "deciding": [tile.index for tile in error.deciding],
            "rows": error.grid.shape[0],
            "columns": error.grid.shape[1],
            "map.prediction": error.evidence[0].flatten().tolist(),
            "map.label": error.evidence[1].flatten().tolist(),
        }


def _flip(name: str, flip: Flip | None, classes: tuple[str, ...]) -> Row:
    return {
        f"{name}.tiles": None if flip is None else list(flip.tiles),
        f"{name}.to": None if flip is None else classes[flip.to],
        f"{name}.share": None if flip is None else flip.share,
        f"{name}.smallest": None if flip is None else flip.smallest,
    }


_FLIP = {"tiles": "list<int64>", "to": "string", "share": "float64", "smallest": "bool"}


def _flip_columns(name: str) -> Columns:
    return {f"{name}.{part}": kind for part, kind in _FLIP.items()}


def _pairs(diagnosis: "Diagnosis") -> Iterator[Row]:
    classes = diagnosis.classes
    for pair in diagnosis.errors.pairs:
        yield {
            "label": classes[pair.label],
            "prediction": classes[pair.prediction],
            "count": pair.count,
            "share": pair.share,
            "errors": list(pair.errors),
        }


def _suspects(diagnosis: "Diagnosis") -> Iterator[Row]:
    classes = diagnosis.classes
    for suspect in diagnosis.suspects:
        yield {
            "index": suspect.index,
            "path": suspect.path,
            "label": classes[suspect.label],
            "suggested": classes[suspect.suggested],
            "share": suspect.share,
            "share_label": suspect.share_label,
            "probability": suspect.probability,
        }


def _duplicates(diagnosis: "Diagnosis") -> Iterator[Row]:
    for duplicate in diagnosis.duplicates:
        yield {column: getattr(duplicate, column) for column in _DUPLICATE}


_DUPLICATE = {
    "index": "int64",
    "path": "string",
    "other_split": "string",
    "other_index": "int64",
    "other_path": "string",
    "distance": "float64",
    "same_label": "bool",
}


def _reasons(diagnosis: "Diagnosis") -> Iterator[Row]:
    for of_class in diagnosis.atlas.classes:
        for rank, reason in enumerate(of_class.reasons, start=1):
            yield {
                "class": of_class.name,
                "rank": rank,
                "main": reason is of_class.main,
                "appearance": reason.appearance,
                "place": reason.place.name,
                "place.row": reason.place.row,
                "place.column": reason.place.column,
                "place.spread_row": reason.place.spread_row,
                "place.spread_column": reason.place.spread_column,
                "tiles": reason.count,
                **_estimate("share", reason.share),
                "total_share": reason.total_share,
                **_estimate("purity", reason.purity),
                **_estimate("on_object", reason.on_object),
            }


def _tiles(diagnosis: "Diagnosis") -> Iterator[Row]:
    for of_class in diagnosis.atlas.classes:
        for rank, reason in enumerate(of_class.reasons, start=1):
            yield from (_tile(of_class.name, rank, tile, diagnosis.classes) for tile in reason.examples)
        yield from (_tile(of_class.name, None, tile, diagnosis.classes) for tile in of_class.imitators)


def _tile(class_name: str, rank: int | None, tile: AtlasTile, classes: tuple[str, ...]) -> Row:
    return {
        "class": class_name,
        "reason": rank,
        **{column: getattr(tile, column) for column in _TILE},
        "label": classes[tile.label],
        "kept": list(tile.kept),
        "logits": list(tile.logits),
    }


def _reliance(diagnosis: "Diagnosis") -> Iterator[Row]:
    if diagnosis.reliance is None:
        return
    for row in (diagnosis.reliance.overall, *diagnosis.reliance.classes):
        yield {
            "class": row.name,
            "images": row.images,
            **{
                key: value for name in _RELIANCE for key, value in _estimate(name, getattr(row, name)).items()
            },
        }


_RELIANCE = ("off_share", "off_area", "excess", "background", "object", "pointing")


def _locality(diagnosis: "Diagnosis") -> Iterator[Row]:
    for row in diagnosis.locality.sizes:
        yield {
            "tile": row.tile,
            "stride": row.stride,
            "tiles": row.tiles,
            **{
                key: value for name in _LOCALITY for key, value in _estimate(name, getattr(row, name)).items()
            },
        }


_LOCALITY = ("accuracy", "agreement", "single", "drop")


def _faithfulness(diagnosis: "Diagnosis") -> Iterator[Row]:
    if diagnosis.faithfulness is None:
        return
    for row in diagnosis.faithfulness.rows:
        yield {
            "method": row.method,
            **{
                key: value
                for name in _FAITHFULNESS
                for key, value in _estimate(name, getattr(row, name)).items()
            },
        }


_FAITHFULNESS = ("correlation", "insertion", "deletion")

# Each table's columns, as Arrow names their types, and what gives its rows.
TABLES: Mapping[str, tuple[Columns, Callable[["Diagnosis"], Iterator[Row]]]] = MappingProxyType(
    {
        "protocols": (
            {"protocol": "string", "tile": "int64", "stride": "int64", **_estimates("accuracy", "agreement")},
            _protocols,
        ),
        "errors": (
            {
                "index": "int64",
                "path": "string",
                "label": "string",
                "prediction": "string",
                "margin": "float64",
                "cost": "float64",
                **_flip_columns("flip"),
                **_flip_columns("to_label"),
                "deciding": "list<int64>",
                "rows": "int64",
                "columns": "int64",
                "map.prediction": "list<float32>",
                "map.label": "list<float32>",
            },
            _errors,
        ),
        "pairs": (
            {
                "label": "string",
                "prediction": "string",
                "count": "int64",
                "share": "float64",
                "errors": "list<int64>",
            },
            _pairs,
        ),
        "suspects": (
            {
                "index": "int64",
                "path": "string",
                "label": "string",
                "suggested": "string",
                "share": "float64",
                "share_label": "float64",
                "probability": "float64",
            },
            _suspects,
        ),
        "duplicates": (_DUPLICATE, _duplicates),
        "reasons": (
            {
                "class": "string",
                "rank": "int64",
                "main": "bool",
                "appearance": "string",
                "place": "string",
                "place.row": "float64",
                "place.column": "float64",
                "place.spread_row": "float64",
                "place.spread_column": "float64",
                "tiles": "int64",
                **_estimates("share"),
                "total_share": "float64",
                **_estimates("purity", "on_object"),
            },
            _reasons,
        ),
        "tiles": ({"class": "string", "reason": "int64", **_TILE}, _tiles),
        "reliance": ({"class": "string", "images": "int64", **_estimates(*_RELIANCE)}, _reliance),
        "locality": (
            {"tile": "int64", "stride": "int64", "tiles": "float64", **_estimates(*_LOCALITY)},
            _locality,
        ),
        "faithfulness": ({"method": "string", **_estimates(*_FAITHFULNESS)}, _faithfulness),
    }
)
