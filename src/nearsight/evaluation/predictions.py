"""What `predict` leaves: a table with one row per image, in memory or on disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearsight.arguments import checked
from nearsight.evaluation.parted_table import first_rows, read_predicted
from nearsight.notebook import Shown, Summary
from nearsight.numbers import counted
from nearsight.settings.prediction_words import CLASS, FAULT, MARGIN, PATH, PROBABILITY
from nearsight.statistics.writing import MISSING, points

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN = 10


@dataclass(frozen=True, eq=False, repr=False)
class Predictions(Shown):
    """The predictions of images: `held` as a table, or in the file `out`; `settings` say how they were made.

    >>> import pyarrow
    >>> toy = Predictions({"images": 1, "faults": 0}, None, pyarrow.table({"path": ["a.png"], "class": ["cat"]}))
    >>> toy.table["class"].to_pylist()
    ['cat']

    The columns are those of `nearsight.settings.prediction_words.columns_of`, and the other columns of the
    images' own table.
    """

    settings: Mapping[str, Any]
    out: Path | None = None
    held: "pa.Table | None" = None

    @property
    def table(self) -> "pa.Table":
        """One row per image; read from the file if there is one."""
        return self.held if self.out is None else read_predicted(self.out)

    @property
    def faults(self) -> dict[str, str]:
        """The paths of images that have no prediction, with the reason."""
        table = self.table
        pairs = zip(table[PATH].to_pylist(), table[FAULT].to_pylist(), strict=True)
        return {path: fault for path, fault in pairs if fault is not None}

    @checked
    def first(self, count: int) -> list[dict[str, Any]]:
        """Return the first rows as plain values, at most `count`.

        >>> import pyarrow
        >>> table = pyarrow.table({"path": ["a.png", "b.png"], "class": ["cat", "dog"]})
        >>> Predictions({"images": 2, "faults": 0}, None, table).first(1)
        [{'path': 'a.png', 'class': 'cat'}]
        """
        table = self.table if self.out is None else first_rows(self.out, count)
        rows: list[dict[str, Any]] = table.slice(0, count).to_pylist()
        return rows

    def _summary(self) -> Summary:
        return self.summary(_SHOWN)

    def summary(self, count: int) -> Summary:
        """Return the first rows, at most `count`, as a short table to read.

        >>> import pyarrow
        >>> row = {"path": "a.png", "class": "cat", "probability": 0.8, "margin": 0.6, "fault": None}
        >>> toy = Predictions({"images": 1, "faults": 0, "protocol": "vote"}, None, pyarrow.Table.from_pylist([row]))
        >>> toy.summary(10).title
        'Predictions(1 image, vote)'
        """
        rows = [
            (
                row[PATH],
                row[FAULT] or row[CLASS],
                *(MISSING if row[name] is None else points(row[name]) for name in (PROBABILITY, MARGIN)),
            )
            for row in self.first(count)
        ]
        images, faults = self.settings["images"], self.settings["faults"]
        left = f", {faults:,} without a prediction" if faults else ""
        title = f"Predictions({counted(images, 'image')}{left}, {self.settings['protocol']})"
        return Summary(title, (PATH, CLASS, f"{PROBABILITY} %", f"{MARGIN} %"), rows)
