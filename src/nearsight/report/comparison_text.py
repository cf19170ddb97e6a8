"""A comparison as a page of Markdown: verdicts, tables, and how it was made."""

from dataclasses import replace
from typing import Any

from nearsight.numbers import counted
from nearsight.report.arm_differences import difference_columns, difference_rows
from nearsight.report.markdown_rows import markdown_table
from nearsight.report.on_tiles_text import on_tiles_section
from nearsight.settings import Recipe
from nearsight.settings.protocols import ALL_PROTOCOLS, scored_by
from nearsight.statistics import Estimate
from nearsight.statistics.pairs import IMAGES
from nearsight.statistics.writing import MISSING, interval, points, scaled, with_interval
from nearsight.study import Accuracy, ArmResult, Comparison, Difference
from nearsight.study.comparison import scored_arm
from nearsight.study.pairing import ASKED

FIXED = (
    "Arms of tiles are scored under `mean-logit`, or the pooling that they were trained with, and arms of whole "
    "images under `full-pass`. "
    "Which pairs are compared was fixed before training; where test results chose a pair, its sentence says so."
)
DIFFERING = (
    "The table lists everything that would have to be equal for a difference to be due to the tiles alone."
)


def comparison_markdown(comparison: Comparison, figure: str, on_tiles_figure: str = "on-tiles.png") -> str:
    """Return a comparison as Markdown; the figures are the names of the pictures beside it."""
    sections = (
        [f"# {comparison.data}: training on tiles against training on whole images"],
        [f"- {sentence[0].upper()}{sentence[1:]}." for sentence in comparison.verdicts],
        *_good_enough(comparison),
        [
            f"Points of accuracy, with 95 % intervals. {FIXED}",
        ],
        [f"![Accuracy against tile size]({figure})"],
        ["## Accuracy", "", *_accuracy_table(comparison)],
        ["## In what the arms differ", "", *_arm_differences(comparison)],
        *_fitted(comparison),
        ["## Differences", "", *_differences(comparison)],
        *_groups(comparison),
        *on_tiles_section(comparison, on_tiles_figure),
        ["## Cost of one run", "", *_cost_table(comparison)],
        ["## How it was made", "", *(f"- {sentence}" for sentence in method_sentences(comparison))],
    )
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def method_sentences(comparison: Comparison) -> list[str]:
    """Return how a comparison was made, a sentence or two for each subject, with names in backquotes."""
    return [
        _data(comparison),
        *(
            f"At seed {comparison.seeds[0]}{'' if comparison.folds is None else ', fold 1'}, {note}."
            for note in comparison.notes
        ),
        _budget(comparison),
        *(_saw(arm) for arm in comparison.arms),
        *(_evaluated(arm) for arm in comparison.arms if arm.tile is not None),
        _seeds(comparison),
        _recipe(comparison.recipe),
        *(f"Hardware: {_listed(hardware)}." for hardware in comparison.hardware),
        *(f"Versions: {_listed(versions)}." for versions in comparison.versions),
        *_caveats(comparison),
    ]


def _accuracy_table(comparison: Comparison) -> list[str]:
    protocols = [name for name in ALL_PROTOCOLS if any(arm.accuracy(name) for arm in comparison.arms)]
    rows = [
        [arm.seen, *(_accuracy_cell(arm, name) for name in protocols), _per_seed(arm)]
        for arm in comparison.arms
    ]
    return [
        f"Per cent of {comparison.tested}, mean over seeds (95 % interval over "
        f"{_covered(comparison)}); each arm's main protocol is in bold.",
        "",
        *markdown_table(["arm", *protocols, "the bold one, seed by seed"], rows),
    ]


def _good_enough(comparison: Comparison) -> list[list[str]]:
    """Return whether tiles are good enough, nothing if no margin was given."""
    answers = comparison.good_enough
    if not answers:
        return []
    return [
        [
            "## Good enough?",
            "",
            *(f"- {answer.said[0].upper()}{answer.said[1:]}." for answer in answers),
        ]
    ]


def _arm_differences(comparison: Comparison) -> list[str]:
    return [
        f"{DIFFERING} A cell with several views has one number for each protocol.",
        "",
        *markdown_table(difference_columns(comparison), difference_rows(comparison)),
    ]


