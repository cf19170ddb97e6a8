"""The part `columns`: what the set's columns and its files go with, and how accuracy differs by them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nearsight.data import ImageSet
from nearsight.data.value_groups import (
    FILE,
    ColumnValues,
    ValueGroups,
    checked_groups,
    column_of,
    column_values,
    image_columns,
    value_groups,
)
from nearsight.diagnosis.columns.association import cramers_v, permutation_tests
from nearsight.diagnosis.columns.find import FALSE_DISCOVERIES, OF_THE_PICTURE
from nearsight.diagnosis.draw import draw
from nearsight.diagnosis.findings import Findings
from nearsight.diagnosis.part import Nothing, Part
from nearsight.diagnosis.subject import Subject
from nearsight.diagnosis.table import ESTIMATE, Column, Table
from nearsight.evaluation import GroupAccuracies, correctness
from nearsight.evaluation.group_accuracies import GroupRow, group_accuracies
from nearsight.statistics import false_discovery
from nearsight.statistics.writing import number

if TYPE_CHECKING:
    import pyarrow as pa

NO_COLUMNS = "the set has no columns, and nothing in its files differs from image to image"
TRAIN = "train"
# From a larger training split, this many images are used.
MOST_TRAINING_IMAGES = 5000
# A weaker relation with the class is not shown, however certain it is.
LEAST_STRENGTH = 0.1
# For a column that was not asked for, this many classes per group are kept, the worst ones.
KEPT_CLASSES = 20
NAMED = 3


@dataclass(frozen=True)
class ColumnRow:
    """One column: how strongly it goes with the class, and the accuracy of its groups.

    `strength` is Cramér's V with its bias corrected, `in_training` the same in the training split, None if that
    is not known. `of_class` and `of_accuracy` are the false discovery rates, over all columns, at which it goes
    with the class and with accuracy beyond the class. `missing` is how many images have no value.
    """

    accuracies: GroupAccuracies
    missing: int
    strength: float
    in_training: float | None
    of_class: float
    of_accuracy: float

    @property
    def column(self) -> str:
        """The name of the column."""
        return self.accuracies.column

    @property
    def goes_with_class(self) -> bool:
        """Whether it goes with the class more than by chance, and strongly enough to matter."""
        return self.of_class <= FALSE_DISCOVERIES and self.strength >= LEAST_STRENGTH

    @property
    def goes_with_accuracy(self) -> bool:
        """Whether the images of a class are right more often in some groups than in others."""
        return self.of_accuracy <= FALSE_DISCOVERIES

    @property
    def notable(self) -> bool:
        """Whether it is shown."""
        return self.goes_with_class or self.goes_with_accuracy


@dataclass(frozen=True)
class Columns:
    """All columns in their order; `naming` are those left out, as they name each image. `asked` is shown in any case.

    `faults` is how many images have metadata that cannot be read completely; `training_images` is how many were
    compared.
    """

    rows: tuple[ColumnRow, ...]
    naming: tuple[str, ...]
    asked: str | None
    faults: int
    training_images: int | None

    @property
    def shown(self) -> tuple[ColumnRow, ...]:
        """The columns that the page shows: the one asked for, then those that matter, the strongest first."""
        rows = sorted(self.rows, key=lambda row: (row.column != self.asked, -row.strength))
        return tuple(row for row in rows if row.notable or row.column == self.asked)


def _measure(subject: Subject, _seen: Sequence[None]) -> Columns | Nothing:
    images = subject.images
    table = image_columns(images, subject.progress)
    if subject.groups is not None and subject.groups not in table.column_names:
        # A column that is among the facts of files under another name.
        table = table.append_column(subject.groups, column_of(images, subject.groups))
    columns = [column_values(name, table[name]) for name in table.column_names]
    naming = tuple(column.name for column in columns if column.identifies)
    grouped = [(column, _groups(column, subject)) for column in columns if _tells(column, subject)]
    if not grouped:
        return Nothing(NO_COLUMNS)
    protocol = subject.decision.protocol
    correct = correctness(protocol, subject.evaluation.scores[protocol], images.labels)
    training = _training(subject)
    tested = permutation_tests(
        [groups.of_image for _, groups in grouped], images.labels, correct, seed=subject.seed
    )
    of_class = false_discovery([one.of_class for one in tested])
    of_accuracy = false_discovery([one.of_accuracy for one in tested])
    rows = tuple(
        ColumnRow(
            _accuracies(correct, images, groups, subject),
            int((~column.known).sum()),
            cramers_v(groups.of_image, images.labels),
            _in_training(column, training),
            float(of_class[k]),
            float(of_accuracy[k]),
        )
        for k, (column, groups) in enumerate(grouped)
    )
    faults = len(table) - table[f"{FILE}fault"].null_count
    return Columns(rows, naming, subject.groups, faults, None if training is None else len(training[1]))


def _tells(column: ColumnValues, subject: Subject) -> bool:
    """Whether a column divides the images into groups."""
    if column.name == subject.groups:
        return True
    if column.identifies or not column.known.any():
        return False
    return not column.known.all() or len(np.unique(column.values)) > 1


def _groups(column: ColumnValues, subject: Subject) -> ValueGroups:
    if column.name == f"{FILE}fault":
        # The faults differ from image to image; that there is a fault makes the group.
        return ValueGroups(column.name, ("read", "not read whole"), column.known.astype(np.int64))
    return checked_groups(column) if column.name == subject.groups else value_groups(column)


def _accuracies(
    correct: NDArray[np.float64], images: ImageSet, groups: ValueGroups, subject: Subject
) -> GroupAccuracies:
    keep = None if groups.column == subject.groups else KEPT_CLASSES
    return group_accuracies(correct, images.labels, images.classes, groups, keep=keep, seed=subject.seed)


def _training(subject: Subject) -> "tuple[pa.Table, NDArray[np.int64]] | None":
    """Return the columns and labels of images of the training split; None if it is not known."""
    images = subject.others.get(TRAIN)
    if images is None or not len(images):
        return None
    if len(images) > MOST_TRAINING_IMAGES:
        images = images.select(draw(len(images), MOST_TRAINING_IMAGES, subject.seed))
    return image_columns(images, subject.progress), images.labels


def _in_training(column: ColumnValues, training: "tuple[pa.Table, NDArray[np.int64]] | None") -> float | None:
    if training is None or column.name not in training[0].column_names:
        return None
    theirs = column_values(column.name, training[0][column.name])
    return cramers_v(value_groups(theirs).of_image, training[1]) if theirs.known.any() else None


def _sentences(found: Columns, _about: Findings) -> Iterator[str]:
    for row in found.rows:
        if row.column == found.asked:
            yield row.accuracies.sentences()[0].replace("worst:", f"worst by {row.column}:", 1)
    strong = [row for row in found.shown if row.goes_with_class and row.column != OF_THE_PICTURE]
    if strong:
        named = ", ".join(f"{row.column} (V {number(row.strength)})" for row in strong[:NAMED])
        more = f" and {len(strong) - NAMED} more columns" if len(strong) > NAMED else ""
        yield f"{named}{more} {'goes' if len(strong) == 1 else 'go'} with the class"
    uneven = [row for row in found.shown if row.goes_with_accuracy and row.column != OF_THE_PICTURE]
    if uneven:
        named = ", ".join(row.column for row in uneven[:NAMED])
        more = f" and {len(uneven) - NAMED} more columns" if len(uneven) > NAMED else ""
        yield f"within a class, accuracy differs by {named}{more}"
    if found.faults:
        yield f"the metadata of {found.faults:,} {'image' if found.faults == 1 else 'images'} cannot be read whole"


def _every_group(found: Columns) -> Iterator[tuple[str, GroupRow]]:
    for row in found.rows:
        yield from ((row.column, one) for one in (*row.accuracies.groups, *row.accuracies.classes))


def _worst(row: ColumnRow, name: str) -> str | None:
    return None if row.accuracies.worst is None else getattr(row.accuracies.worst, name)


COLUMNS: Part[None, Columns] = Part(
    package=__package__,
    alone=True,
    title="Columns and files",
    found=Columns,
    measure=_measure,
    tables=(
        Table(
            "columns",
            lambda found: found.rows,
            (
                Column("column", "string"),
                Column("groups", "int64", lambda row, _: len(row.accuracies.groups)),
                Column("cut", "string", lambda row, _: row.accuracies.cut),
                Column("missing", "int64"),
                Column("strength", "float64"),
                Column("strength_in_training", "float64", lambda row, _: row.in_training),
                Column("false_discovery_of_class", "float64", lambda row, _: row.of_class),
                Column("false_discovery_of_accuracy", "float64", lambda row, _: row.of_accuracy),
                Column("worst_class", "string", lambda row, _: _worst(row, "class_name")),
                Column("worst_group", "string", lambda row, _: _worst(row, "group")),
                Column("worst", ESTIMATE, lambda row, _: row.accuracies.estimate),
                Column("notable", "bool"),
            ),
        ),
        Table(
            "column_groups",
            _every_group,
            (
                Column("column", "string", lambda item, _: item[0]),
                Column("class", "string", lambda item, _: item[1].class_name),
                Column("group", "string", lambda item, _: item[1].group),
                Column("accuracy", ESTIMATE, lambda item, _: item[1].accuracy),
            ),
        ),
    ),
    sentences=_sentences,
)
