"""What a verdict says, in its sentences."""

from dataclasses import replace
from typing import Any

import pytest

from nearsight.diagnosis.candidates import IMAGE, TABLE, TILE
from nearsight.diagnosis.verdicts.interventions import (
    GIVEN,
    INNER,
    LEARNED,
    TRANSPLANTED,
    WITHOUT,
    Intervention,
)
from nearsight.diagnosis.verdicts.rule import PICTURED, SHORTCUT, SUSPECT
from nearsight.diagnosis.verdicts.verdict import Verdict
from nearsight.statistics import Estimate, change_estimate

HALF = Estimate(0.5, 0.4, 0.6, n=90, chance=0.1)
NOTHING = Estimate(None, None, None, 0)


def made(kind: str, chance: float) -> Intervention:
    before, after = (
        ([0] * 40, [1] * 20 + [0] * 20) if kind == TRANSPLANTED else ([1] * 40, [1] * 20 + [0] * 20)
    )
    return Intervention(kind, HALF, HALF, change_estimate(before, after, chance=chance), images=40, p=0.001)


VERDICT = Verdict(
    class_number=1,
    verdict=SHORTCUT,
    attribute="blocks",
    words="8-pixel blocks",
    also=(),
    artefact=True,
    seen_in=IMAGE,
    place=None,
    images=(1, 7),
    examples=(1,),
    beside=(),
    share=HALF,
    accuracy_with=HALF,
    accuracy_without=HALF,
    difference=HALF,
    errors_without=HALF,
    interventions=(made(TRANSPLANTED, 0.03), made(WITHOUT, -0.1)),
    q=0.001,
)


def test_proofs_say_what_moved_and_what_chance_moves() -> None:
    on, off = VERDICT.proofs("deer")
    assert on == (
        "added to 40 images of other classes, it makes 50 % (40 to 60) of them deer (the same change takes 3 % of "
        "them to any one other class)"
    )
    assert off.endswith(
        "it leaves 50 % (40 to 60) of them right (the same change, or adding and removing it, leaves 90 % of images "
        "without it right)"
    )


@pytest.mark.parametrize("kind", [TRANSPLANTED, GIVEN])
def test_an_edit_that_is_weaker_than_what_it_imitates_says_so(kind: str) -> None:
    for reached, said in ((0.66, True), (0.95, False), (None, False)):
        [proof] = replace(VERDICT, interventions=(replace(made(kind, 0.03), reached=reached),)).proofs("deer")
        assert proof.endswith("what is added is 66 % as strong as in these images") == said


def test_an_edit_that_leaves_what_it_should_remove_says_so() -> None:
    for reached, said in ((0.38, True), (0.5, False), (None, False)):
        off = replace(made(WITHOUT, 0.0), reached=reached)
        [proof] = replace(VERDICT, interventions=(off,)).proofs("deer")
        assert proof.endswith("removes little of it: it goes 38 % of the way to images without it") == said


def test_a_shortcut_that_accuracy_alone_does_not_show_says_so() -> None:
    unclear = Estimate(0.1, -0.1, 0.3, n=90)
    for difference, verdict, said in ((unclear, SHORTCUT, 1), (HALF, SHORTCUT, 0), (unclear, SUSPECT, 0)):
        sentence = replace(VERDICT, difference=difference, verdict=verdict).sentence("deer")
        assert sentence.count("(that difference could be chance; changed images prove the shortcut)") == said


@pytest.mark.parametrize(
    ("seen_in", "other"), [(TILE, "a tile of other reasons"), (IMAGE, "a spot of other images")]
)
def test_a_part_of_images_is_compared_with_others_of_the_class(seen_in: str, other: str) -> None:
    on = replace(made(TRANSPLANTED, 0.03), beside=True)
    (said,) = replace(VERDICT, seen_in=seen_in, interventions=(on,)).proofs("deer")
    assert said.endswith(f"({other} of deer makes 3 % of them deer)")


def test_what_is_given_is_compared_with_what_else_of_the_class_gives() -> None:
    on = replace(made(GIVEN, 0.03), beside=True)
    (said,) = replace(VERDICT, interventions=(on,)).proofs("deer")
    assert said.endswith("(a spot of other images of deer makes 3 % of them right)")


@pytest.mark.parametrize("kind", [TRANSPLANTED, LEARNED])
def test_of_two_classes_it_is_said_what_the_same_change_takes_from_the_class(kind: str) -> None:
    on = replace(made(kind, 0.03), of_two=True)
    (said,) = replace(VERDICT, interventions=(on,)).proofs("deer")
    assert said.endswith("(the same change takes 3 % of images of deer to the other class)")


