"""What an evaluation leaves: metrics, and the prediction of every image."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from nearsight.arguments import checked
from nearsight.data.value_groups import column_values, value_groups
from nearsight.digest import RESULT
from nearsight.errors import InputError
from nearsight.evaluation.group_accuracies import class_groups, read_groups
from nearsight.evaluation.metrics import written_confusion
from nearsight.evaluation.protocols import correctness
from nearsight.lock import writes
from nearsight.notebook import Shown, Summary
from nearsight.numbers import counted
from nearsight.read import belonging_together, is_file
from nearsight.rows import to_values
from nearsight.runs.evaluation_words import estimate_of, how_cut, measure_headings, written_measures
from nearsight.runs.result_file import read_result_file
from nearsight.runs.run import (
    KEPT,
    METADATA,
    PREDICTION,
    PREDICTIONS,
    PROTOCOLS_KEY,
    SCORES,
    check_same_evaluation,
    kept_names,
    read_predictions,
    scored_protocols,
)
from nearsight.schema import numbered
from nearsight.settings.metric_words import (
    ACCURACY,
    BY_GROUP,
    ECE,
    ESTIMATES,
    OF_EACH_CLASS,
    TOP5,
    WORST_GROUP,
)
from nearsight.write import check_writable, plain, write_json, write_table, write_text

if TYPE_CHECKING:
    import pandas
    import pyarrow

MEASURES = "evaluation.csv"
CLASSES = "classes.csv"
GROUPS = "groups.csv"
# More accuracies of classes in groups would fill result.json. They are computed again from predictions.parquet,
# and so is the confusion of many classes.
CLASS_GROUPS = 1000


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Shown):
    """The predictions of a classifier on a set, protocol by protocol, and the metrics computed from them.

    >>> import tempfile
    >>> scores, labels = np.array([[0.75, 0.25]], dtype=np.float32), np.array([0])
    >>> toy = Evaluation({}, {"split": "test"}, labels, {"vote": labels}, {"vote": scores})
    >>> directory = Path(tempfile.mkdtemp())
    >>> toy.save(directory)
    >>> sorted(path.name for path in directory.iterdir())
    ['classes.csv', 'evaluation.csv', 'predictions.parquet', 'result.json']

    For each protocol, `metrics` holds what `protocol_metrics` returns; `settings` says what was evaluated and
    how. `labels` is int64 (images,). For each protocol, `scores` holds float32 (images, classes), and
    `predictions` int64 (images,): the class with the largest score, the first if scores are equal. `paths` names
    each image, and `columns` are the other columns of its set, None if they are not known, as in results of older
    versions.
    """

    metrics: Mapping[str, dict[str, Any]]
    settings: Mapping[str, Any]
    labels: NDArray[np.int64]
    predictions: Mapping[str, NDArray[np.int64]]
    scores: Mapping[str, NDArray[np.float32]]
    paths: tuple[str, ...] | None = None
    columns: "pyarrow.Table | None" = None

    @checked
    @writes("run_dir")
    def save(self, run_dir: str | Path) -> None:
        """Write the predictions and put the metrics into result.json under "evaluation" and the split.

        The test split's predictions are in predictions.parquet, another split's in predictions-SPLIT.parquet. The
        tables of `table` are written beside them, with corresponding names: evaluation.csv, classes.csv and, if
        it was evaluated by group, groups.csv. The rest of result.json stays. Raises `InputError` if a file cannot
        be read or written; each is replaced whole or not at all.
        """
        result_path = Path(run_dir) / RESULT
        result = _read_result(result_path, "add metrics to", "save to another directory")
        split = self.settings["split"]
        self._write_predictions(Path(run_dir) / split_name(PREDICTIONS, split))
        for rows, name in ((self.table(), MEASURES), (self.table("class"), CLASSES)):
            write_text(Path(run_dir) / split_name(name, split), rows.to_csv(index=False))
        groups, place = self.table("group"), Path(run_dir) / split_name(GROUPS, split)
        if len(groups):
            write_text(place, groups.to_csv(index=False))
        else:
            # An existing one belongs to an evaluation that is gone.
            place.unlink(missing_ok=True)
        protocols = {protocol: _compact(measured) for protocol, measured in self.metrics.items()}
        evaluations = result.setdefault("evaluation", {})
        evaluations[split] = {**self.settings, PROTOCOLS_KEY: protocols}
        write_json(result_path, numbered("result", result))

    @staticmethod
    def check_place(run_dir: str | Path) -> None:
        """Raise the `InputError` that `save` would raise in a directory, before there is anything to save.

        >>> import tempfile
        >>> Evaluation.check_place(Path(tempfile.mkdtemp()) / "new")
        """
        place = Path(run_dir)
        check_writable(place)
        _read_result(place / RESULT, "add metrics to", "save to another directory")

    @staticmethod
    @checked
    def load(run_dir: str | Path, split: str = "test") -> "Evaluation":
        """Read the evaluation on a split that `save` left in a directory.

        >>> import tempfile
        >>> scores, labels = np.array([[0.75, 0.25]], dtype=np.float32), np.array([0])
        >>> directory = tempfile.mkdtemp()
        >>> Evaluation({}, {"split": "test"}, labels, {"vote": labels}, {"vote": scores}).save(directory)
        >>> Evaluation.load(directory).scores["vote"].tolist()
        [[0.75, 0.25]]

        Raises `InputError` if there is none, and for files that are damaged, of a newer version, or of two
        different evaluations.
        """
        directory = Path(run_dir)
        result = _read_result(directory / RESULT, "read", "evaluate the run again")
        held = result.get("evaluation", {})
        if split not in held:
            way = "run `nearsight evaluate` first"
            if held:
                way = f"it has: {', '.join(held)}; give `split='{next(iter(held))}'`, or {way}"
            raise InputError(f"{directory} holds no evaluation on the split '{split}'; {way}")
        path = directory / split_name(PREDICTIONS, split)
        table, made_with = read_predictions(path)
        settings = {name: value for name, value in held[split].items() if name != PROTOCOLS_KEY}
        check_same_evaluation(made_with, held[split], path)
        labels = table["label"].to_numpy()
        mend = f"run `nearsight evaluate {directory}` again"
        kept = kept_names(table, path, mend)
        names = scored_protocols(table, kept)
        columns = _columns(table, kept)
        measured = held[split].get(PROTOCOLS_KEY, {})
        whole = {name for name in names if f"{name}{PREDICTION}" in table.column_names}
        if other := sorted(measured.keys() - whole):
            raise InputError(f"{path} holds no predictions under {other[0]}, which {RESULT} has; {mend}")
        names = [name for name in names if name in whole]
        scores = {name: _matrix(table[f"{name}{SCORES}"], len(labels)) for name in names}
        with belonging_together(directory / RESULT, mend):
            found = Evaluation(
                metrics={
                    name: _whole(name, of_protocol, scores[name], labels, columns)
                    for name, of_protocol in measured.items()
                },
                settings=settings,
                labels=labels,
                predictions={name: table[f"{name}{PREDICTION}"].to_numpy() for name in names},
                scores=scores,
                paths=tuple(table["path"].to_pylist()) if "path" in table.column_names else None,
                columns=columns,
            )
            found._summary()
            _ = [*found._group_rows()]
        return found

    @checked
    def table(self, row: Literal["protocol", "class", "group"] = "protocol") -> "pandas.DataFrame":
        """Return the measures as a table: one row per protocol, or one for each protocol and class, or group.

        >>> labels, scores = np.array([0, 1]), np.array([[0.75, 0.25], [0.5, 0.5]], dtype=np.float32)
        >>> from nearsight.evaluation.metrics import protocol_metrics
        >>> metrics = {"vote": protocol_metrics("vote", scores, labels, ("cat", "dog"))}
        >>> Evaluation(metrics, {}, labels, {"vote": labels}, {"vote": scores}).table("class")["auroc"].tolist()
        [1.0, 1.0]

        Columns have the names of `metrics`; the ends of a measure's interval are NAME.low and NAME.high. Unknown
        values are missing. Rows by group are of all classes, with `class` missing, and of each class in each
        group; there are none if it was not evaluated by group.
        """
        import pandas

        if row == "group":
            return pandas.DataFrame(list(self._group_rows()))
        rows = []
        for protocol, measured in self.metrics.items():
            of_all = [name for name in ESTIMATES if name != WORST_GROUP or name in measured]
            for one in [measured] if row == "protocol" else measured["per_class"]:
                names = of_all if row == "protocol" else OF_EACH_CLASS
                named = {} if row == "protocol" else {"class": one["class"]}
                rows.append({"protocol": protocol, **named, "n": one["n"], **_flat(one, (ACCURACY, *names))})
                if row == "protocol":
                    rows[-1] |= {name: one.get(name) for name in (TOP5, ECE)}
        return pandas.DataFrame(rows)

    def _group_rows(self) -> Iterator[dict[str, Any]]:
        for protocol, measured in self.metrics.items():
            found = read_groups(measured, BY_GROUP)
            if found is None:
                continue
            for row in (*found.groups, *found.classes):
                yield {
                    "protocol": protocol,
                    "column": found.column,
                    "class": row.class_name,
                    "group": row.group,
                    "n": row.accuracy.n,
                    ACCURACY: row.accuracy.value,
                    f"{ACCURACY}.low": row.accuracy.low,
                    f"{ACCURACY}.high": row.accuracy.high,
                }

    def _summary(self) -> Summary:
        settings = self.settings
        measured = list(self.metrics.values())
        rows = [(protocol, *written_measures(one, measured)) for protocol, one in self.metrics.items()]
        title = (
            f"Evaluation({settings.get('data', '')} {settings.get('split', '')}, "
            f"{counted(len(self.labels), 'image')}, "
        )
        columns = ("protocol", *measure_headings(measured))
        return Summary(f"{title}{how_cut(settings)})", columns, rows)

    def _write_predictions(self, path: Path) -> None:
        import pyarrow

        columns: dict[str, Any] = {
            "index": np.arange(len(self.labels), dtype=np.int64),
            **({} if self.paths is None else {"path": list(self.paths)}),
            "label": self.labels,
        }
        for protocol, scores in self.scores.items():
            columns[f"{protocol}{PREDICTION}"] = self.predictions[protocol]
            offsets = np.arange(len(scores) + 1, dtype=np.int32) * scores.shape[1]
            columns[f"{protocol}{SCORES}"] = pyarrow.ListArray.from_arrays(offsets, scores.ravel())
        made_with = json.dumps(plain(numbered("predictions", self.settings)))
        kept = (
            {} if self.columns is None else {name: self.columns[name] for name in self.columns.column_names}
        )
        # Under their own names, unless we use these.
        named = {f"data.{name}" if name in columns else name: values for name, values in kept.items()}
        told = {METADATA: made_with, KEPT: json.dumps(dict(zip(named, kept, strict=True)))}
        table = pyarrow.table(columns | named).replace_schema_metadata(told)
        write_table(path, table)


def split_name(name: str, split: str) -> str:
    """Return the name of a file for a split; for `test` it is the file's own name.

    >>> split_name("predictions.parquet", "test"), split_name("predictions.parquet", "val")
    ('predictions.parquet', 'predictions-val.parquet')
    """
    path = Path(name)
    return name if split == "test" else f"{path.stem}-{split}{path.suffix}"


def _columns(table: "pyarrow.Table", names: Mapping[str, str]) -> "pyarrow.Table | None":
    if not names:
        return None
    return table.select(list(names)).rename_columns(list(names.values())).replace_schema_metadata(None)


def _flat(measured: Mapping[str, Any], names: Iterable[str]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name in names:
        estimate = estimate_of(measured, name)
        found |= {name: estimate.value, f"{name}.low": estimate.low, f"{name}.high": estimate.high}
    return found


def _compact(measured: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(measured)
    if isinstance(kept["confusion"], Mapping):
        del kept["confusion"]
    if BY_GROUP in kept and len(kept[BY_GROUP]["classes"]) > CLASS_GROUPS:
        kept[BY_GROUP] = {**kept[BY_GROUP], "classes": None}
    return kept


def _whole(
    protocol: str,
    measured: Mapping[str, Any],
    scores: NDArray[np.float32],
    labels: NDArray[np.int64],
    columns: "pyarrow.Table | None",
) -> dict[str, Any]:
    """Return the metrics of a protocol as they were before JSON and `_compact` made them smaller."""
    found = dict(measured)
    found["interval"] = tuple(found["interval"])
    found["per_class"] = [
        {**row, "interval": None if row["interval"] is None else tuple(row["interval"])}
        for row in found["per_class"]
    ]
    if "confusion" not in found:
        found["confusion"] = written_confusion(protocol, scores, labels)
    held = found.get(BY_GROUP)
    if held is not None and held["classes"] is None and columns is not None:
        groups = value_groups(column_values(held["column"], columns[held["column"]]))
        names = [row["class"] for row in found["per_class"]]
        rows = class_groups(correctness(protocol, scores, labels), labels, names, groups)
        found[BY_GROUP] = {**held, "classes": to_values(rows)}
    return found


def _matrix(column: "pyarrow.ChunkedArray", rows: int) -> NDArray[np.float32]:
    flat: NDArray[np.float32] = column.combine_chunks().flatten().to_numpy()
    return flat.reshape(rows, len(flat) // rows if rows else 0)


def _read_result(path: Path, doing: str, way_out: str) -> dict[str, Any]:
    if not is_file(path):
        return {}
    try:
        return read_result_file(path, f"mend it or {way_out}")
    except InputError as error:
        raise InputError(f"cannot {doing} {path}: {error}") from error
