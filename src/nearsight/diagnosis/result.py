"""A diagnosis: everything that was found, as typed rows, tables and files."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from nearsight.arguments import checked
from nearsight.diagnosis import parts as registry
from nearsight.diagnosis.examined import EXAMINED
from nearsight.diagnosis.findings import Findings
from nearsight.diagnosis.part import Part
from nearsight.diagnosis.pictures import PICTURES, SavedPictures, load_pictures, save_pictures
from nearsight.diagnosis.schema_1 import read_schema_1
from nearsight.diagnosis.schema_2 import in_parts
from nearsight.digest import BESIDE
from nearsight.errors import InputError, unknown_name
from nearsight.lock import writes
from nearsight.notebook import Shown, Summary
from nearsight.numbers import counted
from nearsight.read import belonging_together, check_beside, read_tensors
from nearsight.rows import from_values, read_result, to_values
from nearsight.schema import numbered
from nearsight.write import seals_of, write_json, write_table, write_tensors

if TYPE_CHECKING:
    import pandas
    import pyarrow

DIAGNOSIS = "diagnosis.json"
ROWS = "rows.json"
MAPS = "maps.safetensors"
_MEND = "run `nearsight diagnose` again"

# What diagnosis.json says about what was examined.
_ABOUT = (
    "model", "data", "split", "classes", "network", "trained_tile", "tile", "stride", "grid", "images", "seed",
    "decision", "weights",
)  # fmt: skip
# What rows.json does not contain: what is in files beside it, and what is known only while the images are
# available.
_ELSEWHERE = ("pictures", "predictions")
UNITS = {
    "value, low, high": "a mean over images with its 95 % interval; null where nothing is known",
    "n": "images that count",
    "chance": "what the same measure is without any knowledge of the network: see the page's section on method",
    "accuracy, share, purity, agreement": "from 0 to 1",
    "margin, evidence, logits": "logits; evidence of the atlas is relative: minus the tile's mean over all classes",
    "cost": "nats",
    "index, images, alike, errors of pairs, place of examined": "places in the split, from 0 in its order; the table "
    "`examined` has their files",
    "tile, stride, top, left": "pixels of the image as the network takes it",
    "place": "tile centres, from 0 at the top and left to 1",
}


@dataclass(frozen=True, eq=False, repr=False)
class Diagnosis(Findings, Shown):
    """What a classifier uses on an image set, where it errs, and whether it looks at the object.

    >>> import nearsight
    >>> test = nearsight.load("digits")["test"].select(range(40))
    >>> grey = nearsight.Classifier.of(lambda tiles: tiles.mean((2, 3)).repeat(1, 4)[:, :10], classes=10, tile=4)
    >>> found = nearsight.diagnose(grey, test, parts=["protocols", "errors"], progress=False)
    >>> list(found), found.images, found.decision
    (['protocols', 'errors'], 40, 'mean-logit')
    >>> found.asked
    (Part(protocols), Part(errors))

    It is a mapping: `found["errors"]` is what the part `errors` found, and `ERRORS.of(found)` is the same with
    its type, or None if it found nothing. The fields are those of `Findings`.
    """

    @property
    def asked(self) -> tuple[Part[Any, Any], ...]:
        """The parts that were not left out, in the order of the page."""
        return tuple(part for part in registry.PARTS if part.name in self or part.name in self.absent)

    def summary(self) -> tuple[str, ...]:
        """Return what the first screen says: one line per figure, and why a part could find nothing.

        >>> Diagnosis.load("diagnoses/scenes").summary()[0]  # doctest: +SKIP
        'right: 92 % (65 to 99; chance 33 %) of 12 images, under mean-logit, tile 8, stride 4'
        """
        return tuple(
            line
            for part in self.asked
            for line in (
                [lead.line() for lead in part.leads(self[part.name], self)]
                if part.name in self
                else [self.absent[part.name]]
            )
        )

    def sentences(self) -> tuple[str, ...]:
        """Return what was found, in sentences, each with its numbers.

        >>> Diagnosis.load("diagnoses/scenes").sentences()[0]  # doctest: +SKIP
        '92 % (65 to 99) of 12 images are right under mean-logit, tile 8, stride 4 (chance 33 %)'
        """
        return tuple(
            sentence
            for part in self.asked
            for sentence in (
                part.sentences(self[part.name], self) if part.name in self else (self.absent[part.name],)
            )
        )

    @checked
    def table(self, name: str = "errors") -> "pandas.DataFrame":
        """Return one of the tables as a pandas frame; `nearsight.diagnosis.TABLES` names them.

        >>> Diagnosis.load("diagnoses/scenes").table("errors")[["path", "label", "prediction"]]  # doctest: +SKIP

        A table has its columns even if it has no rows. Raises `InputError` for an unknown name, and for a table
        of a part that was left out.
        """
        frame: pandas.DataFrame = self._table(name).to_pandas()
        return frame

    def _table(self, name: str) -> "pyarrow.Table":
        if name == EXAMINED.name:
            return EXAMINED.arrow(self, self)
        owners = {table.name: (part, table) for part in registry.PARTS for table in part.tables}
        if name not in owners:
            raise unknown_name("table", name, (EXAMINED.name, *owners))
        part, table = owners[name]
        if part not in self.asked:
            raise InputError(
                f"the table '{name}' is of the part '{part.name}', which was left out; diagnose with it"
            )
        return table.arrow(part.of(self), self)

    def _tables(self) -> "dict[str, pyarrow.Table]":
        names = [table.name for part in self.asked for table in part.tables]
        return {name: self._table(name) for name in (*names, EXAMINED.name)}

    def _summary(self) -> Summary:
        return Summary(
            f"Diagnosis(tile {self.tile}, stride {self.stride}, {self.grid} grid; {counted(self.images, 'image')} of "
            f"{self.data} {self.split}; {self.model})",
            notes=(*self.summary(), *self.notes),
        )

    def to_json(self) -> dict[str, Any]:
        """Return all numbers as plain values, with units: the content of diagnosis.json.

        The table `errors` has the maps of the misclassified images.
        """
        found = {
            "summary": self.summary(),
            "sentences": self.sentences(),
            **{name: getattr(self, name) for name in _ABOUT},
            **{name: _without_maps(table).to_pylist() for name, table in self._tables().items()},
            "absent": dict(self.absent),
            "notes": self.notes,
            "versions": dict(self.versions),
            "machine": self.machine,
            "units": UNITS,
        }
        return numbered("diagnosis", found)

    @checked
    @writes("directory")
    def save(self, directory: str | Path) -> list[Path]:
        """Write diagnosis.json, every table as Parquet, and what `load` reads; return the paths.

        `load` reads rows.json, the maps in maps.safetensors and the pictures that the page shows in
        pictures.parquet. Each file is written whole or not at all.
        """
        directory = Path(directory)
        maps: dict[str, Tensor] = {}
        rows = {
            spec.name: to_values(getattr(self, spec.name), maps, spec.name)
            for spec in fields(self)
            if spec.name not in _ELSEWHERE
        }
        shown = (
            picture
            for part in self.asked
            if part.name in self
            for picture in part.pictures(self[part.name], self)
        )
        save_pictures(directory / PICTURES, self.pictures, shown)
        write_tensors(directory / MAPS, maps)
        # Names of files may contain what UTF-8 cannot encode.
        write_json(directory / ROWS, numbered("diagnosis", rows), compact=True)
        tables = self._tables()
        for name, table in tables.items():
            write_table(directory / f"{name}.parquet", table)
        beside = seals_of(directory, (ROWS, MAPS, PICTURES))
        write_json(directory / DIAGNOSIS, {**self.to_json(), BESIDE: beside})
        names = (DIAGNOSIS, *(f"{name}.parquet" for name in tables), ROWS, MAPS, PICTURES)
        return [directory / name for name in names]

    @staticmethod
    @checked
    def load(directory: str | Path) -> "Diagnosis":
        """Read the diagnosis that `save` left in a directory; the data set is not needed.

        >>> Diagnosis.load("diagnoses/scenes").sentences()  # doctest: +SKIP

        It has the pictures that its page shows. Raises `InputError` if there is none, and for files that are
        damaged or of a newer version. Files of the first schema kept no pictures, and a note says so.
        """
        directory = Path(directory)
        with belonging_together(directory, _MEND):
            found = Diagnosis._read(directory)
            # What is described and shown uses numbers of classes and places from all parts.
            found.summary()
            found.sentences()
            found._tables()
        return found

    @staticmethod
    def _read(directory: Path) -> "Diagnosis":
        schema, about = read_result("diagnosis", directory / DIAGNOSIS, "diagnose")
        check_beside(directory / DIAGNOSIS, about, _MEND)
        if schema < 2:
            return Diagnosis(**read_schema_1(directory, about), pictures=SavedPictures({}, {}))
        source = directory / ROWS
        schema, rows = read_result("diagnosis", source, "diagnose")
        if schema < 3:
            rows = in_parts(rows, source)
        pictures, maps = load_pictures(directory / PICTURES), read_tensors(directory / MAPS, _MEND)[0]
        kept = _kept(rows, source)
        parts = {
            part.name: from_values(
                part.found, kept[part.name], f"{source}: {part.name}", schema=schema, tensors=maps
            )
            for part in registry.named(kept)
        }
        return from_values(
            Diagnosis, rows | {"pictures": pictures, "parts": parts}, source, schema=schema, tensors=maps
        )


def _kept(rows: Mapping[str, Any], source: Path) -> Mapping[str, Any]:
    kept = rows.get("parts")
    if not isinstance(kept, Mapping):
        raise InputError(f"{source} holds no parts; run `nearsight diagnose` again")
    return kept


def _without_maps(table: "pyarrow.Table") -> "pyarrow.Table":
    return table.drop_columns([name for name in table.column_names if name.startswith("map.")])
