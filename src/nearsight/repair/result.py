"""The result of a repair, as typed rows: what changed on the test images, and what it cost."""

from dataclasses import dataclass, fields
from pathlib import Path

from nearsight.diagnosis.pictures import PICTURES, Picture, Pictures, load_pictures, save_pictures
from nearsight.notebook import Shown
from nearsight.rows import from_values, read_json, to_values
from nearsight.schema import numbered
from nearsight.statistics import Estimate
from nearsight.write import write_json

REPAIR = "repair.json"
# Images with each shortcut that are shown, and without; pixels of their longer side.
SHOWN, SIDE = 6, 128
# What repair.json does not hold: where it lies, and what lies beside it.
_ELSEWHERE = ("directory", "pictures")


@dataclass(frozen=True)
class Repaired:
    """A shortcut that was to be taken away.

    `verdict`, `attribute` and `words` are the diagnosis's; `train_images` is how many training images of its class
    have it and `train_without` how many have it not, `test_images` and `test_without` the same of the test split.
    """

    class_number: int
    number: int
    verdict: str
    attribute: str
    words: str
    train_images: int
    train_without: int
    test_images: int
    test_without: int


@dataclass(frozen=True)
class Change:
    """Accuracy, or another share of test images, before and after, on the same images.

    `name` says of which images; `class_number` is their class, None for all; `having` is whether they have the
    shortcut at the place `shortcut` of `Repair.shortcuts`, from 0, None where that is not asked. `change` is after
    less before, paired over images.
    """

    name: str
    class_number: int | None
    shortcut: int | None
    having: bool | None
    images: int
    before: Estimate
    after: Estimate
    change: Estimate


@dataclass(frozen=True)
class FoundAgain:
    """A verdict on the test images, before or after: `repaired` says whether it is one that was to be taken away."""

    class_number: int
    verdict: str
    attribute: str
    words: str
    share: Estimate
    accuracy_with: Estimate
    accuracy_without: Estimate
    repaired: bool


@dataclass(frozen=True)
class Example:
    """A test image of a shortcut's class, `having` it or not, to be shown with what it was and is taken for.

    `index` is its place in the test split, `shortcut` that of `Repair.shortcuts`, both from 0; `before` and `after`
    are numbers of classes.
    """

    index: int
    class_number: int
    shortcut: int
    having: bool
    before: int
    after: int


@dataclass(frozen=True)
class Cost:
    """What a training took: its optimizer steps, its seconds of steps, its floating-point operations."""

    steps: int
    seconds: float
    flops: int


@dataclass(frozen=True, repr=False)
class Repair(Shown):
    """A repaired run beside the old one: what was taken away, how, and what it changed on the test images.

    `directory` is where the repair lies and `run` the old run's; the new one is in `directory`/run. `method` names
    how, and `from_scratch` whether it was trained anew. `chosen_on` says which training images chose, in words.
    `groups` are the classes of shortcuts with each and without, `moved` how many images of other classes become
    the class when its shortcut is put on them, `classes` all classes. `before` and `after` are the verdicts on the
    test images; None where they were not asked for. `examples` are at most `SHOWN` images of each shortcut with it
    and as many without, drawn by the seed; `pictures` gives them, at most `SIDE` pixels a side.
    """

    directory: Path
    run: str
    data: str
    classes: tuple[str, ...]
    method: str
    from_scratch: bool
    decision: str
    chosen_on: str
    seed: int
    shortcuts: tuple[Repaired, ...]
    overall: Change
    groups: tuple[Change, ...]
    moved: tuple[Change, ...]
    by_class: tuple[Change, ...]
    before: tuple[FoundAgain, ...] | None
    after: tuple[FoundAgain, ...] | None
    cost_before: Cost | None
    cost: Cost
    notes: tuple[str, ...]
    examples: tuple[Example, ...]
    pictures: Pictures

    def save(self, directory: str | Path) -> list[Path]:
        """Write repair.json and pictures.parquet, which `load` reads, whole or not at all; return the paths."""
        directory = Path(directory)
        rows = {
            spec.name: to_values(getattr(self, spec.name))
            for spec in fields(self)
            if spec.name not in _ELSEWHERE
        }
        save_pictures(
            directory / PICTURES, self.pictures, (Picture(one.index, SIDE) for one in self.examples)
        )
        write_json(directory / REPAIR, numbered("repair", rows))
        return [directory / REPAIR, directory / PICTURES]

    @staticmethod
    def load(directory: str | Path) -> "Repair":
        """Read the repair that `save` left in a directory; neither the data set nor a run is needed.

        >>> Repair.load("repairs/scenes").overall.change  # doctest: +SKIP

        Raises `InputError` where there is none, and for files that are damaged or of a newer version.
        """
        directory = Path(directory)
        schema, rows = read_json("repair", directory / REPAIR, "repair")
        kept = {"directory": str(directory), "pictures": load_pictures(directory / PICTURES)}
        return from_values(Repair, rows | kept, directory / REPAIR, schema=schema)