def _fitted(comparison: Comparison) -> list[list[str]]:
    """Return the section on training and test accuracy, nothing if training images were not judged."""
    rows = [
        [
            arm.seen,
            row.protocol,
            with_interval(row.train, _fine),
            with_interval(row.interval, _fine),
            *_gap(row),
        ]
        for arm in comparison.arms
        for row in arm.accuracies
        if row.train is not None
    ]
    if not rows:
        return []
    sentences = [f"- {sentence[0].upper()}{sentence[1:]}." for sentence in fitted_sentences(comparison)]
    columns = ["arm", "protocol", "training images %", "test images %", "gap, points"]
    return [
        [
            "## Training and test accuracy",
            "",
            *sentences,
            "",
            fitted_note(comparison),
            "",
            *markdown_table(columns, rows),
        ]
    ]


def _gap(row: Accuracy) -> list[str]:
    return [MISSING if row.gap is None else with_interval(row.gap, _fine)]


def fitted_sentences(comparison: Comparison) -> list[str]:
    """Say for each arm how right it is on images that it was trained on and on those of the test."""
    told = []
    for arm in comparison.arms:
        row = _headline(arm)
        if row.train is not None and row.gap is not None:
            told.append(
                f"{scored_arm(arm.name, arm.headline, arm.stride)} is right on {with_interval(row.train)} % of the "
                f"images that it was trained on and on {with_interval(row.interval)} % of the test images, a gap of "
                f"{with_interval(row.gap)} points"
            )
    for difference in comparison.differences:
        if difference.headline and difference.gap is not None and difference.gap.value is not None:
            ours, theirs = (
                scored_arm(name, protocol, comparison.arm(name).stride)
                for name, protocol in (
                    (difference.arm, difference.protocol),
                    (difference.reference, difference.reference_protocol),
                )
            )
            told.append(gap_words(ours, theirs, difference.gap))
    return told


def gap_words(arm: str, reference: str, difference: Estimate) -> str:
    """Say whose gap between training and test images is larger, or that no difference is shown.

    >>> print(gap_words("tile 16", "full", Estimate(-0.031, -0.052, -0.010, covers="images and seeds")))
    the gap of tile 16 is smaller than that of full by 3.1 points (1.0 to 5.2)
    >>> print(gap_words("tile 16", "full", Estimate(-0.01, -0.04, 0.02)))
    of these two networks, no difference between the gaps of tile 16 and full is shown: −1.0 (−4.0 to 2.0)

    `difference` is the gap of `arm` minus that of `reference`. One that covers images alone is about two
    networks.
    """
    value, low, high = difference.numbers
    of_two = "of these two networks, " if difference.covers == IMAGES else ""
    if low <= 0 <= high:
        written = with_interval(difference)
        return f"{of_two}no difference between the gaps of {arm} and {reference} is shown: {written}"
    size = replace(difference, value=-value, low=-high, high=-low) if high < 0 else difference
    word = "smaller" if high < 0 else "larger"
    of_points = f"{points(size.numbers[0])} points ({points(size.numbers[1])} to {points(size.numbers[2])})"
    return f"{of_two}the gap of {arm} is {word} than that of {reference} by {of_points}"


def fitted_note(comparison: Comparison) -> str:
    """Say which training images were judged, and how the intervals of the gaps are made."""
    return (
        f"Each run was judged, without augmentation, on {comparison.judged_training_images:,} of the images that it "
        "was trained on, drawn evenly, by the protocols of the test. "
        + (
            "The intervals of gaps are made of both, as if each had been judged by other networks: too wide rather "
            "than too narrow."
            if comparison.folds
            else "The intervals of gaps take into account that the same networks were evaluated on both."
        )
    )


def _groups(comparison: Comparison) -> list[list[str]]:
    """Return the section on the groups of a column, nothing if no column was requested."""
    groups = comparison.groups
    if groups is None:
        return []
    of_arm = [{row.group: row.accuracy for row in arm.accuracies.groups} for arm in groups.arms]
    rows = [
        [
            row.group.replace("|", "\\|"),
            *(with_interval(found[row.group]) for found in of_arm),
            f"{row.accuracy.n:,}",
        ]
        for row in groups.arms[0].accuracies.groups
    ]
    columns = [groups.column, *(f"{row.arm} ({row.protocol})" for row in groups.arms), "images"]
    sentences = [f"- {sentence[0].upper()}{sentence[1:]}." for sentence in groups.sentences()]
    return [[f"## By {groups.column}", "", *sentences, "", *markdown_table(columns, rows)]]


