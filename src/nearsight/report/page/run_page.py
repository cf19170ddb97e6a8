"""The page of a run: how good it is under each protocol, where it errs, and how it was trained; a screen or two."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nearsight.evaluation import Evaluation, GroupAccuracies
from nearsight.evaluation.group_accuracies import read_groups
from nearsight.evaluation.metrics import CELLS
from nearsight.report.page.charts import strip
from nearsight.report.page.environment import render
from nearsight.report.page.going_on import after_run
from nearsight.runs import RECIPE, Run
from nearsight.runs.evaluation_words import estimate_of, how_cut, shown_estimates, smoothing_note
from nearsight.settings.metric_words import BY_GROUP, ESTIMATES, OF_EACH_CLASS
from nearsight.settings.pooled import MEAN
from nearsight.statistics.writing import scaled
from nearsight.study.comparison import headline_among
from nearsight.write import write_text

# The classes with the lowest accuracy, and the pairs that are confused most often.
CLASSES = 20
PAIRS = 10
# Groups, and classes in a group.
GROUPS = 30


@dataclass(frozen=True)
class Confused:
    """How many images of one class are classified as another."""

    label: str
    prediction: str
    count: float


@dataclass(frozen=True)
class Evaluated:
    """One evaluation as the page shows it; `how` names tile, stride and grid, `measures` what is shown beside
    the accuracy, `protocol` what classes are of, and `notes` what explains a number."""

    split: str
    data: str
    images: int
    how: str
    protocols: Mapping[str, Mapping[str, Any]]
    measures: Sequence[str]
    protocol: str
    classes: Sequence[Mapping[str, Any]]
    of_classes: int
    confused: Sequence[Confused]
    groups: GroupAccuracies | None
    notes: Sequence[str]


def write_run_page(directory: Path, path: Path) -> None:
    """Write the page of a run, or of what `evaluate` left elsewhere, to a file, whole or not at all.

    >>> write_run_page(Path("runs/first"), Path("report.html"))  # doctest: +SKIP

    Raises what reading the run raises.
    """
    write_text(path, run_html(directory))


def run_html(directory: Path) -> str:
    """Return the page of a run as HTML text; for an evaluation without its run, with what is known about it."""
    run = Run(directory)
    result = run.result
    splits = result.get("evaluation", {})
    recipe = run.recipe if (directory / RECIPE).is_file() else None
    smoothing = 0.0 if recipe is None else recipe.label_smoothing
    return render(
        "run.html.j2",
        name=directory.absolute().name,
        recipe=recipe,
        training=result.get("training"),
        evaluations=[_evaluated(Evaluation.load(directory, split), smoothing) for split in splits],
        estimate=estimate_of,
        headings=ESTIMATES,
        of_each_class=OF_EACH_CLASS,
        scaled=scaled,
        strip=strip,
        most_groups=GROUPS,
        steps=[]
        if recipe is None
        else [after_run(recipe, result.get("training", {}).get("pixels_per_image", 0))],
    )


def _evaluated(found: Evaluation, smoothing: float) -> Evaluated:
    protocol = headline_among(found.metrics, found.settings.get("tile"), found.settings.get("pooling", MEAN))
    measured = found.metrics.get(protocol, {"per_class": [], "confusion": []})
    classes = [row for row in measured["per_class"] if row["accuracy"] is not None]
    classes.sort(key=lambda row: row["accuracy"])
    names = [row["class"] for row in measured["per_class"]]
    confused = [
        Confused(names[label], names[prediction], count)
        for label, prediction, count in _cells(measured["confusion"])
        if label != prediction and count > 0
    ]
    confused.sort(key=lambda pair: -pair.count)
    return Evaluated(
        split=found.settings.get("split", ""),
        data=found.settings.get("data", ""),
        images=len(found.labels),
        how=how_cut(found.settings),
        protocols=found.metrics,
        notes=smoothing_note(smoothing, found.metrics),
        measures=shown_estimates(found.metrics.values()),
        protocol=protocol,
        classes=classes[:CLASSES],
        of_classes=len(names),
        confused=confused[:PAIRS],
        groups=read_groups(measured, BY_GROUP),
    )


def _cells(confusion: list[list[float]] | Mapping[str, list[float]]) -> Iterator[tuple[int, int, float]]:
    """Yield label, prediction and count of the cells of a confusion matrix, as `written_confusion` writes it."""
    if isinstance(confusion, Mapping):
        for label, prediction, count in zip(*(confusion[name] for name in CELLS), strict=True):
            yield int(label), int(prediction), count
        return
    for label, row in enumerate(confusion):
        for prediction, count in enumerate(row):
            yield label, prediction, count
