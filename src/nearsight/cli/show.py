"""What the commands print of their results, on stdout."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from nearsight.cli.printing import print_lines, print_table, width_of_output
from nearsight.diagnosis import Diagnosis
from nearsight.dimension import Dimension, Estimator, Examples, Space
from nearsight.evaluation import GroupAccuracies, Predictions
from nearsight.evaluation.group_accuracies import read_groups
from nearsight.numbers import counted
from nearsight.progress import duration
from nearsight.repair import Repair
from nearsight.report import PAGE, Heatmaps
from nearsight.report.heatmap import HEATMAP_PAGE
from nearsight.report.page.demo_page import Demonstration
from nearsight.runs import Run
from nearsight.runs.evaluation_words import how_cut, measure_headings, smoothing_note, written_measures
from nearsight.settings.metric_words import BY_GROUP
from nearsight.settings.pooled import MEAN
from nearsight.settings.protocols import MEAN_LOGIT
from nearsight.statistics import Estimate
from nearsight.statistics.writing import MISSING, points, signed, three_digits, with_interval
from nearsight.study import Comparison, CrossValidation
from nearsight.study.comparison import headline_among

# How many groups, and classes in a group, are printed; files hold all.
GROUPS, LOWEST = 30, 10


def _fitting(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int
) -> list[tuple[list[str], list[list[str]]]]:
    """Divide a table into as few as fit a width with each cell on one line; each begins with the first column.

    A column without a value is left out.
    """
    shown = [k for k in range(1, len(columns)) if any(row[k] != MISSING for row in rows)]
    # A heading may be broken between words; each cell has two spaces and a line.
    needed = [
        max(len(word) for word in [*column.split(), *(row[k] for row in rows)]) + 3
        for k, column in enumerate(columns)
    ]
    for count in range(1, len(shown) + 1):
        each = -(-len(shown) // count)
        parts = [[0, *shown[first : first + each]] for first in range(0, len(shown), each)]
        if all(sum(needed[k] for k in part) < width for part in parts):
            break
    return [([columns[k] for k in part], [[row[k] for k in part] for row in rows]) for part in parts]


def print_evaluation(metrics: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Print the metrics of an evaluation as a table, a row per protocol."""
    where = f"{settings.get('data', '')} {settings.get('split', '')}, {counted(settings.get('images', 0), 'image')}"
    if "tile" in settings:
        where += f", {how_cut(settings)}"
    spoken = headline_among(metrics, settings.get("tile"), settings.get("pooling", MEAN))
    if len(metrics) > 1:
        where += f"; predict uses {spoken} (*)"
    measured = list(metrics.values())
    marked = {spoken: f"{spoken} *"} if len(metrics) > 1 else {}
    rows = [
        [marked.get(protocol, protocol), *written_measures(one, measured)]
        for protocol, one in metrics.items()
    ]
    columns = ["protocol", *measure_headings(measured)]
    for number, part in enumerate(_fitting(columns, rows, width_of_output())):
        print_table("" if number else where, *part, whole=True)
    found = read_groups(metrics.get(spoken, {}), BY_GROUP)
    if found is not None:
        print_groups(found, spoken)


def print_groups(found: GroupAccuracies, protocol: str) -> None:
    """Print accuracies by group under one protocol: of each group, of the worst classes in one, and the limits."""
    lowest = found.lowest[:LOWEST]
    rows = [
        [row.class_name or "all", row.group, with_interval(row.accuracy), f"{row.accuracy.n:,}"]
        for row in (*found.groups[:GROUPS], *lowest)
    ]
    print_table(f"{found.column}, {protocol}", ["class", "group", "accuracy % (95 %)", "images"], rows)
    print_lines(found.sentences())


def print_predictions(found: Predictions) -> None:
    """Print the first predictions, how many there are, and where all of them are."""
    summary = found.summary(20)
    print_table(summary.title, summary.columns, summary.rows)
    print_lines([f"all rows: {found.out}"])