def test_a_name_that_tells_little_of_its_images_is_said_to_be_none() -> None:
    for explained, said in ((0.49, "49 %"), (-0.3, "0 %")):
        found = replace(VERDICT, explained=explained)
        assert found.told == "something without a fitting name, found as: 8-pixel blocks"
        assert f"its name tells only {said} of how these images differ from others" in found.sentence("deer")
    for fitting in (None, 0.5, 1.1):
        found = replace(VERDICT, explained=fitting)
        assert (found.told, found.sentence("deer")) == ("8-pixel blocks", VERDICT.sentence("deer"))


def test_what_its_images_may_picture_is_said_plainly() -> None:
    """Also where an older version wrote the verdict, without what is missing."""
    found = replace(VERDICT, verdict=SUSPECT, pictured=True)
    may = "it may be what these images picture, and not how they were made"
    assert found.sentence("deer").endswith(f"; it is a suspect, not a shortcut, because {may}")


def test_why_a_suspect_is_no_shortcut_is_said_if_it_is_known() -> None:
    found = replace(VERDICT, verdict=SUSPECT, missing=("it is small", "nothing proves it"))
    why = "it is a suspect, not a shortcut, because it is small; and nothing proves it"
    assert found.why_suspect == why
    assert found.sentence("deer").endswith(f"; {why}")
    for other in (VERDICT, replace(VERDICT, verdict=SUSPECT)):
        assert other.why_suspect == ""
        assert "suspect, not" not in other.sentence("deer")


@pytest.mark.parametrize(("alike", "said"), [((7,), "1 more image is"), ((1, 7), "2 more images are")])
def test_images_alike_are_told_last_as_what_may_have_it(alike: tuple[int, ...], said: str) -> None:
    sentence = replace(VERDICT, alike=alike).sentence("deer")
    assert sentence == (
        f"{VERDICT.sentence('deer')}; {said} taken for deer in the same way, and may have it too"
    )


def test_its_rule_finds_all_images_but_those_alike() -> None:
    assert VERDICT.ruled == (1, 7)
    assert replace(VERDICT, images=(1, 4, 7, 9), alike=(4, 9)).ruled == (1, 7)


@pytest.mark.parametrize(
    ("attribute", "may"), [("blocks", False), ("border", False), ("thin lines", True), ("mark", True)]
)
def test_what_pictures_show_by_themselves_may_be_what_a_class_is_about(attribute: str, may: bool) -> None:
    assert replace(VERDICT, attribute=attribute).may_be_the_class is may


def test_what_is_only_proven_inside_the_network_has_no_name() -> None:
    inner = replace(VERDICT, verdict=SUSPECT, proven_by=INNER, interventions=(made(INNER, 0.03),))
    assert (
        inner.told == "something without a name that the network's inner layers see, found as: 8-pixel blocks"
    )
    [proof] = inner.proofs("deer")
    assert proof == (
        "40 images of other classes are classified while the features of one layer are moved to those of these "
        "images: 50 % (40 to 60) of them become deer (to any one other class, 3 %)"
    )
    [proof] = replace(inner, interventions=(replace(made(INNER, 0.03), beside=True),)).proofs("deer")
    assert proof.endswith("(as far to those of the surest deer without it, 3 %)")
    assert "what do they share that other images of deer lack?" in inner.advice("deer")


def test_where_every_image_has_it_accuracy_without_is_said_to_be_unknown() -> None:
    assert (
        replace(VERDICT, accuracy_without=NOTHING)
        .sentence("deer")
        .endswith("every image has it, so accuracy without it is unknown")
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "Do not trust the accuracy on images of deer"),
        ({"verdict": SUSPECT, "artefact": False}, "Look at"),
        ({"verdict": SUSPECT, "pictured": True, "missing": (PICTURED,)}, "Look at"),
        ({"seen_in": TABLE}, "Test on images"),
    ],
)
def test_the_advice_fits_the_verdict(changed: dict[str, Any], said: str) -> None:
    assert replace(VERDICT, **changed).advice("deer").startswith(said)


def test_a_suspect_that_no_look_makes_a_shortcut_is_advised_to_be_tested() -> None:
    """A compression never belongs to a class: of it, looking says nothing about whether the decision follows it."""
    unproven = replace(VERDICT, verdict=SUSPECT, missing=("no change of images proves it",))
    both = replace(unproven, missing=(PICTURED, *unproven.missing))
    for found in (unproven, both, replace(unproven, missing=())):
        said = found.advice("deer")
        assert said.startswith("Nothing proves yet that the decision follows it")
        assert "it is a shortcut" not in said
    spared = replace(
        unproven, proven_by=TRANSPLANTED, missing=("accuracy does not show that anything depends on it",)
    )
    assert spared.advice("deer").startswith("Test on other images of deer with it and without it")
