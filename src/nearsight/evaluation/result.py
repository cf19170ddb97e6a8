"""What an evaluation leaves: figures, and the prediction of every image."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearsight.errors import InputError
from nearsight.runs import replace_atomically, write_json
from nearsight.runs.run import PREDICTIONS, RESULT

# A larger matrix would fill result.json; `confusion_matrix` makes it from the scores in predictions.parquet.
CONFUSION_CLASSES = 100


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The predictions of a classifier on a set, protocol by protocol, and the figures made of them.

    >>> import tempfile
    >>> scores, labels = np.array([[0.75, 0.25]], dtype=np.float32), np.array([0])
    >>> toy = Evaluation({}, {"split": "test"}, labels, {"vote": labels}, {"vote": scores})
    >>> directory = Path(tempfile.mkdtemp())
    >>> toy.save(directory)
    >>> sorted(path.name for path in directory.iterdir())
    ['predictions.parquet', 'result.json']

    `figures` holds for each protocol what `metrics.figures` returns; `settings` what was evaluated and how;
    `labels` is int64 (images,); `scores` holds float32 (images, classes) for each protocol, and `predictions`
    int64 (images,): the largest score, of equal ones the first.
    """

    figures: Mapping[str, dict[str, Any]]
    settings: Mapping[str, Any]
    labels: NDArray[np.int64]
    predictions: Mapping[str, NDArray[np.int64]]
    scores: Mapping[str, NDArray[np.float32]]

    def save(self, run_dir: Path) -> None:
        """Write the predictions and put the figures into result.json under "evaluation" and the split.

        The test split's predictions are predictions.parquet, another split's predictions-SPLIT.parquet. The
        rest of result.json stays. Raises `InputError` when a file cannot be read or written; each is replaced
        whole or not at all.
        """
        result_path = Path(run_dir) / RESULT
        result = _read_result(result_path)
        split = self.settings["split"]
        name = PREDICTIONS if split == "test" else f"{Path(PREDICTIONS).stem}-{split}.parquet"
        self._write_predictions(Path(run_dir) / name)
        protocols = {protocol: _compact(measured) for protocol, measured in self.figures.items()}
        evaluations = result.setdefault("evaluation", {})
        evaluations[split] = {**self.settings, "protocols": protocols}
        write_json(result_path, result)

    def _write_predictions(self, path: Path) -> None:
        import pyarrow
        from pyarrow import parquet

        columns: dict[str, Any] = {
            "index": np.arange(len(self.labels), dtype=np.int64),
            "label": self.labels,
        }
        for protocol, scores in self.scores.items():
            columns[f"{protocol}.prediction"] = self.predictions[protocol]
            offsets = np.arange(len(scores) + 1, dtype=np.int32) * scores.shape[1]
            columns[f"{protocol}.scores"] = pyarrow.ListArray.from_arrays(offsets, scores.ravel())
        table = pyarrow.table(columns).replace_schema_metadata({"nearsight": json.dumps(dict(self.settings))})
        with replace_atomically(path) as temporary:
            parquet.write_table(table, temporary)


def _compact(measured: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(measured)
    if len(kept["confusion"]) > CONFUSION_CLASSES:
        del kept["confusion"]
    return kept


def _read_result(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot add figures to {path}: {error}; mend it or save to another directory"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"cannot add figures to {path}: it holds no JSON object; save to another directory")
    return content
