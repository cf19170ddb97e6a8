"""Reading a diagnosis of the first schema, which kept its tables but no pictures and no other findings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from nearsight.diagnosis.errors.flip import Flip
from nearsight.diagnosis.errors.image_errors import ConfusionPair, Errors, ImageError
from nearsight.diagnosis.faithfulness.maps import Faithfulness, MethodRow
from nearsight.diagnosis.labels.duplicates import Duplicate
from nearsight.diagnosis.labels.part import Labels
from nearsight.diagnosis.labels.suspects import LabelSuspect
from nearsight.diagnosis.locality.sizes import Locality, SizeRow
from nearsight.diagnosis.place import Place
from nearsight.diagnosis.protocols.agreement import AgreementRow, Protocols
from nearsight.diagnosis.reasons.atlas import Atlas, ClassReasons
from nearsight.diagnosis.reasons.reason import AtlasTile, Reason
from nearsight.diagnosis.reliance.background import Reliance, RelianceRow
from nearsight.diagnosis.schema_2 import ABSENT, DECISION
from nearsight.diagnosis.tile_crops import kept_classes
from nearsight.errors import InputError
from nearsight.evidence import TileEvidence
from nearsight.read import read_table
from nearsight.statistics import Estimate
from nearsight.tiles import TileGrid

Row = Mapping[str, Any]
Tables = Mapping[str, list[dict[str, Any]]]

NOTE = (
    "read from files of an older version, which kept no pictures, nor the sizes of images: they are taken to "
    "end with their last tile"
)
_ESTIMATES = {
    "reliance": ("off_share", "off_area", "background", "object", "pointing", "excess"),
    "locality": ("accuracy", "agreement", "single", "drop"),
    "faithfulness": ("correlation", "insertion", "deletion"),
}


def read_schema_1(directory: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a `Diagnosis`, except its pictures, from the files of the first schema.

    `about` is the content of its diagnosis.json. Raises `InputError` if a table is missing or damaged.
    """
    try:
        tables = {name: _table(directory / f"{name}.parquet") for name in _TABLES}
        return _parts(about, tables)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"{directory} does not hold a whole diagnosis ({type(error).__name__}: {error}); "
            "run `nearsight diagnose` again"
        ) from error


_TABLES = (
    "protocols", "errors", "pairs", "suspects", "duplicates", "reasons", "tiles", "reliance", "locality",
    "faithfulness",
)  # fmt: skip


