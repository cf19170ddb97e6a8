"""The result of a repair, as typed rows: what changed on the test images, and what it cost."""

from dataclasses import dataclass
from pathlib import Path

from nearsight.notebook import Shown
from nearsight.statistics import Estimate

REPAIR = "repair.json"


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
    shortcut numbered `shortcut` among those that were to be taken away, None where that is not asked. `change` is
    after less before, paired over images.
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
    test images; None where they were not asked for.
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
