"""What is told of a repair: won back only where the interval shows it, and gone only what was there."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from tests.repair.made_repair import change, make_repair, share

from nearsight.errors import InputError
from nearsight.repair.result import LEAST, REPAIR, Repair
from nearsight.statistics import Estimate, difference_of_estimates
from nearsight.statistics.writing import points
from nearsight.write import write_table


def test_the_conclusion_says_what_was_won_of_what_and_at_what_cost() -> None:
    found = make_repair()
    won, *_ = replace(found, shortcuts=found.shortcuts[:1]).sentences()
    assert won == (
        "Gain: of images of bird without it (a green tint of bird), 75 % (65 to 85) are right, and 19 % (9 to 29) "
        "were before: +56.2 points (48.2 to 64.2) of the 77.1 by which bird with it was ahead. "
        "Cost: no loss is proven; of all test images, 72 % (62 to 82) are right, and 70 % (60 to 80) were before, "
        "which proves no change: +2.0 points (−6.0 to 10.0). "
        "It pays: a gain is proven, and no loss of all test images"
    )


def one_shortcut(without: Estimate, overall: Estimate | None = None) -> Repair:
    """A repair of one shortcut whose images without it changed so, and all images, if that is given."""
    found = make_repair()
    groups = tuple(replace(row, change=without) if row.having is False else row for row in found.groups)
    every = found.overall if overall is None else replace(found.overall, change=overall)
    return replace(found, shortcuts=found.shortcuts[:1], groups=groups[:2], overall=every)


def test_what_is_sure_comes_before_what_too_few_images_cannot_say() -> None:
    unsure, loss = Estimate(0.18, -0.09, 0.42, 11), Estimate(-0.15, -0.22, -0.08, 100)
    conclusion, *further = one_shortcut(unsure, loss).sentences()
    overall, gain, weighed = conclusion.split(". ")
    assert overall.startswith("Cost: of all test images")
    ahead, moved = gain.split("; ")
    assert ahead.startswith(
        "Gain: unedited images of bird with a green tint of bird are right more often than those"
    )
    assert moved.startswith(
        "when the repair's own edit adds a green tint of bird to 200 images of other classes, "
    )
    assert "proves no change" not in conclusion
    assert weighed.startswith("It pays where the shortcut does not go with the class: ")
    [won] = [line for line in further if line.endswith("which proves no change: +18.0 points (−9.0 to 42.0)")]
    assert not {ahead.removeprefix("Gain: "), moved} & set(further)
    few = one_shortcut(unsure)
    few = replace(few, groups=tuple(replace(row, images=LEAST - 1) for row in few.groups))
    conclusion, won, *_ = few.sentences()
    moved, overall, _ = conclusion.split(". ")
    assert moved.startswith("Gain: when the repair's own edit")
    assert won.startswith("only 9 test images of bird are without it")
    assert "proves no change" in overall


def test_a_shortcut_that_is_not_proven_to_do_less_does_not_lead() -> None:
    found = one_shortcut(Estimate(0.18, -0.09, 0.42, 11))
    same = tuple(replace(row, change=Estimate(-0.02, -0.05, 0.01, 200)) for row in found.moved)
    groups = tuple(replace(row, after=row.before) for row in found.groups)
    found = replace(found, moved=same, groups=groups)
    assert found.sentences()[0].startswith("Gain: none is proven; of images of bird without it")
    assert found.weighed == "Neither a gain nor a loss of all test images is proven"
    assert any(line.startswith("unedited images") for line in found.sentences()[1:])
    assert any(line.startswith("when the repair's own edit adds") for line in found.sentences()[1:])


def test_of_several_shortcuts_those_that_move_fewer_images_are_counted_if_no_gain_is_proven() -> None:
    found = make_repair()
    unsure = tuple(replace(row, change=Estimate(0.02, -0.01, 0.05, 32)) for row in found.groups)
    first, *_ = replace(found, groups=unsure).conclusion
    assert first == (
        "Gain: when the repair's own edits add them to images of other classes, 1 of 2 shortcuts moves fewer of "
        "these than before"
    )
    none, *_ = replace(found, groups=unsure, moved=()).conclusion
    assert none.startswith(
        "Gain: none is proven; more images without the shortcut are right than before for 0 of 2"
    )


def test_of_several_shortcuts_the_conclusion_counts_those_that_were_won_back() -> None:
    conclusion, worst, first, second, *_ = make_repair().sentences()
    assert worst.endswith("; it is still the worst")
    assert conclusion.startswith(
        "Gain: more images without the shortcut are right than before for 1 of 2 shortcuts. Cost: no loss is proven; "
    )
    assert first.startswith("of images of bird without it (a green tint of bird), 75 % (65 to 85) are right")
    assert second == "no test image of fish is without it (a white border), so what was won back is unknown"


def test_groups_of_few_images_are_not_the_worst() -> None:
    found = make_repair()
    small = replace(found, groups=tuple(replace(one, images=LEAST - 1) for one in found.groups))
    assert small.worst is None
    assert not any("the worst group" in sentence for sentence in small.sentences())


@pytest.mark.parametrize(
    ("change", "proves"),
    [
        (Estimate(0.02, -0.01, 0.05, 32), False),
        (Estimate(0.02, 0.0, 0.05, 32), False),
        (Estimate(-0.2, -0.3, -0.1, 32), True),
        (Estimate(0.5, None, None, 1), False),
    ],
)
def test_what_holds_zero_proves_nothing(change: Estimate, proves: bool) -> None:
    found = make_repair()
    groups = tuple(replace(row, change=change) for row in found.groups)
    [won] = [
        line for line in replace(found, groups=groups).sentences() if line.startswith("of images of bird wi")
    ]
    assert ("proves no change" in won) is not proves
    assert "of the 77.1" not in won


def test_how_far_unedited_images_with_it_are_ahead_is_said_of_groups_of_enough_images() -> None:
    found = make_repair()
    [ahead] = [line for line in found.sentences() if line.startswith("unedited images")]
    # Of 48 images 46 were right and 44 are, of 32 without it 6 and 24.
    now, before = difference_of_estimates(share(44, 48), share(24, 32)), points(46 / 48 - 6 / 32)
    assert ahead.startswith(
        "unedited images of bird with a green tint of bird are right more often than those without it, by "
        f"{points(now.value)} points ("
    )
    assert f", and before the repair they were right more often, by {before} points (" in ahead
    few = tuple(replace(row, images=LEAST - 1) if row.having else row for row in found.groups)
    assert not any(line.startswith("unedited") for line in replace(found, groups=few).sentences())


def ahead_now(having: Estimate, without: Estimate) -> str:
    """What is said of unedited images that are right so often after the repair, with the shortcut and without it."""
    found = make_repair()
    after = {True: having, False: without}
    groups = tuple(replace(row, after=after[row.having], images=100) for row in found.groups[:2])
    told = replace(found, shortcuts=found.shortcuts[:1], groups=groups).sentences()
    parts = [part for line in told for part in line.split(". ")]
    [said] = [part for part in parts if part.lower().startswith("unedited images")]
    return said.partition(" are right ")[2].partition(", and before the repair")[0]


def test_images_with_it_may_be_ahead_or_behind_and_no_number_of_points_has_a_sign_of_its_own() -> None:
    ahead, behind = ahead_now(share(90, 100), share(40, 100)), ahead_now(share(40, 100), share(90, 100))
    assert ahead.startswith("more often than those without it, by 50.0 points (")
    # The same distance the other way round.
    assert behind == ahead.replace("more", "less")
    unsure = ahead_now(share(48, 100), share(50, 100))
    assert unsure.startswith("less often than those without it, by 2.0 points (−")
    assert unsure.endswith(", which proves no difference")
    assert ahead_now(share(50, 100), share(50, 100)).startswith("as often as those without it (−")


def weighed(put_on: int, *, having: int = 10, overall: int = -150) -> Repair:
    """A repair of a tenth of the images: of 48 with it, 46 were right and so many are; of 200 others with it put on,
    100 were right and so many more are."""
    found = make_repair()
    rows = (
        change("bird with it", 46, having, 48, of=0, shortcut=0, having=True),
        change("bird without it", 6, 24, 32, of=0, shortcut=0, having=False),
    )
    beside = (
        change("other classes", 700, 660, 900, shortcut=0, having=False),
        change("other classes with it put on", 100, 100 + put_on, 200, shortcut=0, having=True),
    )
    return replace(
        found,
        shortcuts=found.shortcuts[:1],
        groups=rows,
        beside=beside,
        overall=change("all", 700, 700 + overall, 1000),
    )


def test_a_proven_loss_comes_first_and_is_weighed_against_what_would_be_gained() -> None:
    pays, unsure, costs = weighed(80), weighed(0), weighed(-80)
    for found in (pays, unsure, costs):
        cost, gain, _ = found.conclusion
        assert cost == (
            "Cost: of all test images, 55 % (45 to 65) are right, and 70 % (60 to 80) were before: "
            "−15.0 points (−23.0 to −7.0)"
        )
        assert gain.startswith("Gain: of images of bird without it")
        assert found.loses
    assert pays.pays
    # A tenth: half of −75 and half of 56.25 points; the others: half of −4.4 and half of 40.
    value = 0.1 * (-0.75 + 0.5625) / 2 + 0.9 * (-40 / 900 + 0.4) / 2
    assert pays.weighed.startswith(
        "It pays where the shortcut does not go with the class: if half of every class's images had it, so that it "
        "said nothing, "
    )
    assert (
        f" would be right, and {points(0.1 * (46 / 48 + 6 / 32) / 2 + 0.9 * (7 / 9 + 0.5) / 2, 0)} % before"
        in (pays.weighed)
    )
    assert f": +{points(value)} points (" in pays.weighed
    assert not unsure.pays
    assert unsure.weighed.startswith(
        "No proven gain outweighs its cost: if half of every class's images had it, "
    )
    assert "which proves no change: −" in unsure.weighed
    assert not costs.pays
    assert costs.weighed.startswith("It costs more than it gains: if half of every class's images had it, ")
    assert "which proves no change" not in costs.weighed


def test_of_several_shortcuts_those_that_would_gain_are_counted_against_those_that_would_lose() -> None:
    found = make_repair()
    one = weighed(80)
    again = tuple(replace(row, shortcut=1) for row in (*one.groups, *one.beside))
    both = replace(
        found, overall=one.overall, groups=(*one.groups, *again[:2]), beside=(*one.beside, *again[2:])
    )
    assert both.pays
    assert both.weighed.endswith(
        "more images would be right than before for 2 of 2 shortcuts, and fewer for 0"
    )
    worse = tuple(
        replace(row, change=Estimate(-0.9, -0.95, -0.85, 200)) if row.shortcut == 1 else row
        for row in both.beside
    )
    assert not replace(both, beside=worse).pays


def test_without_a_proven_loss_a_repair_pays_whatever_it_would_do_elsewhere() -> None:
    found = weighed(-80, overall=20)
    assert found.pays
    assert found.weighed == "It pays: a gain is proven, and no loss of all test images"


def test_an_older_repair_with_a_loss_is_weighed_by_whether_a_gain_is_proven() -> None:
    found = replace(weighed(80), beside=())
    assert found.pays
    assert found.weighed.endswith(": a loss is proven, and a gain as well")
    none = replace(found, groups=(), moved=())
    assert not none.pays
    assert none.weighed == "It costs more than it gains: a loss is proven, and no gain"


def test_if_all_test_images_gain_that_is_a_gain() -> None:
    found = make_repair()
    rose = replace(found, overall=replace(found.overall, change=Estimate(0.02, 0.01, 0.03, 1000)))
    gain, cost, said = rose.conclusion
    assert gain.endswith(
        "; of all test images, 72 % (62 to 82) are right, and 70 % (60 to 80) were before: +2.0 points (1.0 to 3.0)"
    )
    assert cost == "Cost: no loss of all test images"
    assert said.startswith("It pays: ")


def test_a_gain_beyond_the_gap_is_no_part_of_it() -> None:
    found = one_shortcut(Estimate(0.92, 0.85, 0.96, 32))
    assert (
        "+92.0 points (85.0 to 96.0), more than the 77.1 by which bird with it was ahead"
        in found.sentences()[0]
    )
    exactly = one_shortcut(Estimate(46 / 48 - 6 / 32, 0.6, 0.9, 32))
    assert "+77.1 points (60.0 to 90.0) of the 77.1 by which" in exactly.sentences()[0]


def test_only_what_was_found_before_is_gone() -> None:
    found = make_repair()
    assert found.before is not None
    gone, still = "nothing is found any more of bird", "still found on the test images: bird"
    assert any(gone in line for line in found.sentences())
    again = replace(found, after=found.before[:1])
    assert any(still in line for line in again.sentences())
    assert not any(gone in line or "found after and not before" in line for line in again.sentences())
    never = replace(found, before=())
    assert not any(gone in line or still in line for line in never.sentences())
    assert any("found after and not before: cup (blurred" in line for line in never.sentences())
    unasked = replace(found, before=None, after=None)
    assert not any("found" in line for line in unasked.sentences())


def test_shortcuts_that_are_still_found_are_named_once_a_class() -> None:
    found = make_repair()
    assert found.before is not None
    assert found.still_shortcuts == ()
    assert replace(found, after=None).still_shortcuts is None
    both = (replace(found.before[0], words="blurred"), found.before[0], found.before[1])
    assert replace(found, after=both).still_shortcuts == ("bird",)


def test_the_conclusion_begins_with_a_shortcut_that_is_still_there() -> None:
    found = make_repair()
    assert found.before is not None
    conclusion, *_ = replace(found, after=(*found.before, *(found.after or ()))).sentences()
    assert conclusion.startswith(
        "Still a shortcut on the test images: bird (a green tint). Gain: more images without the shortcut"
    )
    assert found.sentences()[0] in conclusion


def test_two_verdicts_of_one_class_and_kind_are_not_mixed_up() -> None:
    found = make_repair()
    assert found.before is not None
    first = replace(found.before[0], shortcut=0)
    second = replace(first, words="a blue tint", shortcut=1)
    said = replace(found, before=(first, second), after=(second,)).sentences()
    assert "on the test images nothing is found any more of bird (a green tint), a shortcut before" in said
    assert "still found on the test images: bird (a blue tint), a shortcut" in said
    only_after = replace(found, before=(first,), after=(second,)).sentences()
    assert "found after and not before: bird (a blue tint), a shortcut" in only_after


def test_nothing_is_concluded_of_a_few_images() -> None:
    found = make_repair()
    groups = tuple(replace(row, images=9) if row.having is False else row for row in found.groups)
    conclusion, _, first, *_ = replace(found, groups=groups).sentences()
    assert "are right than before" not in conclusion
    assert first.startswith(
        "only 9 test images of bird are without it (a green tint of bird), too few to say"
    )


def test_losses_are_those_of_the_whole_interval() -> None:
    found = make_repair()
    assert [row.class_number for row in found.lost] == [5]
    assert (
        "1 of 8 classes lost accuracy, by the whole interval: ladder −10.0 points (−18.0 to −2.0)"
        in found.sentences()
    )
    less = replace(found.by_class[5], name=found.classes[3], class_number=3)
    [said] = [one for one in replace(found, by_class=(less,)).sentences() if "lost accuracy" in one]
    assert said.endswith(
        f"; images of {found.classes[3]} with what was removed may have been right because of that alone"
    )
    assert (
        "no class is proven to have lost accuracy" in replace(found, by_class=found.by_class[:2]).sentences()
    )


def test_it_is_read_back_as_it_was(tmp_path: Path) -> None:
    found = make_repair(directory=tmp_path)
    assert {path.name for path in found.save(tmp_path)} == {"repair.json", "pictures.parquet"}
    again = Repair.load(tmp_path)
    assert replace(again, pictures=found.pictures) == found
    assert repr(again) == repr(found)
    assert again.to_json() == found.to_json()


def test_pictures_of_another_repair_are_refused(tmp_path: Path) -> None:
    make_repair().save(tmp_path)
    write_table(tmp_path / "pictures.parquet", pa.table({"index": [1]}))
    with pytest.raises(InputError, match=r"pictures\.parquet is of another result than repair\.json"):
        Repair.load(tmp_path)


def test_what_is_damaged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"holds no repair\.json; give a directory that `nearsight repair` wrote"
    ):
        Repair.load(tmp_path)
    make_repair().save(tmp_path)
    (tmp_path / REPAIR).write_text('{"schema": 99}')
    with pytest.raises(InputError, match="written by a newer Nearsight"):
        Repair.load(tmp_path)