def print_training(run: Run) -> None:
    """Print what a run cost and, if it was evaluated, how good it is."""
    cost = run.training
    print_lines(
        [
            f"trained {counted(cost['steps'], 'step')} on {counted(cost['images_seen'], 'image')} "
            f"(counting repeats), {cost['pixels_per_image']:,} pixels of each, in {duration(cost['seconds'])} "
            f"({cost['images_per_second']:,.0f} images per second, {cost['flops'] / 1e12:,.1f} TFLOP, "
            f"peak memory {cost['peak_memory_bytes'] / 2**30:.1f} GiB, {cost['precision']})"
        ]
    )
    for evaluated in run.result.get("evaluation", {}).values():
        measured = evaluated.get("protocols", {})
        print_evaluation(measured, evaluated)
        if note := smoothing_note(run.recipe.label_smoothing, measured):
            print_lines(note)


def print_cross_validation(found: CrossValidation) -> None:
    """Print the accuracies of a cross-validation, what their intervals cover, and where the runs are."""
    print_table(
        f"{found.data}, {counted(found.images, 'image')}, {counted(len(found.sizes), 'fold')}",
        found.columns,
        found.rows,
    )
    print_lines([found.told, f"runs, predictions and every number: {found.directory}"])


def print_comparison(comparison: Comparison) -> None:
    """Print a comparison: its accuracies, costs and verdicts, and where the rest is."""
    rows = []
    for arm in comparison.arms:
        headline = arm.accuracy(arm.headline)
        measured = "" if headline is None else with_interval(headline.interval)
        known = None if headline is None else headline.train
        others = [
            f"{row.protocol} {points(row.interval.numbers[0])}"
            for row in arm.accuracies
            if row.protocol != arm.headline
        ]
        seconds = sum(arm.cost.seconds) / len(arm.cost.seconds)
        rows.append(
            [
                arm.seen,
                f"{measured} {arm.headline}",
                MISSING if known is None else with_interval(known),
                "\n".join(others),
                f"{arm.cost.training_pixels / 1e6:,.0f}",
                f"{arm.cost.flops / 1e12:,.1f}",
                duration(seconds),
                f"{max(arm.cost.peak_memory_bytes) / 2**30:.1f}",
            ]
        )
    title = (
        f"{comparison.data}, {comparison.tested}, {counted(len(comparison.seeds), 'seed')}, equal "
        f"{comparison.budget}"
    )
    columns = [
        "arm",
        "accuracy % (95 %)",
        "of training images %",
        "other protocols %",
        "megapixels",
        "TFLOP",
        "time",
        "GiB",
    ]
    print_table(title, columns, rows)
    varied = (
        []
        if comparison.folds is None
        else [f"intervals cover {comparison.arms[0].accuracies[0].interval.covers}"]
    )
    grouped = [] if comparison.groups is None else ["", *comparison.groups.sentences()]
    asked = [sentence for arm in comparison.on_tiles for sentence in arm.sentences()]
    print_lines(
        [
            "",
            *comparison.verdicts,
            *varied,
            *(["", *(answer.said for answer in comparison.good_enough)] if comparison.good_enough else []),
            *grouped,
            *(["", *asked] if asked else []),
            "",
            f"the page, with table, figure and every number: {comparison.directory / PAGE}",
        ]
    )


def print_heatmaps(heatmaps: Heatmaps, out: str) -> None:
    """Print the scores and strongest tiles of each image, and where the figures are."""
    rows = []
    for heatmap, image in zip(heatmaps.images, heatmaps.to_json()["images"], strict=True):
        for number, (name, measured) in zip(heatmap.shown, image["classes"].items(), strict=True):
            strongest = [measured[side][0] for side in ("for", "against")]
            rows.append(
                [
                    heatmap.name,
                    f"{name} ({heatmap.role(number)})",
                    signed(measured[heatmap.evidence.protocol]),
                    *(f"{signed(tile['evidence'])} at {tile['left']}, {tile['top']}" for tile in strongest),
                ]
            )
    first = heatmaps.images[0].evidence if heatmaps.images else None
    if first is None or first.removal is None:
        from nearsight.evidence.plot import made_words

        score = "mean logit" if first is None or first.protocol == MEAN_LOGIT else first.protocol
        title = f"{score}: {'the mean of the drawn map' if first is None else made_words(first)}"
    else:
        score, title = first.protocol, f"the maps: what is {first.words}"
    print_table(title, ["image", "class", score, "most at x, y", "least at x, y"], rows)
    limit = heatmaps.limit
    print_lines(
        [
            f"colours from {signed(-limit)} to {signed(limit)} logits in every figure",
            f"figures and maps: {out}",
            f"the page, with the logits of every tile: {Path(out) / HEATMAP_PAGE}",
        ]
    )


