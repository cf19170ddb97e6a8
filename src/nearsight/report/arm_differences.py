"""How the arms of a comparison differ, arm by arm, from the arm of tiles that it is about."""

from collections.abc import Iterator

from nearsight.statistics.writing import MISSING, scaled, three_digits
from nearsight.study import ArmResult, Comparison
from nearsight.study.comparison import views
from nearsight.study.pairing import ALIKE

COLUMNS = (
    "arm",
    "sees",
    "flip",
    "crop",
    "erased, mixed",
    "views at test",
    "steps",
    "training pixels",
    "FLOPs",
)
# Columns that only some comparisons have, and their places.
TUNED, _PLACE = ("colours", "starts from"), COLUMNS.index("views at test")
# Costs that differ by less than this are the same: budgets are equal to within a step.
SAME = 0.02


def subject(comparison: Comparison) -> ArmResult:
    """Return the arm with which the others are compared: the first of tiles that has its like, or the first."""
    tiled = [arm for arm in comparison.arms if arm.tile is not None]
    with_like = {row.arm for row in comparison.differences if row.asked == ALIKE}
    return next((arm for arm in tiled if arm.name in with_like), (*tiled, *comparison.arms)[0])


def difference_columns(comparison: Comparison) -> list[str]:
    """Return the headings of `difference_rows`."""
    columns = list(COLUMNS)
    if _tunes(comparison):
        columns[_PLACE:_PLACE] = TUNED
    return [*columns, f"differs from {subject(comparison).label} in"]


def difference_rows(comparison: Comparison) -> list[list[str]]:
    """Return a row per arm: what it sees, its augmentation, its views at test, its cost, and how it differs."""
    reference = subject(comparison)
    return [
        [
            *_facts(arm, comparison),
            MISSING if arm is reference else ", ".join(_differing(arm, reference)) or "nothing",
        ]
        for arm in comparison.arms
    ]


def _tunes(comparison: Comparison) -> bool:
    known = [arm.augmented for arm in comparison.arms if arm.augmented is not None]
    return any(done.begun_from or done.colours != "none" for done in known)


def _facts(arm: ArmResult, comparison: Comparison) -> list[str]:
    height, width = comparison.size
    done, cost = arm.augmented, arm.cost
    sees = f"whole images, {height}×{width}" if arm.tile is None else f"tiles, {arm.tile}×{arm.tile}"
    return [
        arm.label,
        sees,
        MISSING if done is None else done.flip,
        _crop(arm),
        _patched(arm),
        *(_tuned(arm) if _tunes(comparison) else ()),
        "/".join(
            f"{number:.4g}" for number in dict.fromkeys(views(arm, row.protocol) for row in arm.accuracies)
        ),
        f"{cost.steps:,}",
        scaled(cost.training_pixels, "px"),
        scaled(cost.flops, "FLOP"),
    ]


def _crop(arm: ArmResult) -> str:
    done = arm.augmented
    if arm.tile is not None:
        return "the tile's place"
    if done is not None and done.resized_crop is not None:
        return f"{100 * done.resized_crop:g} to 100 % of the area, resized"
    return f"padded by {done.crop_padding} px" if done is not None and done.crop_padding else MISSING


def _tuned(arm: ArmResult) -> tuple[str, str]:
    done = arm.augmented
    if done is None:
        return MISSING, MISSING
    return MISSING if done.colours == "none" else done.colours, done.begun_from or "initial weights"


def _patched(arm: ArmResult) -> str:
    done = arm.augmented
    said = [] if done is None or done.cutout is None else [f"Cutout of {done.cutout} px"]
    said += [] if done is None or done.cutmix is None else [f"CutMix in {100 * done.cutmix:g} %"]
    said += [] if done is None or done.mixup is None else [f"mixup in {100 * done.mixup:g} %"]
    return ", ".join(said) or MISSING


def _differing(arm: ArmResult, reference: ArmResult) -> Iterator[str]:
    ours, theirs = arm.augmented, reference.augmented
    if arm.tile != reference.tile:
        yield "what it sees"
    if ours is None or theirs is None:
        yield "augmentation as told below"
    else:
        if ours.flip != theirs.flip:
            yield "flip"
        # Parts of tiles are not resized: their place is random anyway.
        resized = arm.tile is None and reference.tile is None and ours.resized_crop != theirs.resized_crop
        if (ours.crop_padding or 0) != (theirs.crop_padding or 0) or resized:
            yield "crop"
        if ours.cutout != theirs.cutout:
            yield "Cutout"
        if ours.cutmix != theirs.cutmix:
            yield "CutMix"
        if ours.mixup != theirs.mixup:
            yield "mixup"
        if ours.colours != theirs.colours:
            yield "colours"
        if ours.begun_from != theirs.begun_from:
            yield "the weights it starts from, and how they are trained"
    if views(arm, arm.headline) != views(reference, reference.headline):
        yield "views at test"
    costs = [
        ("steps", arm.cost.steps, reference.cost.steps),
        ("pixels", arm.cost.training_pixels, reference.cost.training_pixels),
        ("FLOPs", arm.cost.flops, reference.cost.flops),
    ]
    for name, mine, other in costs:
        if other and abs(mine / other - 1) > SAME:
            yield f"{name} (×{three_digits(mine / other)})"