def _accuracy_cell(arm: ArmResult, protocol: str) -> str:
    found = arm.accuracy(protocol)
    if found is None:
        return "–"
    mean = _fine(found.interval.numbers[0])
    return f"{f'**{mean}**' if protocol == arm.headline else mean}{interval(found.interval, _fine)}"


def _per_seed(arm: ArmResult) -> str:
    return ", ".join(_fine(accuracy) for accuracy in _headline(arm).seeds)


def _headline(arm: ArmResult) -> Accuracy:
    return next(row for row in arm.accuracies if row.protocol == arm.headline)


def _differences(comparison: Comparison) -> list[str]:
    asked = any(row.asked for row in comparison.differences)
    columns = ["difference", *(["asked"] if asked else []), "points", "95 %"]
    columns += ["McNemar, seed by seed"] if comparison.folds is None else []
    fixed = [_difference_row(comparison, row, asked) for row in comparison.differences if row.headline]
    others = [_difference_row(comparison, row, asked) for row in comparison.differences if not row.headline]
    lines = [
        f"Points, with paired 95 % intervals over {_covered(comparison)}. McNemar, for each seed: "
        "images that only the first gets right : only the second, and the exact p."
        if comparison.folds is None
        else f"Points, with paired 95 % intervals over {_covered(comparison)}.",
        "",
        *markdown_table(columns, fixed),
    ]
    if others:
        lines += [
            "",
            "The other pairs and protocols, for completeness:",
            "",
            *markdown_table(columns, others),
        ]
    return lines


def _difference_row(comparison: Comparison, row: Difference, asked: bool) -> list[str]:
    first = _named(comparison.arm(row.arm), row.protocol)
    second = _named(comparison.arm(row.reference), row.reference_protocol)
    value, low, high = (_fine(number) for number in row.interval.numbers)
    why = [ASKED.get(row.asked, MISSING)] if asked else []
    cells = [f"{first} − {second}", *why, value, f"({low} to {high})"]
    return cells if comparison.folds is not None else [*cells, _mcnemar(row)]


def _mcnemar(row: Difference) -> str:
    tests = [f"{test.only_a}:{test.only_b} p {_p(test.p)}" for test in row.mcnemar]
    return ", ".join(tests) or "– (shares of tiles)"


def _p(value: float) -> str:
    return f"= {value:.3f}" if value >= 0.001 else "< 0.001"


def _cost_table(comparison: Comparison) -> list[str]:
    rows = []
    for arm in comparison.arms:
        cost = arm.cost
        rows.append(
            [
                arm.label,
                f"{cost.steps:,}",
                f"{cost.epochs:.4g}",
                f"{cost.images_seen:,}",
                f"{cost.pixels_per_image:,}",
                scaled(cost.training_pixels, "px"),
                scaled(cost.flops, "FLOP"),
                ", ".join(f"{seconds:,.0f}" for seconds in cost.seconds),
                f"{max(cost.peak_memory_bytes) / 2**20:,.0f} MiB",
                scaled(cost.parameters, "").strip(),
                "/".join(dict.fromkeys(cost.precision)),
            ]
        )
    columns = ["arm", "steps", "epochs", "images seen", "pixels each", "training pixels", "FLOPs"]
    columns += ["seconds, seed by seed", "peak memory", "parameters", "precision"]
    return [
        *markdown_table(columns, rows),
        "",
        cost_note(comparison),
    ]


def cost_note(comparison: Comparison) -> str:
    """Say how costs are counted, and the optimizer's part if that was counted."""
    shares = [
        (arm.cost.optimizer_flops or 0) / arm.cost.flops
        for arm in comparison.arms
        if arm.cost.optimizer_flops is not None and arm.cost.flops
    ]
    told = "; the optimizer's were not counted when these runs were made"
    if len(shares) == len(comparison.arms):
        least, most = points(min(shares)), points(max(shares))
        told = f", and of the optimizer, {least if least == most else f'{least} to {most}'} % of them"
    return (
        "Images are counted each time they are seen. FLOPs are those of matrix products and convolutions, "
        f"forward and backward{told}; a multiply-add is two. Seconds and memory are as measured in these runs: "
        "other work on the machine moves seconds, so no verdict rests on them."
    )