def print_diagnosis(found: Diagnosis, out: str) -> None:
    """Print the summary of a diagnosis, and where its page is."""
    print_lines(
        [
            f"{found.model} on {found.data} {found.split}, {counted(found.images, 'image')}, tile {found.tile}, "
            f"stride {found.stride}",
            "",
            *(f"- {line}" for line in found.summary()),
            "",
            f"the page: {Path(out) / PAGE}",
        ]
    )


def print_repair(found: Repair) -> None:
    """Print the conclusion of a repair, its figures on the test images, and where page and new run are."""
    _, *others = found.sentences()
    print_lines([*(f"{line}." for line in found.conclusion), "", *(f"- {line}" for line in others), ""])
    rows = [
        [row.name, *(with_interval(one) for one in (row.before, row.after, row.change)), f"{row.images:,}"]
        for row in (found.overall, *found.groups)
    ]
    title = f"{found.data} test, {found.decision}, repaired by {found.method}"
    print_table(title, ["right, %", "before (95 %)", "after (95 %)", "change, points", "images"], rows)
    print_lines(["", f"the new run: {found.directory / 'run'}", f"the page: {found.directory / PAGE}"])


def print_demonstration(found: Demonstration) -> None:
    """Print what the demonstration showed, where its page is, and what to try on images of one's own."""
    print_lines(
        [
            *(f"- {line}" for line in found.sentences()),
            "",
            f"the page: {found.directory / PAGE}",
            "",
            "Next, with your own photographs, in a folder with one directory per class:",
            "  nearsight data FOLDER                   shows what is in it",
            "  nearsight train FOLDER --out runs/mine  trains a network by a recipe that fits the folder",
            "  nearsight diagnose runs/mine            shows what it relies on, and where it errs",
            "  nearsight repair runs/mine              trains it again without its shortcuts",
        ]
    )


def print_dimension(found: Dimension, out: str) -> None:
    """Print what was measured of a set's tiles, a row per tile size, the paragraph, and where the rest is."""
    rows = []
    weighed = [each.most_tiles for row in found.tiles for each in row.examples.values()]
    most = max((worth.tiles for worth in weighed if worth is not None), default=0)
    for row in found.tiles:
        raw, plain = row.coverage["raw"], row.coverage["normalised"]
        rows.append(
            [
                row.label,
                f"{row.input_dimension:,}",
                f"{row.tiles:,}",
                "\n".join(_worth(row.examples.get(space)) for space in get_args(Space)),
                *(with_interval(row.dimension(name).estimate, three_digits) for name in get_args(Estimator)),
                f"{_value(raw.relative, '.2f')}\n{_value(plain.relative, '.2f')}",
                f"{with_interval(raw.tile_agreement)}\n{with_interval(plain.tile_agreement)}",
                f"{with_interval(raw.image_agreement)}\n{with_interval(plain.image_agreement)}",
            ]
        )
    columns = [
        "tile",
        "dimensions",
        "tiles",
        f"{most} in images" if most else "in images",
        *get_args(Estimator),
        "nearest/random",
        "tile's label %",
        "image's label %",
    ]
    chance = f"chance {points(found.chance)} %"
    title = f"{found.data}: 95 % intervals; {chance}; second lines: without brightness and contrast"
    print_table(title, columns, rows)
    first, *others = found.sentences()
    print_lines(["", first, *(f"- {sentence}" for sentence in others), ""])
    print_lines([f"the page, with figure, tables and every number: {Path(out) / PAGE}"])


def _worth(found: Examples | None) -> str:
    most = None if found is None else found.most_tiles
    return MISSING if most is None else with_interval(most.by_distance, three_digits)


def _value(measured: Estimate, form: str) -> str:
    return "–" if measured.value is None else f"{measured.value:{form}}"
