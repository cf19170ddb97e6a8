"""A diagnosis: everything that was found, as typed rows, tables and files."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from nearsight.diagnosis.atlas import Atlas
from nearsight.diagnosis.duplicates import Duplicate
from nearsight.diagnosis.errors import Errors
from nearsight.diagnosis.faithfulness import Faithfulness
from nearsight.diagnosis.locality import AgreementRow, Locality
from nearsight.diagnosis.pictures import PICTURES, Pictures, SavedPictures, load_pictures, save_pictures
from nearsight.diagnosis.reliance import Reliance
from nearsight.diagnosis.schema_1 import read_parts
from nearsight.diagnosis.shown import shown_pictures
from nearsight.diagnosis.suspects import LabelSuspect
from nearsight.diagnosis.tables import TABLES, make_table
from nearsight.errors import InputError, unknown_name
from nearsight.notebook import Shown, Summary
from nearsight.rows import from_values, read_json, to_values
from nearsight.schema import numbered
from nearsight.write import plain, replace_atomically, write_json, write_text

if TYPE_CHECKING:
    import pandas
    import pyarrow

DIAGNOSIS = "diagnosis.json"
ROWS = "rows.json"
MAPS = "maps.safetensors"

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


@dataclass(frozen=True, eq=False, repr=False)
class Diagnosis(Shown):
    """What a classifier uses on an image set, where it errs, and whether it looks at the object.

    `network` is the classifier's architecture and `trained_tile` the tile it was trained on, None for whole images.
    `images` is how many were examined, `class_images` how many of each class; every `index` is a place in their set.
    `pictures` gives the pictures of examined images as the network's preprocessing resizes them, which is what
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
    class_images: tuple[int, ...]
    pictures: Pictures

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

    def _summary(self) -> Summary:
        return Summary(
            f"Diagnosis(tile {self.tile}, stride {self.stride}, {self.grid} grid; {self.images:,} images of "
            f"{self.data} {self.split}; {self.model})",
            notes=(*self.sentences(), *self.notes),
        )

    def to_json(self) -> dict[str, Any]:
        """Return all numbers as plain values, with units: what diagnosis.json holds.

        The maps of the misclassified images are in the table `errors`.
        """
        about = ("model", "data", "split", "classes", "network", "trained_tile", "tile", "stride", "grid")
        found = {
            "sentences": self.sentences(),
            **{name: getattr(self, name) for name in (*about, "images", "seed")},
            **{name: _without_maps(make_table(name, self)).to_pylist() for name in TABLES},
            "notes": self.notes,
            "versions": dict(self.versions),
            "machine": self.machine,
            "units": UNITS,
        }
        return numbered("diagnosis", found)

    def save(self, directory: str | Path) -> list[Path]:
        """Write diagnosis.json, every table as Parquet, and what `load` reads; return the paths.

        `load` reads rows.json, the maps in maps.safetensors and the pictures that the page shows in
        pictures.parquet. Each file is written whole or not at all.
        """
        from pyarrow import parquet

        directory = Path(directory)
        maps: dict[str, Tensor] = {}
        rows = {
            spec.name: to_values(getattr(self, spec.name), maps, spec.name)
            for spec in fields(self)
            if spec.name != "pictures"
        }
        save_pictures(directory / PICTURES, self.pictures, shown_pictures(self))
        with replace_atomically(directory / MAPS) as temporary:
            temporary.write_bytes(save({name: tensor.cpu().contiguous() for name, tensor in maps.items()}))
        # Names of files may hold what UTF-8 may not.
        write_text(directory / ROWS, json.dumps(plain(numbered("diagnosis", rows)), allow_nan=False) + "\n")
        for name in TABLES:
            with replace_atomically(directory / f"{name}.parquet") as temporary:
                parquet.write_table(make_table(name, self), temporary)
        write_json(directory / DIAGNOSIS, self.to_json())
        names = (DIAGNOSIS, *(f"{name}.parquet" for name in TABLES), ROWS, MAPS, PICTURES)
        return [directory / name for name in names]

    @staticmethod
    def load(directory: str | Path) -> "Diagnosis":
        """Read the diagnosis that `save` left in a directory; the data set is not needed.

        >>> Diagnosis.load("diagnoses/scenes").sentences()  # doctest: +SKIP

        It has the pictures that its page shows. Raises `InputError` where there is none, and for files that are
        damaged or of a newer version. Those of the first schema kept no pictures, and a note says so.
        """
        directory = Path(directory)
        schema, about = read_json("diagnosis", directory / DIAGNOSIS, "diagnose")
        if schema < 2:
            return Diagnosis(**read_parts(directory, about), pictures=SavedPictures({}, {}))
        schema, rows = read_json("diagnosis", directory / ROWS, "diagnose")
        pictures = load_pictures(directory / PICTURES)
        maps = _read_maps(directory / MAPS)
        return from_values(
            Diagnosis, rows | {"pictures": pictures}, directory / ROWS, schema=schema, tensors=maps
        )


def _read_maps(path: Path) -> dict[str, Tensor]:
    try:
        return load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be read ({error}); run `nearsight diagnose` again") from error


def _without_maps(table: "pyarrow.Table") -> "pyarrow.Table":
    return table.drop_columns([name for name in table.column_names if name.startswith("map.")])
