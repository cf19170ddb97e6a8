"""What follows a diagnosis: one rule for the last line of the command and for the page."""

from types import SimpleNamespace
from typing import Any

import pytest
from tests.repair.test_choosing import LEVEL, MOST, Found, costless, verdict

from nearsight.repair.following import Following, Next, what_follows
from nearsight.statistics import Estimate

DEER = verdict(1, images=range(40))


def found(*verdicts: Any, split: str = "test", limit: float | None = 0.3, **changes: Any) -> Any:
    told = Found(*verdicts, **changes)
    told.split = split
    told["verdicts"].more_would_help, told["verdicts"].left_out = limit is None, ()
    told["verdicts"].shortcuts = tuple(one for one in verdicts if one.verdict == "shortcut")
    told["verdicts"].accuracy = told["verdicts"].remaining = MOST
    return told


def test_what_is_proven_is_repaired_and_training_images_choose() -> None:
    assert what_follows(found(DEER, DEER), own=True) == Following(Next.REPAIR, 2)
    assert what_follows(found(DEER), own=False) == Following(Next.REPAIR, 1)
    for split in ("train", "val"):
        assert what_follows(found(DEER, split=split), own=True) == Following(Next.REPAIR, 1, chooses=True)
    decides = found(split="train", regions=("the object", "the background"))
    assert what_follows(decides, own=True) == Following(Next.REPAIR, 1, chooses=True)


def test_what_a_repair_may_cost_is_said_before() -> None:
    many = verdict(1, images=range(62))
    follows = what_follows(found(many, split="train"), own=True)
    assert follows.next is Next.REPAIR
    assert follows.why.startswith("62 of 100 images of deer have what is to be removed")
    suspect = what_follows(found(verdict(1, "suspect", images=range(62)), split="train"), own=True)
    assert (suspect.next, suspect.name) == (Next.BY_NAME, "deer:1")
    assert suspect.why.startswith(
        "removes a suspect, if it does not belong to deer; 62 of 100 images of deer "
    )


def test_how_many_may_be_right_without_it_is_said_before_where_these_are_fewer() -> None:
    lower = "without what is proven this network is right for about 79 % of images like these; as they are, for 90 %"
    for remaining, said in ((0.79, True), (0.897, False), (0.95, False), (None, False)):
        told = found(DEER)
        told["verdicts"].remaining = Estimate(remaining, None, None, 40)
        why = what_follows(told, own=True).why
        assert why == (lower if said else "")


def test_what_may_be_what_a_class_is_is_looked_at_first_unless_objects_are_known() -> None:
    shown = SimpleNamespace(**{**vars(DEER), "may_be_the_class": True})
    told = found(shown)
    assert what_follows(told, own=True) == Following(
        Next.REPAIR,
        1,
        why="look at the examples of deer first: if what they share is what deer is, there is nothing to repair",
    )
    assert what_follows(found(shown, regions=("the object",)), own=True).why == ""


def test_what_costs_nothing_is_not_suggested_for_a_repair_that_would_refuse_it() -> None:
    told = found(costless(0), split="train", usual=0.5)
    follows = what_follows(told, own=True)
    assert (follows.next, follows.name) == (Next.LOOK, "cat:1")
    assert follows.why.startswith("a frame costs nothing")
    # By test images, nobody knows what training images prove.
    assert what_follows(found(costless(0), usual=0.5), own=True).next is Next.REPAIR


def test_a_suspect_is_looked_at_where_little_depends_on_it_or_it_is_no_training_image_that_shows_it() -> None:
    little, much = verdict(0, "suspect", LEVEL), verdict(1, "suspect")
    follows = what_follows(found(little, split="train"), own=True)
    assert (follows.next, follows.name) == (Next.LOOK, "cat:1")
    assert "on which little depends" in follows.why
    assert what_follows(found(little, much, split="train"), own=True).name == "deer:1"
    for own, split in ((True, "test"), (False, "train")):
        follows = what_follows(found(much, split=split), own=own)
        assert (follows.next, follows.why.partition(":")[0]) == (Next.LOOK, "a frame is a suspect")


@pytest.mark.parametrize(
    ("own", "drawn", "limit", "follows"),
    [
        (True, False, None, Next.MORE),
        (True, False, 0.3, Next.MAPS),
        (True, True, None, Next.MAPS),
        (False, False, None, Next.MAPS),
    ],
)
def test_where_test_images_are_too_few_there_are_more(
    own: bool, drawn: bool, limit: float | None, follows: Next
) -> None:
    assert what_follows(found(limit=limit), own=own, drawn=drawn) == Following(follows)


def test_a_suspect_is_looked_at_before_more_images_are() -> None:
    follows = what_follows(found(verdict(1, "suspect"), limit=None), own=True)
    assert (follows.next, follows.name) == (Next.LOOK, "deer:1")


def test_images_that_are_read_part_by_part_are_not_repaired() -> None:
    told = found(DEER)
    told["verdicts"].left_out = ("casts",)
    assert what_follows(told, own=True) == Following(Next.MAPS)
    assert what_follows(Unasked(), own=True) == Following(Next.MAPS)


class Unasked(dict[str, Any]):
    """A diagnosis without verdicts."""

    classes, split, class_images = ("cat",), "test", (9,)
