"""What the rule says of a suspect: which of its conditions is missing."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from nearsight.diagnosis.candidates import IMAGE, TILE, Candidate
from nearsight.diagnosis.verdicts.associations import Association
from nearsight.diagnosis.verdicts.interventions import GIVEN, LEARNED, TRANSPLANTED, WITHOUT, Intervention
from nearsight.diagnosis.verdicts.rule import NOTHING, PICTURED, RULE, SHORTCUT, SUSPECT
from nearsight.diagnosis.with_and_without import WithAndWithout
from nearsight.statistics import Estimate

HAS = np.array([True, False])
ALL = Estimate(0.9, 0.8, 1.0, n=20)
CANDIDATE = Candidate(0, "blocks", "8-pixel blocks", True, HAS, HAS.astype(np.float32), 0.9)
FOUND = Association(
    CANDIDATE,
    share=Estimate(0.6, 0.5, 0.7, n=40, chance=0.03),
    accuracy=WithAndWithout(ALL, ALL, Estimate(0.7, 0.3, 0.9, n=40, chance=0.0), ALL),
    p_share=0.0,
    p_difference=0.0,
)


def association(**changed: object) -> Association:
    return replace(FOUND, candidate=replace(CANDIDATE, **changed))


def made(kind: str, effect: float, spread: float = 0.02, p: float = 0.001, images: int = 12) -> Intervention:
    change = -effect if kind == WITHOUT else effect
    estimate = Estimate(change, change - spread, change + spread, images, chance=0.0)
    return Intervention(kind, ALL, ALL, estimate, images, p)


PROOF = made(TRANSPLANTED, 0.5)


def same(image: object) -> object:
    return image


@pytest.mark.parametrize(
    ("changed", "interventions", "said"),
    [
        ({"pictured": True}, [PROOF], PICTURED),
        (
            {"artefact": False, "attribute": "brightness", "times": 20.0},
            [PROOF],
            "20 times as frequent in the class as elsewhere (of those that test, 60 % of the class's and 3 % of "
            "other classes' have it)",
        ),
        ({"artefact": False, "attribute": "warm"}, [PROOF], "it may be the colour of the objects themselves"),
        ({"artefact": False, "attribute": "mark"}, [PROOF], "it lies on the objects"),
        (
            {"artefact": False, "seen_in": TILE, "attribute": "reason"},
            [PROOF],
            "it is not known to lie off it",
        ),
        ({}, [], "it cannot be added to an image or removed from one"),
        ({"put_on": same}, [], "no image was changed to prove it"),
        (
            {},
            [made(TRANSPLANTED, 0.04)],
            "the strongest moved 4.0 points more than chance (12 images), and 10 are needed",
        ),
        (
            {},
            [made(LEARNED, 0.2)],
            "the strongest moved 20.0 points more than chance (12 images), and 30 are needed",
        ),
        ({}, [made(WITHOUT, -0.1)], "the strongest moved 0.0 points"),
        (
            {},
            [made(TRANSPLANTED, 0.4, spread=0.5)],
            "what changing 12 images moved may be chance: too few images tell",
        ),
        (
            {},
            [made(GIVEN, 0.5), made(TRANSPLANTED, 0.01, p=0.6)],
            "unless it moves images of other classes too",
        ),
    ],
)
def test_each_condition_that_a_suspect_lacks_is_said(
    changed: dict[str, object], interventions: list[Intervention], said: str
) -> None:
    found = association(**changed)
    assert RULE.word(found, interventions, q=0.01) in {SUSPECT, "nothing found"}
    [lacks] = RULE.missing(found, interventions)
    assert said in lacks


def test_every_suspect_lacks_something_and_no_shortcut_does() -> None:
    words = set()
    kinds = [
        [],
        *([made(kind, effect)] for kind in (TRANSPLANTED, GIVEN, WITHOUT, LEARNED) for effect in (0.05, 0.5)),
    ]
    for artefact, pictured, seen_in, interventions in product(
        (True, False), (True, False), (IMAGE, TILE), kinds
    ):
        found = association(artefact=artefact, pictured=pictured, seen_in=seen_in)
        word = RULE.word(found, interventions, q=0.01)
        words.add(word)
        if word in {SHORTCUT, SUSPECT}:
            assert bool(RULE.missing(found, interventions)) == (word == SUSPECT)
    assert {SHORTCUT, SUSPECT} <= words


def known_by_heart(**changed: object) -> Association:
    """Say that all images are right, with what is drawn on some and without it, and that no other class has it."""
    every = Estimate(1.0, 0.8, 1.0, n=20)
    accuracy = WithAndWithout(every, every, Estimate(0.0, -0.1, 0.2, n=40, chance=0.0), every)
    share = Estimate(0.6, 0.5, 0.7, n=40, chance=0.0)
    found = replace(FOUND, share=share, accuracy=accuracy)
    return replace(found, candidate=replace(CANDIDATE, **({"drawn": True} | changed)))


def test_what_is_drawn_and_proven_is_suspect_where_no_image_is_wrong() -> None:
    proof = [made(TRANSPLANTED, 0.15)]
    assert RULE.word(known_by_heart(), proof, q=0.01) == SUSPECT
    [lacks] = RULE.missing(known_by_heart(), proof)
    assert "with it 100 % (80 to 100) are right, of those without it 100 % (80 to 100)" in lacks
    assert "up to 20 points" in lacks
    assert RULE.word(known_by_heart(), [made(TRANSPLANTED, 0.25)], q=0.01) == SHORTCUT


@pytest.mark.parametrize(
    ("changed", "interventions"),
    [
        ({"drawn": False}, [made(TRANSPLANTED, 0.15)]),
        ({"pictured": True}, [made(TRANSPLANTED, 0.15)]),
        ({"artefact": False}, [made(TRANSPLANTED, 0.15)]),
        ({}, [made(TRANSPLANTED, 0.03)]),
        ({}, []),
    ],
)
def test_without_a_proof_or_of_an_object_nothing_is_said_where_no_image_is_wrong(
    changed: dict[str, object], interventions: list[Intervention]
) -> None:
    assert RULE.word(known_by_heart(**changed), interventions, q=0.01) == NOTHING


def test_what_is_removed_without_a_loss_is_no_shortcut_unless_accuracy_shows_it() -> None:
    proof, kept = made(TRANSPLANTED, 0.9), made(WITHOUT, 0.0)
    # Of few images the interval is wide, and nearly all of a class may have it.
    wide = replace(FOUND.accuracy, difference=Estimate(0.1, -0.15, 0.5, n=22, chance=0.0))
    few = replace(FOUND, accuracy=wide, share=Estimate(0.6, 0.5, 0.7, n=40, chance=0.0))
    most = replace(few, share=Estimate(0.9, 0.8, 1.0, n=40, chance=0.03))
    for found in (few, most):
        assert RULE.word(found, [proof], q=0.01) == SHORTCUT
        assert RULE.word(found, [proof, kept], q=0.01) == NOTHING
        # Too few images to say so, one that is lost, and a picture on top of images.
        assert RULE.word(found, [proof, made(WITHOUT, 0.0, images=7)], q=0.01) == SHORTCUT
        assert RULE.word(found, [proof, made(WITHOUT, 0.01)], q=0.01) == SHORTCUT
        drawn = replace(found, candidate=replace(CANDIDATE, drawn=True))
        assert RULE.word(drawn, [proof, kept], q=0.01) == SHORTCUT
    assert RULE.word(FOUND, [proof, kept], q=0.01) == SHORTCUT


def test_a_suspect_that_is_removed_without_a_loss_says_so() -> None:
    found, weak = known_by_heart(), [made(TRANSPLANTED, 0.15), made(WITHOUT, 0.0)]
    assert RULE.word(found, weak, q=0.01) == SUSPECT
    [lacks] = RULE.missing(found, weak)
    assert lacks.endswith("; with it removed, all of 12 images stay right")


@pytest.mark.parametrize("kind", [TRANSPLANTED, WITHOUT])
def test_what_chance_may_do_as_well_proves_nothing_however_far_it_moves(kind: str) -> None:
    far = made(kind, 0.9)
    assert RULE.word(FOUND, [far], q=0.01) == SHORTCUT
    few = replace(far, p=0.2)
    assert RULE.word(FOUND, [few], q=0.01) == SUSPECT
    [lacks] = RULE.missing(FOUND, [few])
    assert lacks == "what changing 12 images moved may be chance: too few images tell"


def test_where_removing_it_says_nothing_accuracy_must_show_that_it_matters() -> None:
    # As if removing it cost nothing: nobody can say what it costs.
    proof = made(TRANSPLANTED, 0.9)
    wide = replace(FOUND.accuracy, difference=Estimate(0.1, -0.15, 0.5, n=22, chance=0.0))
    found = replace(FOUND, accuracy=wide, share=Estimate(0.6, 0.5, 0.7, n=40, chance=0.0))
    assert RULE.word(found, [proof], q=0.01) == SHORTCUT
    by_removal = replace(CANDIDATE, by_removal=True)
    assert RULE.word(replace(found, candidate=by_removal), [proof], q=0.01) == NOTHING
    assert RULE.word(replace(FOUND, candidate=by_removal), [proof], q=0.01) == SHORTCUT


def word(
    elsewhere: float, *moved: Intervention, difference: Estimate | None = None, **changed: object
) -> str:
    """The verdict on what a fifth of a class has, and accuracy hardly shows."""
    # Of 15 images with it and 57 without, 93 and 83 % are right.
    unclear = difference or Estimate(0.1, -0.1, 0.25, n=72, chance=0.0)
    share = Estimate(0.2, 0.1, 0.3, n=72, chance=elsewhere)
    found = replace(association(**changed), accuracy=WithAndWithout(ALL, ALL, unclear, ALL), share=share)
    return RULE.word(found, moved, 0.0)


def test_what_makes_others_the_class_decides_where_accuracy_hardly_shows_it() -> None:
    taken, less, given = made(TRANSPLANTED, 0.2), made(TRANSPLANTED, 0.19), made(GIVEN, 0.7)
    assert word(0.019, taken) == SHORTCUT
    assert word(0.021, taken) == NOTHING
    assert word(0.019, less, given) == NOTHING
    assert word(0.009, less, given) == SHORTCUT
    assert word(0.019, taken, made(WITHOUT, 0.0)) == NOTHING
    # Accuracy shows that hardly anything depends on it, or that less than nothing does.
    assert word(0.019, taken, difference=Estimate(0.06, -0.02, 0.14, n=500, chance=0.0)) == NOTHING
    lost = Estimate(-0.1, -0.3, 0.25, n=72, chance=0.0)
    assert word(0.019, taken, difference=lost, drawn=True) == NOTHING
    # This rule is of whole images: what tiles and patches show may be part of an object.
    assert word(0.019, taken, seen_in=TILE) == NOTHING
    assert word(0.019, taken, beside=same) == NOTHING


def test_one_tile_less_does_not_show_that_nothing_depends_on_what_many_tiles_have() -> None:
    proof, kept = made(TRANSPLANTED, 0.35), made(WITHOUT, 0.0)
    assert word(0.009, proof, kept, seen_in=TILE) == SHORTCUT
    assert word(0.009, proof, kept) == NOTHING


def test_where_nearly_all_others_are_right_what_an_artefact_moves_decides() -> None:
    moved, level = made(TRANSPLANTED, 0.2), Estimate(0.0, -0.06, 0.15, n=80, chance=0.0)
    assert word(0.009, moved, difference=level) == SHORTCUT
    assert word(0.009, moved, difference=replace(level, high=0.04)) == NOTHING
    assert word(0.009, made(TRANSPLANTED, 0.19), difference=level) == NOTHING
    assert word(0.011, moved, difference=level) == NOTHING
    # Removing it costs nothing, or it may be part of the object.
    assert word(0.009, moved, made(WITHOUT, 0.0), difference=level) == NOTHING
    for changed in ({"artefact": False}, {"seen_in": TILE}):
        assert word(0.009, moved, difference=level, **changed) == NOTHING
    # Where the others are often wrong, accuracy shows that nothing depends on it.
    accuracy = WithAndWithout(ALL, Estimate(0.7, 0.6, 0.8, n=40), level, ALL)
    share = Estimate(0.2, 0.1, 0.3, n=72, chance=0.009)
    assert RULE.word(replace(FOUND, accuracy=accuracy, share=share), [moved], 0.0) == NOTHING


def test_a_removal_that_leaves_it_in_place_does_not_show_that_nothing_depends_on_it() -> None:
    proof, kept = made(TRANSPLANTED, 0.5), made(WITHOUT, 0.0)
    for way, said in ((None, NOTHING), (0.5, NOTHING), (0.49, SHORTCUT), (0.0, SHORTCUT)):
        assert word(0.009, proof, replace(kept, reached=way)) == said
    # Rain is what rain pictures show, whatever notching lines leaves of it.
    assert word(0.009, proof, replace(kept, reached=0.0), attribute="lines across") == NOTHING
