"""A diagnosis: everything that was found, as typed rows, tables and files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.atlas import Atlas
from nearsight.diagnosis.duplicates import Duplicate
from nearsight.diagnosis.errors import Errors
from nearsight.diagnosis.faithfulness import Faithfulness
from nearsight.diagnosis.locality import AgreementRow, Locality
from nearsight.diagnosis.reliance import Reliance
from nearsight.diagnosis.suspects import LabelSuspect
from nearsight.diagnosis.tables import TABLES, make_table
from nearsight.errors import unknown_name
from nearsight.write import replace_atomically, write_json

if TYPE_CHECKING:
    import pandas
    import pyarrow

DIAGNOSIS = "diagnosis.json"

UNITS = {
    "value, low, high": "a mean over images with its 95 % interval; null where nothing is known",
    "n": "images that count",
    "chance": "what the same measure is without any knowledge of the network: see the page's section on method",
    "accuracy, share, purity, agreement": "from 0 to 1",
    "margin, evidence, logits": "logits; evidence of the atlas is relative: less the tile's mean over all classes",
    "cost": "nats",
    "tile, stride, top, left": "pixels of the image as the network takes it",
    "place": "tile centres, from 0 at the top and left to 1",
}


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What a classifier uses on an image set, where it errs, and whether it looks at the object.

    `network` is the classifier's architecture and `trained_tile` the tile it was trained on, None for whole images.
    `images` is how many were examined, `examined` they themselves; every `index` is a place in it. `prepared` gives
    an examined image as the network's preprocessing resizes it, uint8 (3, height, width), which is what
    positions are pixels of. `reliance` is None where no region is known, `faithfulness` where it was not asked for.
    """

    model: str
    data: str
    split: str
    classes: tuple[str, ...]
    network: str
    trained_tile: int | None
    tile: int
    stride: int
    grid: str
    images: int
    seed: int
    accuracies: tuple[AgreementRow, ...]
    errors: Errors
    suspects: tuple[LabelSuspect, ...]
    duplicates: tuple[Duplicate, ...]
    atlas: Atlas
    reliance: Reliance | None
    locality: Locality
    faithfulness: Faithfulness | None
    notes: tuple[str, ...]
    versions: Mapping[str, str]
    machine: str
    examined: ImageSet
    prepared: Callable[[int], Tensor]

    def sentences(self) -> tuple[str, ...]:
        """Return the summary: what was found, in sentences, each with its numbers."""
        from nearsight.diagnosis.summary import summarise

        return summarise(self)

    def table(self, name: str = "errors") -> "pandas.DataFrame":
        """Return one of the tables as a pandas frame; `nearsight.diagnosis.TABLES` names them.

        A table has its columns even where it has no rows. Raises `InputError` for an unknown name.
        """
        if name not in TABLES:
            raise unknown_name("table", name, TABLES)
        frame: pandas.DataFrame = make_table(name, self).to_pandas()
        return frame

    def to_json(self) -> dict[str, Any]:
        """Return all numbers as plain values, with units: what diagnosis.json holds.

        The maps of the misclassified images are in the table `errors`.
        """
        about = ("model", "data", "split", "classes", "network", "trained_tile", "tile", "stride", "grid")
        return {
            "sentences": self.sentences(),
            **{name: getattr(self, name) for name in (*about, "images", "seed")},
            **{name: _without_maps(make_table(name, self)).to_pylist() for name in TABLES},
            "notes": self.notes,
            "versions": dict(self.versions),
            "machine": self.machine,
            "units": UNITS,
        }

    def save(self, directory: str | Path) -> list[Path]:
        """Write diagnosis.json and every table as Parquet, each whole or not at all; return the paths."""
        from pyarrow import parquet

        paths = [Path(directory) / DIAGNOSIS]
        write_json(paths[0], self.to_json())
        for name in TABLES:
            paths.append(Path(directory) / f"{name}.parquet")
            with replace_atomically(paths[-1]) as temporary:
                parquet.write_table(make_table(name, self), temporary)
        return paths


def _without_maps(table: "pyarrow.Table") -> "pyarrow.Table":
    return table.drop_columns([name for name in table.column_names if name.startswith("map.")])