def _table(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_table(path, "run `nearsight diagnose` again").to_pylist()
    return rows


def _parts(about: Mapping[str, Any], tables: Tables) -> dict[str, Any]:
    classes, images = tuple(about["classes"]), int(about["images"])
    numbers = {name: number for number, name in reversed(list(enumerate(classes)))}
    accuracies = tuple(
        AgreementRow(row["protocol"], _known(row, "agreement"), _known(row, "accuracy"))
        for row in tables["protocols"]
    )
    atlas = Atlas(tuple(_class(name, numbers, tables) for name in classes) if tables["tiles"] else ())
    reliance = _reliance(tables["reliance"], images)
    pairs = tuple(
        ConfusionPair(
            numbers[row["label"]],
            numbers[row["prediction"]],
            row["count"],
            row["share"],
            tuple(row["errors"]),
        )
        for row in tables["pairs"]
    )
    locality = Locality(
        tuple(
            SizeRow(tile=row["tile"], tiles=round(row["tiles"]), **_estimates("locality", row))
            for row in tables["locality"]
        )
    )
    suspects = tuple(
        LabelSuspect(**{**row, "label": numbers[row["label"]], "suggested": numbers[row["suggested"]]})
        for row in tables["suspects"]
    )
    found = {
        "protocols": Protocols(accuracies),
        "reliance": reliance,
        "reasons": atlas,
        "errors": Errors(tuple(_error(row, numbers, about) for row in tables["errors"]), pairs, images),
        "labels": Labels(suspects, tuple(Duplicate(**row) for row in tables["duplicates"])),
        "locality": locality if locality.sizes else None,
        "faithfulness": _faithfulness(tables["faithfulness"], about["trained_tile"]),
    }
    names = ("model", "data", "split", "network", "trained_tile", "tile", "stride", "grid", "seed")
    return {
        **{name: about[name] for name in names},
        "classes": classes,
        "images": images,
        "decision": DECISION,
        "notes": (*about["notes"], NOTE),
        "versions": about["versions"],
        "machine": about["machine"],
        "class_images": _class_images(atlas, reliance, pairs, len(classes)),
        "parts": {name: part for name, part in found.items() if part is not None},
        "absent": {name: why for name, why in ABSENT.items() if found[name] is None},
    }


def _estimate(row: Row, name: str) -> Estimate | None:
    if row[f"{name}.n"] is None:
        return None
    return Estimate(
        row[name], row[f"{name}.low"], row[f"{name}.high"], row[f"{name}.n"], row[f"{name}.chance"]
    )


def _known(row: Row, name: str) -> Estimate:
    return _estimate(row, name) or Estimate(None, None, None, 0)


def _estimates(table: str, row: Row) -> dict[str, Estimate]:
    return {name: _known(row, name) for name in _ESTIMATES[table]}


def _error(row: Row, numbers: Mapping[str, int], about: Row) -> ImageError:
    rows, columns = row["rows"], row["columns"]
    tile, stride = about["tile"], about["stride"]
    grid = TileGrid(tile + (rows - 1) * stride, tile + (columns - 1) * stride, tile, stride, about["grid"])
    maps = torch.tensor([row["map.prediction"], row["map.label"]]).reshape(2, rows, columns)
    lead = (maps[0] - maps[1]).flatten().tolist()
    return ImageError(
        index=row["index"],
        path=row["path"],
        label=numbers[row["label"]],
        prediction=numbers[row["prediction"]],
        margin=row["margin"],
        cost=row["cost"],
        grid=grid,
        kept=(numbers[row["prediction"]], numbers[row["label"]]),
        evidence=maps,
        deciding=tuple(
            TileEvidence(
                index,
                index // columns,
                index % columns,
                grid.tops[index // columns],
                grid.lefts[index % columns],
                lead[index],
            )
            for index in row["deciding"]
        ),
        flip=_flip(row, "flip", numbers),
        to_label=_flip(row, "to_label", numbers),
    )


def _flip(row: Row, name: str, numbers: Mapping[str, int]) -> Flip | None:
    tiles = row[f"{name}.tiles"]
    if tiles is None:
        return None
    return Flip(tuple(tiles), numbers[row[f"{name}.to"]], row[f"{name}.share"], row[f"{name}.smallest"])


def _class(name: str, numbers: Mapping[str, int], tables: Tables) -> ClassReasons:
    tiles = [row for row in tables["tiles"] if row["class"] == name]
    reasons = tuple(
        Reason(
            share=_known(row, "share"),
            total_share=Estimate(row["total_share"], None, None),
            purity=_known(row, "purity"),
            place=Place(
                row=row["place.row"],
                column=row["place.column"],
                spread_row=row["place.spread_row"],
                spread_column=row["place.spread_column"],
                name=row["place"],
            ),
            appearance=row["appearance"],
            on_object=_estimate(row, "on_object"),
            examples=tuple(_tile(tile, numbers) for tile in tiles if tile["reason"] == row["rank"]),
            count=row["tiles"],
        )
        for row in tables["reasons"]
        if row["class"] == name
    )
    return ClassReasons(
        name=name,
        images=sum(reason.count for reason in reasons),
        reasons=reasons,
        imitators=tuple(_tile(tile, numbers) for tile in tiles if tile["reason"] is None),
    )


def _tile(row: Row, numbers: Mapping[str, int]) -> AtlasTile:
    kept = kept_classes(torch.tensor(row["logits"]), numbers[row["class"]])
    return AtlasTile(
        index=row["index"],
        path=row["path"],
        label=numbers[row["label"]],
        top=row["top"],
        left=row["left"],
        evidence=row["evidence"],
        kept=kept,
        logits=tuple(row["logits"][number] for number in kept),
    )


def _reliance(rows: list[dict[str, Any]], images: int) -> Reliance | None:
    if not rows:
        return None
    measured: list[dict[str, Any]] = [dict(_estimates("reliance", row)) for row in rows]
    overall, *classes = (
        RelianceRow(name=row["class"], images=row["images"], **estimates)
        for row, estimates in zip(rows, measured, strict=True)
    )
    return Reliance(
        kind=None,
        overall=overall,
        classes=tuple(classes),
        known=overall.images,
        images=images,
        notes=(),
    )


def _faithfulness(rows: list[dict[str, Any]], trained_tile: int | None) -> Faithfulness | None:
    if not rows:
        return None
    methods = tuple(MethodRow(method=row["method"], **_estimates("faithfulness", row)) for row in rows)
    images = max(row.correlation.n or 0 for row in methods)
    return Faithfulness("full-pass" if trained_tile is None else "mean-logit", images, methods, ())


def _class_images(
    atlas: Atlas, reliance: Reliance | None, pairs: tuple[ConfusionPair, ...], classes: int
) -> tuple[int, ...]:
    """Return the images of each class, as far as the tables say: a tile of each is sorted into a reason."""
    found = [of_class.images for of_class in atlas.classes] or [0] * classes
    for pair in pairs:
        found[pair.label] = max(found[pair.label], round(pair.count / pair.share))
    if reliance is not None:
        found = [max(one, row.images) for one, row in zip(found, reliance.classes, strict=True)]
    return tuple(found)
