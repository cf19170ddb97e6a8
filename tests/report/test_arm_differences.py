"""In what arms differ: every fact of an arm is in its row, and nothing that is equal is said to differ."""

from collections.abc import Callable
from dataclasses import replace

from nearsight.report.arm_differences import difference_columns, difference_rows, subject
from nearsight.report.comparison_text import comparison_markdown
from nearsight.statistics import difference_of_estimates
from nearsight.study import ArmResult, Augmented, Comparison

Make = Callable[..., Comparison]


def flipped(comparison: Comparison) -> Comparison:
    """Return a comparison whose arms have flips, and the standard one a crop."""

    def augmented(arm: ArmResult) -> ArmResult:
        crop = None if arm.tile is not None else 2 if "standard" in arm.name else 0
        return replace(arm, augmented=Augmented("random", crop, None, None))

    return replace(comparison, arms=tuple(map(augmented, comparison.arms)))


def test_what_differs_is_named_and_what_is_equal_is_not(make_comparison: Make) -> None:
    comparison = flipped(make_comparison())
    assert subject(comparison).name == "tile-8"
    assert difference_columns(comparison)[-1] == "differs from tile 8 in"
    rows = {row[0]: row for row in difference_rows(comparison)}
    assert rows["tile 8"][1:] == [
        *("tiles, 8×8", "random", "the tile's place", "–", "1/25", "2,560", "81.9 Mpx", "2.56 PFLOP", "–")
    ]
    # Full images see as many pixels in fewer steps, and the toy's FLOPs go with the steps.
    costs = "views at test, steps (×0.0625), FLOPs (×0.0625)"
    assert rows["full"][-1] == f"what it sees, {costs}"
    assert rows["full+standard"][-1] == f"what it sees, crop, {costs}"
    assert rows["tile 16"][-1] == "what it sees, steps (×0.25), FLOPs (×0.25)"


def test_patches_and_flips_are_told_apart(make_comparison: Make) -> None:
    comparison = flipped(make_comparison())
    whole = replace(comparison.arms[0], augmented=Augmented("none", 0, 16, 0.5))
    comparison = replace(comparison, arms=(whole, *comparison.arms[1:]))
    row = difference_rows(comparison)[0]
    assert row[4] == "Cutout of 16 px, CutMix in 50 %"
    assert row[-1].startswith("what it sees, flip, Cutout, CutMix, views at test")


def test_of_an_earlier_version_only_the_words_are_known(make_comparison: Make) -> None:
    row = difference_rows(make_comparison())[0]
    assert (row[2], row[4]) == ("–", "–")
    assert "augmentation as told below" in row[-1]


def test_training_accuracy_stands_beside_that_of_the_test(make_comparison: Make) -> None:
    comparison = make_comparison()
    assert "## Training and test accuracy" not in comparison_markdown(comparison, "accuracy.png")
    best = comparison.arms[0].accuracies[0].interval
    arms = tuple(
        replace(
            arm,
            accuracies=tuple(
                replace(
                    row, train=best, train_seeds=row.seeds, gap=difference_of_estimates(best, row.interval)
                )
                for row in arm.accuracies
            ),
        )
        for arm in comparison.arms
    )
    told = comparison_markdown(replace(comparison, arms=arms, judged_training_images=400), "accuracy.png")
    section = told.partition("## Training and test accuracy")[2].partition("\n## ")[0]
    assert "on 400 of the images that it was trained on" in section
    assert section.count("\n| ") == sum(len(arm.accuracies) for arm in arms) + 2
    assert "Tile 16 (mean-logit, stride 4) is right on" in section


def test_what_a_fine_tuned_arm_starts_from_is_a_column_and_a_difference(make_comparison: Make) -> None:
    comparison = make_comparison()
    tiled = replace(comparison.arms[-1], augmented=Augmented("random", None, None, None))
    tuned = Augmented("random", 0, None, None, 0.35, "jitter", 0.5, "published weights of timm:resnet18")
    whole = replace(comparison.arms[0], augmented=tuned)
    comparison = replace(comparison, arms=(whole, tiled), differences=())
    row = dict(zip(difference_columns(comparison), difference_rows(comparison)[0], strict=True))
    assert row["starts from"] == "published weights of timm:resnet18"
    assert row["crop"] == "35 to 100 % of the area, resized"
    assert (row["erased, mixed"], row["colours"]) == ("mixup in 50 %", "jitter")
    said = list(row.values())[-1]
    assert all(word in said for word in ("mixup", "colours", "the weights it starts from"))
    assert (
        difference_rows(comparison)[1][difference_columns(comparison).index("starts from")]
        == "initial weights"
    )