def _data(comparison: Comparison) -> str:
    classes, images = (comparison.classes, "class", "classes"), comparison.training_images
    about = f"Data: {comparison.data}, {counted(*classes)}; {counted(images, 'training image')}"
    if comparison.folds is None:
        count = f"{comparison.images:,} of the {comparison.split} split"
        return f"{about}, {count}, which was used for these numbers only."
    return (
        f"{about} in the first of {counted(comparison.folds, 'fold')}. Images and training sets were varied: each of "
        f"{counted(comparison.images, 'image')} was tested by the networks that were not trained on its fold."
    )


def _budget(comparison: Comparison) -> str:
    if comparison.budget == "steps":
        return (
            "Budget: steps. Every arm takes the same number of optimizer steps; steps on tiles are cheaper."
        )
    height, width = comparison.size
    return (
        "Budget: pixels. Every arm is trained on as many pixels, to within one step of the largest size; an "
        f"arm of tiles makes {height}×{width}/tile² times the steps, so it sees each image more often."
    )


def _saw(arm: ArmResult) -> str:
    cost = arm.cost
    what = "whole images" if arm.tile is None else f"tiles of {arm.tile}×{arm.tile}"
    return (
        f"{arm.label[0].upper()}{arm.label[1:]} saw {cost.images_seen:,} {what} in "
        f"{counted(cost.steps, 'step')}: every "
        f"image about {cost.epochs:.4g} times, {scaled(cost.training_pixels, 'px')}. "
        f"Augmentation: {arm.augmentation}."
    )


def _evaluated(arm: ArmResult) -> str:
    return (
        f"{arm.label[0].upper()}{arm.label[1:]} was evaluated on {arm.tiles_per_image:,.4g} tiles an image, "
        f"covering it at stride {arm.stride}; `full-pass` is one pass over the whole image with the same weights."
    )


def _seeds(comparison: Comparison) -> str:
    listed = ", ".join(str(seed) for seed in comparison.seeds)
    if comparison.folds is not None:
        named = "Seed" if len(comparison.seeds) == 1 else "Seeds"
        return (
            f"{named} {listed}, the same in every arm, on the same folds. "
            f"Intervals cover {_covered(comparison)}: the wider of those over images and seeds and of the corrected "
            "resampled t over folds, which share training images (Nadeau and Bengio 2003), with "
            f"{comparison.folds - 1} {'degree' if comparison.folds == 2 else 'degrees'} of freedom."
        )
    if len(comparison.seeds) == 1:
        return (
            f"Seed {listed} alone: intervals cover the choice of test images, and the sentences are about these "
            "networks; one seed says nothing about two ways of training."
        )
    return (
        f"Seeds {listed}, the same in every arm, with the same test images in the same order. Intervals cover "
        "test images and seeds: crossed random effects, with degrees of freedom by Satterthwaite."
    )


def _recipe(recipe: Recipe) -> str:
    length = f"{recipe.epochs:.4g} epochs" if recipe.steps is None else counted(recipe.steps, "step")
    return (
        f"Base recipe `{recipe.name}`: {recipe.model} at width {recipe.width:g}, {length} of batches of "
        f"{recipe.batch_size}, {recipe.optimizer}, learning rate {recipe.learning_rate:g} "
        f"({recipe.schedule}). All of it is in study.toml, each run's in its recipe.toml."
    )


def _caveats(comparison: Comparison) -> list[str]:
    why = [arm.why_undertrained for arm in comparison.arms]
    caveats = [f"{sentence[0].upper()}{sentence[1:]}." for sentence in why if sentence is not None]
    if len(comparison.hardware) > 1 or len(comparison.versions) > 1:
        caveats.append("Runs were made on different hardware or versions: their seconds cannot be compared.")
    if len({name for arm in comparison.arms for name in arm.cost.precision}) > 1:
        caveats.append("Runs differ in precision, which the start-up check of each chose.")
    return caveats


def _named(arm: ArmResult, protocol: str) -> str:
    return f"{arm.label} `{scored_by(protocol, None, arm.stride)}`"


def _fine(share: float) -> str:
    return points(share, 2)


def _covered(comparison: Comparison) -> str:
    return comparison.arms[0].accuracies[0].interval.covers


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
