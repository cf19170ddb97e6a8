"""The first screen: verdicts before all figures, in words and pictures, or what would have been found."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.reasons.atlas import Atlas
from nearsight.diagnosis.verdicts.compared import HAVING, LACKING, Compared
from nearsight.diagnosis.verdicts.interventions import INNER, LEARNED, Intervention
from nearsight.diagnosis.verdicts.limits import ClassLimit
from nearsight.diagnosis.verdicts.part import Verdicts
from nearsight.diagnosis.verdicts.verdict import Edited, Highlighted, Verdict
from nearsight.report.page.diagnosis_page import diagnosis_html
from nearsight.report.page.going_on import after_diagnosis
from nearsight.statistics import Estimate

MOST = Estimate(0.58, 0.5, 0.66, n=125, chance=0.01)
SURE, LESS = Estimate(1.0, 0.95, 1.0, n=73), Estimate(0.19, 0.1, 0.32, n=52)
UNKNOWN = Estimate(None, None, None, 0, reason="every image has it")


def verdict(word: str, without: Estimate = LESS) -> Verdict:
    fields = (0, word, "blocks", "8-pixel blocks", (), True, "image", None, (1, 7), (1, 7), (2,))
    return Verdict(*fields, MOST, SURE, without, Estimate(0.81, 0.68, 0.9, n=125), UNKNOWN, (), 0.001)


def screen(diagnosis: Diagnosis) -> str:
    html = diagnosis_html(diagnosis)
    return html[html.index('<section id="summary"') :].partition("</section>")[0]


@pytest.fixture
def with_verdicts(make_diagnosis: Callable) -> Callable[..., Diagnosis]:
    def make(*verdicts: Verdict, remaining: Estimate = LESS) -> Diagnosis:
        return make_diagnosis(count=16, wrong=4, verdicts=Verdicts(verdicts, 9, SURE, remaining, ()))

    return make


def test_verdicts_come_before_every_figure(with_verdicts: Callable, parse: Callable) -> None:
    found = with_verdicts(verdict("shortcut"), verdict("suspect"))
    html = screen(found)
    assert html.index("8-pixel blocks") < html.index('class="leads"')
    text = parse(html).text.replace("\xa0", " ")
    assert "in 58 % of its images; 100 % right with it, 19 % without" in text
    assert "Without this shortcut, accuracy would be 19 % ; it is 100 %" in text
    assert any(said.startswith("without the shortcut, accuracy would be 19 %") for said in found.sentences())
    assert len(parse(html).all("img")) == 4
    name = found.classes[0]
    said = f"shortcut: {name}: 8-pixel blocks in 58 % of its images, 100 % right with it, 19 % without"
    assert found.summary()[0] == said


def test_an_accuracy_of_few_images_stands_with_their_number(with_verdicts: Callable, parse: Callable) -> None:
    one, nine, ten = (Estimate(1.0, None, None, n=count) for count in (1, 9, 10))
    found = with_verdicts(verdict("shortcut", one), verdict("suspect", nine), verdict("suspect", ten))
    text = parse(screen(found)).text.replace("\xa0", " ")
    for words in ("100 % of 1 image without", "100 % of 9 images without", "100 % without"):
        assert words in text
        assert any(f"right with it, {words}" in line for line in found.summary())
    assert any(line.endswith("of those without it 100 % of 1 image") for line in found.sentences())


def test_only_three_are_on_it(with_verdicts: Callable, parse: Callable) -> None:
    found = with_verdicts(*(verdict("suspect") for _ in range(5)))
    assert "2 more verdicts" in parse(screen(found)).text
    assert found.summary()[3] == "more verdicts: 2 on the page"


def test_what_is_unknown_without_it_is_said(with_verdicts: Callable, parse: Callable) -> None:
    text = parse(screen(with_verdicts(verdict("shortcut", UNKNOWN), remaining=UNKNOWN))).text
    assert "unknown without it" in text
    assert "is unknown: every image has it." in text


def test_nothing_found_is_said(with_verdicts: Callable, parse: Callable) -> None:
    found = with_verdicts()
    text = parse(screen(found)).text
    assert "No shortcut was found. In so few images" in text
    assert "not searched for" not in text
    assert found.summary()[0] == "shortcuts: none found (too few images to find one by accuracy alone)"


def test_of_a_set_that_is_too_small_it_is_said_how_many_images_would_do(
    make_diagnosis: Callable, parse: Callable
) -> None:
    limits = tuple(ClassLimit(number, 5, None) for number in range(3))
    small = Verdicts((), 0, SURE, LESS, limits, needed=8)
    found = make_diagnosis(count=16, wrong=4, verdicts=small)
    said = "The set is too small to find one: 5 images of the median class test, and 8 would do."
    assert said in parse(screen(found)).text
    page = parse(diagnosis_html(found)).text
    assert "The images that choose gave nothing to test." in page
    assert "tested on the images" not in page
    assert found.summary()[0] == "shortcuts: none found (too few images: 5 of a class test, 8 would do)"


def test_where_nearly_all_images_are_right_no_page_says_that_they_are_too_few(
    make_diagnosis: Callable, parse: Callable
) -> None:
    limits = tuple(ClassLimit(number, 1000, None, 0.97) for number in range(3))
    good = Verdicts((), 0, SURE, LESS, limits, needed=8)
    found = make_diagnosis(count=16, wrong=4, verdicts=good)
    said = "In at least half of the classes nearly all images are right, so accuracy cannot show that one costs any"
    assert parse(diagnosis_html(found)).text.count(said) == 2
    assert found.summary()[0] == (
        "shortcuts: none found (nearly all images are right, so accuracy cannot show one)"
    )
    assert not any("few" in one for one in found.sentences() if "shortcut" in one)
    beside = make_diagnosis(count=16, wrong=4, verdicts=replace(good, verdicts=(verdict("suspect"),)))
    assert "so accuracy cannot show what else decides" in parse(diagnosis_html(beside)).text


def test_more_images_follow_only_where_they_would_help(make_diagnosis: Callable) -> None:
    more, look = "--split train", "IMAGE"
    for images, accuracy, follows in ((1000, 0.97, look), (12, 1.0, more), (5, 1.0, more), (60, 0.9, more)):
        limits = tuple(ClassLimit(number, images, None, accuracy) for number in range(3))
        told = Verdicts((), 9, SURE, LESS, limits, needed=8)
        found = replace(make_diagnosis(count=16, wrong=4, verdicts=told), model="runs/a", command=MADE)
        assert follows in after_diagnosis(found)[0].command


def test_a_suspect_says_why_it_is_no_shortcut_and_it_is_kept(
    with_verdicts: Callable, parse: Callable, tmp_path: Path
) -> None:
    found = with_verdicts(replace(verdict("suspect"), missing=("nothing proves it",)), verdict("suspect"))
    found.save(tmp_path / "found")
    why = "t is a suspect, not a shortcut, because nothing proves it"
    for one in (found, Diagnosis.load(tmp_path / "found")):
        text = parse(diagnosis_html(one)).text
        assert text.count(f"I{why}.") == 1
        assert sum(said.endswith(f"; i{why}") for said in one.sentences()) == 1
        assert [list(lacks) for lacks in one.table("verdicts")["missing"]] == [["nothing proves it"], []]


def test_what_was_not_tried_stands_on_the_page_and_among_the_sentences(
    make_diagnosis: Callable, parse: Callable, tmp_path: Path
) -> None:
    told = Verdicts((), 9, SURE, LESS, (), not_tried=("edits were looked for in no class",))
    make_diagnosis(count=16, wrong=4, verdicts=told).save(tmp_path / "found")
    found = Diagnosis.load(tmp_path / "found")
    assert "held at 5 %. Edits were looked for in no class." in parse(diagnosis_html(found)).text.replace(
        "\xa0", " "
    )
    assert "edits were looked for in no class" in found.sentences()


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (
            12,
            "There may be more: 12 images of the median class test, too few to find a shortcut by accuracy alone.",
        ),
        (5, "There may be more: 5 images of the median class test, and it takes 8 to find anything."),
    ],
)
def test_beside_a_verdict_it_is_said_if_too_few_images_test_to_find_more(
    make_diagnosis: Callable, parse: Callable, images: int, said: str
) -> None:
    limits = tuple(ClassLimit(number, images, None) for number in range(3))
    told = Verdicts((verdict("suspect"),), 9, SURE, LESS, limits, needed=8)
    page = parse(diagnosis_html(make_diagnosis(count=16, wrong=4, verdicts=told)))
    assert said in page.text


def test_a_suspect_that_may_be_pictured_is_explained_and_what_would_be_found_is_in_points(
    make_diagnosis: Callable, parse: Callable
) -> None:
    limits = tuple(ClassLimit(number, 50, 0.3) for number in range(3))
    told = Verdicts((replace(verdict("suspect"), pictured=True),), 9, SURE, LESS, limits)
    found = make_diagnosis(count=16, wrong=4, verdicts=told)
    text = parse(diagnosis_html(found)).text
    may = "It is a suspect, not a shortcut, because it may be what these images picture, and not how they were made."
    assert may in text
    assert "in the median class 30 points in a third of its images are enough for the test" in text


@pytest.mark.parametrize(
    ("word", "known", "attribute"),
    [
        ("shortcut", False, "mark"),
        ("shortcut", False, "overlay"),
        ("shortcut", False, "warm edges"),
        ("shortcut", True, "mark"),
        ("suspect", False, "mark"),
    ],
)
def test_where_objects_are_not_known_a_shortcut_may_be_what_the_class_is_about(
    make_diagnosis: Callable, parse: Callable, word: str, known: bool, attribute: str
) -> None:
    told = Verdicts((replace(verdict(word), attribute=attribute),), 9, SURE, LESS, ())
    found = make_diagnosis(count=16, wrong=4, verdicts=told, **({} if known else {"reliance": None}))
    said = word == "shortcut" and not known
    assert (
        "Look at the pictures: what a class is about is no shortcut." in parse(screen(found)).text
    ) is said
    text = parse(diagnosis_html(found)).text
    assert ("If the examples show what the class is about" in text) is (said and attribute != "warm edges")


def test_what_only_a_learned_edit_proves_is_said_to_have_no_name_and_its_pictures_are_kept(
    with_verdicts: Callable, parse: Callable, tmp_path: Path
) -> None:
    grey = torch.full((3, 8, 8), 100, dtype=torch.uint8)
    made = Intervention(LEARNED, LESS, MOST, MOST, images=96, p=0.001, beside=True)
    found = with_verdicts(
        replace(
            verdict("shortcut"),
            interventions=(made,),
            proven_by=LEARNED,
            edited=(Edited.of(3, grey, grey + 10, 1),),
        )
    )
    found.save(tmp_path / "found")
    for one in (found, Diagnosis.load(tmp_path / "found")):
        assert "fine detail without a name, found as: 8-pixel blocks" in parse(screen(one)).text
        page = parse(diagnosis_html(one)).text.replace("\xa0", " ")
        assert (
            f"Their fine detail, added to 96 images of other classes, makes 58 % (50 to 66) of them {one.classes[0]} "
            in page
        )
        assert f"taken for {one.classes[1]}" in page
        assert one["verdicts"].verdicts == found["verdicts"].verdicts
        assert one.table("verdicts")["proven_by"].tolist() == [LEARNED]


def test_what_is_only_proven_inside_the_network_is_shown_where_a_layer_sees_it_and_kept(
    with_verdicts: Callable, parse: Callable, tmp_path: Path
) -> None:
    grey, seen = torch.full((3, 8, 8), 100, dtype=torch.uint8), torch.zeros(8, 8)
    seen[2:4, 2:4] = 1
    made = Intervention(INNER, LESS, MOST, MOST, images=96, p=0.001, beside=True)
    given = replace(verdict("suspect"), artefact=False, interventions=(made,), proven_by=INNER)
    found = with_verdicts(replace(given, highlighted=(Highlighted.of(1, grey, seen),)))
    found.save(tmp_path / "found")
    for one in (found, Diagnosis.load(tmp_path / "found")):
        page = parse(diagnosis_html(one))
        name = one.classes[0]
        assert "something without a name that the network's inner layers see, found as:" in page.text
        assert "We have no word for what these images share" in page.text
        assert [given["alt"] for given in page.all("img") if "red where" in given.get("alt", "")] == [
            f"{name}, red where a layer sees it"
        ]
        assert one["verdicts"].verdicts == found["verdicts"].verdicts
        assert one.table("verdicts")["proven_by"].tolist() == [INNER]


@pytest.mark.parametrize("shown_on", [HAVING, LACKING])
def test_what_no_box_shows_is_shown_beside_the_same_image_without_it_and_kept(
    shown_on: str, with_verdicts: Callable, parse: Callable, tmp_path: Path
) -> None:
    grey = torch.full((3, 8, 8), 100, dtype=torch.uint8)
    compared = Compared.of([(index, grey + 10, grey) for index in (1, 7)], shown_on)
    found = with_verdicts(replace(verdict("shortcut"), compared=compared))
    found.save(tmp_path / "found")
    for one in (found, Diagnosis.load(tmp_path / "found")):
        first = [given["alt"] for given in parse(screen(one)).all("img")]
        # What was added to other images is nothing that images of the class have.
        beside = ["with it", "without it"] * 2 if shown_on == HAVING else []
        assert first == (beside or [f"{one.classes[0]} with it"] * len(first))
        assert first
        html = diagnosis_html(one)
        page = parse(html)
        assert "at the bottom what it changes, 8 times as strong, on grey." in page.text
        said = {"with it", "without it", "what it changes"}
        below = [given["alt"] for given in page.all("img") if given.get("alt") in said]
        assert below == beside + ["with it", "without it", "what it changes"] * 2
        # Images that have it are not shown twice, nor are those of the class that lack it.
        assert ("Images that have it" in html, "Images without it" in html) == (
            shown_on == LACKING,
            shown_on == HAVING,
        )
        assert one["verdicts"].verdicts == found["verdicts"].verdicts


def test_images_alike_are_shown_and_kept(with_verdicts: Callable, parse: Callable, tmp_path: Path) -> None:
    found = with_verdicts(replace(verdict("shortcut"), images=(1, 7), alike=(3, 5)))
    found.save(tmp_path / "found")
    for one in (found, Diagnosis.load(tmp_path / "found")):
        page = parse(diagnosis_html(one))
        assert "2 more images of the class are taken for it in the same way." in page.text.replace(
            "\xa0", " "
        )
        shown = [
            given["aria-label"] for given in page.all("svg") if "may have" in given.get("aria-label", "")
        ]
        assert shown == [f"{one.classes[0]} that may have it"] * 2
        assert one.table("verdicts")["alike"].tolist()[0].tolist() == [3, 5]


def explaining(make: Callable, classes: int) -> Diagnosis:
    """A diagnosis in which the first reason of so many classes explains errors, of a later one fewer."""
    found = make(count=56, wrong=20)
    told = []
    for number, one in enumerate(found["reasons"].classes):
        known = one.reasons[0].accuracy
        changed = replace(
            one.reasons[0],
            accuracy=replace(
                known,
                accuracy_with=replace(known.accuracy_with, n=20),
                accuracy_without=replace(known.accuracy_without, n=20),
                difference=replace(known.difference, chance=0.1 if number < classes else 0.8),
                errors_without=Estimate(0.9 - number / 100, 0.8, 0.95, n=20, chance=0.4),
            ),
        )
        told.append(replace(one, reasons=(changed, *one.reasons[1:])))
    return make(count=56, wrong=20, reasons=Atlas(tuple(told)))


@pytest.mark.parametrize(
    ("classes", "shown", "ends"), [(0, 0, ""), (1, 1, "top"), (2, 2, "top"), (4, 2, "2 more")]
)
def test_errors_by_reason_are_on_it_where_they_are_proven(
    make_diagnosis: Callable, classes: int, shown: int, ends: str
) -> None:
    found = explaining(make_diagnosis, classes)
    lines = [line for line in found.summary() if line.startswith("errors by reason")]
    assert len(lines) == shown == screen(found).count("Errors by reason")
    if lines:
        assert lines[0].startswith(
            f"errors by reason: 90 % (80 to 95; chance 40 %) of {found.classes[0]}'s errors lie in images without "
            "its reason 1: flat light blue, top"
        )
        assert lines[-1].endswith(ends)
    said = [one for one in found.sentences() if "carry reason 1 (flat light blue, top); of these" in one]
    assert len(said) == classes
    assert found.table("reasons")["explains_errors"].sum() == classes


MADE = "nearsight diagnose 'my runs/a' --stride 12"


def steps_of(with_verdicts: Callable, word: str | None, **changes: object) -> list[str]:
    verdicts = () if word is None else (verdict(word),)
    told = replace(with_verdicts(*verdicts), **{"model": "my runs/a", "command": MADE, **changes})
    return [step.command for step in after_diagnosis(told)]


def test_the_page_says_what_made_it_and_how_to_go_on(with_verdicts: Callable, parse: Callable) -> None:
    found = replace(with_verdicts(verdict("shortcut")), model="my runs/a", command=MADE)
    text = parse(screen(found)).text
    assert MADE in text
    assert "nearsight repair 'my runs/a' --stride 8" in text
    assert "To go on" in text


def test_what_follows_depends_on_what_was_found_where(with_verdicts: Callable) -> None:
    look = "nearsight heatmap 'my runs/a' IMAGE"
    assert steps_of(with_verdicts, "shortcut") == ["nearsight repair 'my runs/a' --stride 8", look]
    by_this = ["nearsight repair 'my runs/a' --diagnosis DIR", look]
    assert steps_of(with_verdicts, "shortcut", split="train") == by_this
    # These test images are too few to find one.
    more = "nearsight diagnose 'my runs/a' --stride 8 --split train --parts verdicts"
    assert steps_of(with_verdicts, None) == [more, look]
    by_name = ["nearsight repair 'my runs/a' --diagnosis DIR --verdicts bird:1", look]
    assert steps_of(with_verdicts, "suspect", split="train") == by_name
    assert steps_of(with_verdicts, None, split="train") == [look]
    assert steps_of(with_verdicts, None, command=f"{MADE} --images 20") == [look]
    # Images that are not the run's own choose for no repair, and its training images are not more of them.
    others = MADE.replace("' --", "' photos --")
    assert steps_of(with_verdicts, "shortcut", split="train", command=others) == [
        "nearsight repair 'my runs/a' --stride 8",
        look,
    ]
    assert steps_of(with_verdicts, "suspect", split="train", command=others) == [look]
    assert steps_of(with_verdicts, None, command=others) == [look]
    little = replace(verdict("suspect"), difference=Estimate(0.0, -0.1, 0.2, n=125))
    told = replace(with_verdicts(little), model="my runs/a", command=MADE, split="train")
    [step] = after_diagnosis(told)
    assert step.command == look
    assert step.why.startswith(
        "look at images with bird:1: 8-pixel blocks is a suspect on which little depends"
    )
    for model in ("net.onnx", "timm:resnet18"):
        assert steps_of(with_verdicts, "shortcut", model=model) == []
    of_whole = steps_of(with_verdicts, "shortcut", trained_tile=None)
    assert of_whole == ["nearsight repair 'my runs/a' --tile 16 --stride 8", f"{look} --tile 16"]


@pytest.mark.parametrize(
    "command", ["", "nearsight repair runs/a", "nearsight diagnose photos --model resnet18 --tile 16"]
)
def test_where_no_run_was_diagnosed_by_command_no_next_one_is_made_up(
    command: str, with_verdicts: Callable, parse: Callable
) -> None:
    found = replace(with_verdicts(verdict("shortcut")), command=command)
    text = parse(screen(found)).text
    assert "To go on" not in text
    assert ("Made by" in text) == bool(command)
